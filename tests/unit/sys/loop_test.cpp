// SPDX-License-Identifier: Apache-2.0
// The event loop on a real io_uring: files, pipes, sockets, signals and threads.
#include "sys/loop.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "support/catch.hpp"

using namespace vexfs;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

std::unique_ptr<Loop> make_loop(const LoopConfig& config = {}) {
    auto loop = Loop::create(config);
    INFO(loop.status().message());
    REQUIRE(loop.ok());
    return *std::move(loop);
}

struct Pipe {
    UniqueFd reader, writer;
    Pipe() {
        std::array<int, 2> fds{};
        REQUIRE(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) == 0);
        reader.reset(fds[0]);
        writer.reset(fds[1]);
    }
    void put(const char* text) const {
        REQUIRE(::write(writer.get(), text, std::strlen(text)) ==
                static_cast<ssize_t>(std::strlen(text)));
    }
    std::string take() const {
        std::array<char, 256> buffer{};
        const auto got = ::read(reader.get(), buffer.data(), buffer.size());
        return {buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0)};
    }
};

UniqueFd scratch_file() {
    UniqueFd fd(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(fd.valid());
    return fd;
}

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

std::string read_at(int fd, std::size_t size, off_t offset) {
    std::string text(size, '\0');
    const auto got = ::pread(fd, text.data(), size, offset);
    text.resize(static_cast<std::size_t>(got > 0 ? got : 0));
    return text;
}

}  // namespace

TEST_CASE("loop: a poll reports each change until it is cancelled") {
    auto loop = make_loop();
    const Pipe pipe;
    std::string seen;
    auto id = loop->poll(pipe.reader.get(), POLLIN, [&](int events) {
        CHECK((events & POLLIN) != 0);
        seen += pipe.take();
        loop->stop();
    });
    REQUIRE(id.ok());
    for (const char* text : {"one ", "two ", "three"}) {
        pipe.put(text);
        REQUIRE(loop->run().ok());
    }
    CHECK(seen == "one two three");

    OpId poll = *id;
    loop->cancel(poll);
    CHECK_FALSE(poll);
    pipe.put("unseen");
    REQUIRE(loop->timer(kMs, [&](int) { loop->stop(); }).ok());
    REQUIRE(loop->run().ok());
    CHECK(seen == "one two three");
    CHECK(loop->stats().slots_used == 1);  // the loop's own wake-up
}

TEST_CASE("loop: a poll that the kernel ends early is renewed and misses nothing") {
    // The smallest queues make the kernel end multishot polls when completions overflow.
    auto loop = make_loop({.sq_entries = 4, .slots = 128, .post_limit = 16});
    std::vector<Pipe> pipes(100);
    std::vector<int> seen(pipes.size(), 0);
    int total = 0;
    for (std::size_t i = 0; i < pipes.size(); ++i) {
        REQUIRE(loop->poll(pipes[i].reader.get(), POLLIN,
                           [&, i](int) {
                               seen[i] += static_cast<int>(pipes[i].take().size());
                               total += 1;
                               if (total % 100 == 0) {
                                   loop->stop();
                               }
                           })
                    .ok());
    }
    for (int round = 1; round <= 20; ++round) {
        for (const Pipe& pipe : pipes) {
            pipe.put("x");
        }
        REQUIRE(loop->run().ok());
        CHECK(std::count(seen.begin(), seen.end(), round) == 100);
    }
    CHECK(loop->stats().rearms > 0);  // or this test has shown nothing
}

