// SPDX-License-Identifier: Apache-2.0
#include "ring/memory_ring.hpp"

#include <ctime>

#include "base/fd.hpp"

namespace vexfs {

namespace {

std::int64_t real_offset_ns() {
    timespec mono{};
    timespec real{};
    ::clock_gettime(CLOCK_MONOTONIC, &mono);
    ::clock_gettime(CLOCK_REALTIME, &real);
    return (real.tv_sec - mono.tv_sec) * 1'000'000'000LL + (real.tv_nsec - mono.tv_nsec);
}

bool size_ok(std::uint64_t size) {
    return size >= VX_PAGE && size <= VX_SUBRING_MAX && (size & (size - 1)) == 0;
}

// Puts `bytes` of `fd` from `offset` at `at`, over what was reserved there.
Status place(unsigned char* at, std::uint64_t bytes, int fd, std::uint64_t offset) {
    void* got = ::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
                       static_cast<off_t>(offset));
    return got == MAP_FAILED ? Status::from_errno(errno, "map a part of a memory ring") : Status();
}

}  // namespace

Result<std::unique_ptr<MemoryRing>> MemoryRing::create(const MemoryRingConfig& config,
                                                       std::function<void()> wake) {
    if (config.producers == 0 || config.producers > VX_PRODUCERS_MAX || !size_ok(config.size_m) ||
        !size_ok(config.size_d)) {
        return Status::error(
            EINVAL,
            "memory ring: a sub-ring's size is a power of two of at least 4096 bytes, "
            "producers are 1 to 1024");
    }
    std::unique_ptr<MemoryRing> self(new MemoryRing);
    self->wake_ = std::move(wake);
    if (Status mapped = self->map(config); !mapped) {
        return mapped;
    }
    vx_ring* r = &self->producer_.ring;
    auto* base = static_cast<unsigned char*>(self->base_.data());
    r->header = reinterpret_cast<vx_ring_header*>(base);
    r->producers = reinterpret_cast<vx_producer*>(base + VX_PAGE);
    r->consumer = static_cast<vx_consumer*>(self->consumer_.data());
    r->slots = reinterpret_cast<vx_consumer_slot*>(r->consumer + 1);
    r->data = base + vx_data_off(config.producers);
    r->size[VX_CLASS_M] = config.size_m;
    r->size[VX_CLASS_D] = config.size_d;
    r->n = config.producers;
    self->producer_.owner = self.get();
    r->wake = [](vx_ring* ring) { reinterpret_cast<Producer*>(ring)->owner->wake_(); };
    vx_ring_format(r, config.channel, 0, real_offset_ns());
    return self;
}

Status MemoryRing::map(const MemoryRingConfig& config) {
    const std::uint64_t head = vx_data_off(config.producers);
    const std::uint64_t total = vx_ring_bytes(config.producers, config.size_m, config.size_d);
    UniqueFd fd(::memfd_create("vexfs-ring", MFD_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, "memfd_create");
    }
    if (::ftruncate(fd.get(), static_cast<off_t>(head + (total - head) / 2)) != 0) {
        return Status::from_errno(errno, "size a memory ring");
    }
    Result<Mapping> base =
        Mapping::map(-1, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    if (!base) {
        return base.status();
    }
    base_ = std::move(*base);
    auto* at = static_cast<unsigned char*>(base_.data());
    Status status = place(at, head, fd.get(), 0);
    at += head;
    std::uint64_t offset = head;
    for (std::uint32_t i = 0; i < config.producers * VX_CLASSES && status; i++) {
        const std::uint64_t size = i % VX_CLASSES == VX_CLASS_M ? config.size_m : config.size_d;
        status = place(at, size, fd.get(), offset);
        if (status) {
            status = place(at + size, size, fd.get(), offset);
        }
        at += 2 * size;
        offset += size;
    }
    if (!status) {
        return status;
    }
    Result<Mapping> consumer = Mapping::map(-1, vx_consumer_bytes(config.producers),
                                            PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
    if (!consumer) {
        return consumer.status();
    }
    consumer_ = std::move(*consumer);
    return {};
}

}  // namespace vexfs
