// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Cursor: a position in the stream of events that stays true over restarts: which journal, and the
// number of the last event that the reader has dealt with. Programs store its text and give it
// back.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "vexfs/status.hpp"

namespace vexfs {

// Names one journal for good: a random (version 4) UUID, made when the journal is.
struct JournalId {
    std::array<std::uint8_t, 16> bytes{};

    friend auto operator<=>(const JournalId&, const JournalId&) = default;
    [[nodiscard]] bool is_nil() const { return *this == JournalId{}; }

    // 36 characters: "6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11".
    [[nodiscard]] std::string text() const;
    // Writes the same 36 characters, without a terminating zero.
    void write_text(char* out) const;
    // EINVAL: not the form that text() has (lower and upper case are both read).
    static Result<JournalId> parse(std::string_view text);
};

inline constexpr std::size_t kJournalIdText = 36;

// Text: "vx1:<uuid>:<seq>", at most 61 characters. Treat it as opaque.
struct Cursor {
    JournalId journal;
    // The event of this number and all before it are behind the reader; 0: none is.
    std::uint64_t seq = 0;

    friend auto operator<=>(const Cursor&, const Cursor&) = default;

    [[nodiscard]] std::string text() const;
    // EINVAL with a message that says what is wrong: other form, other version, number too large,
    // anything behind it.
    static Result<Cursor> parse(std::string_view text);
};

// Codes of a Status that says why a cursor can't be gone on from; the message begins with the name
// in capitals.
// CURSOR_EXPIRED: events behind it are no longer kept. Scan what is there, then go on from the
// earliest cursor, which the message has and Reader::earliest() gives.
inline constexpr int kCursorExpired = ESTALE;
// EPOCH_CHANGED: it is of another journal, whose numbers mean something else. The message has both
// ids; Reader::journal() gives the one that is read.
inline constexpr int kEpochChanged = EXDEV;

}  // namespace vexfs
