// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Event: what happened, as the daemon passes it on. The kernel's record, verbatim, and what the
// daemon knows about it.
//
// Two shapes of one thing:
//   EventView  points into somebody's memory (the ring, a reader's buffer) and costs nothing to
//              make; good until its owner moves on.
//   Event      owns everything; make one of a view to keep it.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/event.h"
#include "record.h"
#include "vexfs/settled.hpp"

namespace vexfs {

// Where an event was seen. Append only: stored in journals.
enum class Boundary : std::uint8_t {
    kernel = 0,  // vexfs.ko saw it in the VFS
    fuse = 1,    // the daemon's own mount saw it
    graph = 2,   // a graph operation that a program pushed through the kernel
    vector = 3,  // a vector operation that a program pushed through the kernel
    agent = 4,   // an agent reported it
    system = 5,  // the daemon itself: what a comparison after a loss found
};
inline constexpr unsigned kBoundaries = 6;

// "kernel", "fuse" ...; "unknown" for what is none of them.
constexpr std::string_view boundary_name(Boundary boundary) {
    constexpr std::array<std::string_view, kBoundaries> names = {"kernel", "fuse",  "graph",
                                                                 "vector", "agent", "system"};
    const auto i = static_cast<std::size_t>(boundary);
    return i < names.size() ? names[i] : std::string_view("unknown");
}

// Which object a userspace operation is about. Append only: stored in journals.
enum class Subject : std::uint8_t {
    object = 0,  // the event's: ino, gen
    target = 1,  // the one that a FileRename replaced: target_ino, target_gen
};

// Which fields of the record are the operation's arguments. Append only: stored in journals.
enum class Detail : std::uint8_t {
    none = 0,
    edge = 1,         // the name in the parent: parent_ino, name
    old_edge = 2,     // FileRename: old parent and old name
    link_target = 3,  // SymlinkCreate: name2, the path that the link holds
    move = 4,         // old edge -> edge
    range = 5,        // offset, length; length 0: not known
    mode = 6,         // mode
    owner = 7,        // owner_uid, owner_gid
    options = 8,      // Mount: offset holds the mount flags
    subtree = 9,      // everything below the mount point
    commit = 10,      // Sync: the file, its file system, or all of them
};
inline constexpr unsigned kDetails = 11;

// One userspace operation of an event. The arguments are not copied: `detail` says where in the
// record they are.
struct UserOp {
    std::uint16_t op = 0;  // enum vx_uop
    Subject subject = Subject::object;
    Detail detail = Detail::none;

    friend bool operator==(const UserOp&, const UserOp&) = default;
    // "GraphNodeCreate"; "unknown" when op is none of the 27.
    [[nodiscard]] const char* name() const {
        const char* known = vx_uop_name(op);
        return known != nullptr ? known : "unknown";
    }
};
static_assert(sizeof(UserOp) == 4);

// The userspace operations of one event, in the order in which they apply, as one unit.
class UserOps {
  public:
    static constexpr unsigned kMax = 7;

