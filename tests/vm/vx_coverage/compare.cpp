// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_coverage/compare.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "vexfs/flags.hpp"

namespace vexfs::vm {

namespace {

std::vector<std::string> flag_names(std::uint32_t flags) {
    std::vector<std::string> names;
    for (unsigned bit = 0; bit < 32; ++bit) {
        if ((flags >> bit & 1U) != 0) {
            names.emplace_back(flag_name(bit));
        }
    }
    return names;
}

std::string flag_text(std::uint32_t flags) {
    return fmt::format("[{}]", fmt::join(flag_names(flags), " "));
}

class Comparison {
  public:
    Comparison(std::size_t number, std::vector<std::string>& out) : number_(number), out_(out) {}

    template <typename A, typename B>
    void same(const char* field, const A& wanted, const B& found) {
        if (!(wanted == found)) {
            out_.push_back(
                fmt::format("event {}: {} is {}, wanted {}", number_, field, found, wanted));
        }
    }

  private:
    std::size_t number_;
    std::vector<std::string>& out_;
};

void compare_attributes(const Want& want, const vx_event& e, Comparison& check) {
    if (!want.attributes) {
        return;
    }
    check.same("mode", fmt::format("{:o}", want.object.mode), fmt::format("{:o}", e.mode));
    check.same("nlink", want.object.nlink, e.nlink);
    check.same("owner_uid", want.object.uid, e.owner_uid);
    check.same("owner_gid", want.object.gid, e.owner_gid);
    // What a directory's size means is the file system's own affair.
    if (!S_ISDIR(want.object.mode)) {
        check.same("size", want.object.size, e.size);
    }
}

void compare_rename(const Want& want, const EventView& event, Comparison& check) {
    const vx_rename* rename = event.rename();
    if (rename == nullptr) {
        return;
    }
    check.same("old_path", want.old_path, event.old_path);
    check.same("old_parent_ino", want.old_parent.ino, rename->old_parent_ino);
    check.same("old_parent_gen", want.old_parent.gen, rename->old_parent_gen);
    check.same("target_ino", want.target.ino, rename->target_ino);
    check.same("target_gen", want.target.gen, rename->target_gen);
    check.same("target_nlink", want.target.nlink, rename->target_nlink);
    check.same("target_mode", want.target.mode, rename->target_mode);
}

// Between the beginning of the case and the moment at which the event was wanted.
void compare_time(const Want& want, const EventView& event, Comparison& check) {
    if (want.from_ns == 0) {
        return;
    }
    // The wall clock may be set meanwhile, by whoever keeps it.
    constexpr std::uint64_t kWallSlackNs = 100'000'000;
    const std::uint64_t mono_ns = event.record->mono_ns;
    check.same("mono_ns from the time of the operation", true,
               mono_ns >= want.from_ns && mono_ns <= want.to_ns);
    check.same("real_ns from the time of the operation", true,
               event.real_ns + kWallSlackNs >= want.real_ns &&
                   event.real_ns <= want.real_ns + (want.to_ns - want.from_ns) + kWallSlackNs);
}

// What only some operations have is 0 in the others.
void compare_rest(const Want& want, const vx_event& e, Comparison& check) {
    check.same("offset", want.offset.value_or(0), e.offset);
    check.same("length", want.length.value_or(0), e.length);
    check.same("a cookie", (want.flags & VX_F_EXCHANGE) != 0, e.cookie != 0);
}

// What joins an event to the one before it: the stream's numbers, time, tickets without a hole, the
// two halves of an exchange.
class Sequence {
  public:
    void next(const EventView& event, Comparison check) {
        const vx_event& e = event.event();
        const bool has_ticket = vx_op_class(event.op()) == VX_CLASS_M;
        if (seq_ != 0) {
            check.same("seq", seq_ + 1, event.seq);
        }
        check.same("mono_ns after that of the event before", true, e.rec.mono_ns >= mono_ns_);
        if (ticket_) {
            check.same("ticket", *ticket_, e.rec.ticket);
        }
        if (half_ != 0) {
            check.same("cookie", half_, e.cookie);
        }
        const bool first_half = (e.flags & VX_F_EXCHANGE) != 0 && half_ == 0;
        half_ = first_half ? e.cookie : 0;
        seq_ = event.seq;
        mono_ns_ = e.rec.mono_ns;
        // The next one's: class D says how many were taken.
        ticket_ = e.rec.ticket + (has_ticket ? 1 : 0);
    }

