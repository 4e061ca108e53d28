// SPDX-License-Identifier: Apache-2.0
// Leaving the terminal, and talking to the service manager.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/log.hpp"
#include "support/catch.hpp"
#include "sys/background.hpp"
#include "sys/notify.hpp"

using namespace vexfs;

namespace {

struct Outcome {
    int code = -1;
    std::string errors;  // what the shell has seen
};

// Runs `daemon(background)` as vexfsd would, in a process tree of its own.
template <typename F>
Outcome run_in_background(F daemon) {
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    UniqueFd reader(fds[0]);
    UniqueFd writer(fds[1]);
    const pid_t shell = ::fork();
    REQUIRE(shell >= 0);
    if (shell == 0) {
        ::dup2(writer.get(), STDERR_FILENO);
        log_setup("info").ignore();
        writer.reset();  // or a daemon that goes on would keep the pipe open
        auto background = Background::enter();
        if (!background) {
            ::_exit(99);
        }
        if (background->parent()) {
            ::_exit(background->wait());
        }
        ::_exit(daemon(*background));
    }
    writer.reset();
    int status = 0;
    REQUIRE(::waitpid(shell, &status, 0) == shell);
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    std::array<char, 1024> buffer{};
    const auto got = ::read(reader.get(), buffer.data(), buffer.size());
    outcome.errors.assign(buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0));
    return outcome;
}

void say(const char* text) {
    [[maybe_unused]] const auto rc = ::write(STDERR_FILENO, text, std::strlen(text));
}

}  // namespace

TEST_CASE("background: the shell gets 0 once the daemon is ready, while it goes on") {
    std::string pattern = "/tmp/vexfs-background-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    const std::string log = pattern + "/log";
    const std::string fifo = pattern + "/fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const Outcome outcome = run_in_background([&](Background& background) {
        if (!background.ready(log)) {
            return 1;
        }
        say("in the log\n");
        const bool detached = ::getsid(0) == ::getpid() && std::filesystem::current_path() == "/";
        std::ofstream(fifo) << (detached ? "detached" : "attached");  // waits for the reader below
        return 0;
    });
    CHECK(outcome.code == 0);
    CHECK(outcome.errors.empty());
    std::ostringstream said;
    said << std::ifstream(fifo).rdbuf();
    CHECK(said.str() == "detached");
    std::ostringstream logged;
    logged << std::ifstream(log).rdbuf();
    CHECK(logged.str() == "in the log\n");
    std::filesystem::remove_all(pattern);
}

TEST_CASE("background: a daemon that fails to start shows its error and its exit code") {
    const Outcome outcome = run_in_background([](Background&) {
        say("vexfsd: no such directory\n");
        return 7;
    });
    CHECK(outcome.code == 7);
    CHECK(outcome.errors == "vexfsd: no such directory\n");
}

TEST_CASE("background: ending without being ready is never success") {
    CHECK(run_in_background([](Background&) { return 0; }).code == 1);
}

TEST_CASE("background: a daemon killed while it starts is reported") {
    const Outcome outcome = run_in_background([](Background&) {
        ::raise(SIGKILL);
        return 0;
    });
    CHECK(outcome.code == 1);
    CHECK(outcome.errors.find("ended by signal 9") != std::string::npos);
}

TEST_CASE("background: a log file that cannot be made is an error in the shell") {
    const Outcome outcome = run_in_background([](Background& background) {
        const Status s = background.ready("/nonexistent/log");
        say(s.message().c_str());
        return 1;
    });
    CHECK(outcome.code == 1);
    CHECK(outcome.errors == "open /nonexistent/log: No such file or directory");
}

TEST_CASE("notify: the service manager hears ready, status and stopping") {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const std::string path = "/tmp/vexfs-notify-" + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    auto next = [&] {
        std::array<char, 256> buffer{};
        const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        return std::string(buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0));
    };
    notify_ready("watching 2 paths");
    CHECK(next() == "READY=1\nSTATUS=watching 2 paths");
    notify_status("a path with\na newline");
    CHECK(next() == "STATUS=a path with a newline");
    notify_stopping();
    CHECK(next() == "STOPPING=1\nSTATUS=stopping");
    ::unsetenv("NOTIFY_SOCKET");
    notify_ready("nobody listens");
    ::unlink(path.c_str());
}
