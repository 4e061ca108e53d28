// SPDX-License-Identifier: Apache-2.0
// KernelPort: what the daemon asks of the kernel module; Channel is the real one, on /dev/vexfs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "base/fd.hpp"
#include "base/mapping.hpp"
#include "base/status.hpp"

namespace vexfs {

struct ChannelConfig {
    // bytes of each class M sub-ring, power of two; 0: the kernel's default
    std::uint64_t size_m = 0;
    std::uint64_t size_d = 0;     // the same for class D
    std::uint64_t push_size = 0;  // bytes of the push ring, power of two; 0: the kernel's default
    std::uint32_t user_ops = 0;   // bit n: receive userspace operation n of other channels
    // With a name (at most VX_CHANNEL_NAME_MAX of [0-9A-Za-z._-]) the kernel keeps the channel for
    // so many seconds when this process dies, and who asks for that name takes it over.
    std::string name{};
    std::uint32_t linger_s = 0;
};

// What the kernel says of a watch that it has added.
struct WatchInfo {
    std::uint64_t id = 0;
    std::uint64_t fsid = 0;
    std::uint64_t ino = 0;
    std::uint64_t root_ino = 0;
    std::uint64_t dev = 0;
    std::uint32_t gen = 0;
    std::uint32_t root_gen = 0;
};

struct WatchRequest {
    std::string path;         // any file or directory in the file system
    bool subtree = false;     // only below it; otherwise the whole file system
    bool not_me = true;       // leave this process's own operations out
    std::uint64_t ops = VX_OPS_DEFAULT;
    std::uint32_t detail = 0;  // VX_DETAIL_*
    std::int64_t uid = -1;    // -1: every one
    std::int64_t pid = -1;
};

class Channel {
  public:
    // Opens /dev/vexfs and makes a channel, or takes one over. Waits while an owner that was killed
    // still has it. The errors say what to do: ENOENT (module not loaded), EPERM, EPROTO (the
    // module is of another version), EINVAL (a size that is refused), EBUSY (somebody else has it).
    static Result<std::unique_ptr<Channel>> open(const ChannelConfig& config);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::uint64_t id() const { return create_.channel; }
    [[nodiscard]] std::uint64_t features() const { return query_.features; }
    // VX_OP_BIT()s that this kernel can observe.
    [[nodiscard]] std::uint64_t ops() const { return query_.ops; }
    // VX_DETAIL_* that this kernel can observe.
    [[nodiscard]] std::uint32_t detail() const { return query_.detail; }
    // CLOCK_REALTIME - CLOCK_MONOTONIC when the channel was made.
    [[nodiscard]] std::int64_t real_offset_ns() const { return query_.real_offset_ns; }

    // It is that of a process that died: for how long it had no owner. 0: it is new.
    [[nodiscard]] std::uint64_t lingered_ns() const { return create_.lingered_ns; }

    [[nodiscard]] const Mapping& ring() const { return ring_; }
    [[nodiscard]] void* consumer() const { return consumer_.data(); }
    [[nodiscard]] const Mapping& push_area() const { return push_; }

    Result<WatchInfo> add_watch(const WatchRequest& request);
    Status remove_watch(std::uint64_t id);
    // Removes those that a dead owner had. When this process has added its own, nothing is missed
    // in between.
    Status remove_inherited_watches();
    // True: its file system was unmounted, or the root of its subtree deleted.
    Result<bool> watch_gone(std::uint64_t id);
    // Handles up to `entries` of the push ring. `handled` and `failed` are valid after an error
    // too.
    Status push(std::uint32_t entries, vx_push_call& call);
    // Writes pending losses out; the tickets taken so far.
    Result<std::uint64_t> barrier();
    Result<vx_stats> stats();

  private:
    Channel() = default;
    Status map();

    UniqueFd fd_;
    vx_query query_{};
    vx_create create_{};
    Mapping ring_;
    Mapping consumer_;
    Mapping push_;
};

}  // namespace vexfs
