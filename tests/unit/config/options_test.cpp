// SPDX-License-Identifier: Apache-2.0
#include "config/options.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "abi/ioctl.h"
#include "base/fd.hpp"
#include "config/settings.hpp"
#include "op_table.h"
#include "support/catch.hpp"

using namespace vexfs;

namespace {

Result<Options> parse(std::vector<const char*> args) {
    args.insert(args.begin(), "vexfsd");
    return parse_options(static_cast<int>(args.size()), args.data());
}

// The message of a usage error; fails the test if there is none.
std::string refused(const std::vector<const char*>& args) {
    const auto options = parse(args);
    REQUIRE_FALSE(options.ok());
    return options.status().message();
}

bool contains(const std::string& text, const std::string& part) {
    INFO(text);
    return text.find(part) != std::string::npos;
}

struct ConfigFile {
    std::string dir;
    std::string path;
    explicit ConfigFile(const std::string& text) {
        std::string pattern = "/tmp/vexfs-config-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        dir = pattern;
        path = dir + "/vexfsd.toml";
        std::ofstream(path) << text;
    }
    ~ConfigFile() { std::filesystem::remove_all(dir); }
};

}  // namespace

TEST_CASE("options: defaults") {
    const auto options = parse({"--watch", "/srv"});
    REQUIRE(options.ok());
    CHECK(options->action == Options::Action::run);
    REQUIRE(options->watches.size() == 1);
    CHECK(options->watches[0].path == "/srv");
    CHECK_FALSE(options->watches[0].whole_fs);
    CHECK(options->ops == VX_OPS_DEFAULT);
    CHECK(options->detail == 0);
    CHECK(options->pushback == (1U << VX_UOP_COUNT) - 1);
    CHECK(options->journal == "/var/lib/vexfs");
    CHECK(options->socket == "/run/vexfs/vexfsd.sock");
    CHECK(options->log_level == "info");
    CHECK(options->ring_bytes == 0);
    CHECK(options->linger_s == 60);
    CHECK(options->nice == -10);
    CHECK(options->compress == journal::Compression::none);
    CHECK(options->catalogue);
    CHECK_FALSE(parse({"--watch", "/srv", "--catalogue=false"})->catalogue);
    CHECK(parse({"--watch", "/srv", "--compress", "gzip"}).status().code() == EINVAL);
    CHECK(parse({"--watch", "/srv", "--linger", "86400"}).ok());
    CHECK(parse({"--watch", "/srv", "--linger", "86401"}).status().code() == EINVAL);
    CHECK(parse({"--watch", "/srv", "--linger", "1m"}).status().code() == EINVAL);
    CHECK(parse({"--watch", "/srv", "--nice", "-20"})->nice == -20);
    CHECK(parse({"--watch", "/srv", "--nice=19"})->nice == 19);
    CHECK(parse({"--watch", "/srv", "--nice", "-21"}).status().code() == EINVAL);
    CHECK(parse({"--watch", "/srv", "--nice", "20"}).status().code() == EINVAL);
    CHECK(parse({"--watch", "/srv", "--nice", "high"}).status().code() == EINVAL);
    CHECK_FALSE(options->foreground);
    CHECK_FALSE(options->no_kmod);
}

TEST_CASE("options: the whole command line") {
    const auto options = parse({"--source",
                                "/data",
                                "/mnt/data",
                                "--watch",
                                "/a",
                                "--watch=/b/",
                                "--watch-fs",
                                "/c",
                                "--ops",
                                "all,-FileRead",
                                "--detail",
                                "failed,range",
                                "--pushback",
                                "graphnodecreate,VectorEmbed",
                                "--journal",
                                "/var/j",
                                "--socket",
                                "/run/x.sock",
                                "--log-level",
                                "debug",
                                "--ring-bytes",
                                "64K",
                                "--push-bytes",
                                "1M",
                                "--fuse-threads",
                                "3",
                                "--cache-timeout",
                                "2.5",
                                "--foreground",
                                "--allow-other"});
    INFO(options.status().message());
    REQUIRE(options.ok());
    CHECK(options->source == "/data");
    CHECK(options->mountpoint == "/mnt/data");
    REQUIRE(options->watches.size() == 3);
    CHECK(options->watches[1].path == "/b");
    CHECK(options->watches[2].path == "/c");
    CHECK(options->watches[2].whole_fs);
    CHECK(options->ops == (VX_OPS_ALL & ~VX_OP_BIT(VX_OP_FILE_READ)));
    CHECK(options->detail == (VX_DETAIL_FAILED | VX_DETAIL_RANGE));
    CHECK(options->pushback == ((1U << VX_UOP_GRAPH_NODE_CREATE) | (1U << VX_UOP_VECTOR_EMBED)));
    CHECK(options->journal == "/var/j");
    CHECK(options->socket == "/run/x.sock");
    CHECK(options->log_level == "debug");
    CHECK(options->ring_bytes == 65536);
    CHECK(options->push_bytes == 1U << 20U);
    CHECK(options->fuse_threads == 3);
    CHECK(options->cache_timeout_s == 2.5);
    CHECK(options->foreground);
    CHECK(options->allow_other);
}

