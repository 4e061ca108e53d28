// SPDX-License-Identifier: Apache-2.0
// Source: one ring that the pipeline reads, the kernel's or the FUSE workers'. Same code, same
// records.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "journal/ring_position.hpp"
#include "ring_reader.h"
#include "vexfs/event.hpp"

namespace vexfs {

struct SourceConfig {
    std::span<const std::byte> ring;      // the ring's mapping
    void* consumer = nullptr;             // the consumer's mapping
    Boundary boundary = Boundary::kernel; // what its events are said to come from
    std::function<Status()> barrier{};    // writes pending losses out
    // Goes on where a reader before this one had come to, behind what these say was read.
    const journal::RingPosition* resume = nullptr;
};

class Source {
  public:
    // EPROTO, EINVAL: see vx_reader_init and vx_reader_resume.
    static Result<std::unique_ptr<Source>> create(const SourceConfig& config);

    vx_reader& reader() { return reader_; }
    [[nodiscard]] const vx_reader& reader() const { return reader_; }
    [[nodiscard]] Boundary boundary() const { return boundary_; }
    // CLOCK_REALTIME - CLOCK_MONOTONIC of the ring.
    [[nodiscard]] std::int64_t real_offset_ns() const { return reader_.header->real_offset_ns; }

    // Writes pending losses out, so that the reader finds them.
    Status barrier() { return barrier_(); }

    // What has happened by now, and whether all of it has been read.
    using Mark = std::vector<__u64>;
    [[nodiscard]] Mark mark() const;
    [[nodiscard]] bool passed(const Mark& mark) const {
        return vx_reader_passed(&reader_, mark.data()) != 0;
    }

    // How far the ring has been read.
    using Place = std::vector<__u64>;
    void where(Place& at) const;
    // Gives back the room of what lies before a place, and notes for who may come later that the
    // event behind it has this number, and how many missed calls have been told.
    void release_to(const Place& at, std::uint64_t next_seq, std::uint64_t missed);
    // The first note of a ring whose beginning has not been told.
    void note_first(std::uint64_t next_seq) { vx_reader_note_first(&reader_, next_seq); }
    // Much of the ring is read and not given back.
    [[nodiscard]] bool crowded() const { return vx_reader_crowded(&reader_) != 0; }

    // Goes to sleep if there is nothing to read. True: the ring's wakeup will come. False: read on.
    bool sleep();
    // No wakeups are wanted from here on.
    void awake();

  private:
    Source() = default;

    vx_reader reader_{};
    std::vector<std::uint64_t> scratch_;
    Boundary boundary_ = Boundary::kernel;
    std::function<Status()> barrier_;
    bool asleep_ = false;
};

}  // namespace vexfs
