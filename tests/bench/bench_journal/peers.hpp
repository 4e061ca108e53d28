// SPDX-License-Identifier: Apache-2.0
// What people would keep a stream of events in otherwise, each at the same durability: a batch is
// on the disk when commit() returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace vexfs::bench {

class Peer {
  public:
    virtual ~Peer() = default;
    virtual void begin() = 0;
    virtual void append(std::uint64_t seq, std::span<const std::byte> event) = 0;
    virtual void commit() = 0;
};

// Each in a folder of its own. Ends the program with a message when the peer fails.
std::unique_ptr<Peer> plain_log(const std::string& folder);  // write, fdatasync: no checksums
std::unique_ptr<Peer> sqlite(const std::string& folder);     // WAL, synchronous=FULL
std::unique_ptr<Peer> rocksdb(const std::string& folder);    // WriteBatch, sync
std::unique_ptr<Peer> lmdb(const std::string& folder);       // MDB_APPEND

}  // namespace vexfs::bench
