// SPDX-License-Identifier: Apache-2.0
#include "route/json.hpp"

#include <array>

#include "route/json_text.hpp"
#include "vexfs/decision.hpp"
#include "vexfs/flags.hpp"

namespace vexfs::route {

namespace {

void append_detail(const EventView& event, const UserOp& op, std::string& out) {
    const vx_event& e = event.event();
    const vx_rename* rename = event.rename();
    if (op.subject == Subject::target && rename != nullptr) {
        field("ino", rename->target_ino, out);
        field("gen", rename->target_gen, out);
    }
    if (op.detail == Detail::move && rename != nullptr) {
        field("old_parent_ino", rename->old_parent_ino, out);
        field_bytes("old_name", event.name2(), out);
    }
    switch (op.detail) {
        case Detail::edge:
        case Detail::move:
            field("parent_ino", e.parent_ino, out);
            field_bytes("name", event.name(), out);
            break;
        case Detail::old_edge:
            field("parent_ino", rename != nullptr ? rename->old_parent_ino : 0, out);
            field_bytes("name", event.name2(), out);
            break;
        case Detail::link_target:
            field_bytes("target", event.name2(), out);
            break;
        case Detail::range:
            field("offset", e.offset, out);
            field("length", e.length, out);
            break;
        case Detail::mode:
            field("mode", e.mode, out);
            break;
        case Detail::owner:
            field("owner_uid", e.owner_uid, out);
            field("owner_gid", e.owner_gid, out);
            break;
        case Detail::options:
            field("mount_flags", e.offset, out);
            break;
        case Detail::subtree:
            field_hex("fsid", e.fsid, out);
            break;
        case Detail::commit:
            out += ",\"scope\":";
            out += (e.flags & VX_F_SYNC_ALL) != 0  ? "\"all\""
                   : (e.flags & VX_F_SYNC_FS) != 0 ? "\"file_system\""
                                                   : "\"file\"";
            break;
        case Detail::none:
            break;
    }
}

void append_userspace_ops(const EventView& event, std::string& out) {
    out += ",\"userspace_ops\":[";
    for (const UserOp& op : event.ops) {
        out += out.back() == '[' ? "{\"op\":\"" : ",{\"op\":\"";
        out += op.name();
        out += '"';
        append_detail(event, op, out);
        out += '}';
    }
    out += ']';
}

void append_flags(std::uint32_t flags, std::string& out) {
    out += ",\"flags\":[";
    for (unsigned bit = 0; flags != 0; ++bit, flags >>= 1U) {
        if ((flags & 1U) != 0) {
            out += out.back() == '[' ? "\"" : ",\"";
            out += flag_name(bit);
            out += '"';
        }
    }
    out += ']';
}

void append_identity(const EventView& event, std::string& out) {
    const vx_event& e = event.event();
    field_bytes_or_null("path", event.path, out);
    field_bytes_or_null("old_path", event.old_path, out);
    field_hex("fsid", e.fsid, out);
    field("ino", e.ino, out);
    field("gen", e.gen, out);
    field("parent_ino", e.parent_ino, out);
    field("parent_gen", e.parent_gen, out);
    field_bytes_or_null("name", event.name(), out);
    if (event.name2().empty()) {
        return;
    }
    field_bytes(e.rec.op == VX_OP_FILE_RENAME ? "old_name"
                : e.rec.op == VX_OP_MOUNT     ? "source"
                                              : "target",
                event.name2(), out);
}

void append_rename(const vx_rename& rename, std::uint32_t flags, std::string& out) {
    field("old_parent_ino", rename.old_parent_ino, out);
    field("old_parent_gen", rename.old_parent_gen, out);
    if ((flags & VX_F_REPLACED) != 0) {
        out += ",\"replaced\":{\"ino\":";
        append_number(rename.target_ino, out);
        field("gen", rename.target_gen, out);
        field("nlink", rename.target_nlink, out);
        field("mode", rename.target_mode, out);
        out += '}';
    }
}

void append_actor(const EventView& event, std::string& out) {
    const vx_event& e = event.event();
    field("uid", e.uid, out);
    field("gid", e.gid, out);
    field("owner_uid", e.owner_uid, out);
    field("owner_gid", e.owner_gid, out);
    field("pid", e.pid, out);
    field("tid", e.tid, out);
    field_bytes("comm", event.comm(), out);
    field("error", e.error, out);
    field("duration_ns", e.duration_ns, out);
}

void append_settled(const Settled& settled, std::string& out) {
    if (settled.events > 1) {
        field("coalesced", settled.events, out);
        field("first_seq", settled.first_seq, out);
        out += ",\"coalesced_ops\":{";
        for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
            if (settled.ops[op] != 0) {
                out += out.back() == '{' ? "\"" : ",\"";
                out += vx_op_name(op);
                out += "\":";
                append_number(settled.ops[op], out);
            }
        }
        out += '}';
    }
    if (settled.vanished != 0) {
        field("vanished", settled.vanished, out);
    }
    if (settled.held != 0) {
        field("held", settled.held, out);
    }
}

}  // namespace

