// SPDX-License-Identifier: Apache-2.0
#include "paths/directory_map.hpp"

#include "record.h"

namespace vexfs {

namespace {
// Deeper chains than this are taken for a loop of contradicting announcements.
constexpr unsigned kDepthMax = 2048;
}  // namespace

DirectoryMap::Node* DirectoryMap::insert(const ObjectKey& dir) {
    if (auto it = nodes_.find(dir); it != nodes_.end()) {
        return &it->second;
    }
    if (nodes_.size() >= limit_) {
        refused_++;
        return nullptr;
    }
    return &nodes_[dir];
}

void DirectoryMap::anchor(const ObjectKey& dir, std::string path) {
    if (Node* node = insert(dir)) {
        node->anchor = std::move(path);
        epoch_++;
        if (observer_ != nullptr) {
            observer_->anchored(dir, node->anchor);
        }
    }
}

void DirectoryMap::remove_anchor(const ObjectKey& dir) {
    if (auto it = nodes_.find(dir); it != nodes_.end()) {
        it->second.anchor.clear();
        epoch_++;
        if (observer_ != nullptr) {
            observer_->anchored(dir, {});
        }
    }
}

void DirectoryMap::announce(const vx_dir& dir) {
    if (dir.name_len > VX_NAME_MAX || sizeof(vx_dir) + dir.name_len > dir.rec.len) {
        return;
    }
    const ObjectKey key{dir.fsid, dir.ino, dir.gen};
    if (auto it = nodes_.find(key); it != nodes_.end() && dir.rec.ticket < it->second.as_of) {
        return;
    }
    // As of its ticket: place() records that renames up to and including `ticket` are in it.
    place(key, {dir.fsid, dir.parent_ino, dir.parent_gen}, {vx_dir_name(&dir), dir.name_len},
          dir.rec.ticket - 1);
}

void DirectoryMap::place(const ObjectKey& dir, const ObjectKey& parent, std::string_view name,
                         std::uint64_t ticket) {
    const bool known = nodes_.contains(dir);
    Node* node = insert(dir);
    if (node == nullptr) {
        return;
    }
    const bool same = known && node->parent == parent && node->name == name;
    if (observer_ != nullptr && (!same || node->as_of != ticket + 1)) {
        observer_->placed(dir, parent, name, ticket + 1);
    }
    node->as_of = ticket + 1;
    if (same) {
        return;
    }
    if (known) {
        epoch_++;  // it moved: every cached path below it is old
    }
    node->parent = parent;
    node->name.assign(name);
    node->epoch = 0;
}

void DirectoryMap::forget(const ObjectKey& dir) {
    auto it = nodes_.find(dir);
    if (it != nodes_.end() && it->second.anchor.empty()) {
        nodes_.erase(it);
        epoch_++;
        if (observer_ != nullptr) {
            observer_->forgotten(dir);
        }
    }
}

void DirectoryMap::tell_all(Observer& observer) const {
    for (const auto& [dir, node] : nodes_) {
        if (!node.anchor.empty()) {
            observer.anchored(dir, node.anchor);
        }
        if (node.parent.ino != 0) {
            observer.placed(dir, node.parent, node.name, node.as_of);
        }
    }
}

bool DirectoryMap::resolve(const ObjectKey& dir, Node& node, unsigned depth) {
    if (node.epoch == epoch_) {
        return true;
    }
    if (!node.anchor.empty()) {
        node.path = node.anchor;
        node.epoch = epoch_;
        return true;
    }
    if (depth >= kDepthMax || node.parent.ino == 0 || node.parent == dir) {
        return false;
    }
    auto up = nodes_.find(node.parent);
    if (up == nodes_.end() || !resolve(node.parent, up->second, depth + 1)) {
        return false;
    }
    node.path = up->second.path;
    if (node.path.empty() || node.path.back() != '/') {
        node.path += '/';
    }
    node.path += node.name;
    node.epoch = epoch_;
    return true;
}

bool DirectoryMap::path(const ObjectKey& parent, std::string_view name, std::string& out) {
    out.clear();
    auto it = nodes_.find(parent);
    if (it == nodes_.end() || !resolve(parent, it->second, 0)) {
        return false;
    }
    out = it->second.path;
    if (!name.empty()) {
        if (out.empty() || out.back() != '/') {
            out += '/';
        }
        out.append(name);
    }
    return true;
}

}  // namespace vexfs
