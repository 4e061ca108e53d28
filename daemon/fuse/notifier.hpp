// SPDX-License-Identifier: Apache-2.0
// Notifier: the one thread that tells the kernel what to drop.
//
// A notification may wait in the kernel for a directory's lock or for pages under I/O, and those
// may wait for a request that a worker has in its hands. So no worker and no lock may ever wait for
// a notification: everybody else only puts a note into a bounded queue, which merges by (parent,
// name) and by object; this thread takes the queue whole and holds nothing while it writes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/fd.hpp"
#include "fuse/node_table.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

// Where notifications go: the kernel, or a fake in a test. Return 0 or -errno; -ENOENT (not
// cached) is no failure. Ids are the kernel's node ids.
class KernelCache {
  public:
    virtual ~KernelCache() = default;
    virtual int drop_entry(std::uint64_t parent, std::string_view name) = 0;
    virtual int delete_entry(std::uint64_t parent, std::uint64_t child, std::string_view name) = 0;
    virtual int drop_inode(std::uint64_t id, std::int64_t offset, std::int64_t length) = 0;
};

class Notifier {
  public:
    struct Counts {
        std::uint64_t queued = 0;
        std::uint64_t merged = 0;
        std::uint64_t sent = 0;
        std::uint64_t overflows = 0;
    };

    // Both must outlive the notifier. `limit`: entries waiting, over which everything is
    // invalidated instead.
    Notifier(NodeTable& nodes, KernelCache& cache, std::size_t limit);
    ~Notifier() { stop(); }

    void start();
    void stop();  // what waits is dropped

    void entry(const ObjectId& parent, const ObjectId& child, std::string_view name);
    void inode(const ObjectId& object, std::int64_t offset, std::int64_t length);
    void all();
    bool settle(unsigned timeout_ms);
    // Notes that were accepted ever; and up to which of them all have been passed on.
    std::uint64_t asked() const;
    std::uint64_t reached() const;
    // An eventfd that becomes readable when reached() has grown.
    int reached_fd() const { return reached_fd_.get(); }
    Counts counts() const;

  private:
    struct EntryKey {
        dev_t dev;
        std::uint64_t ino;
        std::string name;
        bool operator==(const EntryKey&) const = default;
    };
    struct EntryHash {
        std::size_t operator()(const EntryKey& key) const {
            return std::hash<std::string>{}(key.name) ^ (key.ino * 0x9e3779b97f4a7c15U);
        }
    };
    struct InodeKey {
        dev_t dev;
        std::uint64_t ino;
        bool operator==(const InodeKey&) const = default;
    };
    struct InodeHash {
        std::size_t operator()(const InodeKey& key) const {
            return key.ino * 0x9e3779b97f4a7c15U ^ key.dev;
        }
    };
    // Bytes [begin, end); attributes only: begin -1.
    struct Range {
        std::int64_t begin;
        std::int64_t end;
    };
    struct Batch {
        std::unordered_map<EntryKey, ObjectId, EntryHash> entries;  // to a deleted child, or 0
        std::unordered_map<InodeKey, Range, InodeHash> inodes;
        bool everything = false;
        bool empty() const { return entries.empty() && inodes.empty() && !everything; }
    };

    void run();
    void make_room();
    void added(bool merged);
    void send(const Batch& batch);
    void send_entry(std::uint64_t parent, const std::string& name, const ObjectId& child);
    void send_everything();
    void send_place(const NodePlace& place);
    void sent(int result);

    NodeTable& nodes_;
    KernelCache& cache_;
    const std::size_t limit_;
    mutable std::mutex lock_;
    std::condition_variable wake_;
    std::condition_variable idle_;
    Batch pending_;
    std::uint64_t accepted_ = 0;  // notes ever
    std::uint64_t done_ = 0;      // of them passed on
    UniqueFd reached_fd_;
    bool stopping_ = false;
    Counts counts_;
    std::atomic<std::uint64_t> sent_{0};
    std::thread thread_;
};

}  // namespace vexfs::fuse
