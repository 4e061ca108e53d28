// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>

#include "base/fd.hpp"
#include "ctl/journal.hpp"
#include "ctl/output.hpp"
#include "journal/directory.hpp"
#include "journal/repair.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::ctl {

namespace {

constexpr const char* kStopIt = "Stop it first: what is written can not be repaired.";

std::string numbers_text(const journal::Damage& damage) {
    if (damage.to < damage.from) {
        return "no number is lost";
    }
    return damage.from == damage.to
               ? fmt::format("number {} is lost", damage.from)
               : fmt::format("numbers {} to {} are lost", damage.from, damage.to);
}

std::string what_text(const journal::Damage& damage) {
    return !damage.what.empty() ? damage.what
           : damage.bytes != 0  ? fmt::format("{} bytes are no entry", damage.bytes)
                                : "something is missing";
}

std::string action_text(const journal::SegmentRepair& repair, bool dry_run) {
    const char* will = dry_run ? "would be " : "";
    switch (repair.action) {
        case journal::RepairAction::rewrite:
            return fmt::format("{}written anew, {} bytes, with gaps for {} numbers", will,
                               repair.bytes, repair.lost);
        case journal::RepairAction::replace:
            return fmt::format("{}set aside: a gap for {} numbers {} in its place", will,
                               repair.lost, dry_run ? "would be" : "is");
        case journal::RepairAction::set_aside:
            return fmt::format("{}set aside", will);
    }
    return {};
}

class Printer {
  public:
    Printer(const Context& context, Output& output, bool dry_run)
        : context_(context), output_(output), dry_run_(dry_run) {}

    void damage(const std::string& segment, const journal::Damage& damage) {
        say(context_.json ? to_line({{"segment", segment},
                                     {"offset", damage.offset},
                                     {"bytes", damage.bytes},
                                     {"from", damage.from},
                                     {"to", damage.to},
                                     {"what", what_text(damage)}})
                          : fmt::format("{} at {}: {}: {}\n", segment, damage.offset,
                                        what_text(damage), numbers_text(damage)));
    }

    void segment(const journal::SegmentRepair& repair) {
        if (context_.json) {
            say(to_line({{"segment", repair.segment},
                         {"action", journal::repair_action_name(repair.action)},
                         {"why", repair.why},
                         {"kept", repair.kept},
                         {"damages", repair.damages},
                         {"bytes", repair.bytes},
                         {"lost", repair.lost},
                         {"done", !dry_run_}}));
            return;
        }
        const std::string why = repair.why.empty() ? "" : repair.why + ": ";
        say(fmt::format("{}: {}{}; what it is now {} {}\n", repair.segment, why,
                        action_text(repair, dry_run_), dry_run_ ? "would be kept as" : "is kept as",
                        repair.kept));
    }

    void report(const journal::RepairReport& r, const std::string& directory) {
        if (context_.json) {
            Json json{{"ok", r.status.ok() && r.repaired == r.damaged},
                      {"dry_run", dry_run_},
                      {"segments", r.segments},
                      {"damaged", r.damaged},
                      {"repaired", r.repaired},
                      {"lost", r.lost}};
            if (!r.status) {
                json["error"] = r.status.message();
            }
            say(to_line(json));
            return;
        }
        say(fmt::format("segments  {}, {} damaged, {} repaired\nlost      {} numbers\n", r.segments,
                        r.damaged, r.repaired, r.lost));
        if (r.damaged == 0 && r.status) {
            say("nothing to repair\n");
        } else if (r.repaired != 0) {
            say(fmt::format("the originals are {}/*.damaged until you remove them\n", directory));
        }
    }

    [[nodiscard]] bool stopped() const { return output_.stopped(); }
    void end() { output_.flush(true); }

  private:
    void say(const std::string& text) {
        output_.buffer() += text;
        output_.flush(false);
    }

    const Context& context_;
    Output& output_;
    bool dry_run_;
};

int run(const Context& context, const std::string& directory, bool dry_run, journal::Disk& disk) {
    Result<Output> output = Output::create();
    if (!output) {
        return fail(context, output.status());
    }
    Printer printer(context, *output, dry_run);
    const Result<journal::RepairReport> report = journal::repair(
        disk, {.dry_run = dry_run,
               .on_damage = [&](const std::string& segment,
                                const journal::Damage& damage) { printer.damage(segment, damage); },
               .on_segment = [&](const journal::SegmentRepair& repair) { printer.segment(repair); },
               .stopped = [&] { return printer.stopped(); }});
    if (!report) {
        return fail(context, report.status().with_context("repair journal " + directory));
    }
    printer.report(*report, directory);
    printer.end();
    if (!report->status) {
        return fail(
            context, report->status.with_context("repair journal " + directory).message(),
            fmt::format(
                "{} segments are repaired, the others are as they were: it can be repeated.",
                report->repaired));
    }
    return !output->status()                     ? fail(context, output->status())
           : report->repaired != report->damaged ? kDegraded
                                                 : kDone;
}

// Neither made nor changed if there is no journal in it.
Result<UniqueFd> open_journal(const std::string& directory) {
    UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) {
        return Status::from_errno(errno, "open journal " + directory);
    }
    const Result<std::vector<std::uint64_t>> segments = journal::list_segments(fd.get());
    if (segments && segments->empty()) {
        return Status::error(ENOENT, directory + " holds no journal");
    }
    return segments ? Result<UniqueFd>(std::move(fd)) : segments.status();
}

}  // namespace

int run_journal_repair(const Context& context, const std::string& directory, bool dry_run) {
    const Result<UniqueFd> fd = open_journal(directory);
    if (!fd) {
        return fail(context, fd.status());
    }
    if (dry_run) {
        if (journal::is_being_written(fd->get())) {
            return fail(context, "a vexfsd has journal " + directory + " open", kStopIt);
        }
        journal::DirectoryDisk disk(fd->get());
        return run(context, directory, true, disk);
    }
    const Result<journal::OwnedDirectory> owned = journal::OwnedDirectory::open(directory);
    if (!owned) {
        return owned.status().code() == EBUSY ? fail(context, owned.status().message(), kStopIt)
                                              : fail(context, owned.status());
    }
    journal::DirectoryDisk disk(owned->fd());
    return run(context, directory, false, disk);
}

}  // namespace vexfs::ctl
