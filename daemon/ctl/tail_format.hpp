// SPDX-License-Identifier: Apache-2.0
// The forms in which `vexctl tail` writes events.
#pragma once

#include <memory>
#include <string>

#include "vexfs/cursor.hpp"
#include "vexfs/event.hpp"
#include "vexfs/status.hpp"

namespace vexfs::ctl {

enum class FormatKind { text, json, cloudevents, binary };

// "text", "json", "cloudevents", "binary". EINVAL with a message that names them.
Result<FormatKind> parse_format(const std::string& name);

class Format {
  public:
    virtual ~Format() = default;
    // Each appends to a buffer that holds nothing else.
    virtual void begin(std::string&) {}
    virtual void append(const EventView& event, std::string& out) = 0;
    virtual void append(const Gap& gap, std::string& out) = 0;
    // `reached`: where the reader stands.
    virtual void end(const Cursor& reached, std::string&) { (void)reached; }
};

// `begin`: where the reader stands before the first event. `filtered`: not all of them come.
std::unique_ptr<Format> make_format(FormatKind kind, const Cursor& begin, bool filtered);

}  // namespace vexfs::ctl