TEST_CASE("loop: poll of an fd that cannot be polled ends with its errno") {
    auto loop = make_loop();
    int result = 0;
    REQUIRE(loop->poll(987654, POLLIN,
                       [&](int r) {
                           result = r;
                           loop->stop();
                       })
                .ok());
    REQUIRE(loop->run().ok());
    CHECK(result == -EBADF);
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: a timer fires once, not early, in the order of its time") {
    auto loop = make_loop();
    const SystemClock clock;
    const auto start = clock.mono_ns();
    std::vector<int> order;
    REQUIRE(loop->timer(6 * kMs,
                        [&](int r) {
                            CHECK(r == 0);
                            order.push_back(2);
                            loop->stop();
                        })
                .ok());
    REQUIRE(loop->timer(2 * kMs, [&](int) { order.push_back(1); }).ok());
    REQUIRE(loop->run().ok());
    CHECK(order == std::vector<int>{1, 2});
    CHECK(clock.mono_ns() - start >= 6 * kMs);
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: a cancelled timer never fires") {
    auto loop = make_loop();
    bool fired = false;
    OpId timer = *loop->timer(kMs, [&](int) { fired = true; });
    REQUIRE(loop->timer(4 * kMs, [&](int) { loop->stop(); }).ok());
    loop->cancel(timer);
    REQUIRE(loop->run().ok());
    CHECK_FALSE(fired);
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: a periodic timer does not drift and may cancel itself") {
    auto loop = make_loop();
    const SystemClock clock;
    const auto start = clock.mono_ns();
    int count = 0;
    OpId id;
    id = *loop->every(kMs, [&](int) {
        if (++count == 20) {
            loop->cancel(id);
            loop->stop();
        }
    });
    REQUIRE(loop->run().ok());
    CHECK(clock.mono_ns() - start >= 20 * kMs);
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: signals arrive as numbers") {
    sigset_t before;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
    {
        auto loop = make_loop();
        std::vector<int> seen;
        REQUIRE(loop->signals({SIGUSR1, SIGUSR2},
                              [&](int number) {
                                  seen.push_back(number);
                                  if (seen.size() == 2) {
                                      loop->stop();
                                  }
                              })
                    .ok());
        CHECK(loop->signals({SIGHUP}, [](int) {}).status().code() == EEXIST);
        REQUIRE(::raise(SIGUSR1) == 0);
        REQUIRE(::raise(SIGUSR2) == 0);
        REQUIRE(loop->run().ok());
        CHECK(seen == std::vector<int>{SIGUSR1, SIGUSR2});
    }
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
}

