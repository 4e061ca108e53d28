// SPDX-License-Identifier: Apache-2.0
#include "mounted.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "spdlog/spdlog.h"

namespace vexfs::test {

namespace {
constexpr auto kPatience = std::chrono::seconds(20);
}

void RecordingSink::on_event(const fuse::Observation& event) {
    {
        std::lock_guard guard(lock_);
        seen_.push_back({event, std::string(event.name), std::string(event.name2)});
    }
    more_.notify_all();
}

void RecordingSink::on_directory(const fuse::DirectoryPlace& place) {
    std::lock_guard guard(lock_);
    directories_.push_back({place.object, place.parent, std::string(place.name), seen_.size()});
}

void RecordingSink::clear() {
    std::lock_guard guard(lock_);
    seen_.clear();
}

std::vector<Seen> RecordingSink::of(vx_op op) {
    std::lock_guard guard(lock_);
    std::vector<Seen> found;
    std::copy_if(seen_.begin(), seen_.end(), std::back_inserter(found),
                 [&](const Seen& seen) { return seen.event.op == op; });
    return found;
}

std::vector<Seen> RecordingSink::wait_for(vx_op op, std::size_t count) {
    {
        std::unique_lock guard(lock_);
        more_.wait_for(guard, kPatience, [&] {
            return static_cast<std::size_t>(std::count_if(
                       seen_.begin(), seen_.end(),
                       [&](const Seen& seen) { return seen.event.op == op; })) >= count;
        });
    }
    return of(op);
}

std::vector<Seen> RecordingSink::all() {
    std::lock_guard guard(lock_);
    return seen_;
}

std::vector<SeenDirectory> RecordingSink::directories() {
    std::lock_guard guard(lock_);
    return directories_;
}

bool fuse_works(const char* test) {
    spdlog::set_level(spdlog::level::err);  // mounts say that they mount
    const UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    const char* why = !device ? "no /dev/fuse" : ::geteuid() != 0 ? "not root" : nullptr;
    if (why != nullptr) {
        std::printf("skipped: %s: %s\n", test, why);
        std::fflush(stdout);
        SUCCEED();
    }
    return why == nullptr;
}

TemporaryTree::TemporaryTree() {
    char name[] = "/tmp/vexfs-fuse-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    root_ = name;
    ::chmod(name, 0755);
    std::filesystem::create_directory(source());
    std::filesystem::create_directory(point());
}

TemporaryTree::~TemporaryTree() {
    ::umount2(point().c_str(), MNT_DETACH);  // whatever a failed test has left
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

std::string TemporaryTree::source(const std::string& name) const {
    return root_ + "/source" + (name.empty() ? "" : "/" + name);
}

std::string TemporaryTree::point(const std::string& name) const {
    return root_ + "/mount" + (name.empty() ? "" : "/" + name);
}

Mounted::Mounted(const std::function<void(fuse::MountOptions&)>& change) {
    fuse::MountOptions options;
    options.source = tree.source();
    options.mountpoint = tree.point();
    options.allow_other = true;
    if (change) {
        change(options);
    }
    auto started = fuse::Mount::start(options, &sink);
    INFO(started.status().message());
    REQUIRE(started.ok());
    mount = std::move(started).value();
    sink.clear();
}

UniqueFd open_file(const std::string& path, int flags, mode_t mode) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
    INFO(path << ": " << Status::describe(errno));
    REQUIRE(fd.valid());
    return fd;
}

void write_file(const std::string& path, std::string_view text) {
    const UniqueFd fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    REQUIRE(::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string read_file(const std::string& path) {
    const UniqueFd fd = open_file(path, O_RDONLY);
    std::string text;
    char buffer[65536];
    ssize_t n = 0;
    while ((n = ::read(fd.get(), buffer, sizeof buffer)) > 0) {
        text.append(buffer, static_cast<std::size_t>(n));
    }
    REQUIRE(n == 0);
    return text;
}

struct stat stat_of(const std::string& path) {
    struct stat st {};
    INFO(path);
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st;
}

std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
    REQUIRE(dir != nullptr);
    while (const dirent* entry = ::readdir(dir.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") {
            names.push_back(name);
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

fuse::ObjectId object_at(const std::string& path) {
    const struct stat st = stat_of(path);
    return {.ino = st.st_ino, .dev = st.st_dev};
}

bool exists(const std::string& path) {
    struct stat st {};
    return ::lstat(path.c_str(), &st) == 0;
}

bool in_child(const std::function<bool()>& body, uid_t uid, gid_t gid,
              const std::vector<gid_t>& groups) {
    const pid_t child = ::fork();
    if (child == 0) {
        bool ok = true;
        if (uid != 0 || gid != 0) {
            ok = ::setgroups(groups.size(), groups.data()) == 0 && ::setgid(gid) == 0 &&
                 ::setuid(uid) == 0;
        }
        ::_exit(ok && body() ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace vexfs::test
