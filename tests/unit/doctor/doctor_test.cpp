// SPDX-License-Identifier: Apache-2.0
// The doctor over a fake /sys, /proc and /dev: each problem is named with its one repair.
#include "doctor/doctor.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "config/shell.hpp"
#include "doctor/mounts.hpp"
#include "support/catch.hpp"

using namespace vexfs;

namespace {

// A healthy system; each test breaks one thing.
struct FakeSystem {
    std::string root;
    DoctorWorld world;
    std::map<std::string, int> mount_errors;
    mode_t device_mode = S_IFCHR | 0600;
    int status_error = 0;
    Json status = {{"ok", true}, {"daemon", {{"source", "kernel"}}}};

    FakeSystem() {
        std::string pattern = "/tmp/vexfs-doctor-XXXXXX";
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
        put("/sys/module/vexfs/version", "0.1.0\n");
        put("/dev/vexfs", "");
        put("/sys/kernel/debug/vexfs/stats",
            "operation seen filtered emitted lost\nFileOpen 5 1 4 0\nFileWrite 9 0 9 0\n");
        put("/proc/sys/kernel/io_uring_disabled", "0\n");
        put("/proc/self/mountinfo",
            "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
            "30 22 0:7 / /sys/kernel/debug rw - debugfs debugfs rw\n"
            "40 22 0:50 / /mnt/a\\040b rw,nosuid - fuse.vexfs /srv/it's\\040data rw,user_id=0\n");
        put("/sys/class/misc/vexfs/dev", "10:122\n");
        put("/src/scripts/kmod", "");
        world.root = root;
        world.version = "0.1.0";
        world.release = "6.1.0-test";
        world.source_directory = "/src";
        world.socket = root + "/vexfsd.sock";
        world.stat = [this](const std::string& path, struct stat& info) {
            if (::stat(path.c_str(), &info) != 0) {
                return errno;
            }
            if (path == root + "/dev/vexfs") {
                info.st_mode = device_mode;
                info.st_uid = 0;
            }
            return 0;
        };
        world.probe_mount = [this](const std::string& path) { return mount_errors[path]; };
        world.ask_status = [this](const std::string&) -> Result<ControlAnswer> {
            if (status_error != 0) {
                return Status::error(status_error, "the daemon does not answer");
            }
            return ControlAnswer{true, "", "", status};
        };
    }
    ~FakeSystem() { std::filesystem::remove_all(root); }

