// SPDX-License-Identifier: Apache-2.0
// vexctl: the command line. This file says which commands there are; each has its own.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include "config/name_list.hpp"
#include "ctl/command.hpp"
#include "ctl/doctor.hpp"
#include "ctl/journal.hpp"
#include "ctl/ops.hpp"
#include "ctl/tail.hpp"

namespace vexfs::ctl {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 usage, 3 degraded.\n\n"
    "Examples:\n"
    "  vexctl tail --follow --json             events as they happen, one JSON object a line\n"
    "  vexctl sync && vexctl tail --count 10   all that happened until now is in the store\n"
    "  vexctl watch add /srv/data --ops default,FileOpen\n"
    "  vexctl doctor                           what is wrong, and the command that repairs it";

constexpr std::uint64_t kTimeoutMs = 10'000;

// Fields of one command's arguments; alive while its callback may run.
struct WatchArgs {
    std::string path;
    std::string ops;
    bool whole_fs = false;
    std::int64_t uid = -1;
    std::int64_t pid = -1;
};

using Run = std::function<int()>;

class CommandLine {
  public:
    explicit CommandLine(Context& context) : context_(context) {
        app_.require_subcommand(1);
        app_.footer(kFooter);
        app_.get_formatter()->column_width(34);
        app_.set_version_flag("--version", std::string("vexctl ") + VEXFS_VERSION);
        app_.add_option("--socket", context.socket, "Control socket of vexfsd")
            ->type_name("PATH")
            ->capture_default_str();
        app_.add_flag("--json", context.json, "JSON, one object a line");
        add_daemon_commands();
        add_watch();
        add_tail();
        add_journal();
        command(app_, "ops", "The operations, and what becomes of each in either direction",
                [this] { return run_ops(context_); });
        command(app_, "doctor", "Check module, daemon and mounts; name the repair of each problem",
                [this] { return run_doctor(context_); });
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            if (error.get_exit_code() == 0) {
                return app_.exit(error);  // --help, --version
            }
            std::fprintf(stderr, "vexctl: %s\nTry `vexctl --help`.\n", error.what());
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
                return ask_and_show(context_, {{"cmd", "sync"}, {"timeout_ms", timeout_ms}},
                                    timeout_ms + 2'000);
            });
        sync->add_option("--timeout", sync_timeout_s_, "Give up after this time")
            ->type_name("SECONDS")
            ->capture_default_str()
            ->check(CLI::Range(0.001, 86'400.0));
    }

    void add_watch() {
        CLI::App* watch = app_.add_subcommand("watch", "What is observed");
        watch->require_subcommand(1)->fallthrough();
        CLI::App* add = command(*watch, "add", "Observe what happens below PATH",
                                [this] { return watch_add(); });
        add->add_option("path", watch_.path, "File or directory")->required()->type_name("PATH");
        add->add_flag("--fs", watch_.whole_fs, "The whole file system that PATH is on");
        add->add_option("--ops", watch_.ops, "Operations, as for vexfsd [default: vexfsd's --ops]")
            ->type_name("LIST")
            ->check([](const std::string& list) {
                return parse_kernel_ops(list).status().message();  // empty: fine
            });
        add->add_option("--uid", watch_.uid, "Only what this user does")
            ->type_name("UID")
            ->check(CLI::Range(std::int64_t{0}, std::int64_t{UINT32_MAX - 1}));
        add->add_option("--pid", watch_.pid, "Only what this process does")
            ->type_name("PID")
            ->check(CLI::Range(1, 1 << 22));
        CLI::App* remove =
            command(*watch, "remove", "End a watch", [this] { return watch_remove(); });
        remove->add_option("watch", watch_.path, "Its number (vexctl watch list), or its path")
            ->required()
            ->type_name("ID|PATH");
        command(*watch, "list", "The watches and their numbers", [this] {
            return ask_and_show(context_, {{"cmd", "watch_list"}});
        });
    }

    int watch_add() {
        auto path = absolute(watch_.path);
        if (!path) {
            return fail(context_, path.status());
        }
        Json request{{"cmd", "watch_add"}, {"path", *path}, {"whole_fs", watch_.whole_fs}};
        if (!watch_.ops.empty()) {
            request["ops"] = watch_.ops;
        }
        if (watch_.uid >= 0) {
            request["uid"] = watch_.uid;
        }
        if (watch_.pid >= 0) {
            request["pid"] = watch_.pid;
        }
        return ask_and_show(context_, request);
    }

    int watch_remove() {
        const std::string& word = watch_.path;
        if (word.size() < 19 && word.find_first_not_of("0123456789") == std::string::npos) {
            const std::uint64_t id = std::strtoull(word.c_str(), nullptr, 10);
            return ask_and_show(context_, {{"cmd", "watch_remove"}, {"id", id}});
        }
        int exit = kFailed;
        const auto path = absolute(word);
        if (!path) {
            return fail(context_, path.status());
        }
        const auto list = ask(context_, {{"cmd", "watch_list"}}, kTimeoutMs, exit);
        if (!list) {
            return exit;
        }
        const Json watches = list->json.value("watches", Json::array());
        for (const Json& watch : watches) {
            if (watch.is_object() && watch.value("path", "") == *path && watch.contains("id")) {
                return ask_and_show(context_, {{"cmd", "watch_remove"}, {"id", watch["id"]}});
            }
        }
        return fail(context_, "there is no watch of " + *path, "`vexctl watch list` shows them");
    }

    // The daemon has another working directory.
    static Result<std::string> absolute(const std::string& path) {
        std::error_code error;
        std::string text = std::filesystem::absolute(path, error).lexically_normal().string();
        if (error) {
            return Status::from_errno(error.value(), "the working directory, for " + path);
        }
        if (text.size() > 1 && text.ends_with('/')) {
            text.pop_back();
        }
        return text;
    }

    void add_tail() {
        CLI::App* tail = command(app_, "tail", "Events from the event store, in their order",
                                 [this] { return run_tail(context_, tail_); });
        tail->add_option("--since", tail_.since, "Where to begin: a cursor, start or now")
            ->type_name("CURSOR")
            ->capture_default_str();
        tail->add_flag("-f,--follow", tail_.follow,
                       "Go on with what happens; else end at what is there");
        tail->add_option("--filter", tail_.filter, "Only events for which EXPR is true")
            ->type_name("EXPR");
        tail->add_option("-n,--count", tail_.count, "End after N events")->type_name("N");
        tail->add_option("--journal", tail_.journal,
                         "Directory of the event store [default: the running vexfsd's]")
            ->type_name("DIR");
    }

    void add_journal() {
        CLI::App* journal = app_.add_subcommand("journal", "The event store's files");
        journal->require_subcommand(1)->fallthrough();
        CLI::App* verify = command(*journal, "verify", "Read and check every record", [this] {
            return run_journal_verify(context_, journal_directory(context_, journal_));
        });
        CLI::App* dump = command(*journal, "dump", "Every record as it is stored", [this] {
            return run_journal_dump(context_, journal_directory(context_, journal_));
        });
        for (CLI::App* sub : {verify, dump}) {
            sub->add_option("directory", journal_,
                            "The event store [default: the running vexfsd's]")
                ->type_name("DIR");
        }
    }

    Context& context_;
    CLI::App app_{"vexctl: talks to vexfsd and reads what it has stored", "vexctl"};
    Run run_;
    double sync_timeout_s_ = 10;
    WatchArgs watch_;
    TailArgs tail_;
    std::string journal_;
};

}  // namespace
}  // namespace vexfs::ctl

int main(int argc, char** argv) {
    vexfs::ctl::Context context;
    context.color = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return vexfs::ctl::CommandLine(context).run(argc, argv);
}
