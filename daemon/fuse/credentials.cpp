// SPDX-License-Identifier: Apache-2.0
#include "fuse/credentials.hpp"

#include <linux/securebits.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "spdlog/spdlog.h"

namespace vexfs::fuse {

namespace {

struct ThreadIdentity {
    bool own_umask = false;
    bool can_switch = false;
    mode_t umask = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

thread_local ThreadIdentity identity;

}  // namespace

void prepare_worker_credentials() {
    identity.uid = ::geteuid();
    identity.gid = ::getegid();
    // The umask belongs to what CLONE_FS shares.
    identity.own_umask = ::unshare(CLONE_FS) == 0;
    if (identity.own_umask) {
        ::umask(0);
    }
    if (identity.uid == 0) {
        const int bits = ::prctl(PR_GET_SECUREBITS);
        identity.can_switch =
            bits >= 0 && ::prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) == 0;
        if (!identity.can_switch) {
            spdlog::warn("fuse: cannot set securebits ({}): new files will belong to root",
                         std::strerror(errno));
        }
    }
}

CreateAs::CreateAs(uid_t uid, gid_t gid, mode_t umask) {
    if (identity.own_umask && umask != identity.umask) {
        ::umask(umask);
        identity.umask = umask;
    }
    if (identity.can_switch && (uid != identity.uid || gid != identity.gid)) {
        ::setfsgid(gid);
        ::setfsuid(uid);
        switched_ = true;
    }
}

// The umask stays: it matters to nothing but creation. The ids go back, because a network file
// system answers by them.
CreateAs::~CreateAs() {
    if (switched_) {
        ::setfsuid(identity.uid);
        ::setfsgid(identity.gid);
    }
}

}  // namespace vexfs::fuse
