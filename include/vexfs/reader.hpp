// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Reader: the stream of events, from any position, once it is written, and on as it grows.
//
//   auto reader = vexfs::Reader::open("/var/lib/vexfs");
//   if (!reader) ...;                              // reader.status().message()
//   reader->seek(*vexfs::Cursor::parse(saved));    // or seek_start(), seek_end()
//   for (;;) {
//       auto item = reader->next();
//       if (!item) ...;                            // the journal cannot be read
//       if (*item == vexfs::Reader::Item::event) handle(reader->event());
//       if (*item == vexfs::Reader::Item::gap) rescan(reader->gap());
//       if (*item == vexfs::Reader::Item::end) reader->wait(-1, -1);
//   }
//
// Reads the journal's files; the daemon need not run and does not notice. Needs the right to read
// them: they say what everybody does, so they are private to the daemon's user. Never misses what
// was lost: a jump in the numbers comes as a gap. A reader is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs {

class Reader {
  public:
    enum class Item {
        event,  // event()
        gap,    // gap()
        end,    // nothing more is written at this moment
    };
    enum class Wake {
        written,  // something may have been written: next()
        stopped,  // stop_fd is readable, or was closed at its other end
        timeout,
    };

    // ENOENT: no journal there; EACCES; EBADMSG, ENOTSUP: not readable, the message says why.
    static Result<Reader> open(const std::string& directory);
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    [[nodiscard]] const JournalId& journal() const;

    // What seek() does when events behind the cursor are no longer kept.
    enum class Expired {
        fail,  // kCursorExpired, and the reader stays where it was
        gap,   // go there: the next item is a gap of reason `expired`
    };

    // Go to a position; a reader that was just opened is at the start.
    // Behind the cursor's event. kCursorExpired; kEpochChanged; EINVAL: ahead of what is written.
    Status seek(const Cursor& cursor, Expired expired = Expired::fail);
    // Before the oldest event that is kept.
    Status seek_start();
    // Behind the newest event that is written now.
    Status seek_end();
    // Before the first event whose time is not before `real_ns` (nanoseconds since 1970-01-01 UTC),
    // and before the loss in front of it, if there is one. Behind the newest event, when all are
    // older. Where the clock was set back, times come more than once: one of these places.
    Status seek_time(std::uint64_t real_ns);
    // The position of seek_start(): no cursor before it can be gone on from without a gap.
    [[nodiscard]] Result<Cursor> earliest() const;

    // The next item; an error means that the journal cannot be read on.
    Result<Item> next();

    // What next() returned; good until the next call of anything here but these.
    [[nodiscard]] const EventView& event() const;
    [[nodiscard]] const Gap& gap() const;
    // The position behind it: what to store, together with what came of the event.
    [[nodiscard]] Cursor cursor() const;

    // From here on events settle: what one object goes through in a row becomes one event, which is
    // told when the object has been quiet for `window_ms` (1 to kSettleMaxMs), at the latest
    // kSettleHold windows after the first one that is held back; EventView::settled says what it
    // came of. A directory's creation comes before what is in it, a rename before what is seen
    // below the new name. A loss ends all windows and keeps its place.
    // cursor() is then safe to store, but moves only when nothing is held back (Settled::held): who
    // goes on from it hears what was told behind it again, perhaps otherwise divided.
    // Where a cursor was sought,
    // no change of a name is left out until all that was written then has been read; from
    // seek_start() and seek_end() on, what was created and deleted in a window comes to nothing.
    // Seeking forgets what is held back. EINVAL: `window_ms`; EBUSY: they settle already.
    Status settle(std::uint32_t window_ms);
    // Ends all windows: next() tells what is held back.
    void let_go();
    // Milliseconds until next() has something although nothing more is written, for an event loop
    // of one's own (wait() knows it); -1: nothing is held back.
    [[nodiscard]] int due_ms() const;

    // Waits until something may have been written since next() said `end`, without polling.
    // `stop_fd`: ends the wait when it becomes readable or is hung up; -1: none. `timeout_ms`: -1
    // means for ever.
    Result<Wake> wait(int stop_fd, int timeout_ms);
    // For an event loop of one's own: readable when something may have been written. Belongs to the
    // reader. Call it before the next() that says `end`, and wait(-1, 0) to clear it.
    Result<int> wait_fd();

  private:
    class Impl;
    explicit Reader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace vexfs
