// SPDX-License-Identifier: Apache-2.0
// What a program without good manners tries, and what it must be told.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "base/fd.hpp"

namespace vexfs::vm {

inline int failures = 0;

// One line of the suite's output. `error`: what came, as an errno; 0: success.
inline void expect(const std::string& what, int wanted, int error) {
    if (wanted == error) {
        fmt::print("ok {}\n", what);
        return;
    }
    const auto name = [](int e) { return e == 0 ? "success" : ::strerrorname_np(e); };
    fmt::print("not ok {}: {}, wanted {}\n", what, name(error), name(wanted));
    failures++;
}

inline void expect_true(const std::string& what, bool right) {
    fmt::print("{} {}\n", right ? "ok" : "not ok", what);
    failures += right ? 0 : 1;
}

inline int error_of(long result) {
    return result < 0 ? errno : 0;
}

inline UniqueFd open_device() {
    return UniqueFd(::open(VX_DEVICE, O_RDWR | O_CLOEXEC));
}

template <typename T>
T sized() {
    T argument{};
    argument.size = sizeof(T);
    return argument;
}
inline vx_query good_query() {
    return sized<vx_query>();
}
// Small, so that many fit.
inline vx_create good_create() {
    auto create = sized<vx_create>();
    create.size_m = create.size_d = VX_SUBRING_MIN;
    create.push_size = VX_PUSH_MIN;
    return create;
}
inline vx_barrier good_barrier() {
    return sized<vx_barrier>();
}
inline vx_stats good_stats() {
    return sized<vx_stats>();
}
inline vx_push_call good_push() {
    auto push = sized<vx_push_call>();
    push.entries = 1;
    return push;
}
inline vx_watch_add good_watch(int path_fd) {
    auto watch = sized<vx_watch_add>();
    watch.path_fd = path_fd;
    watch.ops = VX_OPS_ALL;
    return watch;
}

// A device file with a channel; `create` has its answers.
inline UniqueFd open_channel(vx_create& create) {
    UniqueFd fd = open_device();
    create = good_create();
    expect("make a channel", 0, error_of(::ioctl(fd.get(), VX_IOC_CREATE, &create)));
    return fd;
}

// A call with one thing wrong in an argument that is right otherwise.
template <typename T>
struct Wrong {
    const char* what;
    void (*spoil)(T&);
    int error;
};

template <typename T, std::size_t N>
void try_all(const char* call, int fd, unsigned long number, T (*good)(),
             const Wrong<T> (&wrongs)[N]) {
    for (const Wrong<T>& wrong : wrongs) {
        T argument = good();
        wrong.spoil(argument);
        expect(fmt::format("{}: {}", call, wrong.what), wrong.error,
               error_of(::ioctl(fd, number, &argument)));
    }
}

void try_calls();
void try_sizes();
void try_watches();
void try_mappings();
void try_opens();
void try_limits();
void try_push();
void try_lies();

}  // namespace vexfs::vm
