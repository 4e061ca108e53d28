// SPDX-License-Identifier: Apache-2.0
#include "ctl/consumer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "control/render.hpp"
#include "ctl/journal.hpp"
#include "ctl/open_journal.hpp"
#include "ctl/position.hpp"
#include "vexfs/consumer.hpp"

namespace vexfs::ctl {
namespace {

std::string time_text(std::uint64_t ns) {
    const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

int show_position(const Context& context, const std::string& name, const Cursor& at) {
    const bool said = context.json
                          ? say(to_line({{"ok", true}, {"name", name}, {"cursor", at.text()}}))
                          : say(name + "  " + at.text() + "\n");
    return said ? kDone : kFailed;
}

}  // namespace

int run_consumer_create(const Context& context, const ConsumerArgs& args) {
    const Result<Position> at = Position::parse(args.at, "--at");
    if (!at) {
        fail(context, at.status());
        return kUsage;
    }
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    Status status = at->place(journal->reader);
    if (status) {
        status = Consumer::create(journal->directory, args.name, journal->reader.cursor()).status();
    }
    return status ? show_position(context, args.name, journal->reader.cursor())
                  : fail_position(context, status, journal->reader);
}

int run_consumer_commit(const Context& context, const ConsumerArgs& args) {
    const Result<Cursor> expect = Cursor::parse(args.expect);
    const Result<Cursor> to = Cursor::parse(args.to);
    if (!expect || !to) {
        fail(context, expect ? to.status() : expect.status().with_context("--expect"));
        return kUsage;
    }
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    // That it is not ahead of what is written, only a reader knows.
    if (Status status = journal->reader.seek(*to); !status) {
        return fail_position(context, status, journal->reader);
    }
    Result<Consumer> consumer = Consumer::open(journal->directory, args.name);
    const Status status = consumer ? consumer->commit(*expect, *to) : consumer.status();
    return status ? show_position(context, args.name, *to)
                  : fail_position(context, status, journal->reader);
}

int run_consumer_remove(const Context& context, const ConsumerArgs& args) {
    const Result<std::string> directory = journal_directory(context, args.journal);
    const Status status =
        directory ? Consumer::remove(*directory, args.name) : directory.status();
    if (!status) {
        return fail(context, status);
    }
    return !context.json || say(to_line({{"ok", true}, {"name", args.name}})) ? kDone : kFailed;
}

int run_consumer_list(const Context& context, const ConsumerArgs& args) {
    Result<OpenJournal> journal = OpenJournal::open(context, args.journal);
    if (!journal) {
        return fail(context, journal.status());
    }
    const Result<std::vector<ConsumerInfo>> all = Consumer::list(journal->directory);
    const Result<Cursor> earliest = journal->reader.earliest();
    const Status ended = journal->reader.seek_end();
    if (!all || !earliest || !ended) {
        return fail(context, !all ? all.status() : !earliest ? earliest.status() : ended);
    }
    const Cursor end = journal->reader.cursor();
    Json rows = Json::array();
    for (const ConsumerInfo& info : *all) {
        const bool other = info.position.journal != end.journal;
        const bool expired = !other && info.position < *earliest;
        Json row{{"name", info.name},
                 {"state", other ? "other journal" : expired ? "expired" : "kept"}};
        if (!other) {
            row["behind"] = end.seq - std::min(end.seq, info.position.seq);
        }
        row["cursor"] = info.position.text();
        row["committed"] = time_text(info.committed_ns);
        rows.push_back(std::move(row));
    }
    if (context.json) {
        return say(to_line({{"ok", true}, {"consumers", rows}, {"end", end.text()}})) ? kDone
                                                                                    : kFailed;
    }
    return say(rows.empty() ? std::string("no consumers\n")
                            : render({{"consumers", rows}}, {.color = context.color}))
               ? kDone
               : kFailed;
}

}  // namespace vexfs::ctl
