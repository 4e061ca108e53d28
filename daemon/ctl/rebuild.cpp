// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "ctl/ls.hpp"

namespace vexfs::ctl {

namespace {

constexpr std::uint64_t kTickMs = 250;

// How far it is, as one line that is written over.
void show_progress(const Json& catalogue) {
    const std::uint64_t seen = catalogue.value("directories_seen", std::uint64_t{0});
    const std::uint64_t waiting = catalogue.value("directories_waiting", std::uint64_t{0});
    fmt::print(stderr, "\r{}: event {}, {} directories, {} waiting\033[K",
               catalogue.value("state", ""), catalogue.value("applied_seq", std::uint64_t{0}), seen,
               waiting);
    std::fflush(stderr);
}

}  // namespace

// The daemon answers a sync with `healed` when it is done; until then it is asked how far it is.
int run_rebuild(const Context& context) {
    int exit = kDone;
    const Result<ControlAnswer> begun = ask(context, {{"cmd", "rebuild"}}, 10'000, exit);
    if (!begun) {
        return exit;
    }
    const bool terminal = ::isatty(STDERR_FILENO) == 1 && !context.json;
    for (;;) {
        const Json wait{{"cmd", "sync"},
                        {"healed", true},
                        {"timeout_ms", terminal ? kTickMs : std::uint64_t{86'400'000}}};
        Result<ControlClient> client = ControlClient::connect(context.socket);
        const Result<ControlAnswer> done =
            client ? client->call(wait, 86'400'000) : client.status();
        if (!done) {
            return fail(context, done.status());
        }
        if (done->ok || !terminal) {
            if (terminal) {
                fmt::print(stderr, "\r\033[K");
            }
            return !done->ok        ? fail(context, done->error, done->hint)
                   : context.json   ? (say(to_line(done->json)) ? kDone : kFailed)
                                    : kDone;
        }
        const Result<ControlAnswer> status =
            ask(context, {{"cmd", "status"}}, 10'000, exit);
        if (!status) {
            return exit;
        }
        const Json& catalogue = status->json.at("catalogue");
        if (catalogue.contains("problem")) {
            return fail(context, catalogue.value("problem", ""), done->hint);
        }
        show_progress(catalogue);
    }
}

}  // namespace vexfs::ctl