    void push(UserOp op) {
        assert(count_ < kMax);
        ops_[count_++] = op;
    }
    [[nodiscard]] unsigned size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] const UserOp* begin() const { return ops_.data(); }
    [[nodiscard]] const UserOp* end() const { return ops_.data() + count_; }
    [[nodiscard]] const UserOp& operator[](unsigned i) const { return ops_[i]; }
    // Bit n: operation n is among them (vx_push.uop_mask).
    [[nodiscard]] std::uint32_t mask() const {
        std::uint32_t bits = 0;
        for (const UserOp& op : *this) {
            bits |= 1U << op.op;
        }
        return bits;
    }
    // Those that are in a mask, in their order.
    [[nodiscard]] UserOps only(std::uint32_t mask) const {
        UserOps some;
        for (const UserOp& op : *this) {
            if ((mask >> op.op & 1U) != 0) {
                some.push(op);
            }
        }
        return some;
    }
    friend bool operator==(const UserOps& a, const UserOps& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

  private:
    std::uint32_t count_ = 0;
    std::array<UserOp, kMax> ops_{};
};

// A flag of the event that is none of its record.
inline constexpr std::uint32_t kFlagDuplicate = 1U << 31U;
static_assert((VX_F_ALL & kFlagDuplicate) == 0);

struct EventView {
    std::uint64_t seq = 0;      // place in the stream: dense, a jump is a loss
    std::uint64_t real_ns = 0;  // nanoseconds since 1970-01-01 UTC
    // VX_REC_EVENT, or VX_REC_USER with the event record in it; whole, and checked by whoever put
    // it here (vx_event_check).
    const vx_record* record = nullptr;
    std::string_view path;      // raw bytes, absolute; empty: not known
    std::string_view old_path;  // FileRename: before it
    std::uint64_t hash = 0;     // XXH3-64 over all bytes of the record
    std::uint64_t cause = 0;    // seq of the event that led to this one; 0: none known
    std::uint64_t chain = 0;    // seq of the first event of its causal chain; 0: none
    float score = 0;            // share of the record's fields that are kept: 1.0, or it is a bug
    Boundary boundary = Boundary::kernel;
    bool duplicate = false;  // another boundary reported the same change before: `cause`
    std::uint16_t producer = 0;  // whose sub-ring it was in: a CPU, or one of the mount's threads
    UserOps ops;
    const Settled* settled = nullptr;  // only of a reader that lets events settle

    // A userspace operation that a program pushed, rather than something that happened to a file.
    [[nodiscard]] bool pushed() const { return record->type == VX_REC_USER; }
    [[nodiscard]] const vx_user& user() const {
        assert(pushed());
        return *reinterpret_cast<const vx_user*>(record);
    }
    // The event record: the record itself, or the one that was pushed along.
    [[nodiscard]] const vx_event& event() const {
        return *reinterpret_cast<const vx_event*>(
            pushed() ? reinterpret_cast<const vx_record*>(&user() + 1) : record);
    }
    // enum vx_op, or enum vx_uop when pushed().
    [[nodiscard]] unsigned op() const { return record->op; }
    // VX_F_* of the record, and kFlagDuplicate: what is shown and filtered.
    [[nodiscard]] std::uint32_t flags() const {
        return event().flags | (duplicate ? kFlagDuplicate : 0);
    }
    // "FileCreate", or "VectorSearch" when pushed(); "unknown" for what is none.
    [[nodiscard]] const char* op_name() const {
        const char* known = pushed() ? vx_uop_name(op()) : vx_op_name(op());
        return known != nullptr ? known : "unknown";
    }
    [[nodiscard]] std::string_view name() const {
        return {vx_event_name(&event()), event().name_len};
    }
    [[nodiscard]] std::string_view name2() const {
        return {vx_event_name2(&event()), event().name2_len};
    }
    // nullptr unless it is a FileRename.
    [[nodiscard]] const vx_rename* rename() const { return vx_event_rename_const(&event()); }
    [[nodiscard]] std::string_view comm() const {
        const std::string_view all(event().comm, VX_COMM_LEN);
        return all.substr(0, all.find('\0'));
    }
    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {reinterpret_cast<const std::byte*>(record), record->len};
    }
};

// An event that owns its bytes.
class Event {
  public:
    Event() = default;
    explicit Event(const EventView& view)
        : fields_(view), record_(view.record->len / 8), path_(view.path), old_path_(view.old_path) {
        std::memcpy(record_.data(), view.record, view.record->len);
        if (view.settled != nullptr) {
            settled_ = *view.settled;
        }
    }

