// SPDX-License-Identifier: Apache-2.0
#include "fuse/session.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "fuse/credentials.hpp"
#include "spdlog/spdlog.h"

namespace vexfs::fuse {

namespace {

constexpr std::size_t kHeaderBytes = 64 * 1024;  // far more than any request's header and names
constexpr unsigned kMinThreads = 4;

// Ends a worker's wait for the next request; its handler does nothing.
int wake_signal() {
    return SIGRTMIN + 6;
}

thread_local std::vector<char> scratch_memory;
thread_local CallerCache caller_cache;

// Descriptors for nodes; the rest is for open files, the daemon and its other parts.
std::uint64_t raise_fd_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 512;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        rlimit wanted{.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) {
            limit = wanted;
        }
    }
    return limit.rlim_cur / 2;
}

void install_wake_handler() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(wake_signal(), &action, nullptr);  // without SA_RESTART
}

void set_capability(fuse_conn_info* conn, std::uint32_t flag, bool on) {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    on ? (void)::fuse_set_feature_flag(conn, flag) : ::fuse_unset_feature_flag(conn, flag);
#else
    conn->want = on && (conn->capable & flag) != 0 ? conn->want | flag : conn->want & ~flag;
#endif
}

}  // namespace

ProcPath::ProcPath(int fd) {
    std::snprintf(text_, sizeof text_, "/proc/self/fd/%d", fd);
}

Session::Session(const MountOptions& options, MountPaths paths, std::unique_ptr<NodeTable> nodes,
                 BoundarySink* sink)
    : options_(options),
      paths_(std::move(paths)),
      nodes_(std::move(nodes)),
      reporter_(*nodes_, sink, options.ops),
      notifier_(*nodes_, *this, options.invalidations),
      healthy_(options.healthy),
      ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      buffer_bytes_(options.max_write_bytes + kHeaderBytes) {}

Result<std::unique_ptr<Session>> Session::start(const MountOptions& options, BoundarySink* sink) {
    Result<MountPaths> paths = prepare_mountpoint(options);
    if (!paths) {
        return paths.status();
    }
    const std::uint64_t fd_limit = raise_fd_limit();
    Result<std::unique_ptr<NodeTable>> nodes = NodeTable::open(paths->source, fd_limit);
    if (!nodes) {
        return nodes.status();
    }
    std::unique_ptr<Session> session(new Session(options, *paths, std::move(nodes).value(), sink));
    if (Status s = session->connect(); !s) {
        return s;
    }
    spdlog::info("fuse: {} is mounted at {}, {} threads, {} nodes by descriptor", paths->source,
                 paths->mountpoint, session->workers_.size(), fd_limit);
    return session;
}

Session::~Session() {
    stop();
}

Status Session::connect() {
    fuse_lowlevel_ops ops{};
    ops.init = [](void* self, fuse_conn_info* conn) { static_cast<Session*>(self)->on_init(conn); };
    fill_node_ops(ops);
    fill_namespace_ops(ops);
    fill_open_ops(ops);
    fill_io_ops(ops);
    fill_attr_ops(ops);
    fill_xattr_ops(ops);
    fill_dir_ops(ops);

    std::vector<std::string> words = {"vexfsd"};
    if (::geteuid() != 0) {
        words.insert(words.end(),
                     {"-o", "default_permissions,subtype=vexfs,fsname=" + paths_.source +
                                (options_.allow_other ? ",allow_other" : "") +
                                (options_.read_only ? ",ro" : "")});
    }
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    fuse_args args = FUSE_ARGS_INIT(static_cast<int>(argv.size()), argv.data());
    fuse_ = ::fuse_session_new(&args, &ops, sizeof ops, this);
    ::fuse_opt_free_args(&args);
    if (fuse_ == nullptr) {
        return Status::error(EINVAL, "libfuse refuses the session");
    }
    if (Status s = attach(fuse_, paths_, options_); !s) {
        ::fuse_session_destroy(fuse_);
        fuse_ = nullptr;
        return s;
    }
    mounted_ = true;
    device_ = ::fuse_session_fd(fuse_);
    install_wake_handler();
    if (Status s = shake_hands(); !s) {
        return s;
    }
    report_mount(VX_OP_MOUNT);
    notifier_.start();
    start_workers();
    return {};
}

