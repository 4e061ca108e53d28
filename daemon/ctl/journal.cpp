// SPDX-License-Identifier: Apache-2.0
#include "ctl/journal.hpp"

#include <fmt/format.h>

#include <iterator>

#include "config/shell.hpp"
#include "control/bytes_json.hpp"
#include "ctl/output.hpp"
#include "journal/verify.hpp"
#include "route/text.hpp"

namespace vexfs::ctl {

namespace {

// For when there are problems.
std::string repair_command(const std::string& directory) {
    return "vexctl journal repair " + shell_quote(directory);
}

std::string report_text(const journal::VerifyReport& r, const std::string& directory) {
    std::string out = fmt::format(
        "journal   {}\nsegments  {}, {} bytes\nevents    {}, numbers {} to {}\n"
        "gaps      {}, {} events lost\n",
        r.id.text(), r.segments, r.bytes, r.events, r.first_seq, r.last_seq, r.gaps, r.lost);
    if (r.tail_bytes != 0) {
        out += fmt::format("tail      {} bytes are not (yet) an entry\n", r.tail_bytes);
    }
    return out +
           (r.problems == 0 ? "all of it is whole\n"
                            : fmt::format("{} problems: without a vexfsd on it, `{}` puts gaps in "
                                          "their place\n",
                                          r.problems, repair_command(directory)));
}

Json report_json(const journal::VerifyReport& r, const std::string& directory) {
    Json json{{"ok", r.problems == 0},      {"journal", r.id.text()}, {"segments", r.segments},
            {"bytes", r.bytes},           {"events", r.events},     {"first_seq", r.first_seq},
            {"last_seq", r.last_seq},     {"gaps", r.gaps},         {"lost", r.lost},
            {"tail_bytes", r.tail_bytes}, {"problems", r.problems}};
    if (r.problems != 0) {
        json["repair"] = repair_command(directory);
    }
    return json;
}

void add_account(const Gap& gap, Json& json) {
    Json ops = Json::object();
    for (const LostOp& op : gap.ops) {
        ops[op.name()] = op.count;
    }
    json["ops"] = std::move(ops);
    Json dirty = Json::array();
    for (const DirtyDirectory& dir : gap.dirty) {
        dirty.push_back({{"fsid", fmt::format("{:016x}", dir.fsid)},
                         {"ino", dir.ino},
                         {"gen", dir.gen},
                         {"path", dir.path}});
    }
    json["dirty"] = std::move(dirty);
    json["dirty_overflow"] = gap.dirty_overflow;
}

Json entry_json(const journal::EntryHeader& entry, const std::string& segment,
                std::uint64_t offset) {
    Json json{{"segment", segment},   {"offset", offset},
              {"len", entry.len},     {"checksum", fmt::format("{:08x}", entry.checksum)},
              {"seq", entry.seq},     {"real_ns", entry.real_ns},
              {"flags", entry.flags}, {"body_len", entry.body_len}};
    if (entry.kind == static_cast<std::uint16_t>(journal::EntryKind::gap)) {
        const Gap gap = journal::decode_gap(entry);
        json["kind"] = "gap";
        json["to"] = gap.to;
        json["reason"] = gap_reason_name(gap.reason);
        json["scope"] = gap.scope;
        if (gap.account) {
            add_account(gap, json);
        }
        return json;
    }
    const EventView event = journal::decode_event(entry);
    json["kind"] = "event";
    json["boundary"] = boundary_name(event.boundary);
    json["op"] = event.op_name();
    json["hash"] = fmt::format("{:016x}", event.hash);
    json["score"] = event.score;
    json["cause"] = event.cause;
    json["chain"] = event.chain;
    Json ops = Json::array();
    for (const UserOp& op : event.ops) {
        ops.push_back(op.name());
    }
    json["userspace_ops"] = std::move(ops);
    put_bytes(json, "path", std::string(event.path));
    put_bytes(json, "old_path", std::string(event.old_path));
    std::string hex;
    for (const std::byte byte : event.bytes()) {
        fmt::format_to(std::back_inserter(hex), "{:02x}", static_cast<unsigned>(byte));
    }
    json["record"] = std::move(hex);
    return json;
}

void append_entry(const journal::EntryHeader& entry, const std::string& segment,
                  std::uint64_t offset, std::string& out) {
    fmt::format_to(std::back_inserter(out), "{} {:>10} {:>5} {:08x} {:>8}  ", segment, offset,
                   entry.len, entry.checksum, entry.seq);
    if (entry.kind == static_cast<std::uint16_t>(journal::EntryKind::gap)) {
        route::append_text(journal::decode_gap(entry), {.utc = true}, out);
    } else {
        route::append_text(journal::decode_event(entry), {.utc = true}, out);
    }
}

}  // namespace

int run_journal_verify(const Context& context, const std::string& directory) {
    const Result<journal::VerifyReport> report =
        journal::verify(directory, [&](const journal::Problem& p) {
            if (context.json) {
                say(to_line({{"segment", p.segment}, {"offset", p.offset}, {"problem", p.what}}));
            } else {
                say(fmt::format("{} at {}: {}\n", p.segment, p.offset, p.what));
            }
        });
    if (!report) {
        return fail(context, report.status());
    }
    say(context.json ? to_line(report_json(*report, directory)) : report_text(*report, directory));
    return report->problems == 0 ? kDone : kFailed;
}

int run_journal_dump(const Context& context, const std::string& directory) {
    Result<Output> output = Output::create();
    if (!output) {
        return fail(context, output.status());
    }
    const Status status = journal::for_each_entry(
        directory,
        [&](const journal::EntryHeader& entry, const std::string& segment, std::uint64_t offset) {
            if (context.json) {
                output->buffer() += to_line(entry_json(entry, segment, offset));
            } else {
                append_entry(entry, segment, offset, output->buffer());
            }
            return output->flush(false);
        });
    output->flush(true);
    if (!status) {
        return fail(context, status);
    }
    return output->status() ? kDone : fail(context, output->status());
}

}  // namespace vexfs::ctl
