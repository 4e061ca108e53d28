// SPDX-License-Identifier: Apache-2.0
// Events as CloudEvents 1.0 in their JSON format (CNCF, cloudevents/formats/json-format.md), one a
// line: an envelope with the object of JSON Lines as its data.
//
//   id       the text of the cursor behind it; of events that have settled to one, that behind the
//            last, "/from-" and the number of the first; of a gap without numbers, which shares
//            its place with the event before, the cursor, "/gap-" and XXH3-64 of the data. The same
//            event has the same id whenever it is read: (source, id) is what to deduplicate by.
//   source   //HOST/vexfs/JOURNAL-UUID
//   type     org.vexfs.FileCreate ..., org.vexfs.gap
//   time     of the event; a gap has it where it is known
//   subject  the path, where it is known. What a CloudEvents string must not hold (control
//            characters, noncharacters, what is not UTF-8) is U+FFFD there; the data has the bytes.
#pragma once

#include <string>
#include <string_view>

#include "route/json.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"

namespace vexfs::route {

class CloudEvents {
  public:
    // `host`: who says it, as gethostname() has it.
    CloudEvents(const JournalId& journal, std::string_view host);

    // Append one line, with its newline.
    void append(const EventView& event, std::string& out) const;
    void append(const Gap& gap, std::string& out) const;

  private:
    JsonLines json_;
    std::string head_;  // up to the id's text
    std::string type_;  // from behind that to the type's name
};

}  // namespace vexfs::route