TEST_CASE("loop: a write lands at its offset, whole, with or without durability") {
    auto loop = make_loop();
    const UniqueFd file = scratch_file();
    const std::string big(300'000, 'b');
    const std::string small = "tail";
    int left = 2;
    auto done = [&](std::size_t expected) {
        return [&, expected](int result) {
            CHECK(result == static_cast<int>(expected));
            if (--left == 0) {
                loop->stop();
            }
        };
    };
    REQUIRE(loop->write(file.get(), bytes_of(big), 10, WriteSync::data, done(big.size())).ok());
    REQUIRE(loop->write(file.get(), bytes_of(small), 400'000, WriteSync::none, done(4)).ok());
    REQUIRE(loop->run().ok());
    CHECK(read_at(file.get(), big.size(), 10) == big);
    CHECK(read_at(file.get(), 10, 400'000) == "tail");
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: a write that fails says why, and its fdatasync does not hide it") {
    auto loop = make_loop();
    const UniqueFd read_only(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    const std::string text = "x";
    std::vector<int> results;
    auto done = [&](int result) {
        results.push_back(result);
        if (results.size() == 3) {
            loop->stop();
        }
    };
    REQUIRE(loop->write(read_only.get(), bytes_of(text), 0, WriteSync::data, done).ok());
    REQUIRE(loop->write(full.get(), bytes_of(text), 0, WriteSync::data, done).ok());
    REQUIRE(loop->fdatasync(987654, done).ok());
    REQUIRE(loop->run().ok());
    std::sort(results.begin(), results.end());
    CHECK(results == std::vector<int>{-ENOSPC, -EBADF, -EBADF});
    CHECK(loop->write(full.get(), {}, 0, WriteSync::none, done).code() == EINVAL);
}

TEST_CASE("loop: a short write is continued where it stopped") {
    // A pipe of one page takes a part; the rest waits until the reader made room.
    auto loop = make_loop();
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    const UniqueFd reader(fds[0]);
    const UniqueFd writer(fds[1]);
    REQUIRE(::fcntl(writer.get(), F_SETPIPE_SZ, 4096) == 4096);
    const std::string text(50'000, 'p');
    std::string got;
    std::thread consumer([&] {
        std::array<char, 1000> buffer{};
        while (got.size() < text.size()) {
            const auto n = ::read(reader.get(), buffer.data(), buffer.size());
            got.append(buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0));
        }
    });
    int result = 0;
    REQUIRE(loop->write(writer.get(), bytes_of(text), 0, WriteSync::none,
                        [&](int r) {
                            result = r;
                            loop->stop();
                        })
                .ok());
    REQUIRE(loop->run().ok());
    consumer.join();
    CHECK(result == 50'000);
    CHECK(got == text);
}

TEST_CASE("loop: recv and send move bytes; a cancelled recv reports it once") {
    auto loop = make_loop();
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    UniqueFd a(fds[0]);
    UniqueFd b(fds[1]);
    const std::string text = "hello";
    std::array<std::byte, 64> buffer{};
    int received = 0;
    REQUIRE(loop->send(a.get(), bytes_of(text), [](int r) { CHECK(r == 5); }).ok());
    REQUIRE(loop->recv(b.get(), buffer,
                       [&](int r) {
                           received = r;
                           loop->stop();
                       })
                .ok());
    REQUIRE(loop->run().ok());
    CHECK(received == 5);
    CHECK(std::memcmp(buffer.data(), "hello", 5) == 0);

    std::vector<int> results;
    OpId id = *loop->recv(b.get(), buffer, [&](int r) {
        results.push_back(r);
        loop->stop();
    });
    REQUIRE(loop->turn(false).ok());
    loop->cancel(id);
    REQUIRE(loop->run().ok());
    CHECK(results == std::vector<int>{-ECANCELED});

    a.reset();
    REQUIRE(loop->recv(b.get(), buffer,
                       [&](int r) {
                           CHECK(r == 0);
                           loop->stop();
                       })
                .ok());
    REQUIRE(loop->run().ok());
    REQUIRE(loop->send(b.get(), bytes_of(text),
                       [&](int r) {
                           CHECK(r == -EPIPE);
                           loop->stop();
                       })
                .ok());
    REQUIRE(loop->run().ok());
}

TEST_CASE("loop: a full slot table refuses with a name and recovers") {
    auto loop = make_loop({.sq_entries = 8, .slots = 4, .post_limit = 16});
    std::vector<OpId> timers;
    for (int i = 0; i < 3; ++i) {
        timers.push_back(*loop->timer(1'000'000 * kMs, [](int) {}));
    }
    const auto refused = loop->timer(kMs, [](int) {});
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.status().code() == ENOBUFS);
    CHECK(refused.status().message() == "timer: event loop: all 4 operation slots are in use");
    loop->cancel(timers[0]);
    while (loop->stats().slots_used == 4) {
        REQUIRE(loop->turn(true).ok());
    }
    CHECK(loop->timer(kMs, [](int) {}).ok());
    CHECK(loop->stats().slots_peak == 4);
}

TEST_CASE("loop: a stale id does not hit the operation that has its slot now") {
    auto loop = make_loop({.sq_entries = 8, .slots = 2, .post_limit = 16});
    OpId first = *loop->timer(1, [&](int) { loop->stop(); });
    REQUIRE(loop->run().ok());
    bool fired = false;
    const OpId second = *loop->timer(kMs, [&](int) {
        fired = true;
        loop->stop();
    });
    CHECK(second.index == first.index);
    loop->cancel(first);
    REQUIRE(loop->run().ok());
    CHECK(fired);
}

TEST_CASE("loop: functions posted by threads run on the loop, each thread's in order") {
    auto loop = make_loop();
    constexpr int kThreads = 4;
    constexpr int kEach = 5'000;
    std::array<int, kThreads> next{};
    bool in_order = true;
    int total = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < kEach;) {
                const Status s = loop->post([&, t, i] {
                    in_order = in_order && next[static_cast<std::size_t>(t)]++ == i;
                    if (++total == kThreads * kEach) {
                        loop->stop();
                    }
                });
                if (s.ok()) {
                    ++i;
                } else {
                    std::this_thread::yield();
                }
            }
        });
    }
    REQUIRE(loop->run().ok());
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(total == kThreads * kEach);
    CHECK(in_order);
}

TEST_CASE("loop: posting has a limit") {
    auto loop = make_loop({.sq_entries = 8, .slots = 4, .post_limit = 2});
    int ran = 0;
    CHECK(loop->post([&] { ++ran; }).ok());
    CHECK(loop->post([&] { ++ran; }).ok());
    CHECK(loop->post([&] { ++ran; }).code() == ENOBUFS);
    REQUIRE(loop->turn(true).ok());
    CHECK(ran == 2);
    CHECK(loop->post([] {}).ok());
}

TEST_CASE("loop: stop from another thread ends a loop that waits") {
    auto loop = make_loop();
    std::thread thread([&] { loop->stop(); });
    CHECK(loop->run().ok());
    thread.join();
}

TEST_CASE("loop: while there is more to do it does not wait") {
    auto loop = make_loop();
    int turns = 0;
    loop->before_wait([&] {
        if (++turns == 100) {
            loop->stop();
        }
        return turns < 100;
    });
    REQUIRE(loop->run().ok());  // nothing else would wake it
    CHECK(turns == 100);
}

TEST_CASE("loop: accept hands out connections until cancelled") {
    auto loop = make_loop();
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    address.ss_family = AF_UNIX;  // autobind: an abstract name that nobody else has
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) ==
            0);
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    REQUIRE(::listen(listener.get(), 16) == 0);
    std::vector<UniqueFd> accepted;
    OpId id = *loop->accept(listener.get(), [&](int fd) {
        REQUIRE(fd >= 0);
        accepted.emplace_back(fd);
        if (accepted.size() % 3 == 0) {
            loop->stop();
        }
    });
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), length) ==
                0);
    }
    REQUIRE(loop->run().ok());
    CHECK(accepted.size() == 3);
    loop->cancel(id);
    REQUIRE(loop->turn(true).ok());
    CHECK(loop->stats().slots_used == 1);
}

