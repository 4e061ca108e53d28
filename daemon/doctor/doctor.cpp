// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "config/shell.hpp"
#include "doctor/kernel_stats.hpp"
#include "doctor/mounts.hpp"
#include "doctor/repair.hpp"

namespace vexfs {
namespace {

constexpr const char* kModuleDir = "/sys/module/vexfs";
constexpr const char* kDebugDir = "/sys/kernel/debug";

class Examination {
  public:
    explicit Examination(const DoctorWorld& world) : world_(world) {}

    std::vector<Finding> run() {
        ask_daemon();
        read_lock();
        check_module();
        check_device();
        check_debugfs();
        check_io_uring();
        check_daemon();
        check_loss();
        check_mounts();
        join_recovery();
        return std::move(findings_);
    }

  private:
    void report(std::string check, Severity severity, std::string message,
                std::string repair = {}) {
        findings_.push_back({std::move(check), severity, std::move(message), std::move(repair)});
    }
    // A problem whose repair is a step of bringing this daemon back: join_recovery() makes one
    // command of all such steps.
    void report_broken(std::string check, std::string message, std::string repair) {
        report(std::move(check), Severity::problem, std::move(message), std::move(repair));
        broken_.push_back(findings_.size() - 1);
    }
    [[nodiscard]] bool exists(const std::string& path) const {
        struct stat info {};
        return world_.stat(world_.root + path, info) == 0;
    }
    [[nodiscard]] std::optional<std::string> read(const std::string& path) const {
        std::ifstream file(world_.root + path);
        std::ostringstream text;
        if (!file || !(text << file.rdbuf())) {
            return std::nullopt;
        }
        return text.str();
    }
    [[nodiscard]] std::optional<std::string> read_word(const std::string& path) const {
        auto text = read(path);
        if (text) {
            text->erase(std::min(text->find_first_of(" \t\n"), text->size()));
        }
        return text;
    }

    // Loads the module; empty when there is no command that does.
    [[nodiscard]] std::string load_command(bool rebuild) const;
    // Ends the daemon; empty when it is not known which process it is.
    [[nodiscard]] std::string stop_command(bool force) const {
        return pid_.empty() ? "" : kill_and_wait(pid_, force);
    }
    void ask_daemon();
    void read_lock();
    void check_module_version(const std::string& version);
    void check_module();
    void check_device();
    void check_debugfs();
    void check_io_uring();
    void check_daemon();
    void check_loss();
    void check_mounts();
    void check_mount(const MountEntry& mount);
    void join_recovery();

