// SPDX-License-Identifier: Apache-2.0
#include "control/listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <utility>

namespace vexfs {
namespace {

constexpr int kBacklog = 64;

Status make_directory(const std::string& path) {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    if (directory.empty() || ::mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) {
        return {};
    }
    return Status::from_errno(errno, "make directory " + directory);
}

Result<UniqueFd> take_lock(const std::string& path, const std::string& command) {
    const std::string lock_path = path + ".lock";
    UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock) {
        return Status::from_errno(errno, "open " + lock_path);
    }
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        const int err = errno;
        if (err != EWOULDBLOCK) {
            return Status::from_errno(err, "lock " + lock_path);
        }
        std::array<char, 32> head{};
        const auto got = ::pread(lock.get(), head.data(), head.size(), 0);
        std::string pid(head.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
        pid = pid.substr(0, pid.find('\n'));
        return Status::error(EADDRINUSE, "another vexfsd" +
                                             (pid.empty() ? "" : " (pid " + pid + ")") + " owns " +
                                             path + ": stop it first, or pass another --socket");
    }
    const std::string text = std::to_string(::getpid()) + "\n" + command + "\n";
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return Status::from_errno(errno, "write " + lock_path);
    }
    return lock;
}

Status remove_stale(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
        return errno == ENOENT ? Status() : Status::from_errno(errno, "stat " + path);
    }
    if (!S_ISSOCK(info.st_mode)) {
        return Status::error(EEXIST, path + " exists and is not a socket: pass another --socket");
    }
    if (::unlink(path.c_str()) != 0) {
        return Status::from_errno(errno, "remove stale socket " + path);
    }
    return {};
}

}  // namespace

Result<Listener> Listener::open(const std::string& path, const std::string& command) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return Status::error(ENAMETOOLONG, "the socket's path must have 1 to " +
                                               std::to_string(sizeof address.sun_path - 1) +
                                               " bytes, not " + std::to_string(path.size()) +
                                               ": pass a shorter --socket");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    if (Status s = make_directory(path); !s) {
        return s;
    }
    auto lock = take_lock(path, command);
    if (!lock) {
        return lock.status();
    }
    if (Status s = remove_stale(path); !s) {
        return s;
    }
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // The mode is set before bind(), so that there is no moment at which others may connect.
    if (!socket || ::fchmod(socket.get(), 0600) != 0) {
        return Status::from_errno(errno, "create control socket");
    }
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return Status::from_errno(errno, "bind " + path);
    }
    Listener listener(path, std::move(socket), *std::move(lock));
    if (::listen(listener.fd(), kBacklog) != 0) {
        return Status::from_errno(errno, "listen on " + path);
    }
    return listener;
}

Listener::~Listener() {
    if (socket_) {
        ::unlink(path_.c_str());
    }
}

}  // namespace vexfs