TEST_CASE("options: --watch takes one path and leaves the mount point alone") {
    const auto options = parse({"--source", "/data", "--watch", "/a", "/mnt"});
    REQUIRE(options.ok());
    CHECK(options->watches.size() == 1);
    CHECK(options->mountpoint == "/mnt");
}

TEST_CASE("options: relative paths become absolute") {
    const auto options = parse({"--watch", "some/../dir"});
    REQUIRE(options.ok());
    CHECK(options->watches[0].path == std::filesystem::current_path().string() + "/dir");
}

TEST_CASE("options: usage errors say which flag and what is accepted") {
    CHECK(contains(refused({}), "nothing to observe: give --watch PATH"));
    CHECK(contains(refused({"--watch", "/x", "--retain-bytes", "100K"}),
                   "--retain-bytes: 102400 bytes: must be 1M or more, or 0 for no limit"));
    CHECK(contains(refused({"--watch", "/x", "--retain-age", "1w"}), "is not a time"));
    CHECK(contains(refused({"--watch", "/x", "--retain-max", "1G"}),
                   "--retain-max must not be less than --retain-bytes"));
    CHECK(parse({"--watch", "/x", "--retain-bytes", "0", "--retain-max", "1G"}).ok());
    CHECK(contains(refused({"--wach", "/x"}), "--wach"));
    CHECK(contains(refused({"--source", "/x"}), "--source needs a MOUNTPOINT"));
    CHECK(contains(refused({"/mnt"}), "needs --source DIR"));
    CHECK(contains(refused({"--watch", "/x", "--no-kmod"}), "does not go with --no-kmod"));
    CHECK(contains(refused({"--watch"}), "--watch"));
    CHECK(contains(refused({"--watch", ""}), "--watch: the path is empty"));
    CHECK(contains(refused({"--watch", "/x", "--ops", "FileRed"}), "did you mean FileRead?"));
    CHECK(contains(refused({"--watch", "/x", "--detail", "faild"}), "did you mean failed?"));
    CHECK(contains(refused({"--watch", "/x", "--ops", "zzzzzzzzzzzzzz"}), "known are FileOpen,"));
    CHECK(contains(refused({"--watch", "/x", "--ops", "FileOpen,,FileRead"}), "is missing"));
    CHECK(contains(refused({"--watch", "/x", "--ops", "all,-all"}), "nothing would be observed"));
    CHECK(
        contains(refused({"--watch", "/x", "--pushback", "FileOpen"}), "--pushback: there is no"));
    CHECK(contains(refused({"--watch", "/x", "--conflicts", "*:**=newest"}),
                   "--conflicts: \"*:**=newest\": there is no strategy \"newest\""));
    CHECK(contains(refused({"--watch", "/x", "--ring-bytes", "100000"}),
                   "--ring-bytes: 100000 bytes: must be a power of two from 16384 to 268435456"));
    CHECK(contains(refused({"--watch", "/x", "--ring-bytes", "8K"}), "must be a power of two"));
    CHECK(contains(refused({"--watch", "/x", "--ring-bytes", "1X"}), "is not a size"));
    CHECK(contains(refused({"--watch", "/x", "--push-bytes", "32M"}), "from 16384 to 16777216"));
    CHECK(contains(refused({"--watch", "/x", "--log-level", "loud"}), "use one of trace, debug"));
    CHECK(contains(refused({"--watch", "/x", "--cache-timeout", "soon"}),
                   "is not a number of seconds"));
    CHECK(contains(refused({"--watch", "/x", "--cache-timeout", "-1"}),
                   "is not a number of seconds"));
    CHECK(contains(refused({"--watch", "/x", "--fuse-threads", "many"}), "number of threads"));
    CHECK(contains(refused({"--watch", "/x", "--journal", "/a", "--journal", "/b"}), "--journal"));
    CHECK(contains(refused({"--watch", "/x", "--config", "/nonexistent.toml"}),
                   "--config: /nonexistent.toml: No such file or directory"));
    CHECK(contains(refused({"--watch", "/x", "--config", "/tmp"}), "--config: /tmp"));
    CHECK(contains(refused({"--wach", "/x"}), "Try `vexfsd --help`."));
}

