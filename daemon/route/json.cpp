// SPDX-License-Identifier: Apache-2.0
#include "route/json.hpp"

#include <array>
#include <charconv>
#include <ctime>

#include "route/utf8.hpp"

namespace vexfs::route {

namespace {

constexpr char kHex[] = "0123456789abcdef";

template <typename T>
void append_number(T value, std::string& out) {
    std::array<char, 24> text{};
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), result.ptr);
}

// Exactly `digits` decimal digits.
void append_digits(std::uint64_t value, unsigned digits, std::string& out) {
    const std::size_t start = out.size();
    out.append(digits, '0');
    for (std::size_t i = digits; i > 0 && value != 0; --i, value /= 10) {
        out[start + i - 1] = static_cast<char>('0' + value % 10);
    }
}

template <typename T>
void field(std::string_view key, T value, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":";
    append_number(value, out);
}

// 16 hexadecimal digits: a number that identifies, and that a reader whose numbers are doubles
// would round.
void field_hex(std::string_view key, std::uint64_t value, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":\"";
    for (int shift = 60; shift >= 0; shift -= 4) {
        out += kHex[value >> static_cast<unsigned>(shift) & 15U];
    }
    out += '"';
}

// A string, and its bytes as <key>_b64 beside it when it is not UTF-8.
void field_bytes(std::string_view key, std::string_view bytes, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":";
    if (append_json_string(bytes, out)) {
        return;
    }
    out += ",\"";
    out += key;
    out += "_b64\":\"";
    append_base64(bytes, out);
    out += '"';
}

// null for what is not there.
void field_bytes_or_null(std::string_view key, std::string_view bytes, std::string& out) {
    if (!bytes.empty()) {
        field_bytes(key, bytes, out);
        return;
    }
    out += ",\"";
    out += key;
    out += "\":null";
}

// All but printable ASCII without '"' and '\\': what must be looked at.
constexpr std::array<bool, 256> make_special() {
    std::array<bool, 256> special{};
    for (unsigned c = 0; c < special.size(); ++c) {
        special[c] = c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
    }
    return special;
}
constexpr std::array<bool, 256> kSpecial = make_special();

void append_escaped(unsigned char c, std::string& out) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    out += kHex[c >> 4U];
    out += kHex[c & 15U];
}

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

void append_object(const EventView& event, std::string& out) {
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

}  // namespace

JsonLines::JsonLines(const JournalId& journal) : cursor_prefix_("vx1:" + journal.text() + ":") {}

void JsonLines::append(const EventView& event, std::string& out) const {
    const vx_event& e = event.event();
    out += "{\"seq\":";
    append_number(event.seq, out);
    out += ",\"cursor\":\"";
    out += cursor_prefix_;
    append_number(event.seq, out);
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
    append_object(event, out);
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
        out += '}';
    }
    out += "}\n";
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

void JsonLines::append(const Gap& gap, std::string& out) {
    out += "{\"gap\":{\"from\":";
    append_number(gap.from, out);
    field("to", gap.to, out);
    field("count", gap.count(), out);
    out += ",\"reason\":\"";
    out += gap_reason_name(gap.reason);
    out += '"';
    field_bytes("scope", gap.scope, out);
    if (gap.account) {
        append_account(gap, out);
    }
    out += "}}\n";
}

bool append_json_string(std::string_view bytes, std::string& out) {
    bool utf8 = true;
    out += '"';
    while (!bytes.empty()) {
        std::size_t plain = 0;
        while (plain < bytes.size() && !kSpecial[static_cast<unsigned char>(bytes[plain])]) {
            ++plain;
        }
        out.append(bytes.substr(0, plain));
        bytes.remove_prefix(plain);
        if (bytes.empty()) {
            break;
        }
        const std::size_t n = utf8_char(bytes);
        if (n > 1) {
            out.append(bytes.substr(0, n));
        } else if (n == 1) {
            append_escaped(static_cast<unsigned char>(bytes[0]), out);
        } else {
            out += "\xef\xbf\xbd";
            utf8 = false;
        }
        bytes.remove_prefix(n > 1 ? n : 1);
    }
    out += '"';
    return utf8;
}

void append_base64(std::string_view bytes, std::string& out) {
    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8U | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63U] : '=';
        }
    }
}

void append_time(std::uint64_t real_ns, std::string& out) {
    const auto seconds = static_cast<std::time_t>(real_ns / 1'000'000'000);
    std::tm tm{};
    ::gmtime_r(&seconds, &tm);
    append_digits(static_cast<std::uint64_t>(tm.tm_year) + 1900, 4, out);
    out += '-';
    append_digits(static_cast<std::uint64_t>(tm.tm_mon) + 1, 2, out);
    out += '-';
    append_digits(static_cast<std::uint64_t>(tm.tm_mday), 2, out);
    out += 'T';
    append_digits(static_cast<std::uint64_t>(tm.tm_hour), 2, out);
    out += ':';
    append_digits(static_cast<std::uint64_t>(tm.tm_min), 2, out);
    out += ':';
    append_digits(static_cast<std::uint64_t>(tm.tm_sec), 2, out);
    out += '.';
    append_digits(real_ns % 1'000'000'000, 9, out);
    out += 'Z';
}

std::string_view flag_name(unsigned bit) {
    static constexpr auto kNames = std::to_array<std::string_view>(
        {"directory", "exec",      "wrote",    "replaced", "exchange", "tmpfile",
         "unlinked",  "last_link", "forced",   "mode",     "owner",    "group",
         "datasync",  "sync_fs",   "sync_all", "lazy",     "bind",     "remount",
         "move",      "special",   "resync",   "no_name",  "open_trunc"});
    static_assert((1U << kNames.size()) - 1 == VX_F_ALL, "a flag of the ABI has no name here");
    static_assert(kFlagDuplicate == 1U << 31U);
    return bit < kNames.size() ? kNames[bit] : bit == 31 ? "duplicate" : std::string_view();
}

}  // namespace vexfs::route
