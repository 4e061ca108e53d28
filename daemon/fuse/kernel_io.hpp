// SPDX-License-Identifier: Apache-2.0
// KernelIo: reads and writes of a file by the kernel alone (FUSE passthrough: kernel 6.9, libfuse
// 3.17). The kernel wants every open of a node to name the same registration of its backing file,
// so there is one for each node that is open, counted. With an older libfuse this does nothing.
#pragma once

#include <fuse_lowlevel.h>

#include <mutex>
#include <unordered_map>

#include "fuse/node_table.hpp"

namespace vexfs::fuse {

class KernelIo {
  public:
    // Asks for it while the session is set up; `wanted` is the user's wish, `device` the session's
    // /dev/fuse.
    void negotiate(fuse_conn_info* conn, bool wanted, int device);
    // Before the answer to an open: enters the registration into `fi`. `fd` is the backing file.
    // True if that worked; then close() is due once for it.
    bool open(fuse_req_t req, const Node& node, int fd, fuse_file_info* fi);
    void close(const Node& node);

  private:
    struct Registration {
        int id = 0;
        unsigned opens = 0;
    };
    bool on_ = false;
    int device_ = -1;
    std::mutex lock_;
    std::unordered_map<const Node*, Registration> registrations_;
};

}  // namespace vexfs::fuse
