// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// StreamDecoder: reads what `vexctl tail --format binary` writes, at the other end of a pipe.
//
//   vexfs::StreamDecoder decoder;
//   for (;;) {
//       const ssize_t n = read(0, buffer, sizeof(buffer));
//       if (n <= 0) break;
//       decoder.feed({buffer, size_t(n)});
//       for (;;) {
//           auto item = decoder.next();
//           if (!item) ...;              // damaged: item.status().message() says at which byte
//           if (*item == vexfs::StreamDecoder::Item::event) handle(decoder.event());
//           if (*item == vexfs::StreamDecoder::Item::gap) rescan(decoder.gap());
//           if (*item == vexfs::StreamDecoder::Item::more) break;
//       }
//   }
//   if (!decoder.finish()) ...;          // cut off: go on from decoder.cursor()
//
// Believes nothing: every entry has a checksum and is looked at before anything in it is used.
// Nothing is delivered that is not what was sent, and nothing in between is left out unsaid.
// docs/stream_format.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs {

class StreamDecoder {
  public:
    enum class Item {
        event,  // event()
        gap,    // gap()
        more,   // nothing whole is left: feed()
        end,    // the stream has come to its end in good order
    };

    StreamDecoder();
    StreamDecoder(StreamDecoder&&) noexcept;
    StreamDecoder& operator=(StreamDecoder&&) noexcept;
    ~StreamDecoder();

    // Takes bytes as they come, in pieces of any size; they are copied. What next() has not taken
    // is kept, so call that until it says `more`: then at most one entry (133 KiB) waits.
    void feed(std::span<const std::byte> bytes);

    // The next item. EBADMSG: not such a stream, or damaged; ENOTSUP: of another version, or of a
    // machine of the other byte order. An error is final: each further call returns it.
    Result<Item> next();

    // What to call when no more bytes come. ENODATA: cut off between two entries (also a --follow
    // that was killed): what has been delivered is true, more may have followed. EBADMSG: cut off
    // within one; or the error of next().
    [[nodiscard]] Status finish() const;

    // What next() returned; good until the next feed() or next().
    [[nodiscard]] const EventView& event() const;
    [[nodiscard]] const Gap& gap() const;
    // The position behind it. Before the first item: where the stream begins.
    [[nodiscard]] Cursor cursor() const;
    // The sender left out what its filter did not let pass: a jump in the numbers is no loss.
    [[nodiscard]] bool filtered() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace vexfs
