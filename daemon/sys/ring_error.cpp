// SPDX-License-Identifier: Apache-2.0
// Why there is no io_uring, in words that say what to do.
#include <fstream>

#include "sys/loop.hpp"

namespace vexfs {
namespace {

std::optional<int> read_disabled_sysctl() {
    std::ifstream file("/proc/sys/kernel/io_uring_disabled");
    int value = 0;
    if (file >> value) {
        return value;
    }
    return std::nullopt;
}

}  // namespace

Status explain_ring_error(int err, std::optional<int> disabled) {
    if (disabled.value_or(0) > 0 && (err == EPERM || err == ENOSYS)) {
        return Status::error(err,
                             "the system forbids io_uring: sysctl kernel.io_uring_disabled is " +
                                 std::to_string(*disabled) +
                                 "; allow it with `sysctl kernel.io_uring_disabled=0`" +
                                 (*disabled == 1 ? " or run vexfsd with CAP_SYS_ADMIN" : ""));
    }
    if (err == EPERM || err == EACCES) {
        return Status::error(
            err,
            "io_uring is refused although sysctl kernel.io_uring_disabled does not "
            "forbid it: a seccomp filter (of a container or a service unit) or a "
            "security module does; allow the system call io_uring_setup there");
    }
    if (err == ENOSYS) {
        return Status::error(err,
                             "this system has no io_uring: the kernel is built without it, or a "
                             "seccomp filter hides it (sysctl kernel.io_uring_disabled is not the "
                             "cause); vexfsd needs Linux 6.1 or later with CONFIG_IO_URING");
    }
    if (err == ENOMEM) {
        return Status::error(
            err,
            "io_uring: not enough memory, or the limit of locked memory (`ulimit -l`) is too low");
    }
    return Status::from_errno(err, "io_uring_setup");
}

Status explain_ring_error(int err) {
    return explain_ring_error(err, read_disabled_sysctl());
}

}  // namespace vexfs
