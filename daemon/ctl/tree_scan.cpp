// SPDX-License-Identifier: Apache-2.0
#include "ctl/tree_scan.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <memory>
#include <string_view>

#include "fuse/file_handle.hpp"

namespace vexfs::ctl {

namespace {

struct CloseDirectory {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

bool is_gone(int error) {
    return error == ENOENT || error == ENOTDIR || error == ESTALE;
}

}  // namespace

// False: no such name (any more).
Result<bool> TreeScan::look(int parent, const char* name, Found& found) {
    found.fd = UniqueFd(::openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!found.fd || ::fstat(found.fd.get(), &found.stat) != 0) {
        return is_gone(errno) ? Result<bool>(false) : Status::from_errno(errno, "look at " + path_);
    }
    found.object = {fsids_.of(found.fd.get(), found.stat.st_dev), found.stat.st_ino,
                    fuse::FileHandle::of(found.fd.get()).generation()};
    found.target.clear();
    if (S_ISLNK(found.stat.st_mode)) {
        std::array<char, PATH_MAX> target;
        const ssize_t n = ::readlinkat(found.fd.get(), "", target.data(), target.size());
        if (n < 0) {
            return Status::from_errno(errno, "read link " + path_);
        }
        found.target.assign(target.data(), static_cast<std::size_t>(n));
    }
    return true;
}

Status TreeScan::give(const Found& found, const ObjectKey& parent, std::string_view name) {
    ++records_;
    const ScanRecord record{path_, name, found.object, parent, found.target, found.stat};
    return emit_(record) ? Status() : Status::error(ECANCELED, "stopped");
}

Result<bool> TreeScan::scan(const std::string& real, const std::string& shown,
                            const ScanName* expected) {
    Found root;
    path_ = shown;
    const Result<bool> there = look(AT_FDCWD, real.c_str(), root);
    if (!there || !*there || (expected != nullptr && root.object != expected->object)) {
        return there ? Result<bool>(false) : there;
    }
    Status given =
        expected != nullptr ? give(root, expected->parent, expected->name) : give(root, {}, {});
    if (!given) {
        return given;
    }
    dev_ = root.stat.st_dev;
    Status status = S_ISDIR(root.stat.st_mode) ? descend(root, 0) : Status();
    return status ? Result<bool>(true) : Result<bool>(std::move(status));
}

Status TreeScan::descend(const Found& directory, unsigned depth) {
    if (directory.stat.st_dev != dev_ || !scanned_.insert(directory.object).second) {
        return {};
    }
    if (depth == kDepthMax) {
        return Status::error(
            ELOOP, path_ + " is deeper than " + std::to_string(kDepthMax) + " directories");
    }
    // Through the descriptor: whatever the directory is called by now, it is this one.
    UniqueFd fd(::openat(directory.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return is_gone(errno) ? Status() : Status::from_errno(errno, "open directory " + path_);
    }
    return each_name(fd.release(), directory.object, depth);
}

// Takes the descriptor.
Status TreeScan::each_name(int fd, const ObjectKey& directory, unsigned depth) {
    const std::unique_ptr<DIR, CloseDirectory> dir(::fdopendir(fd));
    if (!dir) {
        UniqueFd(fd).reset();
        return Status::from_errno(ENOMEM, "read directory " + path_);
    }
    const std::size_t length = path_.size();
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) {
            return errno == 0 ? Status() : Status::from_errno(errno, "read directory " + path_);
        }
        const std::string name = entry->d_name;
        if (name == "." || name == "..") {
            continue;
        }
        path_ += path_.ends_with('/') ? "" : "/";
        path_ += name;
        Found found;
        const Result<bool> there = look(fd, name.c_str(), found);
        Status status = there.status();
        if (there && *there) {
            status = give(found, directory, name);
            if (status && S_ISDIR(found.stat.st_mode)) {
                status = descend(found, depth + 1);
            }
        }
        if (!status) {
            return status;
        }
        path_.resize(length);
    }
}

}  // namespace vexfs::ctl