TEST_CASE("options: the command that starts the daemon again works from any directory") {
    const std::string here = std::filesystem::current_path().string();
    CHECK(parse({"--watch", "/a b"})->command == "vexfsd --watch '/a b'");
    CHECK(parse({"--source", "s", "m", "--journal=j", "--no-kmod", "--foreground=false", "--ops",
                 "all,-FileRead"})
              ->command == "vexfsd --source " + here + "/s " + here +
                               "/m --ops all,-FileRead --no-kmod --journal " + here +
                               "/j --foreground=false");
    const char* by_path[] = {"./vexfsd", "--watch", "/a", "--watch", "b"};
    CHECK(parse_options(5, by_path)->command == here + "/vexfsd --watch /a --watch " + here + "/b");
}

TEST_CASE("options: help names every option with units and defaults") {
    const auto options = parse({"--help"});
    REQUIRE(options.ok());
    CHECK(options->action == Options::Action::print);
    for (const Setting& setting : settings()) {
        const std::string name = setting.name;
        CHECK(
            contains(options->text, name == "mountpoint" ? "mountpoint MOUNTPOINT" : "--" + name));
    }
    CHECK(contains(options->text, "SECONDS"));
    CHECK(contains(options->text, "[default: /run/vexfs/vexfsd.sock]"));
    CHECK(contains(options->text, "--config FILE"));
    CHECK(contains(options->text, "HardlinkCreate"));
    CHECK(contains(options->text, "VectorIndexRebuild"));
}

TEST_CASE("options: version") {
    const auto options = parse({"--version"});
    REQUIRE(options.ok());
    CHECK(options->text == std::string("vexfsd ") + VEXFS_VERSION + "\n");
}

TEST_CASE("config: every setting can stand in the file") {
    const ConfigFile file(R"(
source = "/data"
mountpoint = "/mnt"
watch = ["/a", "/b"]
watch-fs = "/c"
ops = ["FileCreate", "FileDelete"]
detail = "range,duration"
pushback = "none"
conflicts = ["Vector*:/srv/**=merge", "*:**=last-writer-wins"]
no-kmod = false
ring-bytes = 65536
push-bytes = "1M"
linger = 5
nice = -3
journal = "j"
durability = "commit"
sync-interval = 0.25
segment-bytes = "8M"
retain-bytes = "1G"
retain-age = "7d"
retain-max = "3G"
compress = "zstd"
catalogue = false
socket = "s.sock"
allow-other = true
read-only = true
fuse-threads = 5
cache-timeout = 1.5
fallback-timeout = 2
log-level = "warn"
log-file = "log"
foreground = true
)");
    const auto options = parse({"--config", file.path.c_str()});
    INFO(options.status().message());
    REQUIRE(options.ok());
    CHECK(options->source == "/data");
    CHECK(options->mountpoint == "/mnt");
    REQUIRE(options->watches.size() == 3);
    CHECK(options->watches[2].whole_fs);
    CHECK(options->ops == (VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_DELETE)));
    CHECK(options->detail == (VX_DETAIL_RANGE | VX_DETAIL_DURATION));
    CHECK(options->pushback == 0);
    CHECK(options->conflicts.choose(1U << VX_UOP_VECTOR_UPDATE, "/srv/a") ==
          pushback::Strategy::merge);
    CHECK(options->conflicts.choose(1U << VX_UOP_VECTOR_UPDATE, "/a") ==
          pushback::Strategy::last_writer_wins);
    CHECK(options->ring_bytes == 65536);
    CHECK(options->push_bytes == 1U << 20U);
    CHECK(options->linger_s == 5);
    CHECK(options->nice == -3);
    CHECK(options->journal == file.dir + "/j");
    CHECK(options->durability == journal::Durability::commit);
    CHECK(options->sync_interval_s == 0.25);
    CHECK(options->segment_bytes == 8U << 20U);
    CHECK(options->retention.bytes == 1U << 30U);
    CHECK(options->retention.age_s == 7 * 86'400);
    CHECK(options->retention.max_bytes == 3ULL << 30U);
    CHECK(options->compress == journal::Compression::zstd);
    CHECK_FALSE(options->catalogue);
    CHECK(options->socket == file.dir + "/s.sock");
    CHECK(options->allow_other);
    CHECK(options->read_only);
    CHECK(options->fuse_threads == 5);
    CHECK(options->cache_timeout_s == 1.5);
    CHECK(options->fallback_timeout_s == 2);
    CHECK(options->log_level == "warn");
    CHECK(options->log_file == file.dir + "/log");
    CHECK(options->foreground);
    CHECK(options->config == file.path);
    const auto values = read_config(file.path);
    REQUIRE(values.ok());
    CHECK(values->size() == settings().size());  // or the text above has missed one
}

