// SPDX-License-Identifier: Apache-2.0
// Pipeline: from the rings to the journal, on one thread, in one direction.
//
//   ring -> directory map, path -> translate -> correlate -> store -> pushback, subscribers
//   found (heal/) ---^
//
// turn() is called by the event loop before it waits. It reads what the rings hold, in place, and
// appends it to the store, which writes it without anybody waiting. The room in the ring is given
// back when the store has made it safe: so a daemon that dies loses nothing, and when the store can
// not take more (disk full) nothing is dropped here; the ring fills, and what it then loses is
// counted there.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "correlate/correlator.hpp"
#include "journal/store.hpp"
#include "paths/directory_log.hpp"
#include "paths/directory_map.hpp"
#include "pipeline/found.hpp"
#include "pipeline/source.hpp"
#include "pushback/push_ring.hpp"
#include "translate/translate.hpp"

namespace vexfs {

struct PipelineCounters {
    std::uint64_t events = 0;
    std::uint64_t found = 0;          // of them, by looking after a loss
    std::uint64_t lost = 0;
    std::uint64_t gaps = 0;           // with numbers; an account alone is none
    std::uint64_t directories = 0;    // VX_REC_DIR records
    std::uint64_t no_path = 0;        // events whose path is not known
    std::uint64_t turns = 0;
    std::uint64_t store_errors = 0;
    std::uint64_t push_errors = 0;
    std::uint64_t probe_missed = 0;   // calls that probes could not follow, as far as in the stream
    std::array<std::uint64_t, VX_OP_COUNT> by_op{};
    std::array<std::uint64_t, VX_OP_COUNT> units{};   // userspace operations that came of each
    std::array<std::uint64_t, VX_UOP_COUNT> by_uop{};
};

class Pipeline {
  public:
    struct Config {
        unsigned batch = 4096;         // items of one source in one turn
        std::uint32_t pushback = 0;    // bit n: userspace operation n is pushed to the kernel
        correlate::Correlator::Config correlate{};
    };
    using Subscriber = std::function<void(const EventView&)>;

    Pipeline(journal::Store& store, DirectoryMap& paths, const Clock& clock, const Config& config);

    // Sources of different boundaries may report the same change: correlate/ finds that.
    void add_source(std::unique_ptr<Source> source);
    // `ring` outlives the pipeline; nullptr: nothing is pushed.
    void set_push_ring(PushRing* ring) { push_ = ring; }
    // Events of the file system `mount_fsid` are those of a FUSE mount: their objects are named by
    // the backing file system `backing_fsid`, and their boundary is fuse. No change of a source is
    // reported at both: the kernel leaves out what the daemon does behind the mount.
    void map_mount(std::uint64_t mount_fsid, std::uint64_t backing_fsid) {
        mounts_[mount_fsid] = backing_fsid;
    }
    // Asked for events that were found, once the rings are read. Outlives the pipeline's turns;
    // nullptr: nobody.
    void set_found(Found* found) { found_ = found; }
    // Written in front of every batch of events. `log` outlives the pipeline.
    void keep_directories(DirectoryLog* log) { directories_ = log; }
    // Called with every event, on the pipeline's thread; must not block.
    void subscribe(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }
    // Called with every gap.
    void on_gap(std::function<void(const Gap&)> fn) { on_gap_ = std::move(fn); }

    // What happened since the journal's last event was not observed, because no ring was kept that
    // held it: a gap says so, in front of the first event of this run. Nothing in a journal without
    // events. To be called once, when all is watched that is to be, before the first turn().
    // `reason`: stopped, or rebooted. Of a ring that was taken over: if the daemon before this one
    // has not told it (takeover.hpp).
    void not_observed_until_now(GapReason reason);

    // Reads what is there. True: there is more to do now; false: all sources sleep, or the store is
    // stuck, or has no room until it makes progress.
    bool turn();

    // Of a channel that was taken over: so many had been told before. Once, before the first
    // turn().
    void resume_missed(std::uint64_t total) { counters_.probe_missed = total; }

    // Calls that the kernel's probes could not follow, since the channel was made: an increase
    // becomes a gap here, or as soon as the store has room.
    void note_probe_missed(std::uint64_t total);

    // Calls `done` when all that happened before this call has been read, stored and synced (or
    // with the error), whatever goes on happening.
    void sync(std::function<void(const Status&)> done);
    // Called before each sync: the moment to note what probes have missed.
    void on_sync(std::function<void()> fn) { on_sync_ = std::move(fn); }