    void put(const std::string& path, const std::string& text) const {
        const std::filesystem::path file(root + path);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    // The daemon that has the socket or had it: its process and its command.
    void started_with(const std::string& command) const {
        put("/vexfsd.sock.lock", "4711\n" + command + "\n");
    }
    // The repairs of all problems.
    [[nodiscard]] std::vector<std::string> repairs() const {
        std::vector<std::string> commands;
        for (const Finding& finding : examine(world)) {
            if (finding.severity == Severity::problem && !finding.repair.empty()) {
                commands.push_back(finding.repair);
            }
        }
        return commands;
    }
    void remove(const std::string& path) const { std::filesystem::remove_all(root + path); }

    // The finding of a check; fails the test if there is none.
    [[nodiscard]] Finding find(const std::string& check) const {
        for (const Finding& finding : examine(world)) {
            if (finding.check == check) {
                return finding;
            }
        }
        FAIL("no finding for " << check);
        return {};
    }
    [[nodiscard]] bool has(const std::string& check) const {
        for (const Finding& finding : examine(world)) {
            if (finding.check == check) {
                return true;
            }
        }
        return false;
    }
};

}  // namespace

TEST_CASE("doctor: a healthy system has no findings and no repairs") {
    const FakeSystem system;
    const auto findings = examine(system.world);
    CHECK(worst(findings) == Severity::ok);
    for (const Finding& finding : findings) {
        CHECK(finding.repair.empty());
    }
    for (const char* check :
         {"module", "device", "debugfs", "io_uring", "daemon", "loss", "mount /mnt/a b"}) {
        INFO(check);
        CHECK(system.has(check));
    }
}

TEST_CASE("doctor: the module is not loaded") {
    FakeSystem system;
    system.remove("/sys/module");
    CHECK(system.find("module").severity == Severity::problem);
    CHECK(system.find("module").repair == "/src/scripts/kmod --install && modprobe vexfs");
    CHECK_FALSE(system.has("device"));
    system.put("/lib/modules/6.1.0-test/modules.dep", "extra/vexfs.ko:\n");
    CHECK(system.find("module").repair == "modprobe vexfs");
    system.remove("/lib");
    system.remove("/src");  // no command is known that works: it says what to do
    CHECK(system.find("module").repair.empty());
    CHECK(system.find("module").message.find("scripts/kmod --install") != std::string::npos);

    system.status["daemon"]["source"] = "fuse";
    CHECK(system.find("module").severity == Severity::note);
    CHECK(system.find("module").repair.empty());
}

TEST_CASE("doctor: a daemon that wanted the module and does without it is started again") {
    FakeSystem system;
    system.remove("/sys/module");
    system.status["daemon"]["source"] = "fuse";
    system.started_with("vexfsd --source /a /b");
    CHECK(system.find("module").severity == Severity::warning);
    CHECK(system.find("module").repair ==
          "/src/scripts/kmod --install && modprobe vexfs && kill 4711 && "
          "tail --pid=4711 -f /dev/null && vexfsd --source /a /b");
    system.started_with("vexfsd --source /a /b --no-kmod");
    CHECK(system.find("module").severity == Severity::note);
    system.status_error = ECONNREFUSED;  // nor is the module needed to start that one again
    CHECK(system.find("module").severity == Severity::note);
    CHECK(system.find("daemon").repair == "vexfsd --source /a /b --no-kmod");
}

TEST_CASE("doctor: module and programs of different versions") {
    FakeSystem system;
    system.put("/sys/module/vexfs/version", "0.0.9\n");
    system.started_with("vexfsd --watch /a");
    CHECK(system.find("module").severity == Severity::warning);
    CHECK(system.find("module").message.find("0.0.9") != std::string::npos);
    CHECK(system.find("module").repair ==
          "kill 4711 && tail --pid=4711 -f /dev/null && rmmod vexfs && "
          "/src/scripts/kmod --install && modprobe vexfs && vexfsd --watch /a");
    system.status_error = ENOENT;
    CHECK(system.find("module").repair ==
          "rmmod vexfs && /src/scripts/kmod --install && modprobe vexfs");
    system.remove("/src");
    CHECK(system.find("module").repair.empty());
    system.remove("/sys/module/vexfs/version");
    CHECK(system.find("module").message.find("unknown") != std::string::npos);
}

TEST_CASE("doctor: the device is missing, open to others, or no device") {
    FakeSystem system;
    system.device_mode = S_IFCHR | 0666;
    CHECK(system.find("device").severity == Severity::warning);
    CHECK(system.find("device").message.find("mode 666") != std::string::npos);
    CHECK(system.find("device").repair == "chown root:root /dev/vexfs && chmod 600 /dev/vexfs");
    system.device_mode = S_IFREG | 0600;
    CHECK(system.find("device").severity == Severity::problem);
    CHECK(system.find("device").repair ==
          "rm -r /dev/vexfs && mknod -m 600 /dev/vexfs c 10 122");
    system.remove("/dev/vexfs");
    CHECK(system.find("device").severity == Severity::problem);
    CHECK(system.find("device").repair == "mknod -m 600 /dev/vexfs c 10 122");
}

TEST_CASE("doctor: debugfs is not mounted") {
    const FakeSystem system;
    system.remove("/sys/kernel/debug");
    CHECK(system.find("debugfs").repair == "sudo vexctl doctor");
    system.put("/proc/self/mountinfo", "");
    CHECK(system.find("debugfs").repair == "mount -t debugfs debugfs /sys/kernel/debug");
    CHECK_FALSE(system.has("loss"));
}

TEST_CASE("doctor: io_uring is forbidden") {
    const FakeSystem system;
    system.put("/proc/sys/kernel/io_uring_disabled", "2\n");
    CHECK(system.find("io_uring").severity == Severity::problem);
    CHECK(system.find("io_uring").repair == "sysctl kernel.io_uring_disabled=0");
    system.remove("/proc/sys");  // a kernel that has no such sysctl
    CHECK(system.find("io_uring").severity == Severity::ok);
}

TEST_CASE("doctor: the daemon is not running, dead, stuck or degraded") {
    FakeSystem system;
    system.status_error = ENOENT;
    CHECK(system.find("daemon").severity == Severity::problem);
    CHECK(system.find("daemon").repair.empty());  // what it is to observe is not known
    CHECK(system.find("daemon").message.find("vexfsd --watch DIR") != std::string::npos);
    system.status_error = ECONNREFUSED;
    CHECK(system.find("daemon").message.find("has died") != std::string::npos);
    CHECK(system.find("daemon").repair.empty());
    system.started_with("vexfsd --watch /srv");
    CHECK(system.find("daemon").repair == "vexfsd --watch /srv");  // as it was started
    CHECK(system.find("daemon").message.find("DIR") == std::string::npos);
    system.status_error = ETIMEDOUT;
    CHECK(system.find("daemon").repair ==
          "kill -9 4711 && tail --pid=4711 -f /dev/null && vexfsd --watch /srv");
    system.status_error = 0;
    system.status["degraded"] = Json::array({"the journal's disk is full"});
    const auto findings = examine(system.world);
    CHECK(worst(findings) == Severity::warning);
}

TEST_CASE("doctor: events were lost, by operation") {
    FakeSystem system;
    system.put("/sys/kernel/debug/vexfs/stats",
               "channel 1  pid 131  comm vexfsd\n"
               "  op          seen  filtered  emitted  lost_no_room  lost_other  pushed\n"
               "  FileOpen       5         1        4             0           0       4\n"
               "  FileWrite      9         0        2             6           1       2\n"
               "channel 2  pid 132  comm other\n"
               "  op          seen  filtered  emitted  lost_no_room  lost_other  pushed\n"
               "  FileRename     2         0        0             2           0       0\n");
    CHECK(system.find("loss").severity == Severity::warning);
    CHECK(system.find("loss").message.find("lost 9 events (FileWrite 7, FileRename 2)") !=
          std::string::npos);
    CHECK(system.find("loss").repair.empty());  // it is not known how the daemon was started

    // The daemon that runs has the socket: it must end before another one can start.
    const std::string stop = "kill 4711 && tail --pid=4711 -f /dev/null && ";
    system.status["channel"] = {{"class_m_bytes", 2U << 20U}, {"class_d_bytes", 4U << 20U}};
    system.started_with("vexfsd --watch /a");
    CHECK(system.find("loss").repair == stop + "vexfsd --watch /a --ring-bytes 16384K");
    system.status["channel"] = {{"class_m_bytes", 16384}, {"class_d_bytes", 16384}};
    system.started_with("vexfsd --ring-bytes 16K --watch /a");
    CHECK(system.find("loss").repair == stop + "vexfsd --watch /a --ring-bytes 64K");
    system.status["channel"] = {{"class_m_bytes", 256U << 20U}, {"class_d_bytes", 256U << 20U}};
    CHECK(system.find("loss").repair.empty());  // they cannot be larger
}

TEST_CASE("doctor: a mount whose daemon has died is recovered with one command") {
    FakeSystem system;
    system.mount_errors["/mnt/a b"] = ENOTCONN;
    system.status_error = ECONNREFUSED;
    const Finding finding = system.find("mount /mnt/a b");
    CHECK(finding.severity == Severity::problem);
    CHECK(finding.repair ==
          "umount -l '/mnt/a b' && vexfsd --source '/srv/it'\\''s data' '/mnt/a b'");
    CHECK(system.repairs() == std::vector{finding.repair});

    system.started_with("vexfsd --config /etc/v.toml --source /x '/mnt/a b'");
    const std::string whole =
        "umount -l '/mnt/a b' && vexfsd --config /etc/v.toml --source /x '/mnt/a b'";
    CHECK(system.find("mount /mnt/a b").repair == whole);
    CHECK(system.find("daemon").repair.empty());  // the mount's repair starts it
    CHECK(system.repairs() == std::vector{whole});

    system.remove("/sys/module");  // nor is the module there any more: still one command
    CHECK(system.repairs() ==
          std::vector{"/src/scripts/kmod --install && modprobe vexfs && " + whole});
}

TEST_CASE("doctor: a stuck daemon and its mount are recovered with one command") {
    FakeSystem system;
    system.mount_errors["/mnt/a b"] = ETIMEDOUT;
    system.status_error = ETIMEDOUT;
    system.started_with("vexfsd --source /x '/mnt/a b'");
    CHECK(system.repairs() ==
          std::vector<std::string>{"kill -9 4711 && tail --pid=4711 -f /dev/null && "
                                   "umount -f -l '/mnt/a b' && vexfsd --source /x '/mnt/a b'"});
}

TEST_CASE("doctor: a dead mount beside a daemon that is not its own is taken away") {
    FakeSystem system;
    system.mount_errors["/mnt/a b"] = ENOTCONN;
    CHECK(system.repairs() == std::vector<std::string>{"umount -l '/mnt/a b'"});
    system.mount_errors["/mnt/a b"] = ETIMEDOUT;
    CHECK(system.repairs() == std::vector<std::string>{"umount -f -l '/mnt/a b'"});
    system.mount_errors["/mnt/a b"] = ENOTCONN;
    system.status_error = ECONNREFUSED;
    system.started_with("vexfsd --watch /a");
    CHECK(system.repairs() ==
          std::vector<std::string>{"vexfsd --watch /a", "umount -l '/mnt/a b'"});
}

TEST_CASE("doctor: where the module cannot be loaded, the repair of a mount does without it") {
    FakeSystem system;
    system.status_error = ENOENT;
    system.mount_errors["/mnt/a b"] = ENOTCONN;
    system.remove("/sys/module");
    CHECK_FALSE(system.find("mount /mnt/a b").repair.ends_with(" --no-kmod"));
    system.remove("/src");
    CHECK(system.find("mount /mnt/a b").repair.ends_with(" --no-kmod"));
}

TEST_CASE("doctor: findings as JSON") {
    FakeSystem system;
    system.status_error = ENOENT;
    system.started_with("vexfsd --watch /a");
    const Json json = findings_json(examine(system.world));
    bool found = false;
    for (const Json& entry : json) {
        if (entry.at("check") == "daemon") {
            found = true;
            CHECK(entry.at("severity") == "problem");
            CHECK(entry.at("repair") == "vexfsd --watch /a");
        }
    }
    CHECK(found);
}

TEST_CASE("mountinfo: optional fields, escapes and damaged lines") {
    const auto mounts = parse_mountinfo(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw\n"
        "37 35 0:9 / /a\\134b\\011c rw - tmpfs none rw\n"
        "damaged - line\n"
        "38 35 0:9 / /x rw -\n"
        "\n");
    REQUIRE(mounts.size() == 2);
    CHECK(mounts[0].mountpoint == "/mnt2");
    CHECK(mounts[0].fstype == "ext3");
    CHECK(mounts[0].source == "/dev/root");
    CHECK(mounts[1].mountpoint == "/a\\b\tc");
}

TEST_CASE("shell quoting: a path stays one word") {
    CHECK(shell_quote("/mnt/data") == "/mnt/data");
    CHECK(shell_quote("/mnt/my data") == "'/mnt/my data'");
    CHECK(shell_quote("a'b") == "'a'\\''b'");
    CHECK(shell_quote("$(reboot)") == "'$(reboot)'");
    CHECK(shell_quote("") == "''");
}
