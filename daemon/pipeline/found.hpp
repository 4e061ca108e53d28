// SPDX-License-Identifier: Apache-2.0
// Found: events that were found by looking instead of seen in a ring. The pipeline asks for them
// when it has read what the rings hold.
#pragma once

#include <string_view>

#include "abi/event.h"

namespace vexfs {

struct FoundEvent {
    const vx_record* record = nullptr;  // VX_REC_EVENT, whole; nullptr: there is none now
    std::string_view path;              // absolute; where the stream itself does not know it
    std::string_view old_path;
};

class Found {
  public:
    virtual ~Found() = default;
    // The next one, on the pipeline's thread; it stays where it is until the next call.
    virtual FoundEvent next() = 0;
};

}  // namespace vexfs
