// SPDX-License-Identifier: Apache-2.0
#include "wiring/daemon.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>
#include <optional>

#include "config/shell.hpp"
#include "pipeline/takeover.hpp"
#include "sys/notify.hpp"
#include "wiring/commands.hpp"

namespace vexfs {

namespace {
constexpr std::uint64_t kMissedPeriodNs = 1'000'000'000;
constexpr std::uint64_t kRetainPeriodNs = 2'000'000'000;
constexpr std::uint64_t kRetryPeriodNs = 200'000'000;
// What the mount must know of its backing directory to keep its caches true.
constexpr std::uint64_t kInvalidatingOps =
    VX_OPS_M | VX_OP_BIT(VX_OP_FILE_WRITE) | VX_OP_BIT(VX_OP_FILE_CLOSE);

Status explain_unreadable(const Status& why, const std::string& journal) {
    const Status status = why.with_context("open journal " + journal);
    return status.code() == EBADMSG
               ? Status::error(EBADMSG, status.message() + "; what to do: vexctl journal repair " +
                                            shell_quote(journal))
               : status;
}
}  // namespace

Daemon::Daemon(const Options& options, MakeDisk make_disk)
    : options_(options), make_disk_(std::move(make_disk)), started_ns_(clock_.mono_ns()) {}

std::unique_ptr<journal::Disk> Daemon::real_disk(int directory, FileIo& io) {
    return std::make_unique<journal::DirectoryDisk>(directory, io);
}

Result<std::unique_ptr<Daemon>> Daemon::start(const Options& options, const MakeDisk& make_disk) {
    std::unique_ptr<Daemon> self(new Daemon(options, make_disk));
    using Step = Status (Daemon::*)();
    // The control socket comes first: it is what tells a second daemon that there is one.
    for (Step step : {&Daemon::open_loop, &Daemon::open_control, &Daemon::open_journal,
                      &Daemon::open_channel, &Daemon::open_mount, &Daemon::open_watches,
                      &Daemon::open_retention}) {
        if (Status status = (self.get()->*step)(); !status) {
            return status;
        }
    }
    // The watches of this run are there: nothing is missed in between.
    if (self->channel_ && self->channel_->lingered_ns() != 0) {
        if (Status status = self->channel_->remove_inherited_watches(); !status) {
            return status;
        }
    }
    // A ring that was taken over has gone on without a reader. Others were empty before this run.
    if (!self->begun_) {
        self->pipeline_->not_observed_until_now(self->store_->rebooted() ? GapReason::rebooted
                                                                         : GapReason::stopped);
    }
    self->start_keeper();
    self->pusher_ = std::make_unique<Pusher>(self->options_.journal, *self->pipeline_,
                                             self->options_.conflicts, self->push_.get(),
                                             self->channel_ ? self->channel_->id() : 0);
    return self;
}

Daemon::~Daemon() {
    if (Status status = stop(); !status) {
        spdlog::error("{}", status.message());
    }
}

Status Daemon::open_loop() {
    Result<std::unique_ptr<Loop>> loop = Loop::create();
    if (!loop) {
        return loop.status();
    }
    loop_ = std::move(*loop);
    return loop_->signals({SIGINT, SIGTERM, SIGHUP}, [this](int number) { on_signal(number); })
        .status();
}

Status Daemon::open_journal() {
    Result<journal::OwnedDirectory> directory = journal::OwnedDirectory::open(options_.journal);
    if (!directory) {
        return directory.status();
    }
    directory_ = std::move(*directory);
    disk_ = make_disk_(directory_->fd(), *loop_);
    Result<std::unique_ptr<journal::SegmentStore>> store = journal::SegmentStore::open(
        {.durability = options_.durability, .segment_bytes = options_.segment_bytes}, *disk_);
    if (!store) {
        return explain_unreadable(store.status(), options_.journal);
    }
    store_ = std::move(*store);
    // The channel asks for no operations of others, so none can be an answer.
    pipeline_ = std::make_unique<Pipeline>(
        *store_, paths_, clock_,
        Pipeline::Config{.pushback = options_.pushback, .correlate = {.answers = false}});
    loop_->before_wait([this] { return pipeline_->turn(); });
    if (Status status = start_compressor(); !status) {
        return status;
    }
    return tick_journal();
}

Status Daemon::start_compressor() {
    if (options_.compress == journal::Compression::none) {
        return {};
    }
    Result<std::unique_ptr<journal::Compressor>> compressor =
        journal::Compressor::start(directory_->fd());
    if (!compressor) {
        return compressor.status();
    }
    compressor_ = std::move(*compressor);
    return {};
}

Status Daemon::tick_journal() {
    const auto every = [this](std::uint64_t period_ns, Loop::Handler handler) {
        return loop_->every(period_ns, std::move(handler)).status();
    };
    Status status = every(kRetryPeriodNs, [this](int) {
        trust_caches();
        pipeline_->retry();
    });
    pipeline_->on_sync([this] { look_for_missed(); });
    if (status) {
        status = every(kMissedPeriodNs, [this](int) { look_for_missed(); });
    }
    if (status) {
        status = every(static_cast<std::uint64_t>(options_.sync_interval_s * 1e9),
                       [this](int) { store_->tick(); });
    }
    return status;
}

Status Daemon::open_channel() {
    if (options_.no_kmod) {
        no_channel_reason_ = "--no-kmod";
        return {};
    }
    Result<std::unique_ptr<Channel>> channel = Channel::open({.size_m = options_.ring_bytes,
                                                              .size_d = options_.ring_bytes,
                                                              .push_size = options_.push_bytes,
                                                              .name = store_->id().text(),
                                                              .linger_s = options_.linger_s});
    if (!channel) {
        if (options_.mountpoint.empty()) {
            return channel.status();
        }
        no_channel_reason_ = channel.status().message();
        spdlog::warn("{}; only what goes through the mount is seen", no_channel_reason_);
        return {};
    }
    channel_ = std::move(*channel);
    if (Status status = read_channel(); !status) {
        return status;
    }
    push_ = std::make_unique<PushRing>(
        channel_->push_area(),
        [this](std::uint32_t n, vx_push_call& call) { return channel_->push(n, call); });
    pipeline_->set_push_ring(push_.get());
    // The wakeup itself is the message: turn() runs before the loop waits again.
    Result<OpId> poll = loop_->poll(channel_->fd(), POLLIN, [](int) {});
    device_poll_ = poll.value_or(OpId{});
    return poll.status();
}

Status Daemon::read_channel() {
    const bool taken_over = channel_->lingered_ns() != 0;
    if (taken_over) {
        spdlog::info("the kernel has kept the ring of a vexfsd that ended {:.1f} s ago: going on "
                     "from event {}",
                     static_cast<double>(channel_->lingered_ns()) / 1e9, store_->next_seq());
    }
    Result<Stream> stream = begin_stream(
        *pipeline_, paths_,
        {.ring = {.ring = channel_->ring().bytes(),
                  .consumer = channel_->consumer(),
                  .boundary = Boundary::kernel,
                  .barrier = [this] { return channel_->barrier().status(); }},
         .taken_over = taken_over,
         .journal = options_.journal,
         .next_seq = store_->next_seq()});
    if (!stream) {
        return stream.status();
    }
    directories_ = std::move(stream->directories);
    begun_ = stream->begun;
    return {};
}

Status Daemon::use_fuse_boundary() {
    ring_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!ring_event_) {
        return Status::from_errno(errno, "eventfd");
    }
    const std::uint32_t producers = options_.fuse_threads != 0 ? options_.fuse_threads + 1 : 17;
    MemoryRingConfig config{.producers = producers};
    if (options_.ring_bytes != 0) {
        config.size_m = config.size_d = options_.ring_bytes;
    }
    Result<std::unique_ptr<MemoryRing>> ring =
        MemoryRing::create(config, [this] { ::eventfd_write(ring_event_.get(), 1); });
    if (!ring) {
        return ring.status();
    }
    memory_ring_ = std::move(*ring);
    sink_ = std::make_unique<fuse::RingSink>(*memory_ring_);
    Result<std::unique_ptr<Source>> source =
        Source::create({.ring = {static_cast<const std::byte*>(memory_ring_->mapping()),
                                 memory_ring_->mapping_bytes()},
                        .consumer = memory_ring_->consumer(),
                        .boundary = Boundary::fuse,
                        .barrier = [this] {
                            sink_->barrier();
                            return Status();
                        }});
    if (!source) {
        return source.status();
    }
    pipeline_->add_source(std::move(*source));
    return loop_->poll(ring_event_.get(), POLLIN, [this](int) {
        eventfd_t ignored = 0;
        ::eventfd_read(ring_event_.get(), &ignored);
    }).status();
}

