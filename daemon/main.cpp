// SPDX-License-Identifier: Apache-2.0
// vexfsd: turns what happens to files into one ordered, durable stream of events.
#include <spdlog/spdlog.h>

#include <cstdio>

#include "base/log.hpp"
#include "config/options.hpp"
#include "sys/background.hpp"
#include "sys/notify.hpp"
#include "wiring/daemon.hpp"

namespace {

using namespace vexfs;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int fail(const Status& status, int code) {
    std::fprintf(stderr, "vexfsd: %s\n", status.message().c_str());
    return code;
}

int serve(const Options& options, Background* background) {
    Result<std::unique_ptr<Daemon>> daemon = Daemon::start(options);
    if (!daemon) {
        return fail(daemon.status(), kFailed);
    }
    const std::string summary = (*daemon)->summary();
    if (background != nullptr) {
        if (Status status = background->ready(options.log_file); !status) {
            return fail(status, kFailed);
        }
        if (options.log_file.empty()) {
            log_to_syslog();
        }
    }
    spdlog::info("ready: {}", summary);
    notify_ready(summary);
    const Status ran = (*daemon)->run();
    const Status stopped = (*daemon)->stop();
    daemon->reset();
    for (const Status& status : {ran, stopped}) {
        if (!status) {
            spdlog::error("{}", status.message());
        }
    }
    spdlog::info("stopped");
    return ran && stopped ? 0 : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
    Result<Options> options = parse_options(argc, argv);
    if (!options) {
        return fail(options.status(), kUsage);
    }
    if (options->action == Options::Action::print) {
        std::fputs(options->text.c_str(), stdout);
        return 0;
    }
    if (Status status = log_setup(options->log_level); !status) {
        return fail(status, kUsage);
    }
    if (options->foreground) {
        if (!options->log_file.empty()) {
            if (Status status = redirect_output(options->log_file); !status) {
                return fail(status, kFailed);
            }
        }
        return serve(*options, nullptr);
    }
    Result<Background> background = Background::enter();
    if (!background) {
        return fail(background.status(), kFailed);
    }
    return background->parent() ? background->wait() : serve(*options, &*background);
}