    [[nodiscard]] bool empty() const { return record_.empty(); }
    // Good as long as this event lives and is not assigned to. Not for an empty event.
    [[nodiscard]] EventView view() const {
        EventView view = fields_;
        view.record = reinterpret_cast<const vx_record*>(record_.data());
        view.path = path_;
        view.old_path = old_path_;
        view.settled = settled_ ? &*settled_ : nullptr;
        return view;
    }

  private:
    EventView fields_;
    std::vector<std::uint64_t> record_;  // words: records are aligned to 8
    std::string path_;
    std::string old_path_;
    std::optional<Settled> settled_;
};

// Why a part of the stream is missing. Append only: stored in journals.
enum class GapReason : std::uint16_t {
    ring_full = 0,  // the reader was too slow: no room in the ring
    damaged = 1,    // the journal's bytes are not what was written
    expired = 2,    // older than what the journal keeps
    stopped = 3,    // nothing was watching: how many are missing is not known (count 0)
    probe_missed = 4,  // the kernel could not follow some calls (count 0: not all need be of here)
    unclean = 5,       // the machine stopped before the journal was durable: at most so many
    rebooted = 6,  // as stopped, and the machine was started anew: mono_ns and pids begin anew
};
inline constexpr unsigned kGapReasons = 7;

constexpr std::string_view gap_reason_name(GapReason reason) {
    constexpr std::array<std::string_view, kGapReasons> names = {
        "ring_full", "damaged", "expired", "stopped", "probe_missed", "unclean",
        "rebooted"};
    const auto i = static_cast<std::size_t>(reason);
    return i < names.size() ? names[i] : std::string_view("unknown");
}

// How many operations of one kind are lost. Stored in journals.
struct LostOp {
    std::uint16_t op = 0;  // enum vx_op, or VX_OP_USER: a userspace operation that was pushed
    std::uint16_t reserved = 0;
    std::uint32_t count = 0;

    friend bool operator==(const LostOp&, const LostOp&) = default;
    // "FileRename"; "User"; "unknown" when op is none.
    [[nodiscard]] const char* name() const {
        const char* known = vx_op_name(op);
        return known != nullptr ? known : "unknown";
    }
};
static_assert(sizeof(LostOp) == 8);

// A directory in which something has changed that no event tells: look through it again.
struct DirtyDirectory {
    std::uint64_t fsid = 0;
    std::uint64_t ino = 0;
    std::uint32_t gen = 0;
    // raw bytes, absolute, as it was when the loss was read; empty: not known
    std::string_view path;
};

// A loss, at its place in the stream: the numbers from ... to were given to what is not here.
//
// A loss in the ring has an account, which says what was lost. For reads and writes (class D) it is
// one with the numbers. For names and attributes (class M) it is a gap of its own without a number
// (count 0), before or behind the numbers: those are found at once, and the account is written by
// the CPU that lost them, when it gets to it. So the counts of all `ops` are the sum of all counts.
struct Gap {
    std::uint64_t from = 0;
    std::uint64_t to = 0;  // included
    std::uint64_t real_ns = 0;
    std::uint64_t mono_ns = 0;
    GapReason reason = GapReason::ring_full;
    std::string_view scope;  // what it concerns, for people: "class M, cpu 3"; may be empty
    // Of an account, otherwise as they are here:
    bool account = false;
    bool dirty_overflow = false;  // class M: something changed outside of `dirty`: look everywhere
    std::uint64_t last_ns = 0;    // of the last lost operation; mono_ns is of the first
    std::uint16_t producer = 0;   // whose sub-ring it was in
    bool class_d = false;
    // How far the ring has been read with it (shared/ring_reader.h), for who goes on reading there.
    // 0: it says nothing of that.
    std::uint64_t next_count = 0;  // account: of the sub-ring; probe_missed: missed until then
    std::uint64_t next_ticket = 0;  // class M, with numbers
    std::vector<LostOp> ops{};
    std::vector<DirtyDirectory> dirty{};

    [[nodiscard]] std::uint64_t count() const { return to - from + 1; }
};

}  // namespace vexfs
