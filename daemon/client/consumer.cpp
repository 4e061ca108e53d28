// SPDX-License-Identifier: Apache-2.0
// A consumer is a file of one line, its cursor, in the directory `consumers` of the journal. It is
// replaced as a whole, by rename(), under a lock that all consumers share.
#include "vexfs/consumer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs {

namespace {

constexpr const char* kFolder = "consumers";
constexpr const char* kLock = ".lock";
constexpr std::size_t kLineMax = 80;  // bytes; a cursor has at most 61

Status check_name(const std::string& name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    };
    if (name.empty() || name.size() > kConsumerNameMax || name[0] == '.' ||
        !std::all_of(name.begin(), name.end(), fits)) {
        return Status::error(EINVAL,
                             "a consumer's name has 1 to 64 letters, digits, '-', '_' and '.', and "
                             "does not begin with '.'");
    }
    return {};
}

Status no_consumer(const std::string& name) {
    return Status::error(ENOENT, "there is no consumer " + name);
}

// The journal's directory, and the one of its consumers; the latter may be missing.
struct Folder {
    UniqueFd journal;
    UniqueFd consumers;

    static Result<Folder> open(const std::string& directory) {
        Folder folder;
        folder.journal = UniqueFd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder.journal) {
            return Status::from_errno(errno, "open journal " + directory);
        }
        folder.consumers = UniqueFd(::openat(folder.journal.get(), kFolder,
                                             O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!folder.consumers && errno != ENOENT) {
            return Status::from_errno(errno, "open the consumers of " + directory);
        }
        return folder;
    }

