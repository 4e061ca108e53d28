// SPDX-License-Identifier: Apache-2.0
// The control socket, both ends, over a real unix socket and a real loop.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "control/client.hpp"
#include "control/server.hpp"
#include "support/catch.hpp"

using namespace vexfs;

namespace {

struct TempDir {
    std::string path;
    TempDir() {
        std::string pattern = "/tmp/vexfs-control-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~TempDir() { std::filesystem::remove_all(path); }
};

// A loop on a thread of its own with a server that knows a few commands.
class Daemon {
  public:
    explicit Daemon(const ControlLimits& limits = {}) {
        loop = *Loop::create();
        auto created = ControlServer::create(*loop, path(), limits);
        INFO(created.status().message());
        REQUIRE(created.ok());
        server = *std::move(created);
        server->add("echo", [](const Json& request, const Reply& reply) {
            reply.done({{"text", request.at("text").get<std::string>()}});
        });
        server->add("count", [](const Json& request, const Reply& reply) {
            const int lines = request.at("lines");
            for (int i = 0; i < lines && reply.line({{"n", i}}); ++i) {
            }
            reply.done();
        });
        server->add("later", [this](const Json&, const Reply& reply) { kept.push_back(reply); });
        server->add("silent", [](const Json&, const Reply&) {});
        server->add("flood", [](const Json&, const Reply& reply) {
            const std::string text(100'000, 'x');
            while (reply.line({{"text", text}})) {
            }
        });
        thread = std::thread([this] { result = loop->run(); });
    }
    ~Daemon() {
        loop->stop();
        thread.join();
        server.reset();
        CHECK(result.ok());
    }

    [[nodiscard]] std::string path() const { return dir.path + "/run/vexfsd.sock"; }

    // Runs `fn` on the loop's thread and returns what it returns. No assertions in it: Catch is not
    // thread-safe.
    template <typename F>
    auto on_loop(F fn) {
        std::packaged_task<decltype(fn())()> task(fn);
        auto future = task.get_future();
        while (!loop->post([&task] { task(); }).ok()) {
            std::this_thread::yield();
        }
        return future.get();
    }
    // Waits until `condition`, evaluated on the loop's thread, holds; the test's time limit ends
    // it.
    template <typename F>
    void wait_until(F condition) {
        while (!on_loop(condition)) {
            std::this_thread::yield();
        }
    }

    TempDir dir;
    std::unique_ptr<Loop> loop;
    std::unique_ptr<ControlServer> server;
    std::vector<Reply> kept;
    std::thread thread;
    Status result;
};

// A client that can misbehave.
class RawClient {
  public:
    explicit RawClient(const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        REQUIRE(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    bool put(std::string_view text) const {
        while (!text.empty()) {
            const auto rc = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (rc <= 0) {
                return false;
            }
            text.remove_prefix(static_cast<std::size_t>(rc));
        }
        return true;
    }
    void end_of_input() const { ::shutdown(fd_.get(), SHUT_WR); }
    // All lines until the server closes, or `count` of them.
    std::vector<Json> lines(std::size_t count = SIZE_MAX) {
        std::vector<Json> result;
        while (result.size() < count) {
            const auto end = buffer_.find('\n');
            if (end != std::string::npos) {
                result.push_back(Json::parse(buffer_.substr(0, end)));
                buffer_.erase(0, end + 1);
                continue;
            }
            std::array<char, 65536> chunk{};
            const auto got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
            if (got <= 0) {
                break;
            }
            buffer_.append(chunk.data(), static_cast<std::size_t>(got));
        }
        return result;
    }
    Json ask(std::string_view text) {
        REQUIRE(put(text));
        auto got = lines(1);
        REQUIRE(got.size() == 1);
        return got[0];
    }
    void close() { fd_.reset(); }

  private:
    UniqueFd fd_;
    std::string buffer_;
};

}  // namespace

TEST_CASE("control: a command is answered, and the connection serves the next") {
    Daemon daemon;
    auto client = ControlClient::connect(daemon.path());
    REQUIRE(client.ok());
    for (const char* text : {"one", "two"}) {
        const auto answer = client->call({{"cmd", "echo"}, {"text", text}});
        REQUIRE(answer.ok());
        CHECK(answer->ok);
        CHECK(answer->json == Json({{"ok", true}, {"text", text}}));
    }
}

TEST_CASE("control: the socket is for its owner only and goes with the server") {
    std::string path;
    {
        Daemon daemon;
        path = daemon.path();
        struct stat info {};
        REQUIRE(::stat(path.c_str(), &info) == 0);
        CHECK(S_ISSOCK(info.st_mode));
        CHECK((info.st_mode & 07777) == 0600);
    }
    CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("control: a streamed answer comes line by line, then its end") {
    Daemon daemon;
    auto client = ControlClient::connect(daemon.path());
    REQUIRE(client.ok());
    int next = 0;
    const auto answer = client->call({{"cmd", "count"}, {"lines", 1000}}, 10'000,
                                     [&](const Json& line) { CHECK(line.at("n") == next++); });
    REQUIRE(answer.ok());
    CHECK(answer->ok);
    CHECK(next == 1000);
}

TEST_CASE("control: pipelined requests are answered in their order, also when one takes long") {
    Daemon daemon;
    RawClient client(daemon.path());
    REQUIRE(
        client.put("{\"cmd\":\"echo\",\"text\":\"a\"}\n\n{\"cmd\":\"later\"}\r\n"
                   "{\"cmd\":\"echo\",\"text\":\"b\"}\n"));
    CHECK(client.lines(1)[0].at("text") == "a");
    daemon.wait_until([&] { return daemon.kept.size() == 1; });
    const bool wanted = daemon.on_loop([&] {
        const bool before = daemon.kept[0].wanted();
        daemon.kept[0].done({{"text", "waited"}});
        daemon.kept[0].fail("only the first answer counts");
        return before;
    });
    CHECK(wanted);
    const auto rest = client.lines(2);
    CHECK(rest[0].at("text") == "waited");
    CHECK(rest[1].at("text") == "b");
}

TEST_CASE("control: malformed requests get a reason each and the connection lives on") {
    Daemon daemon;
    RawClient client(daemon.path());
    CHECK(client.ask("nonsense\n").at("error") == "the request is not JSON");
    CHECK(client.ask("{\"cmd\":\n").at("error") == "the request is not JSON");
    CHECK(client.ask("\xff\xfe\n").at("error") == "the request is not JSON");
    CHECK(client.ask(std::string(60'000, '[') + "\n").at("error") == "the request is not JSON");
    const std::string deep = std::string(30'000, '[') + std::string(30'000, ']') + "\n";
    CHECK(client.ask(deep).at("error") == "the request has no \"cmd\"");
    for (const char* text : {"[]\n", "7\n", "null\n", "{}\n", "{\"cmd\":7}\n"}) {
        const Json answer = client.ask(text);
        CHECK(answer.at("ok") == false);
        CHECK(answer.at("error") == "the request has no \"cmd\"");
    }
    const Json unknown = client.ask("{\"cmd\":\"fly\"}\n");
    CHECK(unknown.at("error") == "there is no command \"fly\"");
    CHECK(unknown.at("hint") == "this vexfsd knows: count, echo, flood, later, silent");
    CHECK(client.ask("{\"cmd\":\"echo\"}\n").at("ok") == false);
    CHECK(client.ask("{\"cmd\":\"echo\",\"text\":7}\n").at("ok") == false);
    CHECK(client.ask("{\"cmd\":\"echo\",\"text\":\"fine\"}\n").at("text") == "fine");
    CHECK(daemon.on_loop([&] { return daemon.server->stats().bad_requests; }) == 13);
}

TEST_CASE("control: a command that forgets to answer does not leave the client waiting") {
    Daemon daemon;
    RawClient client(daemon.path());
    CHECK(client.ask("{\"cmd\":\"silent\"}\n").at("error") ==
          "the command ended without an answer");
}

TEST_CASE("control: a request of the longest length is served, one byte more ends the connection") {
    Daemon daemon;
    const std::string frame = R"({"cmd":"echo","text":""})";
    const std::string text(64 * 1024 - frame.size(), 't');
    const std::string longest = R"({"cmd":"echo","text":")" + text + "\"}";
    REQUIRE(longest.size() == 64 * 1024);
    RawClient client(daemon.path());
    CHECK(client.ask(longest + "\n").at("text") == text);

    REQUIRE(client.put(longest + " "));
    const auto rest = client.lines();
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].at("error") == "the request is longer than 65536 bytes");
    daemon.wait_until([&] { return daemon.server->stats().clients == 0; });
}

TEST_CASE("control: the client over the limit is told so, and there is room when one leaves") {
    Daemon daemon;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 64; ++i) {
        clients.push_back(std::make_unique<RawClient>(daemon.path()));
    }
    daemon.wait_until([&] { return daemon.server->stats().clients == 64; });
    RawClient extra(daemon.path());
    const auto told = extra.lines();
    REQUIRE(told.size() == 1);
    CHECK(told[0].at("error") == "vexfsd has 64 control clients already");
    CHECK(daemon.on_loop([&] { return daemon.server->stats().refused; }) == 1);

    clients.pop_back();
    daemon.wait_until([&] { return daemon.server->stats().clients == 63; });
    RawClient next(daemon.path());
    CHECK(next.ask("{\"cmd\":\"echo\",\"text\":\"in\"}\n").at("text") == "in");
}

TEST_CASE("control: a client that the loop has no room for is turned away and counted") {
    Daemon daemon;
    std::vector<OpId> timers;
    daemon.on_loop([&] {
        for (auto op = daemon.loop->timer(~0ULL, [](int) {}); op.ok();
             op = daemon.loop->timer(~0ULL, [](int) {})) {
            timers.push_back(*op);
        }
        return 0;
    });
    CHECK(RawClient(daemon.path()).lines().empty());
    CHECK(daemon.on_loop([&] { return daemon.server->stats().refused; }) == 1);
    daemon.on_loop([&] {
        for (OpId& timer : timers) {
            daemon.loop->cancel(timer);
        }
        return 0;
    });
    daemon.wait_until([&] { return daemon.loop->stats().slots_used <= 2; });
    CHECK(RawClient(daemon.path()).ask("{\"cmd\":\"echo\",\"text\":\"in\"}\n").at("text") == "in");
}

TEST_CASE("control: a client that does not read is dropped and counted; others are served") {
    Daemon daemon;
    RawClient greedy(daemon.path());
    REQUIRE(greedy.put("{\"cmd\":\"flood\"}\n"));
    daemon.wait_until([&] { return daemon.server->stats().dropped_slow == 1; });
    CHECK(daemon.on_loop([&] { return daemon.server->stats().clients; }) == 0);
    RawClient other(daemon.path());
    CHECK(other.ask("{\"cmd\":\"echo\",\"text\":\"x\"}\n").at("text") == "x");
}

TEST_CASE("control: who stalls in the middle of a line or of an answer is dropped") {
    Daemon daemon(ControlLimits{
        .request_bytes = 65536, .clients = 4, .unsent_bytes = 64U << 20U, .stall_ms = 20});
    SECTION("a line that never ends") {
        RawClient client(daemon.path());
        REQUIRE(client.put("{\"cmd\":"));
        CHECK(client.lines().empty());
    }
    SECTION("an answer that nobody takes") {
        RawClient client(daemon.path());
        REQUIRE(client.put("{\"cmd\":\"count\",\"lines\":200000}\n"));
        daemon.wait_until([&] {
            return daemon.server->stats().clients == 0 && daemon.server->stats().accepted == 1;
        });
    }
    daemon.wait_until([&] { return daemon.server->stats().dropped_slow == 1; });
    CHECK(daemon.on_loop([&] { return daemon.loop->stats().slots_used; }) == 2);
}

TEST_CASE("control: a client with no request under way may be idle for as long as it likes") {
    Daemon daemon(
        ControlLimits{.request_bytes = 1024, .clients = 4, .unsent_bytes = 1024, .stall_ms = 5});
    RawClient idle(daemon.path());
    std::promise<void> passed;
    daemon.on_loop(
        [&] { return daemon.loop->timer(50'000'000, [&](int) { passed.set_value(); }).ok(); });
    passed.get_future().wait();
    CHECK(idle.ask("{\"cmd\":\"echo\",\"text\":\"still here\"}\n").at("text") == "still here");
}

TEST_CASE("control: an answer for a client that has gone is dropped without harm") {
    Daemon daemon;
    {
        RawClient client(daemon.path());
        REQUIRE(client.put("{\"cmd\":\"later\"}\n"));
        daemon.wait_until([&] { return daemon.kept.size() == 1; });
    }
    daemon.wait_until([&] { return daemon.server->stats().clients == 0; });
    const bool taken = daemon.on_loop([&] {
        const bool any = daemon.kept[0].wanted() || daemon.kept[0].line({{"n", 1}});
        daemon.kept[0].done();
        return any;
    });
    CHECK_FALSE(taken);
}

TEST_CASE("control: a client that only ends its input still gets its answer") {
    Daemon daemon;
    RawClient client(daemon.path());
    REQUIRE(client.put("{\"cmd\":\"later\"}\n"));
    client.end_of_input();
    daemon.wait_until([&] { return daemon.kept.size() == 1; });
    daemon.on_loop([&] {
        daemon.kept[0].done({{"n", 1}});
        return 0;
    });
    const auto rest = client.lines();
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].at("n") == 1);
}

TEST_CASE("control: answers kept beyond the server's life do nothing") {
    std::vector<Reply> kept;
    {
        Daemon daemon;
        RawClient client(daemon.path());
        REQUIRE(client.put("{\"cmd\":\"later\"}\n"));
        daemon.wait_until([&] { return daemon.kept.size() == 1; });
        kept = daemon.on_loop([&] { return std::move(daemon.kept); });
    }
    CHECK_FALSE(kept[0].wanted());
    kept[0].done();
}

TEST_CASE("control: the client says what to do when there is no daemon") {
    const TempDir dir;
    const std::string path = dir.path + "/vexfsd.sock";
    const auto missing = ControlClient::connect(path);
    REQUIRE_FALSE(missing.ok());
    CHECK(missing.status().code() == ENOENT);
    CHECK(missing.status().message() ==
          "vexfsd is not running (no socket at " + path +
              "): start it with `vexfsd --watch DIR`, or pass --socket");
    CHECK(ControlClient::connect("/" + std::string(200, 'x')).status().code() == ENAMETOOLONG);
}

TEST_CASE("control: the client gives up on a daemon that does not answer") {
    Daemon daemon;
    auto client = ControlClient::connect(daemon.path());
    REQUIRE(client.ok());
    const auto answer = client->call({{"cmd", "later"}}, 20);
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.status().code() == ETIMEDOUT);
}

TEST_CASE("control: the client notices a daemon that goes away") {
    auto daemon = std::make_unique<Daemon>();
    auto client = ControlClient::connect(daemon->path());
    REQUIRE(client.ok());
    std::thread killer([&] {
        daemon->wait_until([&] { return daemon->kept.size() == 1; });
        std::vector<Reply> kept = daemon->on_loop([&] { return daemon->kept; });
        daemon.reset();
    });
    const auto answer = client->call({{"cmd", "later"}});
    killer.join();
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.status().code() == EPIPE);
}

TEST_CASE("control: two daemons cannot share a socket; a dead one's is replaced") {
    const TempDir dir;
    const std::string path = dir.path + "/vexfsd.sock";
    {
        const auto first = Listener::open(path);
        REQUIRE(first.ok());
        const auto second = Listener::open(path);
        REQUIRE_FALSE(second.ok());
        CHECK(second.status().code() == EADDRINUSE);
        CHECK(second.status().message().find("pid " + std::to_string(::getpid())) !=
              std::string::npos);
    }
    // A daemon that is killed leaves its socket: a child that ends without clean-up.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const auto left = Listener::open(path);
        ::_exit(left.ok() ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    CHECK(ControlClient::connect(path).status().code() == ECONNREFUSED);
    CHECK(Listener::open(path).ok());
}

TEST_CASE("control: what cannot become a socket is refused with its reason") {
    const TempDir dir;
    const std::string file = dir.path + "/file";
    std::ofstream(file) << "precious";
    CHECK(Listener::open(file).status().code() == EEXIST);
    CHECK(std::filesystem::file_size(file) == 8);
    CHECK(Listener::open(file + "/x").status().code() == ENOTDIR);
    CHECK(Listener::open(dir.path + "/a/b/x").status().code() == ENOENT);
    CHECK(Listener::open(dir.path + "/" + std::string(108, 'n')).status().code() == ENAMETOOLONG);
    CHECK(Listener::open("").status().code() == ENAMETOOLONG);
}
