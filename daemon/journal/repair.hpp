// SPDX-License-Identifier: Apache-2.0
// Repairing a journal that no daemon has open: what cannot be read becomes a gap of reason
// `damaged`, at its place and with its numbers; all else stays. Afterwards verify() finds nothing.
//
// A segment with damage in it is written anew. What it was is kept beside it as NAME.damaged until
// somebody removes that, and so is a file of which nothing can be read. Each segment is as it was
// or repaired, whenever this ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "journal/disk.hpp"
#include "journal/rewrite.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

enum class RepairAction : std::uint8_t {
    rewrite,    // written anew, with gaps for what is damaged
    replace,    // nothing in it can be read: set aside, a segment with one gap is in its place
    set_aside,  // it holds nothing, or is of another journal: renamed
};

std::string_view repair_action_name(RepairAction action);

// What is done about one segment, or would be.
struct SegmentRepair {
    std::string segment;  // file name
    RepairAction action = RepairAction::rewrite;
    std::string why = {};   // empty: damaged entries, as told before
    std::string kept = {};  // the name under which the file is kept
    std::uint64_t damages = 0;
    std::uint64_t bytes = 0;  // length of the new segment
    std::uint64_t lost = 0;   // numbers that become gaps
};

struct RepairReport {
    std::uint64_t segments = 0;
    std::uint64_t damaged = 0;   // segments that something is done about, or would be
    std::uint64_t repaired = 0;  // of them, until now
    std::uint64_t lost = 0;      // numbers that became gaps, or would
    // Ok, or why the rest is as it was: ECANCELED, ENOSPC, EIO ...
    Status status;
};

struct RepairConfig {
    bool dry_run = false;  // changes nothing
    // In order: the damages of a segment, then what is done about it, when it is done.
    std::function<void(const std::string& segment, const Damage&)> on_damage = {};
    std::function<void(const SegmentRepair&)> on_segment = {};
    // Whether to stop.
    std::function<bool()> stopped = {};
};

// The disk's directory is locked by the caller; for a dry run it need not be, and only directory()
// is used.
//   ENOENT    there is no segment
//   ENOTSUP   one is of another version or byte order: nothing is changed
Result<RepairReport> repair(Disk& disk, const RepairConfig& config);

}  // namespace vexfs::journal
