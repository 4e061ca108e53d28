// SPDX-License-Identifier: Apache-2.0
#include "fuse/kernel_io.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>

namespace vexfs::fuse {

#ifdef FUSE_CAP_PASSTHROUGH

namespace {
// FUSE_DEV_IOC_BACKING_CLOSE of <linux/fuse.h>. libfuse's call needs a request, and the last user
// may go without one.
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);
}  // namespace

void KernelIo::negotiate(fuse_conn_info* conn, bool wanted, int device) {
    device_ = device;
    on_ = wanted && ::geteuid() == 0 && ::fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
}

bool KernelIo::open(fuse_req_t req, const Node& node, int fd, fuse_file_info* fi) {
    if (!on_) {
        return false;
    }
    std::lock_guard guard(lock_);
    Registration& registration = registrations_[&node];
    if (registration.opens == 0) {
        registration.id = ::fuse_passthrough_open(req, fd);
    }
    if (registration.id <= 0) {
        registrations_.erase(&node);  // a file system that cannot: through the daemon then
        return false;
    }
    ++registration.opens;
    fi->backing_id = registration.id;
    fi->keep_cache = 0;
    return true;
}

void KernelIo::close(const Node& node) {
    std::lock_guard guard(lock_);
    auto it = registrations_.find(&node);
    if (it != registrations_.end() && --it->second.opens == 0) {
        auto id = static_cast<std::uint32_t>(it->second.id);
        ::ioctl(device_, kBackingClose, &id);
        registrations_.erase(it);
    }
}

#else

void KernelIo::negotiate(fuse_conn_info*, bool, int) {}
bool KernelIo::open(fuse_req_t, const Node&, int, fuse_file_info*) {
    return false;
}
void KernelIo::close(const Node&) {}

#endif

}  // namespace vexfs::fuse
