// SPDX-License-Identifier: Apache-2.0
// Listener: the bound unix socket and the lock that says whose it is.
//
// The lock file (the socket's path + ".lock"; its first line is the owner's pid, the second the
// command that starts the owner again, for the doctor) is locked with flock(2) as long as the owner
// lives, however it dies. So a socket whose lock is free is stale and may be replaced without
// asking; and two daemons that start at once cannot both believe that they replaced it.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/status.hpp"

namespace vexfs {

class Listener {
  public:
    // Makes the directory if its parent exists (0755), takes the lock, replaces a stale socket,
    // listens. The socket has mode 0600. EADDRINUSE: another daemon owns it; EEXIST: something that
    // is not a socket is there; ENAMETOOLONG: more than 107 bytes.
    static Result<Listener> open(const std::string& path, const std::string& command = {});

    Listener(Listener&&) = default;
    Listener& operator=(Listener&&) = delete;
    ~Listener();  // removes the socket

    [[nodiscard]] int fd() const { return socket_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    Listener(std::string path, UniqueFd socket, UniqueFd lock)
        : path_(std::move(path)), socket_(std::move(socket)), lock_(std::move(lock)) {}

    std::string path_;
    UniqueFd socket_;
    UniqueFd lock_;
};

}  // namespace vexfs
