// SPDX-License-Identifier: Apache-2.0
// vexctl as a program, and journals for it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

#ifdef VEXFS_VEXCTL

namespace vexfs::test {

// A running vexctl.
class Vexctl {
  public:
    explicit Vexctl(std::vector<std::string> args) {
        std::array<int, 2> out{};
        std::array<int, 2> err{};
        REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
        REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
        args.insert(args.begin(), "vexctl");
        std::vector<char*> argv;
        for (std::string& arg : args) {
            argv.push_back(arg.data());
        }
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(out[1], STDOUT_FILENO);
            ::dup2(err[1], STDERR_FILENO);
            ::setenv("TZ", "UTC", 1);
            ::execv(VEXFS_VEXCTL, argv.data());
            ::_exit(127);
        }
        out_ = UniqueFd(out[0]);
        err_ = UniqueFd(err[0]);
        ::close(out[1]);
        ::close(err[1]);
    }
    ~Vexctl() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    Vexctl(const Vexctl&) = delete;
    Vexctl& operator=(const Vexctl&) = delete;

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
    std::string errors() {
        std::string text;
        while (read_more(err_.get(), text)) {
        }
        return text;
    }
    void close_output() { out_.reset(); }
    void signal(int number) const { ::kill(pid_, number); }
    // Its exit status; 1000 + the number of a signal that killed it.
    int status() {
        int status = 0;
        REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }

  private:
    static constexpr int kPatienceMs = 30'000;

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
    UniqueFd out_;
    UniqueFd err_;
    std::string text_;
};

// A journal in "j" below `dir`, and what vexctl needs to read it.
struct WrittenJournal {
    explicit WrittenJournal(const journal::StoreConfig& config = {})
        : store(std::make_unique<TestJournal>(dir / "j", config)) {}

    void happens(unsigned op, const std::string& path) {
        const Record record(op);
        REQUIRE(store->append(record.view(store->next_seq(), path)).ok());
        REQUIRE(store->flush().ok());
    }
    // Of `vexctl tail`.
    [[nodiscard]] std::vector<std::string> args(const std::vector<std::string>& more = {}) const {
        return args_of({"tail"}, more);
    }
    [[nodiscard]] std::vector<std::string> args_of(std::vector<std::string> command,
                                                   const std::vector<std::string>& more) const {
        command.insert(command.end(), {"--journal", dir / "j"});
        command.insert(command.end(), more.begin(), more.end());
        return command;
    }

    TempDirectory dir;
    std::unique_ptr<TestJournal> store;
};

}  // namespace vexfs::test

#endif
