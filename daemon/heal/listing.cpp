// SPDX-License-Identifier: Apache-2.0
#include "heal/listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>

#include "fuse/file_handle.hpp"

namespace vexfs::heal {

namespace {

struct CloseDirectory {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

bool is_gone(int error) { return error == ENOENT || error == ENOTDIR || error == ESTALE; }

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
constexpr unsigned kWanted = STATX_BASIC_STATS | STATX_MNT_ID;

UniqueFd open_directory(const std::string& path) {
    if (path.size() < PATH_MAX) {
        return UniqueFd(::open(path.c_str(), kDirectory));
    }
    UniqueFd here(::open("/", kDirectory));
    for (std::size_t at = 1; here && at < path.size();) {
        std::size_t end = path.size();
        if (end - at >= PATH_MAX) {
            end = path.rfind('/', at + PATH_MAX - 1);
        }
        here = UniqueFd(::openat(here.get(), path.substr(at, end - at).c_str(), kDirectory));
        at = end + 1;
    }
    return here;
}

struct Looked {
    UniqueFd fd;
    struct statx stat {};
    ObjectKey object;
};

// False: errno says why.
bool look(UniqueFd fd, std::uint64_t fsid, Looked& out) {
    out.fd = std::move(fd);
    if (!out.fd || ::statx(out.fd.get(), "", AT_EMPTY_PATH, kWanted, &out.stat) != 0) {
        return false;
    }
    out.object = {fsid, out.stat.stx_ino, fuse::FileHandle::of(out.fd.get()).generation()};
    return true;
}

bool is_covered(const struct statx& it, const struct statx& directory) {
    return it.stx_mnt_id != directory.stx_mnt_id ||
           (S_ISDIR(it.stx_mode) && (it.stx_dev_major != directory.stx_dev_major ||
                                     it.stx_dev_minor != directory.stx_dev_minor));
}

std::string target_of(const Looked& link) {
    std::array<char, PATH_MAX> target;
    const ssize_t n = ::readlinkat(link.fd.get(), "", target.data(), target.size());
    return {target.data(), n > 0 ? static_cast<std::size_t>(n) : 0};
}

ListedName listed(const Looked& it, const char* name, const struct statx& directory) {
    return {.name = name,
            .object = it.object,
            .facts = {.mode = it.stat.stx_mode,
                      .uid = it.stat.stx_uid,
                      .gid = it.stat.stx_gid,
                      .size = it.stat.stx_size},
            .nlink = it.stat.stx_nlink,
            .ctime_ns = static_cast<std::uint64_t>(it.stat.stx_ctime.tv_sec) * 1'000'000'000 +
                        it.stat.stx_ctime.tv_nsec,
            .target = S_ISLNK(it.stat.stx_mode) ? target_of(it) : std::string(),
            .covered = is_covered(it.stat, directory)};
}

// Every name but the two of itself and its parent.
Status read_names(const Looked& directory, std::vector<ListedName>& out) {
    const std::unique_ptr<DIR, CloseDirectory> dir(
        ::fdopendir(::fcntl(directory.fd.get(), F_DUPFD_CLOEXEC, 0)));
    if (!dir) {
        return Status::from_errno(errno, "read");
    }
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) {
            return errno == 0 || is_gone(errno) ? Status() : Status::from_errno(errno, "read");
        }
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") {
            continue;
        }
        Looked it;
        if (look(UniqueFd(::openat(directory.fd.get(), entry->d_name,
                                   O_PATH | O_NOFOLLOW | O_CLOEXEC)),
                 directory.object.fsid, it)) {
            out.push_back(listed(it, entry->d_name, directory.stat));
        } else if (!is_gone(errno)) {
            return Status::from_errno(errno, entry->d_name);
        }
    }
}

}  // namespace

Directory below(const Directory& directory, const ListedName& name) {
    return {name.object, path_below(directory.path, name.name)};
}

Listing list(Directory directory) {
    Listing out;
    out.directory = std::move(directory);
    const Directory& wanted = out.directory;
    Looked it;
    if (!look(open_directory(wanted.path), wanted.object.fsid, it)) {
        const int error = errno;
        out.state = is_gone(error) || error == ELOOP ? Listing::State::moved
                                                     : Listing::State::refused;
        out.status = Status::from_errno(error, wanted.path);
    } else if (it.object != wanted.object) {
        out.state = Listing::State::moved;
    } else if (Status status = read_names(it, out.names); !status) {
        out.state = Listing::State::refused;
        out.status = std::move(status).with_context(wanted.path);
    }
    std::sort(out.names.begin(), out.names.end(),
              [](const ListedName& a, const ListedName& b) { return a.name < b.name; });
    return out;
}

std::optional<bool> has_name(const Directory& directory, const std::string& name,
                             const ObjectKey& object) {
    Looked parent;
    Looked it;
    if (!look(open_directory(directory.path), directory.object.fsid, parent) ||
        parent.object != directory.object) {
        return std::nullopt;
    }
    return look(UniqueFd(::openat(parent.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)),
                object.fsid, it) &&
           it.object == object;
}

}  // namespace vexfs::heal
