// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Settled: what a reader that lets events settle (Reader::settle()) says of each event besides.
#pragma once

#include <array>
#include <cstdint>

#include "op_table.h"

namespace vexfs {

// Limits of Reader::settle().
// Longest window, milliseconds.
inline constexpr std::uint32_t kSettleMaxMs = 60'000;
// Nothing is held back for longer than so many windows, however busy it is.
inline constexpr std::uint32_t kSettleHold = 10;
// Objects that are held back at once; with one more, the one that has been quiet for the longest is
// told. Each takes some hundred bytes and its names: at most 13 KiB.
inline constexpr std::uint32_t kSettleObjects = 4096;

struct Settled {
    // Number of the cursor that is safe to store: all events up to there have been told, or have
    // come to nothing. It stays where it was while something is held back.
    std::uint64_t cursor = 0;
    // Objects of which something is held back. 0: nothing behind the cursor has been told; who
    // stores it together with what came of the events does that here.
    std::uint32_t held = 0;
    std::uint32_t events = 0;     // that it came of; 1: it is one of the stream, as it is there
    std::uint64_t first_seq = 0;  // of the first of them; EventView::seq: of the last
    // Events that came to nothing (created and deleted, renamed and renamed back), since the event
    // that was told before.
    std::uint32_t vanished = 0;
    std::array<std::uint32_t, VX_OP_COUNT> ops{};  // how many of each kernel operation
};

}  // namespace vexfs
