// SPDX-License-Identifier: Apache-2.0
// vexctl's command line as a program: help, usage errors, where it looks for the journal, and
// paths of any bytes.
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <thread>

#include "base/fd.hpp"
#include "config/shell.hpp"
#include "control/bytes_json.hpp"
#include "support/catch.hpp"
#include "support/temp_directory.hpp"

#ifdef VEXFS_VEXCTL

using namespace vexfs;  // NOLINT: a test
using test::TempDirectory;

namespace {

struct Run {
    std::string output;  // both streams
    int status = -1;
};

Run vexctl(const std::string& arguments) {
    FILE* pipe = ::popen((std::string(VEXFS_VEXCTL) + " " + arguments + " 2>&1").c_str(), "re");
    REQUIRE(pipe != nullptr);
    Run run;
    std::array<char, 4096> buffer;
    for (std::size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        run.output.append(buffer.data(), n);
    }
    const int status = ::pclose(pipe);
    run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return run;
}

bool contains(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

// A daemon that answers one request.
class FakeDaemon {
  public:
    FakeDaemon(const std::string& path, Json answer) : answer_(std::move(answer)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeDaemon() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    Json request() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
        thread_ = std::thread([] {});
        return Json::parse(request_, nullptr, false);
    }

  private:
    void serve() {
        const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        char c = 0;
        while (::read(client.get(), &c, 1) == 1 && c != '\n') {
            request_ += c;
        }
        const std::string line = to_line(answer_);
        [[maybe_unused]] const auto n =
            ::send(client.get(), line.data(), line.size(), MSG_NOSIGNAL);
    }

    Json answer_;
    UniqueFd listener_;
    std::string request_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("vexctl: the help of tail has every option, units, defaults and the filter language") {
    const Run help = vexctl("tail --help");
    CHECK(help.status == 0);
    for (const char* part :
         {"--json", "--socket PATH", "[default: /run/vexfs/vexfsd.sock]", "--since CURSOR",
          "[default: start]", "--follow", "--filter EXPR", "[default: every event]", "--count N",
          "[default: no limit]", "--journal DIR", "Operators:", "Globs:", "K, M, G", "owner_uid",
          "'op=FileCreate,FileRename and path~/home/**/*.txt'"}) {
        CHECK(contains(help.output, part));
    }
}

TEST_CASE("vexctl: every command's help names the options of all and fits into 100 columns") {
    for (const char* command : {"status", "stats", "sync", "watch", "watch add", "watch remove",
                                "watch list", "tail", "journal verify", "journal dump", "ops",
                                "doctor"}) {
        const Run help = vexctl(std::string(command) + " --help");
        CHECK(help.status == 0);
        CHECK(contains(help.output, "--json"));
        CHECK(contains(help.output, "--socket PATH"));
        CHECK(contains(help.output, "Exit codes: 0 done, 1 failed, 2 usage, 3 degraded."));
        std::istringstream lines(help.output);
        for (std::string line; std::getline(lines, line);) {
            INFO(line);
            CHECK(line.size() <= 100);
        }
    }
    const Run add = vexctl("watch add --help");
    CHECK(contains(add.output, "Directory; with --fs any file"));
    CHECK(contains(add.output, "[default: every user]"));
    CHECK(contains(vexctl("sync --help").output, "SECONDS"));
}

TEST_CASE("vexctl: usage errors are status 2, and JSON for who asked for it") {
    for (const char* arguments :
         {"tail --count -1", "tail --count=-1", "tail --count many", "watch add /x --uid -1",
          "watch add /x --pid 0", "frob", "tail --frob", "sync --timeout 0"}) {
        INFO(arguments);
        const Run text = vexctl(arguments);
        CHECK(text.status == 2);
        CHECK(contains(text.output, "vexctl: "));
        const Run json = vexctl(std::string(arguments) + " --json");
        CHECK(json.status == 2);
        const Json line = Json::parse(json.output, nullptr, false);
        REQUIRE(line.is_object());
        CHECK(line.at("ok") == false);
        CHECK_FALSE(line.at("error").get<std::string>().empty());
    }
}

TEST_CASE("vexctl: the store of a daemon that was named and does not answer is not guessed") {
    const TempDirectory dir;
    for (const char* command : {"tail", "journal verify", "journal dump"}) {
        const Run run = vexctl(std::string(command) + " --socket " + (dir / "none"));
        CHECK(run.status == 1);
        CHECK(contains(run.output, "not running"));
        CHECK_FALSE(contains(run.output, "/var/lib/vexfs"));
    }
}

TEST_CASE("vexctl: bytes that are not UTF-8 come from the daemon and go to it") {
    const TempDirectory dir;
    Json answer{{"ok", true}, {"journal", Json::object()}};
    put_bytes(answer["journal"], "directory", dir / "none\xff");
    const FakeDaemon daemon(dir / "a", answer);
    CHECK(contains(vexctl("tail --socket " + (dir / "a")).output, dir / "none\xff"));

    FakeDaemon adds(dir / "b", {{"ok", true}});
    CHECK(vexctl("watch add --socket " + (dir / "b") + " " + shell_quote("/x\xff/\xc3")).status ==
          0);
    CHECK(get_bytes(adds.request(), "path").value_or("") == "/x\xff/\xc3");
}

TEST_CASE("bytes in JSON: what is not UTF-8 has base64 beside it, and wrong members are refused") {
    for (const std::string bytes :
         {"", "/plain", "/gr\xc3\xbc\xc3\x9f", "\xff", "/\xff", "/a\xff", "/ab\xff", "\xc3("}) {
        Json object;
        put_bytes(object, "path", bytes);
        const Json read = Json::parse(to_line(object));
        CHECK(get_bytes(read, "path").value_or("wrong") == bytes);
        CHECK(read.contains("path_b64") == (bytes.find_first_of("\xff(") != std::string::npos));
    }
    for (const char* text :
         {R"({})", R"([])", R"({"path":5})", R"({"path_b64":"YQ"})", R"({"path_b64":"Y==="})",
          R"({"path_b64":"Y*=="})", R"({"path_b64":"YQA="})", R"({"path":"a\u0000b"})",
          R"({"path":"good","path_b64":[]})"}) {
        INFO(text);
        CHECK(get_bytes(Json::parse(text), "path").status().code() == EINVAL);
    }
}

#endif