TEST_CASE("loop: going away with everything under way leaves nothing behind") {
    const Pipe pipe;
    const UniqueFd file = scratch_file();
    const std::string text(100'000, 'z');
    std::array<std::byte, 16> buffer{};
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
    const UniqueFd a(fds[0]);
    const UniqueFd b(fds[1]);
    bool called = false;
    auto note = [&](int) { called = true; };
    {
        auto loop = make_loop();
        REQUIRE(loop->poll(pipe.reader.get(), POLLIN, note).ok());
        REQUIRE(loop->recv(a.get(), buffer, note).ok());
        REQUIRE(loop->timer(1'000'000 * kMs, note).ok());
        REQUIRE(loop->every(1'000'000 * kMs, note).ok());
        REQUIRE(loop->write(file.get(), bytes_of(text), 0, WriteSync::data, note).ok());
        REQUIRE(loop->post([&] { called = true; }).ok());
    }
    CHECK_FALSE(called);
}

TEST_CASE("loop: a running loop keeps its number of slots") {
    auto loop = make_loop();
    int left = 10'000;
    std::function<void(int)> next = [&](int) {
        if (--left == 0) {
            loop->stop();
            return;
        }
        REQUIRE(loop->timer(0, [&](int r) { next(r); }).ok());
    };
    next(0);
    REQUIRE(loop->run().ok());
    CHECK(loop->stats().slots_peak == 2);
}
