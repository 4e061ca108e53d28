// SPDX-License-Identifier: Apache-2.0
// RunningDaemon: the whole daemon on a FUSE boundary, in this process, on a thread of its own.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "control/client.hpp"
#include "mounted.hpp"
#include "vexfs/reader.hpp"
#include "wiring/daemon.hpp"

namespace vexfs::test {

class RunningDaemon {
  public:
    explicit RunningDaemon(Daemon::MakeDisk make_disk = Daemon::real_disk,
                           std::function<void(Options&)> change = [](Options&) {})
        : make_disk_(std::move(make_disk)), change_(std::move(change)) {
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_);
        start();
    }
    ~RunningDaemon() {
        stop();
        daemon.reset();
        ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    }

    // After stop(): another one with the same journal.
    void start() {
        daemon.reset();
        Options options;
        options.source = tree.source();
        options.mountpoint = tree.point();
        options.no_kmod = true;
        options.ops = VX_OPS_ALL;
        options.journal = journal();
        options.socket = socket();
        change_(options);
        auto started = Daemon::start(options, make_disk_);
        INFO(started.status().message());
        REQUIRE(started.ok());
        daemon = *std::move(started);
        thread_ = std::thread([this] { result_ = daemon->run(); });
    }

    // As SIGTERM does it: the signal is blocked in every thread and read by the daemon's loop.
    void stop() {
        if (thread_.joinable()) {
            ::kill(::getpid(), SIGTERM);
            thread_.join();
            CHECK(result_.ok());
        }
    }
    [[nodiscard]] std::string socket() const { return tree.root() + "/socket"; }
    [[nodiscard]] std::string journal() const { return tree.root() + "/journal"; }
    [[nodiscard]] ControlClient connect() const {
        auto client = ControlClient::connect(socket());
        REQUIRE(client.ok());
        return *std::move(client);
    }

    TemporaryTree tree;
    std::unique_ptr<Daemon> daemon;

  private:
    Daemon::MakeDisk make_disk_;
    std::function<void(Options&)> change_;
    sigset_t mask_{};
    std::thread thread_;
    Status result_;
};

// Behind the last item of the journal: until there is another one.
inline void wait_for_more(Reader& reader) {
    const auto woken = reader.wait(-1, 30'000);
    REQUIRE((woken.ok() && *woken == Reader::Wake::written));
}

}  // namespace vexfs::test