Status Daemon::open_mount() {
    if (options_.mountpoint.empty()) {
        return {};
    }
    if (!channel_) {
        if (Status status = use_fuse_boundary(); !status) {
            return status;
        }
    }
    Result<std::unique_ptr<fuse::Mount>> mount =
        fuse::Mount::start({.source = options_.source,
                            .mountpoint = options_.mountpoint,
                            .allow_other = options_.allow_other,
                            .read_only = options_.read_only,
                            .threads = options_.fuse_threads,
                            .cache_timeout_s = options_.cache_timeout_s,
                            .fallback_timeout_s = options_.fallback_timeout_s,
                            .ops = options_.ops},
                           sink_.get());
    if (!mount) {
        return mount.status();
    }
    mount_ = std::move(*mount);
    watch_mount_end();
    if (sink_) {
        const fuse::ObjectId root = mount_->root();
        paths_.anchor({root.fsid, root.ino, root.gen}, mount_->mountpoint());
    }
    return {};
}

// While events are stuck before the store, the mount's caches are not told of changes either.
void Daemon::trust_caches() {
    const bool trusted = invalidator_ && !pipeline_->stuck() && !pipeline_->broken();
    if (mount_ && trusted != caches_trusted_) {
        caches_trusted_ = trusted;
        mount_->set_healthy(trusted);
    }
}

