// SPDX-License-Identifier: Apache-2.0
// vexctl: the command line. This file says which commands there are; each has its own.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "config/name_list.hpp"
#include "ctl/causes.hpp"
#include "ctl/command.hpp"
#include "ctl/consumer.hpp"
#include "ctl/doctor.hpp"
#include "ctl/help.hpp"
#include "ctl/journal.hpp"
#include "ctl/ls.hpp"
#include "ctl/ops.hpp"
#include "ctl/push.hpp"
#include "ctl/tail.hpp"
#include "ctl/watch.hpp"
#include "pushback/conflict.hpp"
#include "vexfs/settled.hpp"

namespace vexfs::ctl {
namespace {

using Run = std::function<int()>;

class CommandLine {
  public:
    explicit CommandLine(Context& context) : context_(context) {
        app_.require_subcommand(1);
        app_.formatter(help_format());
        app_.footer(command_footer());  // what commands made from here on inherit
        app_.set_version_flag("--version", std::string("vexctl ") + VEXFS_VERSION);
        app_.add_option("--socket", context.socket,
                        std::string("Control socket of vexfsd [default: ") + kDefaultSocketPath +
                            "]")
            ->type_name("PATH");
        app_.add_flag("--json", context.json, "JSON, one object a line, also for errors");
        add_daemon_commands();
        add_watch();
        add_tail();
        add_causes();
        add_push();
        add_journal();
        add_consumer();
        add_catalogue();
        command(app_, "ops", "The operations, and what becomes of each in either direction",
                [this] { return run_ops(context_); });
        command(app_, "doctor", "Check module, daemon and mounts; name the repair of each problem",
                [this] { return run_doctor(context_); });
        app_.footer(main_footer());
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            if (error.get_exit_code() == 0) {
                return app_.exit(error);  // --help, --version
            }
            // The parser may have stopped before it.
            const auto is_json = [](std::string_view word) { return word == "--json"; };
            context_.json = context_.json || std::any_of(argv, argv + argc, is_json);
            fail(context_, error.what(), "Try `vexctl --help`.");
            return kUsage;
        }
        return run_();
    }

  private:
    CLI::App* command(CLI::App& parent, const char* name, const char* help, Run run) {
        CLI::App* sub = parent.add_subcommand(name, help);
        sub->fallthrough();  // --json and --socket may stand behind the command
        sub->callback([this, run = std::move(run)] { run_ = run; });
        return sub;
    }

