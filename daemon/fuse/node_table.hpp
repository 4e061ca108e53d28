// SPDX-License-Identifier: Apache-2.0
// NodeTable: the objects that the kernel remembers. One node per backing (dev, ino), however many
// names it has. A node's address is its id towards the kernel; it lives until the kernel has
// forgotten every answer that held it.
//
// A node is held by an O_PATH descriptor: while it is held the inode number cannot be given to
// another object. Beyond the limit of descriptors a node keeps only its file handle and is opened
// on each use (open_by_handle_at: privileged, file system of the source only); where that is not
// possible the descriptor is kept beyond the limit.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/fd.hpp"
#include "base/file_system_ids.hpp"
#include "base/status.hpp"
#include "fuse/file_handle.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

struct Node {
    ObjectId id;
    std::uint64_t born = 0;     // the table's epoch when it was made
    std::atomic<int> fd{-1};    // O_PATH, owned; -1: by handle. Set at most once after birth
    FileHandle handle;          // empty where the file system has none
    mode_t type = 0;            // S_IFMT bits
    std::uint64_t lookups = 0;  // by the shard's lock
    bool listed = true;         // by the shard's lock; false: number was given to a newer object
    // The name last known, by the table's place lock.
    ObjectId parent;
    std::string name;
    bool nameless = true;
};

// A descriptor for one use: borrowed from the node, or opened for this. get() < 0: -errno.
class PathFd {
  public:
    explicit PathFd(int borrowed) : fd_(borrowed) {}
    explicit PathFd(UniqueFd owned) : owned_(std::move(owned)), fd_(owned_.get()) {}
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool borrowed() const { return !owned_.valid(); }
    [[nodiscard]] UniqueFd take() { return std::move(owned_); }

  private:
    UniqueFd owned_;
    int fd_;
};

// What a coarse invalidation has to know of a node.
struct NodePlace {
    std::uintptr_t id;
    ObjectId object;
    ObjectId parent;
    std::string name;
};

class NodeTable {
  public:
    // `fd_limit`: nodes held by descriptor.
    static Result<std::unique_ptr<NodeTable>> open(const std::string& source,
                                                   std::uint64_t fd_limit);
    ~NodeTable();

    Node& root() { return *root_; }
    // `id` as given to the kernel; 1 is the root.
    Node& node(std::uint64_t id);
    std::uint64_t id_of(const Node& node) const;

    PathFd path_fd(const Node& node) const;
    // Keeps an object that is about to lose its last name reachable.
    void pin(Node& node, PathFd& fd);

    struct Found {
        int error = 0;  // positive errno
        Node* node = nullptr;
        struct stat st {};
        bool fresh = false;  // a new node
    };
    // Looks `name` up in `parent`; adds one to the node's count.
    Found lookup(const Node& parent, const char* name);
    // The node of an open O_PATH descriptor; adds one to its count.
    Found adopt(UniqueFd fd);
    // Adds one to the count of a node that has one.
    void hold(Node& node);
    // Takes `count` from the node's count; the node may be gone after that.
    void forget(Node& node, std::uint64_t count);
    // The kernel's id of an object that it remembers; 0 if it does not. No count is taken: by the
    // time it is used the id may be stale, which the kernel refuses.
    std::uint64_t find(dev_t dev, std::uint64_t ino) const;

    // The name that the node was last seen under. True if that was news.
    bool set_place(Node& node, const ObjectId& parent, std::string_view name);
    // As set_place, but only for a node that has no name: a further link does not become its name.
    void set_first_place(Node& node, const ObjectId& parent, std::string_view name);
    void clear_place(Node& node, const ObjectId& parent, std::string_view name);
    struct Place {
        ObjectId parent;
        bool nameless = true;
        std::size_t length = 0;  // of the name
    };
    Place place(const Node& node, char (&name)[VX_NAME_MAX + 1]) const;

    // Calls visit(places) for one shard after the other, no lock held.
    template <typename Visit>
    void for_each_shard(Visit&& visit) const {
        for (std::size_t i = 0; i < kShards; ++i) {
            visit(places_of(i));
        }
    }

    dev_t device_of(std::uint64_t fsid) const;
    std::uint64_t size() const { return nodes_.load(std::memory_order_relaxed); }
    std::uint64_t fds() const { return fds_.load(std::memory_order_relaxed); }
    std::uint64_t fd_limit() const { return fd_limit_; }

  private:
    static constexpr std::size_t kShards = 64;
    static constexpr std::size_t kPlaceLocks = 64;
    struct Key {
        dev_t dev;
        std::uint64_t ino;
        bool operator==(const Key&) const = default;
    };
    struct KeyHash {
        std::size_t operator()(const Key& key) const {
            return (key.ino + key.dev * 0x9e3779b97f4a7c15U) * 0xff51afd7ed558ccdU >> 17;
        }
    };
    struct alignas(64) Shard {
        mutable std::mutex lock;
        std::unordered_map<Key, Node*, KeyHash> nodes;
    };

    explicit NodeTable(std::uint64_t fd_limit) : fd_limit_(fd_limit) {}
    Shard& shard(dev_t dev, std::uint64_t ino) const;
    std::mutex& place_lock(const Node& node) const;
    std::vector<NodePlace> places_of(std::size_t index) const;
    std::uint64_t fsid_of(int fd, dev_t dev);
    std::unique_ptr<Node> make_node(UniqueFd fd, const struct stat& st, const FileHandle& handle);
    void destroy(Node* node);

    const std::uint64_t fd_limit_;
    UniqueFd mount_fd_;  // of the source, for open_by_handle_at
    dev_t handle_dev_ = 0;
    bool handles_work_ = false;
    Node* root_ = nullptr;
    std::atomic<std::uint64_t> nodes_{0};
    std::atomic<std::uint64_t> fds_{0};
    std::atomic<std::uint64_t> epoch_{0};
    mutable Shard shards_[kShards];
    mutable std::mutex place_locks_[kPlaceLocks];
    mutable std::mutex fsids_lock_;
    FileSystemIds fsids_;
    std::mutex orphans_lock_;
    std::unordered_map<Node*, bool> orphans_;  // unlisted nodes that the kernel still remembers
};

// A count taken for the duration of an operation.
class NodeRef {
  public:
    NodeRef(NodeTable& table, Node* node) : table_(&table), node_(node) {}
    NodeRef(NodeRef&& other) noexcept
        : table_(other.table_), node_(std::exchange(other.node_, nullptr)) {}
    NodeRef& operator=(NodeRef&&) = delete;
    ~NodeRef() {
        if (node_ != nullptr) {
            table_->forget(*node_, 1);
        }
    }
    [[nodiscard]] Node* get() const { return node_; }
    Node* operator->() const { return node_; }
    Node& operator*() const { return *node_; }
    explicit operator bool() const { return node_ != nullptr; }
    // Leaves the count to the kernel, which has been given the node.
    Node* keep() { return std::exchange(node_, nullptr); }

  private:
    NodeTable* table_;
    Node* node_;
};

}  // namespace vexfs::fuse