// The kernel's first request is INIT and is there as soon as the mount is: answered here, so that
// the mount works, or has failed, when start() returns.
Status Session::shake_hands() {
    std::vector<char> buffer(buffer_bytes_);
    while (!serve_one(buffer)) {
        if (::fuse_session_exited(fuse_) != 0) {
            return Status::error(EPROTO, "the kernel's FUSE does not agree on a protocol");
        }
    }
    return {};
}

void Session::on_init(fuse_conn_info* conn) {
    conn->max_write = options_.max_write_bytes;
    const auto off = {FUSE_CAP_SPLICE_READ, FUSE_CAP_SPLICE_WRITE, FUSE_CAP_SPLICE_MOVE,
                      FUSE_CAP_WRITEBACK_CACHE};
    for (const auto flag : off) {
        set_capability(conn, static_cast<std::uint32_t>(flag), false);
    }
    // Set-id bits: the kernel knows whether the caller may keep them, and sends the chmod.
    set_capability(conn, FUSE_CAP_HANDLE_KILLPRIV, false);
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
    set_capability(conn, FUSE_CAP_HANDLE_KILLPRIV_V2, false);
#endif
    // ACLs are checked by the kernel; the umask is applied where the ACL is known (CreateAs).
    set_capability(conn, FUSE_CAP_POSIX_ACL, true);
    set_capability(conn, FUSE_CAP_DONT_MASK, true);
    set_capability(conn, FUSE_CAP_ATOMIC_O_TRUNC, true);
    set_capability(conn, FUSE_CAP_AUTO_INVAL_DATA, true);
    set_capability(conn, FUSE_CAP_PARALLEL_DIROPS, true);
    set_capability(conn, FUSE_CAP_CACHE_SYMLINKS, true);
    set_capability(conn, FUSE_CAP_EXPORT_SUPPORT, false);
    kernel_io_.negotiate(conn, options_.kernel_io, device_);
    // FUSE over io_uring (kernel 6.14, libfuse 3.18) belongs here and in work().
}

void Session::start_workers() {
    const unsigned threads = options_.threads != 0
                                 ? options_.threads
                                 : std::max(kMinThreads, 2 * std::thread::hardware_concurrency());
    working_ = threads;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::sigdelset(&all, wake_signal());
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < threads; ++i) {
        workers_.emplace_back([this] { work(); });
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Session::work() {
    ::pthread_setname_np(::pthread_self(), "vexfs-fuse");
    prepare_worker_credentials();
    scratch_memory.resize(buffer_bytes_);
    std::vector<char> buffer(buffer_bytes_);
    while (!stopping_ && ::fuse_session_exited(fuse_) == 0) {
        serve_one(buffer);
    }
    if (working_.fetch_sub(1) == 1) {
        const std::uint64_t one = 1;
        (void)!::write(ended_.get(), &one, sizeof one);
    }
}

// Reads and serves a request; false if there was none.
bool Session::serve_one(std::span<char> buffer) {
    const ssize_t n = ::read(device_, buffer.data(), buffer.size());
    if (n > 0) {
        fuse_buf request{};
        request.mem = buffer.data();
        request.size = static_cast<std::size_t>(n);
        ::fuse_session_process_buf(fuse_, &request);
        return true;
    }
    // ENOENT: the request was withdrawn. ENODEV: unmounted.
    if (n < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN)) {
        return false;
    }
    if (n < 0 && errno != ENODEV) {
        spdlog::error("fuse: reading requests of {}: {}", paths_.mountpoint,
                      Status::describe(errno));
    }
    ::fuse_session_exit(fuse_);
    return false;
}