    void add_daemon_commands() {
        command(app_, "status", "How module, daemon and mount are", [this] {
            return ask_and_show(context_, {{"cmd", "status"}});
        });
        command(app_, "stats", "All counters", [this] {
            return ask_and_show(context_, {{"cmd", "stats"}});
        });
        CLI::App* sync = command(
            app_, "sync", "Return when all that happened before is durable and applied", [this] {
                const auto timeout_ms = static_cast<std::uint64_t>(sync_timeout_s_ * 1000);
                // The daemon knows better why it takes long: it gets the first word.
                return ask_and_show(
                    context_,
                    {{"cmd", "sync"}, {"timeout_ms", timeout_ms}, {"healed", healed_}},
                    timeout_ms + 2'000);
            });
        sync->add_flag("--healed", healed_,
                       "Also wait until the catalogue has it and what was lost before has been "
                       "looked for");
        sync->add_option("--timeout", sync_timeout_s_,
                         "Give up after this time, 0.001 to 86400 [default: 10]")
            ->type_name("SECONDS")
            ->check(CLI::Range(0.001, 86'400.0).description(""));
    }

    void add_watch() {
        CLI::App* watch = app_.add_subcommand("watch", "What is observed");
        watch->require_subcommand(1)->fallthrough();
        CLI::App* add = command(*watch, "add", "Observe what happens below a directory",
                                [this] { return run_watch_add(context_, watch_); });
        add->add_option("path", watch_.path, "Directory; with --fs any file on the file system")
            ->required()
            ->type_name("PATH");
        add->add_flag("--fs", watch_.whole_fs, "The whole file system that PATH is on");
        add->add_option("--ops", watch_.ops, "Operations, as for vexfsd [default: vexfsd's --ops]")
            ->type_name("LIST")
            ->check([](const std::string& list) {
                return parse_kernel_ops(list).status().message();  // empty: fine
            });
        add->add_option("--detail", watch_.detail,
                        "What else to observe, as for vexfsd [default: vexfsd's --detail]")
            ->type_name("LIST")
            ->check([](const std::string& list) { return parse_detail(list).status().message(); });
        add->add_option("--uid", watch_.uid,
                        "Only what this user does, by number [default: every user]")
            ->type_name("UID")
            ->check(whole_number(0, UINT32_MAX - 1));
        add->add_option("--pid", watch_.pid,
                        "Only what this process does, all of its threads [default: every process]")
            ->type_name("PID")
            ->check(whole_number(1, 1U << 22U));
        CLI::App* remove = command(*watch, "remove", "End a watch",
                                   [this] { return run_watch_remove(context_, watch_); });
        remove->add_option("watch", watch_.path, "Its number (vexctl watch list), or its path")
            ->required()
            ->type_name("ID|PATH");
        command(*watch, "list", "The watches and their numbers",
                [this] { return run_watch_list(context_); });
    }

    void add_tail() {
        CLI::App* tail = command(app_, "tail", "Events from the journal, in their order",
                                 [this] { return run_tail(context_, tail_); });
        tail->footer(tail_footer());
        tail->add_option("--since", tail_.since,
                         "Where to begin: behind a cursor, at a time (15m, 2h, 3d ago; 17:05; "
                         "2026-11-28T17:05:30Z), start or now [default: start]")
            ->type_name("CURSOR|TIME");
        CLI::Option* consumer =
            tail->add_option("--consumer", tail_.consumer,
                             "Begin where this consumer is (vexctl consumer); what it is too late "
                             "for is a gap [default: none]")
                ->type_name("NAME")
                ->excludes("--since");
        tail->add_flag("--commit", tail_.commit,
                       "Move the consumer behind what was written, every 4096 items and at the end "
                       "[default: leave it where it is]")
            ->needs(consumer);
        tail->add_flag("-f,--follow", tail_.follow,
                       "Go on with what happens [default: end at what is there]");
        tail->add_option("--format", tail_.format,
                         "text (for people), json (as --json), cloudevents (CloudEvents 1.0 in "
                         "JSON, one a line), binary (for a pipe, see docs/stream_format.md) "
                         "[default: text]")
            ->type_name("FORM");
        tail->add_option("--snapshot", tail_.snapshot,
                         "First all that is at and below PATH, as records, then the events since "
                         "that was begun (with --json) [default: no records]")
            ->type_name("PATH");
        tail->add_option("--settle", tail_.settle_ms,
                         "What one object goes through in a row becomes one event, told when it "
                         "has been quiet for so long, 1 to 60000, and at the latest after ten "
                         "times that [default: every event for itself]; the filter sees what "
                         "comes of it. At most 4096 objects are held back")
            ->type_name("MS")
            ->check(whole_number(1, kSettleMaxMs));
        tail->add_option("--filter", tail_.filter,
                         "Only events for which EXPR is true, see below [default: every event]; "
                         "losses are always shown")
            ->type_name("EXPR");
        tail->add_option("-n,--count", tail_.count,
                         "End after N events that the filter lets pass [default: no limit]")
            ->type_name("N")
            ->check(whole_number(0, UINT64_MAX));
        tail->add_option("--journal", tail_.journal,
                         "Directory of the journal [default: the running vexfsd's]")
            ->type_name("DIR");
    }

    void add_push() {
        CLI::App* push = command(
            app_, "push", "Have an operation passed on that answers an event of the stream",
            [this] { return run_push(context_, push_); });
        push->add_option("event", push_.event, "The event's number, or its cursor")
            ->required()
            ->type_name("SEQ|CURSOR");
        push->add_option("--ops", push_.ops,
                         "Userspace operations that can come of that event, 1 to 7: names with "
                         "commas")
            ->required()
            ->type_name("LIST")
            ->check([](const std::string& list) {
                return parse_user_ops(list).status().message();  // empty: fine
            });
        push->add_option("--expect", push_.expect,
                         "The version of the object that they are for: the number of an event, at "
                         "most 250000 events back; if the object has changed since, there is a "
                         "conflict [default: any version]")
            ->type_name("SEQ|CURSOR");
        push->add_option("--strategy", push_.strategy,
                         "What becomes of a conflict: last-writer-wins, first-writer-wins, merge "
                         "or reject [default: as vexfsd's --conflicts say]")
            ->type_name("STRATEGY")
            ->check([](const std::string& name) {
                return pushback::parse_strategy(name).status().message();
            });
    }

    void add_causes() {
        CLI::App* why = command(app_, "why", "What led to an event, back to the first cause",
                                [this] { return run_why(context_, causes_); });
        CLI::App* effects = command(app_, "effects", "What an event led to",
                                    [this] { return run_effects(context_, causes_); });
        for (CLI::App* sub : {why, effects}) {
            sub->add_option("event", causes_.event,
                            "Its number (seq in vexctl tail --json), or its cursor")
                ->required()
                ->type_name("SEQ|CURSOR");
            sub->add_option("--journal", causes_.journal,
                            "Directory of the journal [default: the running vexfsd's]")
                ->type_name("DIR");
        }
    }

    void add_journal() {
        CLI::App* journal = app_.add_subcommand("journal", "The journal's files");
        journal->require_subcommand(1)->fallthrough();
        CLI::App* verify = command(*journal, "verify", "Read and check every record", [this] {
            return with_journal(run_journal_verify);
        });
        CLI::App* dump = command(*journal, "dump", "Every record as it is stored", [this] {
            return with_journal(run_journal_dump);
        });
        CLI::App* repair = command(
            *journal, "repair",
            "Put gaps in the place of what can not be read (not while vexfsd runs; originals stay)",
            [this] {
                const Result<std::string> directory = journal_directory(context_, journal_);
                return directory ? run_journal_repair(context_, *directory, dry_run_)
                                 : fail(context_, directory.status());
            });
        repair->add_flag("--dry-run", dry_run_,
                         "Only say what would be done; exit code 3 if that is something");
        for (CLI::App* sub : {verify, dump, repair}) {
            sub->add_option("directory", journal_,
                            "Directory of the journal [default: the running vexfsd's]")
                ->type_name("DIR");
        }
    }

    void add_consumer() {
        CLI::App* consumer =
            app_.add_subcommand("consumer", "Named positions, kept with the journal");
        consumer->require_subcommand(1)->fallthrough();
        CLI::App* create = command(*consumer, "create", "A new one; the journal is kept for it",
                                   [this] { return run_consumer_create(context_, consumer_); });
        create->add_option("--at", consumer_.at,
                           "Where it is: behind a cursor, at a time (as tail --since), start or "
                           "now [default: start]")
            ->type_name("CURSOR|TIME");
        CLI::App* commit =
            command(*consumer, "commit", "Move it, forward or back, if it is where it should be",
                    [this] { return run_consumer_commit(context_, consumer_); });
        CLI::App* remove = command(*consumer, "remove", "Forget it",
                                   [this] { return run_consumer_remove(context_, consumer_); });
        CLI::App* list = command(*consumer, "list", "All of them, and how far behind they are",
                                 [this] { return run_consumer_list(context_, consumer_); });
        for (CLI::App* sub : {create, commit, remove}) {
            sub->add_option("name", consumer_.name,
                            "1 to 64 letters, digits, '-', '_' and '.', not beginning with '.'")
                ->required()
                ->type_name("NAME");
        }
        commit->add_option("to", consumer_.to, "Where it is to be")
            ->required()
            ->type_name("CURSOR");
        commit->add_option("--expect", consumer_.expect, "Where it must be now")
            ->required()
            ->type_name("CURSOR");
        for (CLI::App* sub : {create, commit, remove, list}) {
            sub->add_option("--journal", consumer_.journal,
                            "Directory of the journal [default: the running vexfsd's]")
                ->type_name("DIR");
        }
    }

    void add_catalogue() {
        CLI::App* ls = command(app_, "ls", "Names as the catalogue has them, now or earlier",
                               [this] { return run_ls(context_, ls_); });
        ls->add_option("path", ls_.path, "Directory or file [default: what is kept]")
            ->type_name("PATH");
        ls->add_option("--at", ls_.at,
                       "As it was behind this cursor, or at this time (as tail --since) [default: "
                       "now]")
            ->type_name("CURSOR|TIME");
        ls->add_flag("-R,--recursive", ls_.recursive, "And all that is below");
        ls->add_option("--journal", ls_.journal,
                       "Directory of the journal [default: the running vexfsd's]")
            ->type_name("DIR");
        command(app_, "rebuild", "Make the catalogue anew, of the journal and of what is there",
                [this] { return run_rebuild(context_); });
    }

    int with_journal(int (*act)(const Context&, const std::string&)) {
        const Result<std::string> directory = journal_directory(context_, journal_);
        return directory ? act(context_, *directory) : fail(context_, directory.status());
    }

    Context& context_;
    CLI::App app_{"vexctl: talks to vexfsd and reads what it has stored", "vexctl"};
    Run run_;
    double sync_timeout_s_ = 10;
    WatchArgs watch_;
    TailArgs tail_;
    ConsumerArgs consumer_;
    CausesArgs causes_;
    LsArgs ls_;
    bool healed_ = false;
    PushArgs push_;
    std::string journal_;
    bool dry_run_ = false;
};

}  // namespace
}  // namespace vexfs::ctl

int main(int argc, char** argv) {
    vexfs::ctl::Context context;
    context.color = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return vexfs::ctl::CommandLine(context).run(argc, argv);
}
