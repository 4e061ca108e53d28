// SPDX-License-Identifier: Apache-2.0
// What an Attacker does with the mappings of a channel.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "barrier.h"
#include "record.h"
#include "vm/vx_fuzz/attacker.hpp"

namespace vexfs::vm {

void Attacker::map() {
    static constexpr std::size_t kOffsets[] = {VX_MMAP_RING, VX_MMAP_CONSUMER, VX_MMAP_PUSH};
    Area& area = areas_[below(kAreas)];
    if (area.at.load() != nullptr || devices_.empty()) {
        return;
    }
    const int fd = devices_[below(devices_.size())].get();
    std::size_t offset = kOffsets[below(3)];
    const int prot = offset == VX_MMAP_RING ? PROT_READ : PROT_READ | PROT_WRITE;
    std::size_t bytes = 0;
    // The length that is right can be found: only that is accepted.
    if (once_in(8)) {
        bytes = odd_number() & ((1ull << 30) - 1);
        offset += once_in(4) ? VX_PAGE * below(4) : 0;
    } else if (offset == VX_MMAP_RING) {
        void* page = ::mmap(nullptr, VX_PAGE, PROT_READ, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED) {
            bytes = static_cast<const vx_ring_header*>(page)->total;
            ::munmap(page, VX_PAGE);
        }
    }
    for (std::size_t guess = VX_PAGE; bytes == 0 && guess < (256u << 20); guess *= 2) {
        const std::size_t guesses[] = {guess, static_cast<std::size_t>(vx_push_bytes(guess))};
        for (const std::size_t it : guesses) {
            void* at = ::mmap(nullptr, it, prot, MAP_SHARED, fd, static_cast<off_t>(offset));
            if (at != MAP_FAILED) {
                ::munmap(at, it);
                bytes = it;
                break;
            }
        }
    }
    if (bytes == 0) {
        return;
    }
    const int wanted = once_in(8) ? static_cast<int>(below(8)) : prot;
    void* at = ::mmap(nullptr, bytes, wanted, once_in(8) ? MAP_PRIVATE : MAP_SHARED, fd,
                      static_cast<off_t>(offset));
    if (at != MAP_FAILED) {
        area.bytes = (bytes + VX_PAGE - 1) & ~std::size_t{VX_PAGE - 1};
        area.offset = offset;
        area.prot = wanted;
        area.replaced = false;
        area.at.store(static_cast<unsigned char*>(at));
    }
}

// The scribblers may be in it: memory that nobody else has takes its place, and stays.
void Attacker::unmap() {
    Area& area = areas_[below(kAreas)];
    unsigned char* at = area.at.load();
    if (at == nullptr) {
        return;
    }
    const std::size_t first = once_in(3) ? VX_PAGE * below(area.bytes / VX_PAGE) : 0;
    area.replaced = true;
    (void)::mmap(at + first, area.bytes - first, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (first == 0 && scribblers_.empty()) {
        area.at.store(nullptr);
        ::munmap(at, area.bytes);
    }
}

void Attacker::protect() {
    Area& area = areas_[below(kAreas)];
    unsigned char* at = area.at.load();
    if (at == nullptr || area.replaced) {
        return;
    }
    switch (below(4)) {
        case 0:
            if (::mprotect(at, area.bytes, PROT_READ | PROT_WRITE) == 0 && is_ring(at, area)) {
                complain("the ring could be made writable");
            }
            break;
        case 1:
            // Its pages are gone then, and do not come back: nobody may look there any more.
            if (scribblers_.empty()) {
                area.at.store(nullptr);
                (void)::madvise(at, area.bytes, MADV_DONTNEED);
            } else {
                (void)::madvise(at, area.bytes, MADV_DONTFORK);
            }
            break;
        case 2: {
            void* moved = ::mremap(at, area.bytes, area.bytes + VX_PAGE, MREMAP_MAYMOVE);
            if (moved != MAP_FAILED) {
                complain("a mapping of the device could be made larger");
            }
            break;
        }
        default:
            (void)::msync(at, area.bytes, MS_ASYNC);
            (void)::mlock(at, VX_PAGE);
    }
}

// False too when another mapping has taken a part of its place.
bool Attacker::is_ring(const unsigned char* at, const Area& area) {
    if (area.offset != VX_MMAP_RING || (area.prot & PROT_READ) == 0 || area.replaced) {
        return false;
    }
    const auto* header = reinterpret_cast<const vx_ring_header*>(at);
    return header->magic == VX_RING_MAGIC && header->total == area.bytes;
}

// The records at the beginning of each sub-ring, while nothing has overwritten them.
void Attacker::look_at_ring() {
    for (const Area& area : areas_) {
        const unsigned char* at = area.at.load();
        if (at == nullptr || !is_ring(at, area)) {
            continue;
        }
        const auto* header = reinterpret_cast<const vx_ring_header*>(at);
        for (std::uint32_t i = 0; i < header->producers * VX_CLASSES; i++) {
            const auto* p = reinterpret_cast<const vx_producer*>(at + header->producer_off) + i;
            const unsigned cls = i % VX_CLASSES;
            const unsigned char* data = at + vx_subring_off(header->producers, header->size[0],
                                                            header->size[1], i / VX_CLASSES, cls);
            // The first lap only: nothing in it can be overwritten meanwhile.
            const std::uint64_t head = std::min<std::uint64_t>(vx_load_acquire(&p->head), 4096);
            for (std::uint64_t pos = 0; pos + sizeof(vx_event) <= head;) {
                const auto* record = reinterpret_cast<const vx_record*>(data + pos);
                if (vx_load(&p->head) > header->size[cls]) {
                    break;
                }
                if (record->len < sizeof(vx_record) || (record->len & 7) != 0) {
                    complain("a record of a length that cannot be");
                    break;
                }
                if (record->type == VX_REC_EVENT && pos + record->len <= head) {
                    const auto* e = reinterpret_cast<const vx_event*>(record);
                    const std::uint32_t used =
                        vx_event_fixed(record->op) + e->name_len + e->name2_len;
                    if (record->len - used >= 16) {
                        complain("an event that is longer than its parts");
                    }
                }
                pos += record->len;
            }
        }
        return;
    }
}

// A burst in each call that it is to disturb.
void Attacker::scribble() {
    std::minstd_rand random(static_cast<unsigned>(::getpid()));
    unsigned seen = 0;
    for (unsigned n = 0; !stop_.load(); n++) {
        if (n % kBurst == 0) {
            begun_.wait(seen);
            seen = begun_.load();
        }
        Area& area = areas_[random() % kAreas];
        unsigned char* at = area.at.load();
        if (at == nullptr || (area.prot & PROT_WRITE) == 0 || area.offset == VX_MMAP_RING) {
            continue;
        }
        auto* words = reinterpret_cast<__u64*>(at);
        // Where positions stand, and anywhere.
        const std::size_t limit = random() % 2 != 0 ? 64 : area.bytes / 8;
        vx_store(&words[random() % limit], static_cast<__u64>(random()) << (random() % 40));
    }
}

}  // namespace vexfs::vm