void Session::stop() {
    std::lock_guard guard(stop_lock_);
    if (fuse_ == nullptr) {
        return;
    }
    notifier_.stop();
    if (mounted_ && !workers_.empty()) {
        detach(paths_.mountpoint);
    } else if (mounted_) {
        ::umount2(paths_.mountpoint.c_str(), MNT_DETACH);  // start() has failed half way
    }
    stop_workers();
    ::fuse_session_unmount(fuse_);  // where libfuse has mounted
    ::fuse_session_destroy(fuse_);  // closes the device: who still waits gets ENOTCONN
    fuse_ = nullptr;
    close_left_open();
    if (!workers_.empty()) {
        report_mount(VX_OP_UNMOUNT);
    }
}

// A signal may fall between a worker's look at `stopping_` and its read: so again until all have
// gone.
void Session::stop_workers() {
    stopping_ = true;
    while (working_.load() > 0) {
        for (std::thread& worker : workers_) {
            ::pthread_kill(worker.native_handle(), wake_signal());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (std::thread& worker : workers_) {
        worker.join();
    }
}

// The kernel does not always send the last closes of a mount that goes.
void Session::close_left_open() {
    for (const std::unique_ptr<OpenFile>& file : files_.remove_all()) {
        if (!file->directory) {
            Report report(reporter_, VX_OP_FILE_CLOSE, file->opener);
            report.object(*file->node).attributes_of(file->fd.get()).last_place(*file->node);
            report.flag(VX_F_WROTE, file->writable).send();
        }
    }
}

void Session::report_mount(vx_op op) {
    Caller self{.uid = ::geteuid(),
                .gid = ::getegid(),
                .pid = static_cast<std::uint32_t>(::getpid()),
                .tid = static_cast<std::uint32_t>(::gettid())};
    const Node& root = nodes_->root();
    if (op == VX_OP_MOUNT) {
        reporter_.directory(root, ObjectId{}, {});
    }
    Report report(reporter_, op, self);
    if (!report) {
        return;
    }
    caller_cache.resolve(report.event().caller);
    const std::string name2 = "fuse.vexfs:" + paths_.source;
    report.object(root).attributes_of(root.fd.load());
    report.event().name = paths_.mountpoint;
    report.event().name2 = op == VX_OP_MOUNT ? std::string_view(name2) : std::string_view();
    report.send();
}

void Session::set_healthy(bool healthy) {
    if (healthy_.exchange(healthy) && !healthy) {
        notifier_.all();  // it has been told for long; nobody will correct it now
    }
}

Caller Session::caller(fuse_req_t req, vx_op op) {
    const fuse_ctx* ctx = ::fuse_req_ctx(req);
    Caller caller{.uid = ctx->uid,
                  .gid = ctx->gid,
                  .pid = static_cast<std::uint32_t>(ctx->pid),
                  .tid = static_cast<std::uint32_t>(ctx->pid)};
    if (reporter_.wants(op)) {
        caller_cache.resolve(caller);
    }
    return caller;
}

fuse_entry_param Session::entry(const Node& node, const struct stat& st) {
    fuse_entry_param entry{};
    entry.ino = nodes_->id_of(node);
    entry.generation = node.id.gen;
    entry.attr = st;
    entry.attr_timeout = timeout();
    entry.entry_timeout = entry.attr_timeout;
    return entry;
}

std::span<char> Session::scratch(std::size_t bytes) {
    if (scratch_memory.size() < bytes) {
        scratch_memory.resize(bytes);  // grows to the largest request, once
    }
    return {scratch_memory.data(), bytes};
}

int Session::drop_entry(std::uint64_t parent, std::string_view name) {
    return ::fuse_lowlevel_notify_inval_entry(fuse_, parent, name.data(), name.size());
}

int Session::delete_entry(std::uint64_t parent, std::uint64_t child, std::string_view name) {
    return ::fuse_lowlevel_notify_delete(fuse_, parent, child, name.data(), name.size());
}

int Session::drop_inode(std::uint64_t id, std::int64_t offset, std::int64_t length) {
    return ::fuse_lowlevel_notify_inval_inode(fuse_, id, offset, length);
}

}  // namespace vexfs::fuse