TEST_CASE("config: the command line wins, key by key") {
    const ConfigFile file("watch = [\"/a\", \"/b\"]\nlog-level = \"warn\"\nforeground = true\n");
    const auto options =
        parse({"--config", file.path.c_str(), "--watch", "/c", "--foreground=false"});
    REQUIRE(options.ok());
    REQUIRE(options->watches.size() == 1);
    CHECK(options->watches[0].path == "/c");
    CHECK(options->log_level == "warn");
    CHECK_FALSE(options->foreground);
}

TEST_CASE("config: errors name file, line and key") {
    struct Case {
        const char* text;
        const char* message;
    };
    for (const Case& c : {
             Case{"watch = \"/a\"\n\nwach = \"/b\"\n",
                  ":3: unknown key \"wach\"; did you mean \"watch\"?"},
             Case{"[daemon]\nwatch = \"/a\"\n", ":1: unknown key \"daemon\""},
             Case{"watch = \"/a\"\nforeground = \"yes\"\n",
                  ":2: foreground: must be true or false"},
             Case{"watch = 7\n", ":1: watch: must be a string or an array of strings"},
             Case{"watch = [1]\n", ":1: watch: must be a string or an array of strings"},
             Case{"journal = [\"a\"]\n", ":1: journal: must be a string or a number"},
             Case{"watch = \"/a\"\nops = \"FileFly\"\n",
                  ":2: ops: there is no operation \"FileFly\""},
             Case{"watch = \"/a\nops\n", ":1: "},
             Case{"watch = \"/a\"\nwatch = \"/b\"\n", ":2: "},
         }) {
        const ConfigFile file(c.text);
        const std::string message = refused({"--config", file.path.c_str()});
        CHECK(contains(message, file.path + c.message));
    }
}

TEST_CASE("config: an empty file says nothing") {
    const ConfigFile file("");
    CHECK(parse({"--config", file.path.c_str(), "--watch", "/a"}).ok());
}

TEST_CASE("options: a relative --config where the working directory is gone is refused") {
    const ConfigFile file("watch = [\"data\"]\n");
    const UniqueFd here(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::string gone = file.dir + "/gone";
    REQUIRE(::mkdir(gone.c_str(), 0700) == 0);
    REQUIRE(::chdir(gone.c_str()) == 0);
    REQUIRE(::rmdir(gone.c_str()) == 0);
    const auto options = parse({"--config", "../vexfsd.toml"});
    REQUIRE(::fchdir(here.get()) == 0);
    REQUIRE_FALSE(options.ok());
    CHECK(contains(options.status().message(),
                   "--config: the working directory, for ../vexfsd.toml: "
                   "No such file or directory"));
}
