// SPDX-License-Identifier: Apache-2.0
// A program that a test runs, with its input, output and errors in the test's hands.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "support/catch.hpp"

namespace vexfs::test {

inline constexpr int kPatienceMs = 30'000;

// A running program.
class Program {
  public:
    Program(const char* executable, std::vector<std::string> args) {
        std::array<int, 2> out{};
        std::array<int, 2> err{};
        std::array<int, 2> in{};
        REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
        REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
        REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
        args.insert(args.begin(), executable);
        std::vector<char*> argv;
        for (std::string& arg : args) {
            argv.push_back(arg.data());
        }
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(err[1], STDERR_FILENO);
            ::setenv("TZ", "UTC", 1);
            ::execvp(executable, argv.data());
            ::_exit(127);
        }
        out_ = UniqueFd(out[0]);
        err_ = UniqueFd(err[0]);
        in_ = UniqueFd(in[1]);
        ::close(in[0]);
        ::close(out[1]);
        ::close(err[1]);
    }
    ~Program() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    // The next whole line of its output; empty: it ended, or did not come.
    std::string line() {
        while (text_.find('\n') == std::string::npos && read_more(out_.get(), text_)) {
        }
        const std::size_t end = text_.find('\n');
        const std::string line = text_.substr(0, end == std::string::npos ? 0 : end);
        text_.erase(0, end == std::string::npos ? text_.size() : end + 1);
        return line;
    }
    // Everything else that it prints.
    std::string rest() {
        while (read_more(out_.get(), text_)) {
        }
        return std::exchange(text_, {});
    }
    // Everything that it says on standard error, from its start to its end.
    const std::string& errors() {
        while (read_more(err_.get(), errors_)) {
        }
        return errors_;
    }
    // Whether it says that there; not before it has, or has ended.
    bool complains(const std::string& what) {
        while (errors_.find(what) == std::string::npos && read_more(err_.get(), errors_)) {
        }
        return errors_.find(what) != std::string::npos;
    }
    void close_input() { in_.reset(); }
    void close_output() { out_.reset(); }
    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const { ::kill(pid_, number); }
    // Whether it ends by itself in this time.
    [[nodiscard]] bool ends_within(std::chrono::microseconds time) const {
        const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        REQUIRE(self);
        pollfd ended{self.get(), POLLIN, 0};
        const timespec limit{time.count() / 1'000'000, time.count() % 1'000'000 * 1000};
        return ::ppoll(&ended, 1, &limit, nullptr) == 1;
    }
    // Its exit status; 1000 + the number of a signal that killed it.
    int status() {
        int status = 0;
        REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }

  private:
    static bool read_more(int fd, std::string& text) {
        pollfd ready{fd, POLLIN, 0};
        std::array<char, 4096> buffer;
        if (::poll(&ready, 1, kPatienceMs) <= 0) {
            return false;
        }
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        text.append(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
        return n > 0;
    }

    pid_t pid_ = -1;
    UniqueFd in_;
    UniqueFd out_;
    UniqueFd err_;
    std::string text_;
    std::string errors_;
};

}  // namespace vexfs::test
