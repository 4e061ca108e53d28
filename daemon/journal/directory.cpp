// SPDX-License-Identifier: Apache-2.0
#include "journal/directory.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/format.hpp"

namespace vexfs::journal {

namespace {

Status make_directories(const std::string& path) {
    for (std::size_t at = 1; at != std::string::npos;) {
        at = path.find('/', at);
        const std::string part = path.substr(0, at);
        if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
            return Status::from_errno(errno, "make directory " + part);
        }
        at = at == std::string::npos ? at : at + 1;
    }
    return {};
}

std::string holder_of(int lock) {
    char text[32] = {};
    const ssize_t n = ::pread(lock, text, sizeof(text) - 1, 0);
    std::string pid(text, n > 0 ? static_cast<std::size_t>(n) : 0);
    pid.erase(pid.find_first_not_of("0123456789") == std::string::npos
                  ? pid.size()
                  : pid.find_first_not_of("0123456789"));
    return pid;
}

Result<UniqueFd> open_private_directory(const std::string& path) {
    if (path.empty()) {
        return Status::error(EINVAL, "the journal's directory has no name");
    }
    if (Status made = make_directories(path); !made) {
        return made;
    }
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, "open journal directory " + path);
    }
    struct stat st {};
    if (::fstat(fd.get(), &st) != 0) {
        return Status::from_errno(errno, "stat journal directory " + path);
    }
    if (st.st_uid != ::geteuid()) {
        return Status::error(EPERM, "journal directory " + path + " belongs to user " +
                                        std::to_string(st.st_uid) + ", not to user " +
                                        std::to_string(::geteuid()));
    }
    if ((st.st_mode & 077U) != 0) {
        if (::fchmod(fd.get(), 0700) != 0) {
            return Status::from_errno(errno, "make private " + path);
        }
        spdlog::warn("journal: {} was open to other users; its mode is 0700 now", path);
    }
    return fd;
}

Result<UniqueFd> lock_directory(int directory, const std::string& path) {
    UniqueFd lock(::openat(directory, kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) {
        return Status::from_errno(errno, "open lock in " + path);
    }
    // Of the open file, not of the process; others can ask for it without taking it.
    struct flock whole {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES) {
            return Status::from_errno(errno, "lock " + path);
        }
        const std::string pid = holder_of(lock.get());
        return Status::error(EBUSY, "journal " + path +
                                        " is in use by another vexfsd or by a repair" +
                                        (pid.empty() ? "" : " (pid " + pid + ")"));
    }
    // For the message above only: a failure (disk full) does no harm.
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock.get(), 0) == 0) {
        [[maybe_unused]] const ssize_t n = ::pwrite(lock.get(), pid.data(), pid.size(), 0);
    }
    return lock;
}

}  // namespace

Result<OwnedDirectory> OwnedDirectory::open(const std::string& path) {
    Result<UniqueFd> directory = open_private_directory(path);
    if (!directory) {
        return directory.status();
    }
    Result<UniqueFd> lock = lock_directory(directory->get(), path);
    if (!lock) {
        return lock.status();
    }
    return OwnedDirectory(path, std::move(*directory), std::move(*lock));
}

JournalId random_journal_id() {
    JournalId id;
    // Up to 256 bytes never come short once the pool is ready, which getrandom waits for.
    while (::getrandom(id.bytes.data(), id.bytes.size(), 0) !=
           static_cast<ssize_t>(id.bytes.size())) {
    }
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | 0x40U);  // RFC 4122, 4.4
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
    return id;
}

BootId read_boot_id() {
    const UniqueFd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    char text[kJournalIdText] = {};
    if (!fd || ::read(fd.get(), text, sizeof(text)) != static_cast<ssize_t>(sizeof(text))) {
        return {};
    }
    const Result<JournalId> id = JournalId::parse({text, sizeof(text)});
    return id ? id->bytes : BootId{};
}

}  // namespace vexfs::journal
