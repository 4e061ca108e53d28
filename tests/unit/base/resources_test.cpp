// SPDX-License-Identifier: Apache-2.0
// UniqueFd, Mapping, InlineFunction, clocks and the log's style.
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/inline_function.hpp"
#include "base/log.hpp"
#include "base/mapping.hpp"
#include "support/catch.hpp"

using namespace vexfs;

namespace {
bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}
}  // namespace

TEST_CASE("fd: closes when it goes, and only then") {
    int number = -1;
    {
        UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        number = a.get();
        UniqueFd b(std::move(a));
        CHECK_FALSE(a.valid());
        CHECK(is_open(number));
        a = std::move(b);
        CHECK(a.get() == number);
    }
    CHECK_FALSE(is_open(number));
}

TEST_CASE("fd: release gives ownership away") {
    UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = a.release();
    a.reset();
    CHECK(is_open(number));
    ::close(number);
}

TEST_CASE("mapping: maps, moves, and names what failed") {
    auto mapped = Mapping::map(-1, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    REQUIRE(mapped.ok());
    mapped->bytes()[4095] = std::byte{1};
    const Mapping moved = *std::move(mapped);
    CHECK(moved.size() == 4096);
    CHECK(moved.bytes()[4095] == std::byte{1});

    const auto bad = Mapping::map(-1, 4096, PROT_READ, MAP_SHARED);
    REQUIRE_FALSE(bad.ok());
    CHECK(bad.status().code() == EBADF);
    CHECK(bad.status().message().find("4096 bytes") != std::string::npos);
}

TEST_CASE("inline function: moves its callable and destroys it exactly once") {
    auto counter = std::make_shared<int>(0);
    {
        InlineFunction<int(int)> a([counter](int by) { return *counter += by; });
        InlineFunction<int(int)> b(std::move(a));
        CHECK_FALSE(a);
        CHECK(b(2) == 2);
        a = std::move(b);
        CHECK(a(3) == 5);
        CHECK(counter.use_count() == 2);
        a.reset();
        CHECK(counter.use_count() == 1);
    }
    CHECK(counter.use_count() == 1);
}

TEST_CASE("clock: the manual one stands still, the wall clock can jump alone") {
    ManualClock clock(10, 100);
    CHECK(clock.mono_ns() == 10);
    clock.advance_ns(5);
    CHECK(clock.mono_ns() == 15);
    CHECK(clock.real_ns() == 105);
    clock.set_real_ns(1);
    CHECK(clock.mono_ns() == 15);
    CHECK(clock.real_ns() == 1);

    const SystemClock system;
    const auto first = system.mono_ns();
    CHECK(system.mono_ns() >= first);
}

TEST_CASE("log: an unknown level is refused with the list of levels") {
    const Status s = log_setup("loud");
    CHECK(s.code() == EINVAL);
    CHECK(s.message().find("trace, debug, info") != std::string::npos);
}

TEST_CASE("log: the journal style carries the syslog priority") {
    std::array<int, 2> pipe_fds{};
    REQUIRE(::pipe2(pipe_fds.data(), O_CLOEXEC) == 0);
    UniqueFd reader(pipe_fds[0]);
    UniqueFd writer(pipe_fds[1]);
    UniqueFd saved(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    REQUIRE(::dup2(writer.get(), STDERR_FILENO) >= 0);
    const Status s = log_setup("info", LogStyle::automatic);
    spdlog::debug("not shown");
    spdlog::info("ready");
    spdlog::warn("slow");
    ::dup2(saved.get(), STDERR_FILENO);
    REQUIRE(s.ok());
    std::array<char, 256> buffer{};
    const auto got = ::read(reader.get(), buffer.data(), buffer.size());
    CHECK(std::string(buffer.data(), got > 0 ? got : 0) == "<6>ready\n<4>slow\n");
    REQUIRE(log_setup("warn").ok());
}
