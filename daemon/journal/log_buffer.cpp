// SPDX-License-Identifier: Apache-2.0
#include "journal/log_buffer.hpp"

#include <sys/mman.h>

#include <bit>
#include <cassert>

#include "base/fd.hpp"

namespace vexfs::journal {

Result<LogBuffer> LogBuffer::create(std::size_t capacity) {
    assert(std::has_single_bit(capacity));
    const UniqueFd memory(::memfd_create("vexfs-journal", MFD_CLOEXEC));
    if (!memory || ::ftruncate(memory.get(), static_cast<off_t>(capacity)) != 0) {
        return Status::from_errno(errno, "make the journal's buffer");
    }
    Result<Mapping> both =
        Mapping::map(-1, 2 * capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    if (!both) {
        return both.status();
    }
    for (const std::size_t at : {std::size_t{0}, capacity}) {
        void* place = static_cast<std::byte*>(both->data()) + at;
        if (::mmap(place, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory.get(),
                   0) == MAP_FAILED) {
            return Status::from_errno(errno, "map the journal's buffer");
        }
    }
    return LogBuffer(std::move(*both), capacity);
}

}  // namespace vexfs::journal