// What the kernel's probes could not follow.
void Daemon::look_for_missed() {
    if (channel_) {
        if (const Result<vx_stats> stats = channel_->stats(); stats) {
            pipeline_->note_probe_missed(stats.value().probe_missed);
        }
    }
}

void Daemon::watch_mount_end() {
    Result<OpId> poll = loop_->poll(mount_->ended_fd(), POLLIN, [this](int) {
        spdlog::info("{} was unmounted: stopping", options_.mountpoint);
        loop_->stop();
    });
    mount_poll_ = poll.value_or(OpId{});
}

Status Daemon::open_watches() {
    if (!channel_) {
        if (!options_.watches.empty()) {
            return Status::error(
                ENOTSUP, fmt::format("--watch needs the kernel module ({})", no_channel_reason_));
        }
        if (!mount_) {
            return Status::error(EINVAL,
                                 "nothing to do: give --watch PATH, or --source DIR MOUNTPOINT");
        }
        return {};
    }
    watches_ = std::make_unique<Watches>(*channel_, paths_);
    for (const WatchOption& watch : options_.watches) {
        Result<Watch> added = watches_->add(
            {.path = watch.path, .subtree = !watch.whole_fs, .ops = options_.ops,
             .detail = options_.detail},
            "watch");
        if (!added) {
            return added.status();
        }
    }
    if (!mount_) {
        return {};
    }
    Result<Watch> source = watches_->add(
        {.path = options_.source, .subtree = true, .ops = options_.ops | kInvalidatingOps,
         .detail = options_.detail},
        "source");
    if (!source) {
        return source.status();
    }
    Result<Watch> mount = watches_->add(
        {.path = options_.mountpoint, .subtree = false, .ops = options_.ops,
         .detail = options_.detail},
        "mount");
    if (!mount) {
        return mount.status();
    }
    return follow_behind_mount(source->info, mount->info);
}

// What changes behind the mount: its caches are told, and then who watches it.
Status Daemon::follow_behind_mount(const WatchInfo& source, const WatchInfo& mount) {
    const dev_t dev = mount_->root().dev;
    pipeline_->map_mount(mount.fsid, source.fsid);
    directories_->add_mount({.mount_fsid = mount.fsid, .backing_fsid = source.fsid});
    invalidator_ = std::make_unique<fuse::Invalidator>(*mount_, source.fsid, dev);
    watchers_ = std::make_unique<PushWatchers>(*push_, mount.dev);
    injector_ = std::make_unique<fuse::Injector>(*mount_, *watchers_, dev);
    const bool injects = (channel_->features() & VX_FEATURE_INJECT) != 0;
    pipeline_->subscribe([this, injects](const EventView& view) {
        // What was found may be told already: it need not have been lost for watchers of the mount.
        const bool found = view.boundary == Boundary::system;
        if (invalidator_->on_event(view) && injects && !view.duplicate && !found) {
            injector_->add(view);
        }
    });
    pipeline_->on_gap([this](const Gap&) { invalidator_->on_gap(); });
    Result<OpId> poll = loop_->poll(mount_->reached_fd(), POLLIN, [this](int) {
        eventfd_t ignored = 0;
        ::eventfd_read(mount_->reached_fd(), &ignored);
        injector_->turn();
    });
    caches_poll_ = poll.value_or(OpId{});
    trust_caches();
    return poll.status();
}

// When the ring that was taken over has been read as far as it must be.
Status Daemon::open_retention() {
    retention_ = std::make_unique<journal::Retention>(options_.journal, store_->id(),
                                                      options_.retention, *disk_, clock_);
    const auto look = [this](int) {
        retention_->poke(pipeline_->released_seq() + 1);
        update_keeper();
    };
    look(0);
    return loop_->every(kRetainPeriodNs, look).status();
}

void Daemon::when_applied(std::function<void()> done) {
    injector_ ? injector_->settle(std::move(done)) : done();
}