    const DoctorWorld& world_;
    std::vector<Finding> findings_;
    bool module_ = false;
    bool without_module_ = false;  // the daemon runs and does without
    Status status_error_;          // why the daemon did not answer
    Json status_;                  // its answer, or null
    std::string pid_;              // of the daemon that owns or owned the socket
    std::string command_;          // that starts it again; empty: not known
    Recovery recovery_;
    std::vector<std::size_t> broken_;  // the findings that recovery_ repairs
};

void Examination::ask_daemon() {
    auto answer = world_.ask_status(world_.socket);
    if (!answer) {
        status_error_ = answer.status();
    } else if (!answer->ok) {
        status_error_ = Status::error(EPROTO, "vexfsd answers with an error: " + answer->error);
    } else {
        status_ = answer->json;
        const auto daemon = status_.find("daemon");
        without_module_ = daemon != status_.end() && daemon->is_object() &&
                          daemon->contains("source") && (*daemon)["source"] == "fuse";
    }
}

void Examination::read_lock() {
    std::ifstream lock(world_.socket + ".lock");
    std::getline(lock, pid_);
    std::getline(lock, command_);
}

std::string Examination::load_command(bool rebuild) const {
    const std::string script = world_.source_directory + "/scripts/kmod";
    const auto modules = read("/lib/modules/" + world_.release + "/modules.dep").value_or("");
    if (!rebuild && modules.find("/vexfs.ko") != std::string::npos) {
        return "modprobe vexfs";
    }
    return exists(script) ? shell_quote(script) + " --install && modprobe vexfs" : "";
}

void Examination::check_module() {
    module_ = exists(kModuleDir);
    if (module_) {
        const auto version = read_word(std::string(kModuleDir) + "/version");
        check_module_version(version.value_or("unknown"));
        return;
    }
    if (without_module_ && !has_word(command_, "--no-kmod") && !command_.empty()) {
        report("module", Severity::warning,
               "the kernel module is not loaded: vexfsd had to do without it",
               join({load_command(false), stop_command(false), command_}));
        return;
    }
    if (without_module_) {
        report("module", Severity::note,
               "the kernel module is not loaded; vexfsd runs without it and observes its mount "
               "only");
        return;
    }
    if (status_.is_null() && has_word(command_, "--no-kmod")) {
        report("module", Severity::note,
               "the kernel module is not loaded; vexfsd was told to do without it");
        return;
    }
    recovery_.load = load_command(false);
    report_broken("module",
                  std::string("the kernel module vexfs is not loaded") +
                      (recovery_.load.empty() ? ", nor installed for this kernel: build it with "
                                                "scripts/kmod --install in VexFS's source folder"
                                              : ""),
                  recovery_.load);
}

void Examination::check_module_version(const std::string& version) {
    if (version == world_.version) {
        report("module", Severity::ok, "loaded, version " + version);
        return;
    }
    const std::string load = load_command(true);
    const bool running = !status_.is_null();
    const bool known = !load.empty() && (!running || (!pid_.empty() && !command_.empty()));
    report("module", Severity::warning,
           "the loaded module has version " + version + ", the programs have " + world_.version,
           !known ? ""
                  : join({running ? stop_command(false) : "", "rmmod vexfs", load,
                          running ? command_ : ""}));
}

void Examination::check_device() {
    if (!module_) {
        return;
    }
    // The kernel makes the device's file once; one that was removed does not come back by itself.
    std::string number = read_word("/sys/class/misc/vexfs/dev").value_or("");
    std::replace(number.begin(), number.end(), ':', ' ');
    const std::string make = number.empty() ? "" : "mknod -m 600 /dev/vexfs c " + number;
    struct stat info {};
    const int err = world_.stat(world_.root + "/dev/vexfs", info);
    if (err != 0) {
        report("device", Severity::problem,
               std::string("the module is loaded, but /dev/vexfs: ") + Status::describe(err), make);
        return;
    }
    if (!S_ISCHR(info.st_mode)) {
        report("device", Severity::problem, "/dev/vexfs is not a device",
               join({"rm -r /dev/vexfs", make}));
        return;
    }
    if ((info.st_mode & 07777) != 0600 || info.st_uid != 0) {
        std::ostringstream message;
        message << "/dev/vexfs has mode " << std::oct << (info.st_mode & 07777) << std::dec
                << " and owner " << info.st_uid << " instead of 600 and root";
        report("device", Severity::warning, message.str(),
               "chown root:root /dev/vexfs && chmod 600 /dev/vexfs");
        return;
    }
    report("device", Severity::ok, "/dev/vexfs is there, for root only");
}

void Examination::check_debugfs() {
    if (!module_) {
        return;
    }
    const std::string directory(kDebugDir);
    if (read(directory + "/vexfs/stats")) {
        report("debugfs", Severity::ok, directory + "/vexfs/stats can be read");
        return;
    }
    const auto mountinfo = read("/proc/self/mountinfo").value_or("");
    const auto mounts = parse_mountinfo(mountinfo);
    const bool mounted = std::any_of(mounts.begin(), mounts.end(),
                                     [](const MountEntry& m) { return m.fstype == "debugfs"; });
    if (!mounted) {
        report("debugfs", Severity::note,
               "debugfs is not mounted: the module's counters cannot be read",
               "mount -t debugfs debugfs /sys/kernel/debug");
    } else {
        report("debugfs", Severity::note,
               directory + "/vexfs/stats cannot be read: run vexctl doctor as root",
               "sudo vexctl doctor");
    }
}

void Examination::check_io_uring() {
    const auto disabled = read_word("/proc/sys/kernel/io_uring_disabled");
    if (disabled && *disabled == "2") {
        report("io_uring", Severity::problem,
               "the sysctl kernel.io_uring_disabled is 2: vexfsd cannot start",
               "sysctl kernel.io_uring_disabled=0");
    } else if (disabled && *disabled == "1") {
        report("io_uring", Severity::note,
               "the sysctl kernel.io_uring_disabled is 1: only root can run vexfsd");
    } else {
        report("io_uring", Severity::ok, "allowed");
    }
}

void Examination::check_daemon() {
    const std::string& socket = world_.socket;
    if (!status_.is_null()) {
        report("daemon", Severity::ok, "vexfsd answers at " + socket);
        const auto degraded = status_.find("degraded");
        if (degraded != status_.end() && degraded->is_array()) {
            for (const Json& reason : *degraded) {
                report("daemon", Severity::warning,
                       "vexfsd is degraded: " +
                           (reason.is_string() ? reason.get<std::string>() : reason.dump()));
            }
        }
        return;
    }
    recovery_.start = command_;
    const std::string how = command_.empty() ? " (start it with vexfsd --watch DIR)" : "";
    switch (status_error_.code()) {
        case ENOENT:
            report_broken("daemon", "vexfsd is not running: no socket at " + socket + how,
                          command_);
            return;
        case ECONNREFUSED:  // vexfsd replaces the socket of a dead one
            report_broken("daemon",
                          "vexfsd is not running; the one that made " + socket + " has died" + how,
                          command_);
            return;
        case ETIMEDOUT:
            recovery_.stop = stop_command(true);
            report_broken("daemon",
                          "vexfsd has the socket and has not answered for " +
                              std::to_string(kDoctorPatience.count()) + " s: it is stuck" +
                              (pid_.empty() ? ", and its process is not known" : how),
                          join({recovery_.stop, command_}));
            return;
        default:
            report("daemon", Severity::problem, status_error_.message());
    }
}

void Examination::check_loss() {
    const auto text = read(std::string(kDebugDir) + "/vexfs/stats");
    if (!text) {
        return;
    }
    std::uint64_t sum = 0;
    std::string list;
    for (const LostCount& lost : lost_events(*text)) {
        sum += lost.count;
        list += (list.empty() ? "" : ", ") + lost.operation + " " + std::to_string(lost.count);
    }
    if (sum == 0) {
        report("loss", Severity::ok, "the module has lost no event");
        return;
    }
    const std::string larger = with_larger_rings(command_, status_);
    report("loss", Severity::warning,
           "the module has lost " + std::to_string(sum) + " events (" + list +
               "): the rings were full; the gaps stand in the stream",
           larger.empty() || pid_.empty() ? "" : join({stop_command(false), larger}));
}

void Examination::check_mounts() {
    const auto mounts = parse_mountinfo(read("/proc/self/mountinfo").value_or(""));
    std::set<std::string> seen;
    for (const MountEntry& mount : mounts) {
        if (mount.fstype == "fuse.vexfs" && seen.insert(mount.mountpoint).second) {
            check_mount(mount);
        }
    }
}

void Examination::check_mount(const MountEntry& mount) {
    const std::string check = "mount " + mount.mountpoint;
    const std::string point = shell_quote(mount.mountpoint);
    const int err = world_.probe_mount(mount.mountpoint);
    const bool dead = err == ENOTCONN || err == ECONNABORTED;
    if (err == 0) {
        report(check, Severity::ok, "shows " + mount.source);
        return;
    }
    if (!dead && err != ETIMEDOUT) {
        report(check, Severity::warning,
               std::string("cannot look at it: ") + Status::describe(err));
        return;
    }
    const std::string message = dead ? "the vexfsd that served this mount has died"
                                     : "the vexfsd that serves this mount does not answer";
    const std::string unmount = (dead ? "umount -l " : "umount -f -l ") + point;
    // The socket's daemon may be another one than the mount's.
    const bool same = has_word(command_, point);
    if (!status_.is_null() && !same) {
        report(check, Severity::problem, message, unmount);
        return;
    }
    const bool with_module = module_ || !recovery_.load.empty();
    if (!same && recovery_.start.empty()) {
        recovery_.start = "vexfsd --source " + shell_quote(mount.source) + " " + point +
                          (with_module ? "" : " --no-kmod");
    } else if (!same) {
        report(check, Severity::problem, message, unmount);
        return;
    }
    recovery_.unmount.push_back(unmount);
    report_broken(check, message, join({unmount, recovery_.start}));
}

// What belongs to one dead daemon has one repair, at its last finding: module, mount and daemon.
void Examination::join_recovery() {
    if (broken_.size() < 2) {
        return;
    }
    for (const std::size_t index : broken_) {
        findings_[index].repair.clear();
    }
    findings_[broken_.back()].repair = recovery_.command();
}

}  // namespace

std::vector<Finding> examine(const DoctorWorld& world) {
    return Examination(world).run();
}

}  // namespace vexfs
