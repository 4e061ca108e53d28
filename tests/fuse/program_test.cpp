// SPDX-License-Identifier: Apache-2.0
// vexfsd as a program: what it says, and with which status it ends.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "control/client.hpp"
#include "mounted.hpp"

#ifdef VEXFS_VEXFSD

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr int kPatienceMs = 30'000;

// vexfsd in the foreground, without the kernel module, serving `tree`.
class Vexfsd {
  public:
    explicit Vexfsd(const TemporaryTree& tree) {
        const std::string journal = tree.root() + "/journal";
        std::array<int, 2> err{};
        REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
        std::vector<std::string> args = {"vexfsd",   "--no-kmod", "--foreground",
                                         "--source", tree.source(), tree.point(),
                                         "--journal", journal,     "--ops",
                                         "all",       "--socket",  tree.root() + "/socket"};
        std::vector<char*> argv;
        for (std::string& arg : args) {
            argv.push_back(arg.data());
        }
        argv.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::signal(SIGXFSZ, SIG_IGN);  // a write over the limit of a file's size fails instead
            ::dup2(err[1], STDERR_FILENO);
            ::execv(VEXFS_VEXFSD, argv.data());
            ::_exit(127);
        }
        errors_ = UniqueFd(err[0]);
        ::close(err[1]);
        while (said_.find("ready: ") == std::string::npos && read_more()) {
        }
        INFO(said_);
        REQUIRE(said_.find("ready: ") != std::string::npos);
    }
    ~Vexfsd() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    Vexfsd(const Vexfsd&) = delete;
    Vexfsd& operator=(const Vexfsd&) = delete;

    // From here on its files cannot be written, as on a full disk.
    void fill_disk() const {
        const rlimit limit{100, RLIM_INFINITY};
        REQUIRE(::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) == 0);
    }
    // Asks it to end; its exit status. What it has said is in said().
    int end() {
        ::kill(pid_, SIGTERM);
        while (read_more()) {
        }
        int status = 0;
        REQUIRE(::waitpid(std::exchange(pid_, -1), &status, 0) > 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
    [[nodiscard]] const std::string& said() const { return said_; }

  private:
    bool read_more() {
        pollfd ready{errors_.get(), POLLIN, 0};
        std::array<char, 4096> buffer;
        if (::poll(&ready, 1, kPatienceMs) <= 0) {
            return false;
        }
        const ssize_t n = ::read(errors_.get(), buffer.data(), buffer.size());
        said_.append(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
        return n > 0;
    }

    pid_t pid_ = -1;
    UniqueFd errors_;
    std::string said_;
};

}  // namespace

TEST_CASE("vexfsd ends with 0 when all that happened is stored") {
    NEEDS_FUSE("exit status");
    const TemporaryTree tree;
    Vexfsd daemon(tree);
    write_file(tree.point("file"), "text");
    CHECK(daemon.end() == 0);
    INFO(daemon.said());
    CHECK(daemon.said().find("could not") == std::string::npos);
}

TEST_CASE("vexfsd ends with 1 and says how many events it could not store") {
    NEEDS_FUSE("exit status of a full disk");
    const TemporaryTree tree;
    Vexfsd daemon(tree);
    auto client = ControlClient::connect(tree.root() + "/socket");
    REQUIRE(client.ok());
    REQUIRE(client->call({{"cmd", "sync"}})->ok);
    daemon.fill_disk();
    for (int i = 0; i < 10; ++i) {
        std::filesystem::create_directory(tree.point(std::to_string(i)));
    }
    CHECK(daemon.end() == 1);
    INFO(daemon.said());
    const std::size_t at = daemon.said().find(" events could not be stored: ");
    REQUIRE(at != std::string::npos);
    const std::size_t begin = daemon.said().find_last_not_of("0123456789", at - 1) + 1;
    CHECK(std::stoul(daemon.said().substr(begin, at - begin)) >= 10);
    CHECK(daemon.said().find("File too large", at) != std::string::npos);
}

#endif
