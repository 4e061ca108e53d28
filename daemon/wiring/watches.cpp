// SPDX-License-Identifier: Apache-2.0
#include "wiring/watches.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "config/name_list.hpp"

namespace vexfs {

namespace {

// The mount that a path is on: what of the file system it shows (mountinfo field 4), and where.
struct MountPlace {
    std::string root;
    std::string point;
};

// Undoes the \040 style of /proc/self/mountinfo.
std::string unescape(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '\\' && i + 3 < text.size()) {
            out += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
            i += 3;
        } else {
            out += text[i];
        }
    }
    return out;
}

MountPlace mount_of(const std::string& path) {
    struct statx stx {};
    if (::statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, STATX_MNT_ID, &stx) != 0) {
        return {};
    }
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::uint64_t id = 0;
        std::string parent, dev, root, point;
        words >> id >> parent >> dev >> root >> point;
        if (id == stx.stx_mnt_id) {
            return {unescape(root), unescape(point)};
        }
    }
    return {};
}

}  // namespace

Result<Watch> Watches::add(WatchRequest request, const std::string& purpose) {
    char resolved[PATH_MAX];
    struct stat st {};
    // The stat is not only a check: a FUSE root has its real inode number from its first getattr
    // on, and the kernel is asked for it next.
    if (::realpath(request.path.c_str(), resolved) == nullptr || ::stat(resolved, &st) != 0) {
        const int err = errno;
        return Status::error(
            err, fmt::format("cannot watch {}: {}", request.path, Status::describe(err)));
    }
    if (request.subtree && !S_ISDIR(st.st_mode)) {
        return Status::error(ENOTDIR, fmt::format("cannot watch {}: it is not a directory; watch "
                                                  "the one that it is in",
                                                  request.path));
    }
    request.path = resolved;
    request.ops &= channel_.ops();
    if (request.ops == 0) {
        return Status::error(ENOTSUP,
                             "none of the operations asked for can be observed on this kernel");
    }
    if (const std::uint32_t missing = request.detail & ~channel_.detail(); missing != 0) {
        return Status::error(ENOTSUP, fmt::format("cannot watch {} with detail {}: this kernel has "
                                                  "not the functions that tell it",
                                                  request.path, format_detail(missing)));
    }
    Result<WatchInfo> info = channel_.add_watch(request);
    if (!info) {
        return info.status();
    }
    watches_.push_back({.info = *info, .request = request, .purpose = purpose, .top = {}});
    anchor(watches_.back(), S_ISDIR(st.st_mode));
    return watches_.back();
}

void Watches::anchor(Watch& watch, bool directory) {
    if (directory) {
        paths_.anchor({watch.info.fsid, watch.info.ino, watch.info.gen}, watch.request.path);
    }
    const MountPlace place = mount_of(watch.request.path);
    if (place.root == "/") {
        watch.top = place.point;
        paths_.anchor({watch.info.fsid, watch.info.root_ino, watch.info.root_gen}, place.point);
    }
}

Status Watches::remove(std::uint64_t id) {
    for (auto it = watches_.begin(); it != watches_.end(); ++it) {
        if (it->info.id != id) {
            continue;
        }
        if (it->purpose != "watch") {
            return Status::error(
                EPERM, fmt::format("watch {} belongs to the mount: it goes when vexfsd ends", id));
        }
        if (Status status = channel_.remove_watch(id); !status) {
            return status;
        }
        watches_.erase(it);
        return {};
    }
    return Status::error(ENOENT, fmt::format("no watch {}: `vexctl watch list` shows them", id));
}

bool Watches::gone(const Watch& watch) const {
    const Result<bool> gone = channel_.watch_gone(watch.info.id);
    return !gone || gone.value();
}

void Watches::remove_all() {
    for (const Watch& watch : watches_) {
        if (Status status = channel_.remove_watch(watch.info.id); !status) {
            spdlog::warn("{}: {}", watch.request.path, status.message());
        }
    }
    watches_.clear();
}

}  // namespace vexfs