    Status make() {
        if (consumers) {
            return {};
        }
        if (::mkdirat(journal.get(), kFolder, 0700) != 0 && errno != EEXIST) {
            return Status::from_errno(errno, "make a place for consumers");
        }
        consumers = UniqueFd(::openat(journal.get(), kFolder,
                                      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!consumers || ::fsync(journal.get()) != 0) {
            return Status::from_errno(errno, "make a place for consumers");
        }
        return {};
    }

    // Held until it is closed.
    [[nodiscard]] Result<UniqueFd> lock() const {
        UniqueFd lock(::openat(consumers.get(), kLock,
                               O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        struct flock whole {};
        whole.l_type = F_WRLCK;
        whole.l_whence = SEEK_SET;
        int result = -1;
        do {
            result = lock ? ::fcntl(lock.get(), F_OFD_SETLKW, &whole) : -1;
        } while (lock && result != 0 && errno == EINTR);
        return result == 0 ? Result<UniqueFd>(std::move(lock))
                           : Status::from_errno(errno, "lock the journal's consumers");
    }
};

Result<ConsumerInfo> read_info(const Folder& folder, const std::string& name) {
    const UniqueFd fd(::openat(folder.consumers.get(), name.c_str(),
                               O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) {
        return errno == ENOENT ? no_consumer(name)
                               : Status::from_errno(errno, "open consumer " + name);
    }
    std::array<char, kLineMax> text{};
    const Result<std::size_t> n =
        read_at(fd.get(), std::as_writable_bytes(std::span(text)), 0, "read");
    struct stat st {};
    if (!n || ::fstat(fd.get(), &st) != 0) {
        return Status::from_errno(n ? errno : n.status().code(), "read consumer " + name);
    }
    std::string_view line(text.data(), *n);
    if (line.ends_with('\n')) {
        line.remove_suffix(1);
    }
    const Result<Cursor> position = Cursor::parse(line);
    if (!position) {
        return Status::error(EBADMSG, "consumer " + name + ": " + position.status().message());
    }
    return ConsumerInfo{.name = name,
                        .position = *position,
                        .committed_ns = static_cast<std::uint64_t>(st.st_mtim.tv_sec) *
                                            1'000'000'000 +
                                        static_cast<std::uint64_t>(st.st_mtim.tv_nsec)};
}

Status write_info(const Folder& folder, const std::string& name, const Cursor& position) {
    const std::string half = "." + name;
    UniqueFd fd(::openat(folder.consumers.get(), half.c_str(),
                         O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) {
        return Status::from_errno(errno, "write consumer " + name);
    }
    const std::string line = position.text() + "\n";
    Status status = write_at(fd.get(), std::as_bytes(std::span(line)), 0, "write consumer");
    if (status && (::fsync(fd.get()) != 0 ||
                   ::renameat(folder.consumers.get(), half.c_str(), folder.consumers.get(),
                              name.c_str()) != 0 ||
                   ::fsync(folder.consumers.get()) != 0)) {
        status = Status::from_errno(errno, "write consumer " + name);
    }
    if (!status) {
        ::unlinkat(folder.consumers.get(), half.c_str(), 0);  // a full disk needs it
    }
    return status;
}

// Whether events behind the cursor are kept here.
Status check_position(const Folder& folder, const Cursor& cursor) {
    const Result<std::vector<std::uint64_t>> segments =
        journal::list_segments(folder.journal.get());
    if (!segments) {
        return segments.status();
    }
    if (segments->empty()) {
        return Status::error(ENOENT, "there is no journal");
    }
    const Result<journal::SegmentReader> last =
        journal::SegmentReader::open(folder.journal.get(), segments->back());
    return last ? journal::check_cursor(cursor, last->journal(), segments->front())
                : last.status();
}

Result<std::vector<std::string>> names(const Folder& folder) {
    std::vector<std::string> found;
    const int fd = folder.consumers ? ::openat(folder.consumers.get(), ".",
                                               O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                    : -1;
    if (!folder.consumers) {
        return found;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    if (dir == nullptr) {
        const Status status = Status::from_errno(errno, "read the journal's consumers");
        if (fd >= 0) {
            ::close(fd);
        }
        return status;
    }
    while (const dirent* entry = ::readdir(dir.get())) {
        if (check_name(entry->d_name)) {
            found.emplace_back(entry->d_name);
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace

Result<Consumer> Consumer::open(const std::string& directory, const std::string& name) {
    if (Status status = check_name(name); !status) {
        return status;
    }
    Consumer consumer(directory, name);
    const Result<Cursor> position = consumer.position();
    return position ? Result<Consumer>(std::move(consumer)) : position.status();
}

Result<Consumer> Consumer::create(const std::string& directory, const std::string& name,
                                  const Cursor& position) {
    if (Status status = check_name(name); !status) {
        return status;
    }
    Result<Folder> folder = Folder::open(directory);
    if (!folder) {
        return folder.status();
    }
    Status status = check_position(*folder, position);
    if (status) {
        status = folder->make();
    }
    if (!status) {
        return status;
    }
    const Result<UniqueFd> lock = folder->lock();
    const Result<std::vector<std::string>> others = names(*folder);
    if (!lock || !others) {
        return lock ? others.status() : lock.status();
    }
    if (std::binary_search(others->begin(), others->end(), name)) {
        return Status::error(EEXIST, "there is a consumer " + name + " already");
    }
    if (others->size() >= kConsumersMax) {
        return Status::error(ENOSPC, "the journal has " + std::to_string(kConsumersMax) +
                                         " consumers, and can't have more");
    }
    status = write_info(*folder, name, position);
    return status ? Result<Consumer>(Consumer(directory, name)) : status;
}

Status Consumer::remove(const std::string& directory, const std::string& name) {
    if (Status status = check_name(name); !status) {
        return status;
    }
    const Result<Folder> folder = Folder::open(directory);
    if (!folder) {
        return folder.status();
    }
    if (!folder->consumers) {
        return no_consumer(name);
    }
    const Result<UniqueFd> lock = folder->lock();
    if (!lock) {
        return lock.status();
    }
    if (::unlinkat(folder->consumers.get(), name.c_str(), 0) != 0) {
        return errno == ENOENT ? no_consumer(name)
                               : Status::from_errno(errno, "remove consumer " + name);
    }
    return ::fsync(folder->consumers.get()) == 0
               ? Status()
               : Status::from_errno(errno, "remove consumer " + name);
}

Result<std::vector<ConsumerInfo>> Consumer::list(const std::string& directory) {
    const Result<Folder> folder = Folder::open(directory);
    if (!folder) {
        return folder.status();
    }
    const Result<std::vector<std::string>> all = names(*folder);
    if (!all) {
        return all.status();
    }
    std::vector<ConsumerInfo> infos;
    for (const std::string& name : *all) {
        Result<ConsumerInfo> info = read_info(*folder, name);
        if (info) {
            infos.push_back(std::move(*info));
        } else if (info.status().code() != ENOENT) {  // it was removed meanwhile
            return info.status();
        }
    }
    return infos;
}

Result<Cursor> Consumer::position() const {
    const Result<Folder> folder = Folder::open(directory_);
    if (!folder) {
        return folder.status();
    }
    if (!folder->consumers) {
        return no_consumer(name_);
    }
    const Result<ConsumerInfo> info = read_info(*folder, name_);
    return info ? Result<Cursor>(info->position) : info.status();
}

Status Consumer::commit(const Cursor& expect, const Cursor& to) {
    const Result<Folder> folder = Folder::open(directory_);
    if (!folder) {
        return folder.status();
    }
    if (!folder->consumers) {
        return no_consumer(name_);
    }
    if (Status status = check_position(*folder, to); !status) {
        return status;
    }
    const Result<UniqueFd> lock = folder->lock();
    if (!lock) {
        return lock.status();
    }
    const Result<ConsumerInfo> now = read_info(*folder, name_);
    if (!now) {
        return now.status();
    }
    if (now->position != expect) {
        return Status::error(EAGAIN, "consumer " + name_ + " is at " + now->position.text() +
                                         ", not at " + expect.text() +
                                         ": somebody else has committed");
    }
    return write_info(*folder, name_, to);
}

}  // namespace vexfs
