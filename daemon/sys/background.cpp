// SPDX-License-Identifier: Apache-2.0
#include "sys/background.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace vexfs {
namespace {

Status redirect(int target, const char* path, int flags) {
    const UniqueFd fd(::open(path, flags | O_CLOEXEC | O_NOCTTY, 0640));
    if (!fd || ::dup2(fd.get(), target) < 0) {
        return Status::from_errno(errno, std::string("open ") + path);
    }
    return {};
}

}  // namespace

Result<Background> Background::enter() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
        return Status::from_errno(errno, "pipe");
    }
    UniqueFd reader(fds[0]);
    UniqueFd writer(fds[1]);
    const pid_t child = ::fork();
    if (child < 0) {
        return Status::from_errno(errno, "fork");
    }
    if (child > 0) {
        return Background(child, std::move(reader));
    }
    ::setsid();
    if (::chdir("/") != 0) {
        return Status::from_errno(errno, "chdir /");
    }
    return Background(0, std::move(writer));
}

int Background::wait() {
    char byte = 0;
    ssize_t got = 0;
    do {
        got = ::read(pipe_.get(), &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1) {
        return 0;
    }
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        spdlog::error("vexfsd ended by signal {} ({}) before it was ready", WTERMSIG(status),
                      ::strsignal(WTERMSIG(status)));
        return 1;
    }
    const int code = WEXITSTATUS(status);
    return code != 0 ? code : 1;  // ended without being ready, which nobody may take for success
}

Status Background::ready(const std::string& log_file) {
    if (Status s = redirect(STDIN_FILENO, "/dev/null", O_RDONLY); !s) {
        return s;
    }
    if (Status s = redirect_output(log_file.empty() ? "/dev/null" : log_file); !s) {
        return s;
    }
    const char byte = 1;
    // A parent that was killed meanwhile is no reason to give up.
    [[maybe_unused]] const auto rc = ::write(pipe_.get(), &byte, 1);
    pipe_.reset();
    return {};
}

Status redirect_output(const std::string& log_file) {
    for (const int target : {STDOUT_FILENO, STDERR_FILENO}) {
        if (Status s = redirect(target, log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND); !s) {
            return s;
        }
    }
    return {};
}

}  // namespace vexfs