Status Daemon::open_control() {
    Result<std::unique_ptr<ControlServer>> control =
        ControlServer::create(*loop_, options_.socket, {}, options_.command);
    if (!control) {
        return control.status();
    }
    control_ = std::move(*control);
    commands_ = std::make_unique<Commands>(*this);
    commands_->add_to(*control_);
    return {};
}

std::vector<std::string> Daemon::degraded() const {
    std::vector<std::string> reasons;
    if (!channel_ && !options_.no_kmod) {
        reasons.push_back("kernel module not used (" + no_channel_reason_ +
                          "): only what goes through the mount is seen");
    }
    if (const Status& health = store_->health(); !health) {
        reasons.push_back(fmt::format("events behind number {} can not be made durable: {}",
                                      store_->durable_seq(), health.message()));
    } else if (pipeline_->stuck()) {
        reasons.push_back("the journal can not be written: " + pipeline_->stuck_reason());
    }
    if (pipeline_->broken()) {
        reasons.emplace_back("the ring is broken: restart vexfsd");
    }
    if (channel_ && (options_.ops & ~channel_->ops()) != 0) {
        reasons.emplace_back("this kernel can't observe some of the operations asked for");
    }
    add_gone_watches(reasons);
    if (keeper_) {
        if (const std::string problem = keeper_->state().problem; !problem.empty()) {
            reasons.push_back("the catalogue is behind, and losses are not healed: " + problem);
        }
    }
    return reasons;
}

void Daemon::add_gone_watches(std::vector<std::string>& reasons) const {
    if (!watches_) {
        return;
    }
    for (const Watch& watch : watches_->list()) {
        if (!watches_->gone(watch)) {
            continue;
        }
        const std::string repair = watch.purpose == "watch"
                                       ? fmt::format("`vexctl watch remove {}`", watch.info.id)
                                       : std::string("start vexfsd again");
        reasons.push_back(
            fmt::format("nothing comes of the {} {} any more, it was {}: {}", watch.purpose,
                        watch.request.path,
                        watch.request.subtree ? "deleted or unmounted" : "unmounted", repair));
    }
}

std::string Daemon::summary() const {
    std::string text = channel_ ? "kernel module" : "FUSE boundary only";
    if (watches_) {
        text += fmt::format(", {} watches", watches_->list().size());
    }
    if (mount_) {
        text += ", mounted on " + mount_->mountpoint();
    }
    return text;
}

void Daemon::on_signal(int number) {
    if (number == SIGHUP) {
        spdlog::info("SIGHUP: nothing to reload");
        return;
    }
    spdlog::info("{}: stopping", number == SIGINT ? "interrupted" : "SIGTERM");
    loop_->stop();
}

// The programs that fill the ring must leave its reader the time to empty it: with the share of one
// among many it overflows. Only this thread; those that it has started keep what they have.
void Daemon::take_priority() const {
    if (::setpriority(PRIO_PROCESS, 0, options_.nice) != 0) {
        const Status why = Status::from_errno(errno, "it needs CAP_SYS_NICE");
        spdlog::warn("the ring is not read with --nice {}: {}; when the machine is busy it may "
                     "overflow",
                     options_.nice, why.message());
    }
}

Status Daemon::run() {
    take_priority();
    return loop_->run();
}

Status Daemon::stop() {
    if (std::exchange(down_, true)) {
        return {};
    }
    notify_stopping();
    stop_keeper();
    control_.reset();
    if (mount_) {
        loop_->cancel(mount_poll_);
        loop_->cancel(caches_poll_);
        mount_->stop();
    }
    if (watches_) {
        watches_->remove_all();  // what goes on happening would have no end
    }
    Status drained;
    if (pipeline_) {
        drained = drain();
    }
    if (loop_) {
        loop_->before_wait([] { return false; });
    }
    return drained;
}

// What happened until now is still in the rings: reads it, then makes it durable.
Status Daemon::drain() {
    pipeline_->retry();
    const auto synced = std::make_shared<std::optional<Status>>();
    pipeline_->sync([synced](const Status& status) { *synced = status; });
    while (!*synced && !pipeline_->stuck() && !pipeline_->broken()) {
        if (Status status = loop_->turn(true); !status) {
            return status;
        }
    }
    const Status why = pipeline_->broken()  ? Status::error(EIO, "the ring is broken")
                       : pipeline_->stuck() ? Status::error(EIO, pipeline_->stuck_reason())
                                            : **synced;
    if (!why) {
        const std::uint64_t lost = pipeline_->abandon();
        return why.with_context(
            lost != 0 ? fmt::format("{} events could not be stored", lost)
                      : fmt::format("events behind number {} could not be made durable",
                                    store_->durable_seq()));
    }
    return store_->close();
}

}  // namespace vexfs
