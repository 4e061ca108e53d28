// SPDX-License-Identifier: Apache-2.0
#include "journal/retention.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {
constexpr std::uint64_t kBlock = 512;  // what st_blocks counts in
constexpr std::uint64_t kSecond = 1'000'000'000;
}  // namespace

Retention::Retention(std::string path, JournalId id, const RetentionLimits& limits, Disk& disk,
                     const Clock& clock)
    : path_(std::move(path)),
      id_(id),
      limits_(limits),
      disk_(disk),
      clock_(clock),
      thread_([this] { work(); }) {}

Retention::~Retention() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    poked_.notify_one();
    thread_.join();
}

void Retention::poke(std::uint64_t needed) {
    {
        const std::lock_guard lock(mutex_);
        needed_ = needed;
    }
    poked_.notify_one();
}

Retained Retention::last() const {
    const std::lock_guard lock(mutex_);
    return last_;
}

void Retention::note(const Retained& now) {
    const std::lock_guard lock(mutex_);
    last_ = now;
}

void Retention::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        poked_.wait(lock, [this] { return ending_ || needed_ != 0; });
        if (ending_) {
            return;
        }
        const std::uint64_t needed = std::exchange(needed_, 0);
        lock.unlock();
        pass(needed).ignore();  // said
        lock.lock();
    }
}

Result<std::vector<Retention::Segment>> Retention::segments() const {
    const Result<std::vector<std::uint64_t>> all = list_segments(disk_.directory());
    if (!all) {
        return all.status();
    }
    std::vector<Segment> segments;
    for (const std::uint64_t first_seq : *all) {
        segments.push_back({first_seq, 0});
        for (const std::string& name :
             {segment_name(first_seq), compressed_segment_name(first_seq)}) {
            struct stat st {};
            if (::fstatat(disk_.directory(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
                segments.back().bytes += static_cast<std::uint64_t>(st.st_blocks) * kBlock;
            } else if (errno != ENOENT) {
                return Status::from_errno(errno, "look at segment " + name);
            }
        }
    }
    return segments;
}

// In both forms: it may be getting the other one. Whoever gives it that sees that the plain one has
// gone.
Status Retention::remove(std::uint64_t first_seq) {
    const Status plain = disk_.remove(segment_name(first_seq));
    const Status packed = disk_.remove(compressed_segment_name(first_seq));
    for (const Status& status : {plain, packed}) {
        if (!status && status.code() != ENOENT) {
            return status;
        }
    }
    return disk_.sync_directory();
}

// The consumers of this journal, the slowest first. When they can't be read, one that needs
// everything.
Retention::Consumers Retention::slowest() {
    Result<Consumers> all = Consumer::list(path_);
    if (!all) {
        if (std::exchange(said_, all.status().message()) != all.status().message()) {
            spdlog::error("journal: {}: all is kept, up to --retain-max", said_);
        }
        return {{.name = "(cannot be read)", .position = {id_, 0}}};
    }
    std::erase_if(*all, [&](const ConsumerInfo& c) { return c.position.journal != id_; });
    std::sort(all->begin(), all->end(), [](const ConsumerInfo& a, const ConsumerInfo& b) {
        return a.position.seq < b.position.seq;
    });
    return std::move(*all);
}

// A segment's newest event is as old as the segment behind it, `next`.
bool Retention::too_old(const Segment& next) const {
    if (limits_.age_s == 0) {
        return false;
    }
    const Result<SegmentReader> reader = SegmentReader::open(disk_.directory(), next.first_seq);
    const std::uint64_t now = clock_.real_ns();
    return reader && reader->header().created_real_ns < now &&
           (now - reader->header().created_real_ns) / kSecond >= limits_.age_s;
}

void Retention::say_lost(const Consumers& consumers, std::uint64_t last_seq) const {
    for (const ConsumerInfo& consumer : consumers) {
        if (consumer.position.seq < last_seq) {
            spdlog::warn("journal: the segment up to event {} is removed although consumer {} is "
                         "only at {}: more than --retain-max would have been kept",
                         last_seq, consumer.name, consumer.position.seq);
        }
    }
}

Status Retention::pass(std::uint64_t needed) {
    const Result<std::vector<Segment>> all = segments();
    if (!all || all->empty()) {
        return all.status();
    }
    const Consumers consumers = slowest();
    Retained now = last();
    now.bytes = std::accumulate(all->begin(), all->end(), std::uint64_t{0},
                                [](std::uint64_t sum, const Segment& s) { return sum + s.bytes; });
    now.held_by.clear();
    Status status;
    auto oldest = all->begin();
    for (; oldest + 1 != all->end() && (oldest + 1)->first_seq <= needed; ++oldest) {
        const std::uint64_t last_seq = (oldest + 1)->first_seq - 1;
        const bool too_large = limits_.bytes != 0 && now.bytes > limits_.bytes;
        if (!too_large && !too_old(*(oldest + 1))) {
            break;
        }
        const bool held = !consumers.empty() && consumers.front().position.seq < last_seq;
        if (held && (limits_.max_bytes == 0 || now.bytes <= limits_.max_bytes)) {
            now.held_by = consumers.front().name;
            break;
        }
        say_lost(consumers, last_seq);
        // Each is durably gone before the next goes: a power cut leaves no hole.
        status = remove(oldest->first_seq);
        if (!status) {
            break;
        }
        now.bytes -= oldest->bytes;
        ++now.retired;
    }
    now.oldest_seq = oldest->first_seq;
    note(now);
    if (!status && std::exchange(said_, status.message()) != status.message()) {
        spdlog::error("journal: old segments are not removed: {}", said_);
    }
    return status;
}

}  // namespace vexfs::journal
