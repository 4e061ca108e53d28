// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Client: asks a running vexfsd how it is, and waits until it has caught up. Programs that only
// read events need a Reader (reader.hpp) and no Client.
//
//   auto daemon = vexfs::Client::connect();
//   if (!daemon) ...;                        // is not running: daemon.status().message()
//   daemon->sync();                          // all that happened until now is in the journal
//   auto now = daemon->daemon_status();      // where that journal is, and how far it goes
//   auto reader = vexfs::Reader::open(now->journal_directory);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vexfs/cursor.hpp"
#include "vexfs/status.hpp"

namespace vexfs {

struct DaemonStatus {
    std::string version;
    std::vector<std::string> degraded;  // what does not work fully; empty: all is well
    std::string journal_directory;
    Cursor written;                 // behind the newest event that readers can see
    std::uint64_t durable_seq = 0;  // events up to this number survive a power cut
    std::uint64_t lost = 0;         // events that were lost since the daemon was started
    std::string json;               // the whole answer, as `vexctl status --json` prints it
};

class Client {
  public:
    // The daemon's control socket; empty: where vexfsd puts it by default. ENOENT, ECONNREFUSED: it
    // is not running; EACCES: only its user and root may ask.
    static Result<Client> connect(const std::string& socket = {});
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    ~Client();

    // EPROTO: the answer cannot be understood; ETIMEDOUT; EPIPE: the daemon has gone.
    Result<DaemonStatus> daemon_status(std::uint64_t timeout_ms = 10'000);

    // Returns when all that happened before the call is in the journal, durably. ETIMEDOUT; EIO
    // with the daemon's reason.
    Status sync(std::uint64_t timeout_ms = 10'000);

  private:
    class Impl;
    explicit Client(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vexfs
