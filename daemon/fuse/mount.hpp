// SPDX-License-Identifier: Apache-2.0
// Mount: a FUSE mount that passes a directory through and tells a sink what programs do there.
//
//   Result<std::unique_ptr<Mount>> m = Mount::start({.source = "/data", .mountpoint = "/mnt"},
//   &sink);
//
// Locks (flock, fcntl) are the kernel's own: programs on the mount exclude each other with full
// POSIX semantics and no worker thread can be blocked by them; programs that work on the source
// directory directly are not excluded.
//
// What the page cache and the directory cache answer is not seen here (nor are stores through
// mmap, before they are written back): only what reaches the daemon is observed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.hpp"
#include "fuse/caches.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

struct MountOptions {
    std::string source;        // directory to pass through
    std::string mountpoint;    // existing empty directory, not in `source`
    bool allow_other = false;  // other users than the daemon's may use the mount
    bool allow_suid = false;   // honour set-id bits and file capabilities on exec
    bool allow_dev = false;    // honour device nodes
    bool read_only = false;    // mount read-only
    unsigned threads = 0;      // workers; 0: two per processor, 4 at least
    std::uint32_t max_write_bytes = 1 << 20;
    // How long the kernel may use what it was told, while the change stream is healthy; and while
    // it is not (a file's pages are then dropped at each open as well).
    double cache_timeout_s = 86400;
    double fallback_timeout_s = 1;
    bool healthy = false;                   // as set_healthy() at start
    std::uint64_t ops = VX_OPS_ALL;         // operations to report, VX_OP_BIT()s
    std::uint32_t invalidations = 1 << 16;  // limit of the notifier's queue
    // Reads and writes by the kernel alone, where kernel (6.9) and libfuse (3.17) have it. They are
    // then not observed here: only for when the kernel module is the source.
    bool kernel_io = false;
};

struct MountStats {
    std::uint64_t nodes = 0;          // objects that the kernel remembers
    std::uint64_t node_fds = 0;       // of them held open
    std::uint64_t node_fd_limit = 0;  // beyond it nodes are found again by file handle
    std::uint64_t open_files = 0;
    std::uint64_t events = 0;           // handed to the sink
    std::uint64_t inval_queued = 0;     // accepted requests to invalidate
    std::uint64_t inval_merged = 0;     // of them merged with one that was waiting
    std::uint64_t inval_sent = 0;       // notifications written to the kernel
    std::uint64_t inval_overflows = 0;  // times that everything was invalidated instead
};

class Session;

class Mount final : public Caches {
  public:
    // Mounts and serves, on threads of its own. `sink` may be null; it must outlive the mount. A
    // mount point left by a daemon that died is detached first (logged).
    static Result<std::unique_ptr<Mount>> start(const MountOptions& options, BoundarySink* sink);

    ~Mount() override;  // stop()
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;

    // Unmounts, ends the threads, reports what was still open as closed, then Unmount. A mount in
    // use is detached: programs that have files open get ENOTCONN from then on. Idempotent.
    void stop();

    // Readable (eventfd) once the session has ended by itself, e.g. by umount(8). Call stop() then.
    [[nodiscard]] int ended_fd() const;

    // Whether changes made behind the mount are currently reported to this object through
    // invalidate_*(). Decides on the cache timeouts of further replies; turning it off also drops
    // what the kernel had been told for long.
    void set_healthy(bool healthy);
    // Operations to report from now on, VX_OP_BIT()s.
    void set_ops(std::uint64_t mask);

    // Changes made behind the mount. None of these blocks or fails: one thread passes them on to
    // the kernel; an object that the kernel does not remember costs a look-up here. Objects are
    // found by (dev, ino).
    // A name in `parent` came, went or means another object now.
    void invalidate_entry(const ObjectId& parent, std::string_view name);
    // `child` lost the name: as above, and watchers of the child are told.
    void deleted_entry(const ObjectId& parent, const ObjectId& child, std::string_view name);
    // Attributes changed, and the data of a range in bytes. length 0: to the end; offset -1:
    // attributes only.
    void invalidate_inode(const ObjectId& object, std::int64_t offset, std::int64_t length);
    // All that the kernel remembers.
    void invalidate_all();
    // Waits until all that was asked before has reached the kernel; false after timeout_ms. Not for
    // threads that the sink is called on.
    bool settle(unsigned timeout_ms);
    // The same without waiting: see Caches.
    [[nodiscard]] std::uint64_t asked() const override;
    [[nodiscard]] std::uint64_t reached() const override;
    // Readable (eventfd) when reached() has grown.
    [[nodiscard]] int reached_fd() const;
    [[nodiscard]] std::uint64_t node_id(const ObjectId& object) const override;

    // The device number of a file system that the mount has met, by its fsid; 0 if none.
    [[nodiscard]] dev_t device_of(std::uint64_t fsid) const;
    [[nodiscard]] ObjectId root() const;
    [[nodiscard]] const std::string& mountpoint() const;  // absolute, links resolved
    [[nodiscard]] MountStats stats() const;

  private:
    explicit Mount(std::unique_ptr<Session> session);
    std::unique_ptr<Session> session_;
};

}  // namespace vexfs::fuse