JsonLines::JsonLines(const JournalId& journal) : cursor_prefix_("vx1:" + journal.text() + ":") {}

void JsonLines::append_cursor(std::uint64_t seq, std::string& out) const {
    out += cursor_prefix_;
    append_number(seq, out);
}

void JsonLines::append_object(const EventView& event, std::string& out) const {
    const vx_event& e = event.event();
    out += "{\"seq\":";
    append_number(event.seq, out);
    out += ",\"cursor\":\"";
    append_cursor(event.settled != nullptr ? event.settled->cursor : event.seq, out);
    out += "\",\"time\":\"";
    append_time(event.real_ns, out);
    out += '"';
    field("mono_ns", event.record->mono_ns, out);
    out += ",\"boundary\":\"";
    out += boundary_name(event.boundary);
    out += "\",\"op\":\"";
    out += event.op_name();
    out += '"';
    field("id", event.op(), out);
    append_userspace_ops(event, out);
    append_identity(event, out);
    field("nlink", e.nlink, out);
    field("mode", e.mode, out);
    field("size", e.size, out);
    field("offset", e.offset, out);
    field("length", e.length, out);
    append_actor(event, out);
    append_flags(event.flags(), out);
    if (const vx_rename* rename = event.rename(); rename != nullptr) {
        append_rename(*rename, e.flags, out);
    }
    field("cookie", e.cookie, out);
    field("ticket", event.record->ticket, out);
    field("cause", event.cause, out);
    field("chain", event.chain, out);
    field_hex("hash", event.hash, out);
    if (event.pushed()) {
        out += ",\"pushed\":{\"channel\":";
        append_number(event.user().channel, out);
        field("pid", event.user().pid, out);
        field("user_data", event.user().user_data, out);
        if (const Decision decision = decision_of(event.user()); decision != Decision::none) {
            out += ",\"decision\":\"";
            out += decision_name(decision);
            out += '"';
        }
        out += '}';
    }
    if (event.settled != nullptr) {
        append_settled(*event.settled, out);
    }
    out += '}';
}

namespace {

void append_dirty(const DirtyDirectory& dir, std::string& out) {
    const std::size_t start = out.size();
    field_hex("fsid", dir.fsid, out);
    out[start] = '{';
    field("ino", dir.ino, out);
    field("gen", dir.gen, out);
    field_bytes_or_null("path", dir.path, out);
    out += '}';
}

void append_account(const Gap& gap, std::string& out) {
    field("mono_ns", gap.mono_ns, out);
    field("last_mono_ns", gap.last_ns, out);
    out += ",\"ops\":{";
    for (const LostOp& op : gap.ops) {
        out += &op == gap.ops.data() ? "\"" : ",\"";
        out += op.name();
        out += "\":";
        append_number(op.count, out);
    }
    out += "},\"dirty\":[";
    for (const DirtyDirectory& dir : gap.dirty) {
        if (&dir != gap.dirty.data()) {
            out += ',';
        }
        append_dirty(dir, out);
    }
    out += gap.dirty_overflow ? "],\"dirty_overflow\":true" : "],\"dirty_overflow\":false";
}

}  // namespace

void JsonLines::append_object(const Gap& gap, std::string& out) const {
    out += "{\"gap\":{\"from\":";
    append_number(gap.from, out);
    field("to", gap.to, out);
    field("count", gap.count(), out);
    out += ",\"reason\":\"";
    out += gap_reason_name(gap.reason);
    out += '"';
    field_bytes("scope", gap.scope, out);
    out += ",\"cursor\":\"";
    append_cursor(gap.to, out);
    out += '"';
    if (gap.real_ns != 0) {
        out += ",\"time\":\"";
        append_time(gap.real_ns, out);
        out += '"';
    }
    if (gap.account) {
        append_account(gap, out);
    }
    out += "}}";
}

}  // namespace vexfs::route
