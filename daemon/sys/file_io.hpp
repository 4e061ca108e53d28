// SPDX-License-Identifier: Apache-2.0
// FileIo: writing to files without waiting, as an outside effect. The event loop is the real one;
// tests hand in one that fails, tears or forgets what was not synced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/inline_function.hpp"
#include "base/status.hpp"

namespace vexfs {

enum class WriteSync {
    none,  // in the page cache
    data,  // durable: the write is linked with an fdatasync, and both are waited for
};

class FileIo {
  public:
    // Gets the result: what the operation says, or a negative errno.
    using Handler = InlineFunction<void(int)>;

    virtual ~FileIo() = default;

    // Writes all of `bytes` at `offset` (bytes from the start of the file). Exactly one call of
    // `done` follows, never from inside this function: with bytes.size() when all was written (and,
    // with WriteSync::data, is durable), or with a negative errno, in which case any part of the
    // range may have been written. Short writes are continued here and not seen by the caller.
    // `bytes` must stay valid and unchanged until then; at most 1 GiB, and not empty.
    // Several writes may be under way at once; they are not ordered among themselves.
    virtual Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                         WriteSync sync, Handler done) = 0;

    // Makes what was completely written before this call durable. `done` gets 0 or a negative
    // errno.
    virtual Status fdatasync(int fd, Handler done) = 0;

    // The same with everything about the file; of a directory, which names there are.
    virtual Status fsync(int fd, Handler done) = 0;

    // Makes the file at least `bytes` long, with room on the disk for all of them, as fallocate(2).
    // `done` gets 0 or a negative errno; -EINTR: ask again.
    virtual Status allocate(int fd, std::uint64_t bytes, Handler done) = 0;
};

}  // namespace vexfs
