// SPDX-License-Identifier: Apache-2.0
// Daemon: the one place where the stages are put together, in the order of the stream; and taken
// apart in reverse.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "config/options.hpp"
#include "control/server.hpp"
#include "fuse/injector.hpp"
#include "fuse/invalidator.hpp"
#include "fuse/mount.hpp"
#include "fuse/ring_sink.hpp"
#include "heal/keeper.hpp"
#include "journal/compressor.hpp"
#include "journal/directory.hpp"
#include "journal/retention.hpp"
#include "journal/segment_store.hpp"
#include "pipeline/pipeline.hpp"
#include "pushback/push_ring.hpp"
#include "ring/channel.hpp"
#include "sys/loop.hpp"
#include "wiring/heal_stream.hpp"
#include "wiring/push_watchers.hpp"
#include "wiring/pusher.hpp"
#include "wiring/watches.hpp"

namespace vexfs {

class Daemon {
  public:
    // Makes the disk that the journal is written to.
    using MakeDisk = std::function<std::unique_ptr<journal::Disk>(int directory, FileIo& io)>;

    // Sets everything up; on an error nothing is left behind. Blocks SIGINT, SIGTERM, SIGHUP in the
    // calling thread.
    static Result<std::unique_ptr<Daemon>> start(const Options& options,
                                                 const MakeDisk& make_disk = real_disk);
    static std::unique_ptr<journal::Disk> real_disk(int directory, FileIo& io);
    // stop(), if that was not called.
    ~Daemon();

    // Serves until a signal or the end of the mount says to stop.
    Status run();
    // Unmounts, drains, syncs. The error says how many events could not be stored, and why.
    Status stop();

    // Why the stream is not what the user asked for; empty: it is.
    [[nodiscard]] std::vector<std::string> degraded() const;
    // One line for the service manager and the log.
    [[nodiscard]] std::string summary() const;

  private:
    friend class Commands;
    Daemon(const Options& options, MakeDisk make_disk);

    Status open_loop();
    Status open_journal();
    Status tick_journal();
    Status start_compressor();
    Status open_channel();
    Status read_channel();
    Status open_mount();
    Status open_watches();
    Status open_retention();
    Status open_control();
    void start_keeper();
    void stop_keeper();
    // What the catalogue is kept of.
    [[nodiscard]] std::vector<heal::Scope> scopes() const;
    void update_keeper();
    Status use_fuse_boundary();
    Status follow_behind_mount(const WatchInfo& source, const WatchInfo& mount);
    // Calls `done` when what is stored is also known to the mount's caches and watchers.
    void when_applied(std::function<void()> done);
    void watch_mount_end();
    void take_priority() const;
    void trust_caches();
    void look_for_missed();
    void on_signal(int number);
    Status drain();
    void add_gone_watches(std::vector<std::string>& reasons) const;

    Options options_;
    MakeDisk make_disk_;
    SystemClock clock_;
    std::uint64_t started_ns_ = 0;
    // The loop goes first: it waits for the writes that it has under way for the store.
    std::optional<journal::OwnedDirectory> directory_;
    std::unique_ptr<journal::Compressor> compressor_;
    std::unique_ptr<journal::Disk> disk_;
    std::unique_ptr<journal::SegmentStore> store_;
    std::unique_ptr<journal::Retention> retention_;
    std::unique_ptr<Loop> loop_;
    DirectoryMap paths_;
    std::unique_ptr<DirectoryLog> directories_;
    bool begun_ = false;  // the journal tells what was not observed before this run
    std::unique_ptr<Channel> channel_;
    std::string no_channel_reason_;
    std::unique_ptr<PushRing> push_;
    std::unique_ptr<Pipeline> pipeline_;
    UniqueFd ring_event_;
    std::unique_ptr<MemoryRing> memory_ring_;
    std::unique_ptr<fuse::RingSink> sink_;
    std::unique_ptr<fuse::Mount> mount_;
    std::unique_ptr<fuse::Invalidator> invalidator_;
    std::unique_ptr<PushWatchers> watchers_;
    std::unique_ptr<fuse::Injector> injector_;
    std::unique_ptr<Watches> watches_;
    std::unique_ptr<HealStream> heal_stream_;
    std::unique_ptr<heal::Keeper> keeper_;
    std::unique_ptr<Pusher> pusher_;
    std::unique_ptr<class Commands> commands_;
    std::unique_ptr<ControlServer> control_;
    OpId device_poll_;
    OpId mount_poll_;
    OpId caches_poll_;
    bool caches_trusted_ = false;
    bool down_ = false;
};

}  // namespace vexfs
