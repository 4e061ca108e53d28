// SPDX-License-Identifier: Apache-2.0
// Session: everything that one mount consists of, and the threads that serve it. The operations
// (ops_*.cpp) are free functions that get it as libfuse's user data.
#pragma once

#include <fuse_lowlevel.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "fuse/kernel_io.hpp"
#include "fuse/mount.hpp"
#include "fuse/mountpoint.hpp"
#include "fuse/node_table.hpp"
#include "fuse/notifier.hpp"
#include "fuse/open_files.hpp"
#include "fuse/report.hpp"

namespace vexfs::fuse {

class Session final : public KernelCache {
  public:
    static Result<std::unique_ptr<Session>> start(const MountOptions& options, BoundarySink* sink);
    ~Session() override;
    void stop();

    static Session& of(fuse_req_t req) { return *static_cast<Session*>(::fuse_req_userdata(req)); }

    NodeTable& nodes() { return *nodes_; }
    Node& node(fuse_ino_t id) { return nodes_->node(id); }
    OpenFiles& files() { return files_; }
    Reporter& reporter() { return reporter_; }
    DirectoryOrder& order() { return order_; }
    Notifier& notifier() { return notifier_; }
    const MountOptions& options() const { return options_; }
    const MountPaths& paths() const { return paths_; }
    int ended_fd() const { return ended_.get(); }

    void set_healthy(bool healthy);
    [[nodiscard]] bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
    // Seconds that the kernel may keep an answer.
    [[nodiscard]] double timeout() const {
        return healthy() ? options_.cache_timeout_s : options_.fallback_timeout_s;
    }
    // The same for "there is no such name". Those in the root are never kept for long: nothing but
    // their own names could drop them (Notifier::send_everything).
    [[nodiscard]] double negative_timeout(const Node& parent) {
        return &parent == &nodes_->root() ? std::min(timeout(), options_.fallback_timeout_s)
                                          : timeout();
    }
    KernelIo& kernel_io() { return kernel_io_; }

    // Who asks. Resolved from /proc only if somebody wants `op`.
    Caller caller(fuse_req_t req, vx_op op);
    fuse_entry_param entry(const Node& node, const struct stat& st);
    // At least `bytes` of memory of the calling worker: good until the request is answered.
    static std::span<char> scratch(std::size_t bytes);

    void on_init(fuse_conn_info* conn);

    int drop_entry(std::uint64_t parent, std::string_view name) override;
    int delete_entry(std::uint64_t parent, std::uint64_t child, std::string_view name) override;
    int drop_inode(std::uint64_t id, std::int64_t offset, std::int64_t length) override;

  private:
    Session(const MountOptions& options, MountPaths paths, std::unique_ptr<NodeTable> nodes,
            BoundarySink* sink);
    Status connect();
    Status shake_hands();
    void start_workers();
    void stop_workers();
    void work();
    bool serve_one(std::span<char> buffer);
    void report_mount(vx_op op);
    void close_left_open();

    const MountOptions options_;
    const MountPaths paths_;
    std::unique_ptr<NodeTable> nodes_;
    OpenFiles files_;
    Reporter reporter_;
    DirectoryOrder order_;
    Notifier notifier_;
    std::atomic<bool> healthy_;
    KernelIo kernel_io_;

    fuse_session* fuse_ = nullptr;
    int device_ = -1;  // owned by fuse_
    UniqueFd ended_;
    std::size_t buffer_bytes_;
    bool mounted_ = false;
    std::atomic<bool> stopping_{false};
    std::atomic<unsigned> working_{0};
    std::mutex stop_lock_;
    std::vector<std::thread> workers_;
};

// The operations; in ops_*.cpp by noun.
void fill_namespace_ops(fuse_lowlevel_ops& ops);
void fill_node_ops(fuse_lowlevel_ops& ops);
void fill_open_ops(fuse_lowlevel_ops& ops);
void fill_io_ops(fuse_lowlevel_ops& ops);
void fill_attr_ops(fuse_lowlevel_ops& ops);
void fill_xattr_ops(fuse_lowlevel_ops& ops);
void fill_dir_ops(fuse_lowlevel_ops& ops);

// "/proc/self/fd/N": the way to do by path what an O_PATH descriptor refuses. It is the object
// itself, also where that is a symlink.
class ProcPath {
  public:
    explicit ProcPath(int fd);
    [[nodiscard]] const char* c_str() const { return text_; }

  private:
    char text_[32];
};

// Answers with a node, whose count goes over to the kernel unless the answer does not arrive.
void reply_entry(fuse_req_t req, NodeRef node, const struct stat& st);

}  // namespace vexfs::fuse