  private:
    std::uint64_t seq_ = 0;
    std::uint64_t mono_ns_ = 0;
    std::optional<std::uint64_t> ticket_;
    std::uint32_t half_ = 0;
};

void compare_one(const Want& want, const EventView& event, Comparison check) {
    const vx_event& e = event.event();
    check.same("op", std::string(vx_op_name(want.op)), std::string(event.op_name()));
    if (want.op != event.op()) {
        return;  // the rest would only repeat it
    }
    check.same("path", want.path, event.path);
    check.same("flags", flag_text(want.flags), flag_text(e.flags));
    check.same("fsid", want.fsid, e.fsid);
    check.same("ino", want.object.ino, e.ino);
    check.same("gen", want.object.gen, e.gen);
    check.same("parent_ino", want.parent.ino, e.parent_ino);
    check.same("parent_gen", want.parent.gen, e.parent_gen);
    check.same("error", 0, e.error);
    check.same("uid", want.uid, e.uid);
    check.same("gid", want.gid, e.gid);
    check.same("pid", want.pid, e.pid);
    if (want.tid != 0) {
        check.same("tid", want.tid, e.tid);
    }
    if (!want.comm.empty()) {
        check.same("comm", want.comm, event.comm());
    }
    if (want.op != VX_OP_FILE_RENAME && want.name2 != "*") {
        check.same("name2", want.name2, event.name2());
    }
    check.same("score", 1.0F, event.score);
    compare_time(want, event, check);
    compare_rest(want, e, check);
    compare_attributes(want, e, check);
    compare_rename(want, event, check);
}

}  // namespace

std::vector<std::string> compare(const std::vector<Want>& wants, const std::vector<Event>& events) {
    std::vector<std::string> differences;
    if (wants.size() != events.size()) {
        differences.push_back(
            fmt::format("{} events came, {} were wanted", events.size(), wants.size()));
    }
    Sequence sequence;
    for (std::size_t i = 0; i < wants.size() && i < events.size(); ++i) {
        compare_one(wants[i], events[i].view(), Comparison(i + 1, differences));
        sequence.next(events[i].view(), Comparison(i + 1, differences));
    }
    return differences;
}

std::string describe(const Want& want) {
    const std::string from = want.old_path.empty() ? "" : " from " + want.old_path;
    return fmt::format("{} {}{} {} ino {} nlink {} mode {:o} size {}", vx_op_name(want.op),
                       want.path, from, flag_text(want.flags), want.object.ino, want.object.nlink,
                       want.object.mode, want.object.size);
}

std::string describe(const EventView& event) {
    const vx_event& e = event.event();
    const std::string from = event.old_path.empty() ? "" : fmt::format(" from {}", event.old_path);
    return fmt::format(
        "{} {}{} {} ino {} nlink {} mode {:o} size {} offset {} length {} pid {} "
        "comm {} name2 {}",
        event.op_name(), event.path, from, flag_text(e.flags), e.ino, e.nlink, e.mode, e.size,
        e.offset, e.length, e.pid, event.comm(), event.name2());
}

std::string to_json(const Want& want) {
    nlohmann::ordered_json out{{"op", vx_op_name(want.op)}};
    const auto place = [&](const char* key, const std::string& path) {
        if (path.empty()) {
            out[key] = nullptr;
        } else {
            out[key] = path;
        }
    };
    place("path", want.path);
    place("old_path", want.old_path);
    out["flags"] = flag_names(want.flags);
    out["ino"] = want.object.ino;
    out["gen"] = want.object.gen;
    out["parent_ino"] = want.parent.ino;
    out["fsid"] = fmt::format("{:016x}", want.fsid);
    out["uid"] = want.uid;
    out["gid"] = want.gid;
    out["pid"] = want.pid;
    if (want.tid != 0) {
        out["tid"] = want.tid;
    }
    if (!want.comm.empty()) {
        out["comm"] = want.comm;
    }
    if (want.attributes) {
        out["mode"] = want.object.mode;
        out["nlink"] = want.object.nlink;
        if (!S_ISDIR(want.object.mode)) {
            out["size"] = want.object.size;
        }
    }
    return out.dump();
}

}  // namespace vexfs::vm
