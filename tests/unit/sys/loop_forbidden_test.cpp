// SPDX-License-Identifier: Apache-2.0
// What a user reads where io_uring is forbidden.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>

#include "support/catch.hpp"
#include "sys/loop.hpp"

using namespace vexfs;

namespace {

// Makes io_uring_setup fail with `err` in this process, as container runtimes do.
bool forbid_io_uring(unsigned err) {
    std::array<sock_filter, 4> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("loop: a system that forbids io_uring is told about, with the sysctl") {
    for (const int err : {EPERM, ENOSYS}) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            if (!forbid_io_uring(static_cast<unsigned>(err))) {
                ::_exit(10);
            }
            const auto loop = Loop::create();
            if (loop.ok()) {
                ::_exit(11);
            }
            const bool named =
                loop.status().message().find("kernel.io_uring_disabled") != std::string::npos;
            ::_exit(loop.status().code() == err && named ? 0 : 12);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 0);
    }
}

TEST_CASE("loop: the message depends on what really forbids it") {
    const Status sysctl = explain_ring_error(EPERM, 2);
    CHECK(sysctl.message().find("sysctl kernel.io_uring_disabled is 2") != std::string::npos);
    CHECK(sysctl.message().find("`sysctl kernel.io_uring_disabled=0`") != std::string::npos);
    CHECK(explain_ring_error(EPERM, 1).message().find("CAP_SYS_ADMIN") != std::string::npos);
    CHECK(explain_ring_error(EPERM, 0).message().find("seccomp") != std::string::npos);
    CHECK(explain_ring_error(ENOSYS, std::nullopt).message().find("CONFIG_IO_URING") !=
          std::string::npos);
    CHECK(explain_ring_error(ENOMEM, 0).message().find("ulimit -l") != std::string::npos);
}
