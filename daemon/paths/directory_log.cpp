// SPDX-License-Identifier: Apache-2.0
#include "paths/directory_log.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/file.hpp"

namespace vexfs {

namespace {

constexpr const char* kName = "/directories.vxd";
constexpr std::uint64_t kCompactMin = std::uint64_t{32} << 20U;  // bytes
constexpr std::uint64_t kCompactTimes = 4;
constexpr const char* kWriting = "write the log of directories";

}  // namespace

Result<std::unique_ptr<DirectoryLog>> DirectoryLog::open(const std::string& directory,
                                                         DirectoryMap& map,
                                                         std::uint64_t until) {
    std::unique_ptr<DirectoryLog> self(new DirectoryLog(directory + kName, map));
    if (until != 0) {
        if (Status status = self->load(until); !status) {
            return status;
        }
    }
    // Empty, or without what was left out of it.
    if (Status status = self->write_anew(); !status) {
        return status;
    }
    map.observe(self.get());
    return self;
}

DirectoryLog::~DirectoryLog() { map_.observe(nullptr); }

Status DirectoryLog::load(std::uint64_t until) {
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd && errno == ENOENT) {
        return {};
    }
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0) {
        return Status::from_errno(errno, "read " + path_);
    }
    std::vector<std::byte> all(static_cast<std::size_t>(st.st_size));
    for (std::size_t got = 0; got < all.size();) {
        const ssize_t n =
            ::pread(fd.get(), all.data() + got, all.size() - got, static_cast<off_t>(got));
        if (n < 0 && errno != EINTR) {
            return Status::from_errno(errno, "read " + path_);
        }
        if (n == 0) {
            break;
        }
        got += static_cast<std::size_t>(n < 0 ? 0 : n);
    }
    std::span<const std::byte> left(all);
    Entry entry;
    while (left.size() >= sizeof(entry)) {
        std::memcpy(&entry, left.data(), sizeof(entry));
        if (entry.len > left.size() || entry.name_len > entry.len ||
            entry.len != ((sizeof(entry) + entry.name_len + 7) & ~std::size_t{7})) {
            break;
        }
        constexpr std::size_t kFrom = offsetof(Entry, kind);
        const auto hash =
            static_cast<std::uint32_t>(XXH3_64bits(left.data() + kFrom, entry.len - kFrom));
        const auto* name = reinterpret_cast<const char*>(left.data() + sizeof(entry));
        if (hash != entry.checksum) {
            break;
        }
        if (entry.seq < until && !apply(entry, {name, entry.name_len})) {
            break;
        }
        left = left.subspan(entry.len);
    }
    if (!left.empty()) {
        spdlog::warn("{}: {} bytes at its end are not whole: left out", path_, left.size());
    }
    return {};
}

bool DirectoryLog::apply(const Entry& entry, std::string_view name) {
    const ObjectKey dir{entry.fsid, entry.ino, entry.gen};
    switch (static_cast<Kind>(entry.kind)) {
        case Kind::placed:
            map_.place(dir, {entry.fsid, entry.parent_ino, entry.parent_gen}, name,
                       entry.as_of - 1);
            return true;
        case Kind::forgotten:
            map_.forget(dir);
            return true;
        case Kind::anchored:
            map_.anchor(dir, std::string(name));
            return true;
        case Kind::mount:
            mounts_.push_back({entry.fsid, entry.ino});
            return true;
    }
    return false;
}

void DirectoryLog::add(Entry entry, std::string_view name) {
    const std::size_t at = waiting_.size();
    const bool learned = static_cast<Kind>(entry.kind) == Kind::placed ||
                         static_cast<Kind>(entry.kind) == Kind::forgotten;
    entry.seq = learned ? seq_ : 0;
    entry.name_len = static_cast<std::uint32_t>(name.size());
    entry.len = static_cast<std::uint32_t>((sizeof(entry) + name.size() + 7) & ~std::size_t{7});
    waiting_.resize(at + entry.len);
    std::byte* out = waiting_.data() + at;
    std::memcpy(out + sizeof(entry), name.data(), name.size());
    std::memcpy(out, &entry, sizeof(entry));
    constexpr std::size_t kFrom = offsetof(Entry, kind);
    entry.checksum = static_cast<std::uint32_t>(XXH3_64bits(out + kFrom, entry.len - kFrom));
    std::memcpy(out, &entry, sizeof(entry));
}

void DirectoryLog::add_mount(const MountPair& pair) {
    mounts_.push_back(pair);
    tell(pair);
}

void DirectoryLog::tell(const MountPair& pair) {
    add({.kind = static_cast<std::uint32_t>(Kind::mount),
         .fsid = pair.mount_fsid,
         .ino = pair.backing_fsid},
        {});
}

void DirectoryLog::placed(const ObjectKey& dir, const ObjectKey& parent, std::string_view name,
                          std::uint64_t as_of) {
    add({.kind = static_cast<std::uint32_t>(Kind::placed),
         .gen = dir.gen,
         .fsid = dir.fsid,
         .ino = dir.ino,
         .parent_ino = parent.ino,
         .as_of = as_of,
         .parent_gen = parent.gen},
        name);
}

void DirectoryLog::forgotten(const ObjectKey& dir) {
    add({.kind = static_cast<std::uint32_t>(Kind::forgotten),
         .gen = dir.gen,
         .fsid = dir.fsid,
         .ino = dir.ino},
        {});
}

void DirectoryLog::anchored(const ObjectKey& dir, std::string_view path) {
    add({.kind = static_cast<std::uint32_t>(Kind::anchored),
         .gen = dir.gen,
         .fsid = dir.fsid,
         .ino = dir.ino},
        path);
}

Status DirectoryLog::flush() {
    if (waiting_.empty()) {
        return {};
    }
    if (Status status = write_at(fd_.get(), waiting_, bytes_, kWriting); !status) {
        // What is behind bytes_ is overwritten by the next attempt; a reader stops at it.
        return status;
    }
    bytes_ += waiting_.size();
    waiting_.clear();
    return {};
}

void DirectoryLog::settle() {
    if (bytes_ > compact_at_ && waiting_.empty()) {
        if (Status status = write_anew(); !status) {
            compact_at_ = kCompactTimes * bytes_;  // it goes on as it is
            spdlog::warn("{}", status.message());
        }
    }
}

// What waits is in the map already.
Status DirectoryLog::write_anew() {
    const std::uint64_t seq = std::exchange(seq_, 0);
    std::vector<std::byte> old;
    old.swap(waiting_);
    for (const MountPair& pair : mounts_) {
        tell(pair);
    }
    map_.tell_all(*this);
    old.swap(waiting_);
    seq_ = seq;
    const std::string next = path_ + ".new";
    UniqueFd fd(
        ::open(next.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    Status status =
        fd ? write_at(fd.get(), old, 0, kWriting) : Status::from_errno(errno, "open " + next);
    if (status.ok() && ::rename(next.c_str(), path_.c_str()) != 0) {
        status = Status::from_errno(errno, "rename " + next);
    }
    if (!status) {
        ::unlink(next.c_str());
        return status;
    }
    fd_ = std::move(fd);
    bytes_ = old.size();
    compact_at_ = std::max(kCompactMin, kCompactTimes * bytes_);
    waiting_.clear();
    return {};
}

}  // namespace vexfs