    // The store can't be written: back-pressure. turn() does nothing until retry().
    [[nodiscard]] bool stuck() const { return stuck_; }
    [[nodiscard]] const std::string& stuck_reason() const { return stuck_reason_; }
    void retry() { stuck_ = false; }
    // The end of a store that is stuck for good: reads what the rings still hold without storing
    // it. How many numbers that is, with those in the store's open batch.
    std::uint64_t abandon();

    // Writes what this daemon has pushed for a program into the stream: `record`, a VX_REC_USER
    // whose times are set here, and the path, cause, chain and operations of `view`. Its number.
    // EAGAIN: the store has no room, or can't be written.
    Result<std::uint64_t> append_pushed(vx_record& record, const EventView& view);

    [[nodiscard]] const PipelineCounters& counters() const { return counters_; }
    [[nodiscard]] correlate::Counters correlation() const { return correlator_.counters(); }
    [[nodiscard]] std::uint64_t backlog_bytes() const;
    // What came up to this number is not in a ring any more.
    [[nodiscard]] std::uint64_t released_seq() const { return released_seq_; }
    // Something in a ring could not be: the source is not read any more.
    [[nodiscard]] bool broken() const { return broken_; }

  private:
    // What was read from a ring and does not fit the store's batch: taken up again after a flush.
    struct Held {
        bool event = false;
        bool gap = false;
        EventView view;
        const vx_record* kernel = nullptr;  // of the event, as it is in the ring
        Gap lost;
    };

    // A sync under way: what each source must have passed.
    struct Barrier {
        std::vector<Source::Mark> marks;
        std::function<void(const Status&)> done;
    };

    // What was read up to some number, and not given back yet.
    struct Unreleased {
        std::uint64_t seq = 0;    // the last
        std::uint64_t items = 0;  // appended by then
        std::uint64_t missed = 0;
        std::vector<Source::Place> places;  // of each source
    };

    unsigned drain(Source& source);
    bool take(Source& source, const vx_item& item);
    bool take_event(Source& source, const vx_record& record, std::uint32_t producer);
    bool take_gap(Source& source, const vx_item& item);
    unsigned take_found();
    void take_account(const vx_lost& lost, Gap& gap);
    [[nodiscard]] Gap gap_of_none(GapReason reason) const;
    void hold_gap(const Gap& gap, std::string scope);
    bool tell_missed();
    const vx_record& under_backing(const vx_record& record, Boundary& boundary);
    void under_mount(const EventView& view);
    void place_event(const vx_event& event, std::uint64_t ticket, EventView& view);
    void find_path(const vx_event& event, EventView& view);
    void follow_directories(const vx_event& event, std::uint64_t ticket);
    // Something was read that the store has no room for.
    [[nodiscard]] bool waiting() const { return held_.event || held_.gap; }
    bool store_held();
    Status flush();
    void note_places();
    void release();
    void publish(const EventView& view);
    void push_back(const EventView& view);
    bool finish_turn();
    [[nodiscard]] bool passed(const Barrier& barrier) const;
    void answer_syncs();
    void get_stuck(const Status& status);
    void get_unstuck();

    journal::Store& store_;
    DirectoryMap& paths_;
    DirectoryLog* directories_ = nullptr;
    const Clock& clock_;
    Config config_;
    PushRing* push_ = nullptr;
    Found* found_ = nullptr;
    translate::Translator translator_;
    std::uint64_t released_seq_ = 0;
    correlate::Correlator correlator_;
    std::vector<std::unique_ptr<Source>> sources_;
    std::vector<Subscriber> subscribers_;
    std::function<void(const Gap&)> on_gap_;
    std::function<void()> on_sync_;
    std::uint64_t missed_ = 0;  // by probes; told up to counters_.probe_missed
    std::unordered_map<std::uint64_t, std::uint64_t> mounts_;
    std::deque<Barrier> syncs_;
    std::deque<Unreleased> unreleased_;
    std::vector<Unreleased> spare_;  // their memory is used again
    PipelineCounters counters_;
    Held held_;
    std::string path_;
    std::string old_path_;
    std::string scope_;
    std::array<std::string, VX_DIRTY_MAX> dirty_paths_;
    std::vector<std::uint64_t> copy_;  // of a record whose fsid is replaced
    std::string stuck_reason_;
    bool stuck_ = false;
    bool broken_ = false;
};

}  // namespace vexfs
