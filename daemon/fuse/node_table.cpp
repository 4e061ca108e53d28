// SPDX-License-Identifier: Apache-2.0
#include "fuse/node_table.hpp"

#include <fcntl.h>
#include <sys/vfs.h>

#include <cassert>
#include <cerrno>

namespace vexfs::fuse {

namespace {

constexpr std::uint64_t kRootId = 1;

ObjectId object_of(const struct stat& st, std::uint64_t fsid, std::uint32_t gen) {
    return {.fsid = fsid, .ino = st.st_ino, .dev = st.st_dev, .gen = gen};
}

}  // namespace

Result<std::unique_ptr<NodeTable>> NodeTable::open(const std::string& source,
                                                   std::uint64_t fd_limit) {
    std::unique_ptr<NodeTable> table(new NodeTable(fd_limit));
    table->mount_fd_.reset(::open(source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    UniqueFd path(::open(source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!table->mount_fd_ || !path) {
        return Status::from_errno(errno, "open source directory " + source);
    }
    struct stat st {};
    if (::fstat(path.get(), &st) != 0) {
        return Status::from_errno(errno, "stat source directory " + source);
    }
    const FileHandle handle = FileHandle::of(path.get());
    table->handle_dev_ = st.st_dev;
    table->handles_work_ = !handle.empty() && handle.open_path(table->mount_fd_.get()).valid();
    std::unique_ptr<Node> root = table->make_node(std::move(path), st, handle);
    root->lookups = 1;
    root->nameless = true;
    table->root_ = root.get();
    table->shard(st.st_dev, st.st_ino).nodes.emplace(Key{st.st_dev, st.st_ino}, root.release());
    return table;
}

NodeTable::~NodeTable() {
    for (Shard& shard : shards_) {
        for (auto& [key, node] : shard.nodes) {
            destroy(node);
        }
    }
    for (auto& [node, unused] : orphans_) {
        destroy(node);
    }
}

Node& NodeTable::node(std::uint64_t id) {
    return id == kRootId ? *root_ : *reinterpret_cast<Node*>(static_cast<std::uintptr_t>(id));
}

std::uint64_t NodeTable::id_of(const Node& node) const {
    return &node == root_ ? kRootId : reinterpret_cast<std::uintptr_t>(&node);
}

NodeTable::Shard& NodeTable::shard(dev_t dev, std::uint64_t ino) const {
    return shards_[KeyHash{}(Key{dev, ino}) % kShards];
}

std::mutex& NodeTable::place_lock(const Node& node) const {
    return place_locks_[(reinterpret_cast<std::uintptr_t>(&node) >> 6) % kPlaceLocks];
}

PathFd NodeTable::path_fd(const Node& node) const {
    const int fd = node.fd.load(std::memory_order_acquire);
    if (fd >= 0) {
        return PathFd(fd);
    }
    UniqueFd opened = node.handle.open_path(mount_fd_.get());
    return opened ? PathFd(std::move(opened)) : PathFd(-errno);
}

void NodeTable::pin(Node& node, PathFd& fd) {
    if (fd.borrowed() || fd.get() < 0) {
        return;
    }
    int none = -1;
    const int number = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3);
    if (number >= 0 && node.fd.compare_exchange_strong(none, number, std::memory_order_release)) {
        fds_.fetch_add(1, std::memory_order_relaxed);
    } else if (number >= 0) {
        UniqueFd(number).reset();
    }
}

// One system call for what is known: fstatat. A node that was made only after it may be another
// object under a number used again: then the long way.
NodeTable::Found NodeTable::lookup(const Node& parent, const char* name) {
    const PathFd dir = path_fd(parent);
    Found found;
    if (dir.get() < 0) {
        found.error = -dir.get();
        return found;
    }
    const std::uint64_t epoch = epoch_.load(std::memory_order_acquire);
    if (::fstatat(dir.get(), name, &found.st, AT_SYMLINK_NOFOLLOW) != 0) {
        found.error = errno;
        return found;
    }
    {
        Shard& s = shard(found.st.st_dev, found.st.st_ino);
        std::lock_guard guard(s.lock);
        auto it = s.nodes.find(Key{found.st.st_dev, found.st.st_ino});
        if (it != s.nodes.end() && it->second->born <= epoch && it->second->fd.load() >= 0) {
            found.node = it->second;
            ++found.node->lookups;
            return found;
        }
    }
    UniqueFd fd(::openat(dir.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) {
        found.error = errno;
        return found;
    }
    return adopt(std::move(fd));
}

NodeTable::Found NodeTable::adopt(UniqueFd fd) {
    Found found;
    if (::fstat(fd.get(), &found.st) != 0) {
        found.error = errno;
        return found;
    }
    const FileHandle handle = FileHandle::of(fd.get());
    std::unique_ptr<Node> made = make_node(std::move(fd), found.st, handle);
    Node* orphan = nullptr;
    {
        Shard& s = shard(found.st.st_dev, found.st.st_ino);
        std::lock_guard guard(s.lock);
        auto [it, inserted] = s.nodes.try_emplace(Key{found.st.st_dev, found.st.st_ino});
        if (!inserted && it->second->fd.load() < 0 && !(it->second->handle == handle)) {
            // Nothing held the older object: it died and its number is used again.
            orphan = it->second;
            orphan->listed = false;
            std::lock_guard orphans_guard(orphans_lock_);
            orphans_.emplace(orphan, true);
        }
        if (inserted || orphan != nullptr) {
            made->born = epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
            it->second = made.release();
            found.fresh = true;
        }
        found.node = it->second;
        ++found.node->lookups;
    }
    if (made != nullptr) {
        destroy(made.release());  // somebody else was faster
    }
    return found;
}

void NodeTable::hold(Node& node) {
    std::lock_guard guard(shard(node.id.dev, node.id.ino).lock);
    ++node.lookups;
}

void NodeTable::forget(Node& node, std::uint64_t count) {
    {
        Shard& s = shard(node.id.dev, node.id.ino);
        std::lock_guard guard(s.lock);
        assert(node.lookups >= count);
        node.lookups -= count < node.lookups ? count : node.lookups;
        if (node.lookups > 0 || &node == root_) {
            return;
        }
        if (node.listed) {
            s.nodes.erase(Key{node.id.dev, node.id.ino});
        } else {
            std::lock_guard orphans_guard(orphans_lock_);
            orphans_.erase(&node);
        }
    }
    destroy(&node);
}

std::uint64_t NodeTable::find(dev_t dev, std::uint64_t ino) const {
    Shard& s = shard(dev, ino);
    std::lock_guard guard(s.lock);
    auto it = s.nodes.find(Key{dev, ino});
    return it == s.nodes.end() ? 0 : id_of(*it->second);
}

std::unique_ptr<Node> NodeTable::make_node(UniqueFd fd, const struct stat& st,
                                           const FileHandle& handle) {
    auto node = std::make_unique<Node>();
    node->id = object_of(st, fsid_of(fd.get(), st.st_dev), handle.generation());
    node->handle = handle;
    node->type = st.st_mode & S_IFMT;
    const bool by_handle = handles_work_ && st.st_dev == handle_dev_ && !handle.empty();
    if (!by_handle || fds_.load(std::memory_order_relaxed) < fd_limit_) {
        node->fd.store(fd.release(), std::memory_order_relaxed);
        fds_.fetch_add(1, std::memory_order_relaxed);
    }
    nodes_.fetch_add(1, std::memory_order_relaxed);
    return node;
}

void NodeTable::destroy(Node* node) {
    if (node->fd.load() >= 0) {
        UniqueFd(node->fd.load()).reset();
        fds_.fetch_sub(1, std::memory_order_relaxed);
    }
    nodes_.fetch_sub(1, std::memory_order_relaxed);
    delete node;
}

bool NodeTable::set_place(Node& node, const ObjectId& parent, std::string_view name) {
    std::lock_guard guard(place_lock(node));
    if (!node.nameless && node.parent.ino == parent.ino && node.parent.dev == parent.dev &&
        node.name == name) {
        return false;
    }
    node.parent = parent;
    node.name = name;
    node.nameless = false;
    return true;
}

void NodeTable::set_first_place(Node& node, const ObjectId& parent, std::string_view name) {
    std::lock_guard guard(place_lock(node));
    if (node.nameless) {
        node.parent = parent;
        node.name = name;
        node.nameless = false;
    }
}

void NodeTable::clear_place(Node& node, const ObjectId& parent, std::string_view name) {
    std::lock_guard guard(place_lock(node));
    if (node.parent.ino == parent.ino && node.parent.dev == parent.dev && node.name == name) {
        node.nameless = true;
    }
}

NodeTable::Place NodeTable::place(const Node& node, char (&name)[VX_NAME_MAX + 1]) const {
    std::lock_guard guard(place_lock(node));
    const std::size_t length = node.name.copy(name, VX_NAME_MAX);
    return {.parent = node.parent, .nameless = node.nameless, .length = length};
}

std::vector<NodePlace> NodeTable::places_of(std::size_t index) const {
    std::vector<NodePlace> places;
    std::lock_guard guard(shards_[index].lock);
    places.reserve(shards_[index].nodes.size());
    for (const auto& [key, node] : shards_[index].nodes) {
        std::lock_guard place_guard(place_lock(*node));
        places.push_back({.id = static_cast<std::uintptr_t>(id_of(*node)),
                          .object = node->id,
                          .parent = node->nameless ? ObjectId{} : node->parent,
                          .name = node->name});
    }
    return places;
}

std::uint64_t NodeTable::fsid_of(int fd, dev_t dev) {
    std::lock_guard guard(fsids_lock_);
    return fsids_.of(fd, dev);
}

dev_t NodeTable::device_of(std::uint64_t fsid) const {
    std::lock_guard guard(fsids_lock_);
    return fsids_.device_of(fsid);
}

}  // namespace vexfs::fuse
