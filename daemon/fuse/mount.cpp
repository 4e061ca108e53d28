// SPDX-License-Identifier: Apache-2.0
#include "fuse/mount.hpp"

#include "fuse/session.hpp"

namespace vexfs::fuse {

Mount::Mount(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Mount::~Mount() {
    stop();
}

Result<std::unique_ptr<Mount>> Mount::start(const MountOptions& options, BoundarySink* sink) {
    Result<std::unique_ptr<Session>> session = Session::start(options, sink);
    if (!session) {
        return session.status();
    }
    return std::unique_ptr<Mount>(new Mount(std::move(session).value()));
}

void Mount::stop() {
    session_->stop();
}
int Mount::ended_fd() const {
    return session_->ended_fd();
}
void Mount::set_healthy(bool healthy) {
    session_->set_healthy(healthy);
}
void Mount::set_ops(std::uint64_t mask) {
    session_->reporter().set_ops(mask);
}

void Mount::invalidate_entry(const ObjectId& parent, std::string_view name) {
    session_->notifier().entry(parent, ObjectId{}, name);
}

void Mount::deleted_entry(const ObjectId& parent, const ObjectId& child, std::string_view name) {
    session_->notifier().entry(parent, child, name);
}

void Mount::invalidate_inode(const ObjectId& object, std::int64_t offset, std::int64_t length) {
    session_->notifier().inode(object, offset, length);
}

void Mount::invalidate_all() {
    session_->notifier().all();
}
bool Mount::settle(unsigned timeout_ms) {
    return session_->notifier().settle(timeout_ms);
}

std::uint64_t Mount::asked() const {
    return session_->notifier().asked();
}
std::uint64_t Mount::reached() const {
    return session_->notifier().reached();
}
int Mount::reached_fd() const {
    return session_->notifier().reached_fd();
}
std::uint64_t Mount::node_id(const ObjectId& object) const {
    return session_->nodes().find(object.dev, object.ino);
}

dev_t Mount::device_of(std::uint64_t fsid) const {
    return session_->nodes().device_of(fsid);
}
ObjectId Mount::root() const {
    return session_->nodes().root().id;
}
const std::string& Mount::mountpoint() const {
    return session_->paths().mountpoint;
}

MountStats Mount::stats() const {
    const Notifier::Counts counts = session_->notifier().counts();
    return {.nodes = session_->nodes().size(),
            .node_fds = session_->nodes().fds(),
            .node_fd_limit = session_->nodes().fd_limit(),
            .open_files = session_->files().size(),
            .events = session_->reporter().events(),
            .inval_queued = counts.queued,
            .inval_merged = counts.merged,
            .inval_sent = counts.sent,
            .inval_overflows = counts.overflows};
}

}  // namespace vexfs::fuse
