// SPDX-License-Identifier: Apache-2.0
// vexfsd as a program: what it says, and with which status it ends.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "control/client.hpp"
#include "mounted.hpp"
#include "support/program.hpp"

#ifdef VEXFS_VEXFSD

using namespace vexfs;
using namespace vexfs::test;

namespace {

// vexfsd in the foreground, without the kernel module, serving `tree`.
class Vexfsd : public Program {
  public:
    // `before`: a program, with its arguments, that runs it.
    explicit Vexfsd(const TemporaryTree& tree, const std::vector<std::string>& more = {},
                    std::vector<std::string> before = {})
        : Vexfsd(command(tree, more, std::move(before))) {}

    // From here on its files cannot be written, as on a full disk.
    void fill_disk() const {
        const rlimit limit{100, RLIM_INFINITY};
        REQUIRE(::prlimit(pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
    }
    // Asks it to end; its exit status. What it has said is in errors().
    int end() {
        signal(SIGTERM);
        errors();
        return status();
    }

  private:
    explicit Vexfsd(const std::vector<std::string>& command)
        : Program(command[0].c_str(), {command.begin() + 1, command.end()}) {
        REQUIRE(complains("ready: "));
    }
    static std::vector<std::string> command(const TemporaryTree& tree,
                                            const std::vector<std::string>& more,
                                            std::vector<std::string> words) {
        ::signal(SIGXFSZ, SIG_IGN);  // inherited: a write over the limit fails instead
        for (const std::string& word : std::initializer_list<std::string>{
                 VEXFS_VEXFSD, "--no-kmod", "--foreground", "--source", tree.source(), tree.point(),
                 "--journal", tree.root() + "/journal", "--ops", "all", "--socket",
                 tree.root() + "/socket"}) {
            words.push_back(word);
        }
        words.insert(words.end(), more.begin(), more.end());
        return words;
    }
};

// The nice value of which vexfsd says that it reads the ring with it.
int reported_nice(const TemporaryTree& tree) {
    auto client = ControlClient::connect(tree.root() + "/socket");
    REQUIRE(client.ok());
    return client->call({{"cmd", "status"}})->json.at("daemon").at("nice").get<int>();
}

int nice_of(id_t thread) { return ::getpriority(PRIO_PROCESS, thread); }

// A thread of the kernel's, for io_uring. Until it first runs it has the name of who it works for,
// so its flags are asked (proc(5), the seventh field behind the name).
bool is_io_worker(const std::filesystem::path& task) {
    constexpr unsigned long kIoWorker = 0x10;  // PF_IO_WORKER, linux/sched.h
    const std::string stat = read_file(task / "stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::string skipped;
    for (int i = 0; i < 6; ++i) {
        fields >> skipped;
    }
    unsigned long flags = 0;
    REQUIRE(fields >> flags);
    return (flags & kIoWorker) != 0;
}

}  // namespace

TEST_CASE("vexfsd ends with 0 when all that happened is stored") {
    NEEDS_FUSE("exit status");
    const TemporaryTree tree;
    Vexfsd daemon(tree);
    write_file(tree.point("file"), "text");
    CHECK(daemon.end() == 0);
    INFO(daemon.errors());
    CHECK(daemon.errors().find("could not") == std::string::npos);
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
    INFO(daemon.errors());
    const std::size_t at = daemon.errors().find(" events could not be stored: ");
    REQUIRE(at != std::string::npos);
    const std::size_t begin = daemon.errors().find_last_not_of("0123456789", at - 1) + 1;
    CHECK(std::stoul(daemon.errors().substr(begin, at - begin)) >= 10);
    CHECK(daemon.errors().find("File too large", at) != std::string::npos);
}

TEST_CASE("vexfsd reads the ring before others run; its other threads are as it was started") {
    NEEDS_FUSE("priority");
    if (::geteuid() != 0) {
        std::printf("skipped: priority: not root\n");
        return;
    }
    const TemporaryTree tree;
    const Vexfsd daemon(tree);
    CHECK(reported_nice(tree) == -10);
    CHECK(nice_of(static_cast<id_t>(daemon.pid())) == -10);
    int others = 0;
    for (const auto& task : std::filesystem::directory_iterator(
             "/proc/" + std::to_string(daemon.pid()) + "/task")) {
        const std::string name = read_file(task.path() / "comm");
        const auto thread = static_cast<id_t>(std::stoul(task.path().filename()));
        // The kernel's own belong to the one that reads.
        if (thread != static_cast<id_t>(daemon.pid()) && !is_io_worker(task.path())) {
            INFO(name);
            CHECK(nice_of(thread) == nice_of(0));
            ++others;
        }
    }
    CHECK(others > 2);  // the mount's, and the one that looks after the catalogue
}

TEST_CASE("vexfsd reads the ring with the priority that --nice says") {
    NEEDS_FUSE("priority");
    const TemporaryTree tree;
    const Vexfsd daemon(tree, {"--nice", "7"});
    CHECK(reported_nice(tree) == 7);
    CHECK(nice_of(static_cast<id_t>(daemon.pid())) == 7);
}

TEST_CASE("vexfsd without the right to a priority says so and works") {
    NEEDS_FUSE("priority");
    std::vector<std::string> without;
    if (::geteuid() == 0) {
        without = {"setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"};
    }
    const TemporaryTree tree;
    Vexfsd daemon(tree, {}, without);
    CHECK(reported_nice(tree) == nice_of(0));
    write_file(tree.point("file"), "text");
    CHECK(daemon.end() == 0);
    CHECK(daemon.errors().find("the ring is not read with --nice -10: it needs CAP_SYS_NICE") !=
          std::string::npos);
}

#endif
