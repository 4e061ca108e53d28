// SPDX-License-Identifier: Apache-2.0
#include "fuse/ring_sink.hpp"

#include <algorithm>
#include <cstring>

#include "record.h"

namespace vexfs::fuse {

namespace {

std::atomic<std::uint64_t> g_sinks{0};

// A name that is longer than a record holds can't come from a file system; it is cut rather than
// trusted.
std::uint32_t clip(std::string_view text, std::uint32_t limit) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), limit));
}

// Mount and Unmount are observed with the mount point's whole path; a record holds its name.
std::string_view name_of(const Observation& o) {
    const bool whole_path = o.op == VX_OP_MOUNT || o.op == VX_OP_UNMOUNT;
    return whole_path ? o.name.substr(o.name.rfind('/') + 1) : o.name;
}

void fill_rename(vx_event* e, const Observation& o) {
    vx_rename* rename = vx_event_rename(e);
    *rename = vx_rename{};
    rename->old_parent_ino = o.old_parent.ino;
    rename->old_parent_gen = o.old_parent.gen;
    rename->target_ino = o.target.ino;
    rename->target_gen = o.target.gen;
    rename->target_nlink = o.target_nlink;
    rename->target_mode = o.target_mode;
}

void fill(vx_event* e, const Observation& o) {
    e->rec.type = VX_REC_EVENT;
    e->rec.op = static_cast<__u16>(o.op);
    e->fsid = o.object.fsid != 0 ? o.object.fsid : o.parent.fsid;
    e->ino = o.object.ino;
    e->parent_ino = o.parent.ino;
    e->gen = o.object.gen;
    e->parent_gen = o.parent.gen;
    e->size = o.size;
    e->offset = o.offset;
    e->length = o.length;
    e->duration_ns = 0;
    e->flags = o.flags;
    e->error = o.error;
    e->mode = o.mode;
    e->nlink = o.nlink;
    e->uid = o.caller.uid;
    e->gid = o.caller.gid;
    e->owner_uid = o.owner_uid;
    e->owner_gid = o.owner_gid;
    e->pid = o.caller.pid;
    e->tid = o.caller.tid;
    e->cookie = o.cookie;
    std::memcpy(e->comm, o.caller.comm.data(), VX_COMM_LEN);
}

// Where a lost event was, as for the kernel's: the parent; of a directory that has none, itself. A
// failed operation and a sync change no directory.
void dirty(vx_ring* ring, std::uint32_t producer, const Observation& o) {
    const auto ref = [&o](const ObjectId& dir) {
        return vx_dirty{.fsid = dir.fsid != 0 ? dir.fsid : o.object.fsid,
                        .ino = dir.ino,
                        .gen = dir.gen,
                        .reserved = 0};
    };
    const bool root = o.parent.ino == 0 && (o.flags & VX_F_DIRECTORY) != 0;
    const vx_dirty dirs[] = {ref(root ? o.object : o.parent), ref(o.old_parent)};
    const std::uint32_t n = o.error != 0 || o.op == VX_OP_SYNC ? 0
                            : o.op == VX_OP_FILE_RENAME        ? 2
                                                               : 1;
    vx_ring_dirty(ring, producer, dirs, n);
}

}  // namespace

RingSink::RingSink(MemoryRing& ring)
    : ring_(ring.ring()), id_(++g_sinks), locks_(std::make_unique<Lock[]>(ring.ring()->n)) {}

RingSink::Producer::Producer(RingSink& sink) {
    // A thread keeps its number as long as it works for this sink.
    thread_local std::uint64_t sink_id = 0;
    thread_local std::uint32_t number = 0;
    if (sink_id != sink.id_) {
        sink_id = sink.id_;
        number = std::min(sink.threads_.fetch_add(1), sink.ring_->n - 1);
    }
    number_ = number;
    hold_ = std::unique_lock(sink.locks_[number].mutex);
}

void RingSink::on_event(const Observation& o) {
    const Producer self(*this);
    const std::string_view name = name_of(o);
    const std::uint32_t name_len = clip(name, VX_NAME_MAX);
    const std::uint32_t name2_len = clip(o.name2, VX_NAME2_MAX);
    vx_slot slot;
    auto* e = static_cast<vx_event*>(vx_ring_begin(
        ring_, self.number(), o.op, vx_event_len(o.op, name_len, name2_len), o.mono_ns, &slot));
    if (e == nullptr) {
        if (vx_op_class(o.op) == VX_CLASS_M) {
            dirty(ring_, self.number(), o);
        }
        return;
    }
    fill(e, o);
    if (o.op == VX_OP_FILE_RENAME) {
        fill_rename(e, o);
    }
    const std::uint32_t len =
        vx_event_strings(e, name.data(), name_len, o.name2.data(), name2_len);
    vx_ring_commit(ring_, &slot, len);
}

// Into both classes: each sub-ring must know a directory before its own first event there.
void RingSink::on_directory(const DirectoryPlace& place) {
    const Producer self(*this);
    for (std::uint32_t cls = 0; cls < VX_CLASSES; cls++) {
        vx_slot slot;
        auto* d = static_cast<vx_dir*>(
            vx_ring_begin_dir(ring_, self.number(), cls, place.mono_ns, &slot));
        if (d == nullptr) {
            continue;
        }
        const std::uint32_t name_len = clip(place.name, VX_NAME_MAX);
        const auto len = static_cast<std::uint32_t>(sizeof(vx_dir) + VX_ALIGN8(name_len));
        d->rec.type = VX_REC_DIR;
        d->rec.op = 0;
        d->rec.len = len;
        d->fsid = place.object.fsid;
        d->ino = place.object.ino;
        d->gen = place.object.gen;
        d->parent_ino = place.parent.ino;
        d->parent_gen = place.parent.gen;
        d->name_len = static_cast<__u16>(name_len);
        d->reserved16 = 0;
        d->reserved32 = 0;
        std::memset(d + 1, 0, VX_ALIGN8(name_len));
        std::copy_n(place.name.data(), name_len, reinterpret_cast<char*>(d + 1));
        vx_ring_commit(ring_, &slot, len);
    }
}

void RingSink::barrier() {
    for (std::uint32_t i = 0; i < ring_->n; i++) {
        const std::lock_guard hold(locks_[i].mutex);
        for (std::uint32_t cls = 0; cls < VX_CLASSES; cls++) {
            vx_ring_flush_loss(ring_, i, cls);
        }
    }
}

}  // namespace vexfs::fuse
