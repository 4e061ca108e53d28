// SPDX-License-Identifier: Apache-2.0
// The plain C face of the library: events and losses as structures.
#include "client/c_face.hpp"
#include "vexfs/flags.hpp"

namespace vexfs {

namespace {

vexfs_bytes bytes(std::string_view text) {
    return {text.empty() ? nullptr : text.data(), text.size()};
}

void fill_record(const EventView& event, vexfs_event& out) {
    const vx_event& e = event.event();
    out.name = bytes(event.name());
    out.name2 = bytes(event.name2());
    out.comm = bytes(event.comm());
    out.fsid = e.fsid;
    out.ino = e.ino;
    out.parent_ino = e.parent_ino;
    out.gen = e.gen;
    out.parent_gen = e.parent_gen;
    out.nlink = e.nlink;
    out.mode = e.mode;
    out.owner_uid = e.owner_uid;
    out.owner_gid = e.owner_gid;
    out.error = e.error;
    out.size = e.size;
    out.offset = e.offset;
    out.length = e.length;
    out.duration_ns = e.duration_ns;
    out.uid = e.uid;
    out.gid = e.gid;
    out.pid = e.pid;
    out.tid = e.tid;
    out.flags = event.flags();
    out.cookie = e.cookie;
}

void fill_rename(const vx_rename& rename, vexfs_event& out) {
    out.old_parent_ino = rename.old_parent_ino;
    out.old_parent_gen = rename.old_parent_gen;
    if ((out.flags & VX_F_REPLACED) != 0) {
        out.replaced = 1;
        out.replaced_ino = rename.target_ino;
        out.replaced_gen = rename.target_gen;
        out.replaced_nlink = rename.target_nlink;
        out.replaced_mode = rename.target_mode;
    }
}

vexfs_event event_of(const EventView& event) {
    vexfs_event out{};
    out.seq = event.seq;
    out.real_ns = event.real_ns;
    out.mono_ns = event.record->mono_ns;
    out.boundary = boundary_name(event.boundary).data();
    out.op = event.op_name();
    out.id = event.op();
    out.userspace_ops = event.ops.size();
    out.path = bytes(event.path);
    out.old_path = bytes(event.old_path);
    fill_record(event, out);
    if (const vx_rename* rename = event.rename(); rename != nullptr) {
        fill_rename(*rename, out);
    }
    if (event.pushed()) {
        out.pushed = 1;
        out.pushed_channel = event.user().channel;
        out.pushed_pid = event.user().pid;
        out.pushed_user_data = event.user().user_data;
    }
    out.ticket = event.record->ticket;
    out.cause = event.cause;
    out.chain = event.chain;
    out.hash = event.hash;
    if (event.settled != nullptr) {
        out.first_seq = event.settled->first_seq;
        out.coalesced = event.settled->events;
        out.vanished = event.settled->vanished;
        out.held = event.settled->held;
    }
    return out;
}

vexfs_gap gap_of(const Gap& gap) {
    vexfs_gap out{};
    out.from = gap.from;
    out.to = gap.to;
    out.count = gap.count();
    out.reason = gap_reason_name(gap.reason).data();
    out.scope = bytes(gap.scope);
    out.real_ns = gap.real_ns;
    if (gap.account) {
        out.account = 1;
        out.dirty_overflow = gap.dirty_overflow ? 1 : 0;
        out.mono_ns = gap.mono_ns;
        out.last_mono_ns = gap.last_ns;
        out.ops = static_cast<uint32_t>(gap.ops.size());
        out.dirty = static_cast<uint32_t>(gap.dirty.size());
    }
    return out;
}

// 0 when the reader stands on an item of this kind, and it has a part `index`.
int check(const vexfs_reader& reader, Reader::Item kind, std::size_t index, std::size_t count) {
    if (reader.item != kind) {
        return c_fail(ENODATA, kind == Reader::Item::event ? "the reader is not at an event"
                                                           : "the reader is not at a loss");
    }
    return index < count ? 0 : c_fail(ERANGE, "there are not so many");
}

}  // namespace

}  // namespace vexfs

using vexfs::c_give;
using vexfs::check;
using vexfs::Reader;

extern "C" {

int vexfs_reader_event(const vexfs_reader* reader, struct vexfs_event* event, size_t size) {
    const int failed = check(*reader, Reader::Item::event, 0, 1);
    return failed != 0 ? failed : c_give(vexfs::event_of(reader->reader.event()), event, size);
}

const char* vexfs_flag_name(unsigned bit) {
    const std::string_view name = vexfs::flag_name(bit);
    return name.empty() ? nullptr : name.data();
}

int vexfs_reader_userspace_op(const vexfs_reader* reader, unsigned index,
                              struct vexfs_userspace_op* op, size_t size) {
    const vexfs::UserOps& ops = reader->reader.event().ops;
    if (const int failed = check(*reader, Reader::Item::event, index, ops.size()); failed != 0) {
        return failed;
    }
    vexfs_userspace_op known{};
    known.op = ops[index].name();
    known.id = ops[index].op;
    known.on_target = ops[index].subject == vexfs::Subject::target ? 1 : 0;
    known.detail = static_cast<uint32_t>(ops[index].detail);
    return c_give(known, op, size);
}

int vexfs_reader_gap(const vexfs_reader* reader, struct vexfs_gap* gap, size_t size) {
    const int failed = check(*reader, Reader::Item::gap, 0, 1);
    return failed != 0 ? failed : c_give(vexfs::gap_of(reader->reader.gap()), gap, size);
}

int vexfs_reader_lost(const vexfs_reader* reader, unsigned index, struct vexfs_lost* lost,
                      size_t size) {
    const vexfs::Gap& gap = reader->reader.gap();
    if (const int failed = check(*reader, Reader::Item::gap, index, gap.ops.size()); failed != 0) {
        return failed;
    }
    const vexfs::LostOp& op = gap.ops[index];
    return c_give(vexfs_lost{op.name(), op.op, op.count}, lost, size);
}

int vexfs_reader_dirty(const vexfs_reader* reader, unsigned index, struct vexfs_dirty* dirty,
                       size_t size) {
    const vexfs::Gap& gap = reader->reader.gap();
    if (const int failed = check(*reader, Reader::Item::gap, index, gap.dirty.size());
        failed != 0) {
        return failed;
    }
    const vexfs::DirtyDirectory& dir = gap.dirty[index];
    return c_give(vexfs_dirty{dir.fsid, dir.ino, dir.gen, 0, vexfs::bytes(dir.path)}, dirty, size);
}

}  // extern "C"
