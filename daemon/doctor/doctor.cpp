// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "config/shell.hpp"
#include "doctor/mounts.hpp"
#include "op_table.h"

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
        return std::move(findings_);
    }

  private:
    void report(std::string check, Severity severity, std::string message,
                std::string repair = {}) {
        findings_.push_back({std::move(check), severity, std::move(message), std::move(repair)});
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

    void ask_daemon();
    void read_lock();
    void check_module();
    void check_device();
    void check_debugfs();
    void check_io_uring();
    void check_daemon();
    void check_loss();
    void check_mounts();

    const DoctorWorld& world_;
    std::vector<Finding> findings_;
    bool module_ = false;
    bool without_module_ = false;  // the daemon runs and does without
    Status status_error_;          // why the daemon did not answer
    Json status_;                  // its answer, or null
    std::string pid_;              // of the daemon that owns or owned the socket
    std::string command_;          // that starts it again; empty: not known
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

void Examination::check_module() {
    module_ = exists(kModuleDir);
    if (!module_) {
        report("module", without_module_ ? Severity::note : Severity::problem,
               without_module_ ? "the kernel module is not loaded; vexfsd runs without it and "
                                 "observes its mount only"
                               : "the kernel module vexfs is not loaded",
               without_module_ ? "" : "modprobe vexfs");
        return;
    }
    const auto version = read_word(std::string(kModuleDir) + "/version");
    if (!version) {
        report("module", Severity::ok, "loaded");
    } else if (*version != world_.version) {
        report(
            "module", Severity::warning,
            "the loaded module has version " + *version + ", the programs have " + world_.version,
            "modprobe -r vexfs && modprobe vexfs");
    } else {
        report("module", Severity::ok, "loaded, version " + *version);
    }
}

void Examination::check_device() {
    if (!module_) {
        return;
    }
    struct stat info {};
    const int err = world_.stat(world_.root + "/dev/vexfs", info);
    if (err != 0) {
        report("device", Severity::problem,
               std::string("the module is loaded, but /dev/vexfs: ") + Status::describe(err),
               "udevadm trigger --name-match=vexfs");
        return;
    }
    if (!S_ISCHR(info.st_mode)) {
        report("device", Severity::problem, "/dev/vexfs is not a device",
               "rm -r /dev/vexfs && udevadm trigger --name-match=vexfs");
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
    const std::string start = command_.empty() ? "vexfsd --watch DIR" : command_;
    switch (status_error_.code()) {
        case ENOENT:
            report("daemon", Severity::problem, "vexfsd is not running: no socket at " + socket,
                   start);
            return;
        case ECONNREFUSED:  // vexfsd replaces the socket of a dead one
            report("daemon", Severity::problem,
                   "vexfsd is not running; the one that made " + socket + " has died", start);
            return;
        case ETIMEDOUT:
            report("daemon", Severity::problem,
                   "vexfsd has the socket but does not answer: it is stuck",
                   (pid_.empty() ? "pkill -9 -x vexfsd" : "kill -9 " + pid_) + " && " + start);
            return;
        default:
            report("daemon", Severity::problem, status_error_.message());
    }
}

// One line an operation, in tables whose head has a column for each cause of loss ("lost...").
std::vector<std::pair<std::string, std::uint64_t>> lost_columns(const std::string& text) {
    std::vector<std::pair<std::string, std::uint64_t>> lost;
    std::set<std::string> operations;
    for (unsigned op = 0; op < VX_OP_SLOTS; ++op) {
        operations.insert(vx_op_name(op));
    }
    std::vector<std::size_t> columns;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> words;
        std::istringstream split(line);
        for (std::string word; split >> word;) {
            words.push_back(word);
        }
        if (words.size() < 3) {
            continue;
        }
        if (words[0] == "op") {
            columns.clear();
            for (std::size_t i = 1; i < words.size(); ++i) {
                if (words[i].starts_with("lost")) {
                    columns.push_back(i);
                }
            }
        } else if (operations.contains(words[0])) {
            std::uint64_t count = 0;
            for (const std::size_t column : columns) {
                count +=
                    column < words.size() ? std::strtoull(words[column].c_str(), nullptr, 10) : 0;
            }
            if (count > 0) {
                lost.emplace_back(words[0], count);
            }
        }
    }
    return lost;
}

void Examination::check_loss() {
    const auto text = read(std::string(kDebugDir) + "/vexfs/stats");
    if (!text) {
        return;
    }
    std::uint64_t sum = 0;
    std::string list;
    for (const auto& [operation, count] : lost_columns(*text)) {
        sum += count;
        list += (list.empty() ? "" : ", ") + operation + " " + std::to_string(count);
    }
    if (sum == 0) {
        report("loss", Severity::ok, "the module has lost no event");
    } else {
        report("loss", Severity::warning,
               "the module has lost " + std::to_string(sum) + " events (" + list +
                   "): the rings were full; the gaps stand in the stream",
               "vexfsd --ring-bytes 16M --watch DIR");
    }
}

void Examination::check_mounts() {
    const auto mounts = parse_mountinfo(read("/proc/self/mountinfo").value_or(""));
    std::set<std::string> seen;
    for (const MountEntry& mount : mounts) {
        if (mount.fstype != "fuse.vexfs" || !seen.insert(mount.mountpoint).second) {
            continue;
        }
        const std::string point = shell_quote(mount.mountpoint);
        const std::string made = "vexfsd --source " + shell_quote(mount.source) + " " + point +
                                 (module_ ? "" : " --no-kmod");
        // The daemon that used the socket may have been another one than the mount's.
        const bool same = command_.find(mount.mountpoint) != std::string::npos;
        const std::string& start = same ? command_ : made;
        const int err = world_.probe_mount(mount.mountpoint);
        if (err == ENOTCONN || err == ECONNABORTED) {
            report("mount " + mount.mountpoint, Severity::problem,
                   "the vexfsd that served this mount has died",
                   "umount -l " + point + " && " + start);
        } else if (err == ETIMEDOUT) {
            report("mount " + mount.mountpoint, Severity::problem,
                   "the vexfsd that serves this mount does not answer", "umount -f -l " + point);
        } else if (err != 0) {
            report("mount " + mount.mountpoint, Severity::warning,
                   std::string("cannot look at it: ") + Status::describe(err));
        } else {
            report("mount " + mount.mountpoint, Severity::ok, "shows " + mount.source);
        }
    }
}

}  // namespace

std::vector<Finding> examine(const DoctorWorld& world) {
    return Examination(world).run();
}

Severity worst(const std::vector<Finding>& findings) {
    Severity result = Severity::ok;
    for (const Finding& finding : findings) {
        result = std::max(result, finding.severity);
    }
    return result;
}

const char* severity_name(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "ok";
        case Severity::note:
            return "note";
        case Severity::warning:
            return "warning";
        case Severity::problem:
            return "problem";
    }
    return "";
}

Json findings_json(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        Json entry{{"check", finding.check},
                   {"severity", severity_name(finding.severity)},
                   {"message", finding.message}};
        if (!finding.repair.empty()) {
            entry["repair"] = finding.repair;
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace vexfs
