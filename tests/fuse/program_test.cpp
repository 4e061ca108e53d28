// SPDX-License-Identifier: Apache-2.0
// vexfsd as a program: what it says, and with which status it ends.
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
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
    explicit Vexfsd(const TemporaryTree& tree) : Program(VEXFS_VEXFSD, arguments(tree)) {
        REQUIRE(complains("ready: "));
    }

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
    static std::vector<std::string> arguments(const TemporaryTree& tree) {
        ::signal(SIGXFSZ, SIG_IGN);  // inherited: a write over the limit fails instead
        return {"--no-kmod", "--foreground", "--source", tree.source(), tree.point(),
                "--journal", tree.root() + "/journal", "--ops", "all",
                "--socket", tree.root() + "/socket"};
    }
};

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

#endif
