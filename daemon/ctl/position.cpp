// SPDX-License-Identifier: Apache-2.0
#include "ctl/position.hpp"

#include "base/clock.hpp"
#include "config/time_word.hpp"

namespace vexfs::ctl {

Result<Position> Position::parse(const std::string& word, const std::string& flag) {
    Position position;
    if (word == "start" || word == "now") {
        position.now_ = word == "now";
    } else if (const Result<Cursor> cursor = Cursor::parse(word)) {
        position.cursor_ = *cursor;
    } else if (word.find("vx1") == 0) {
        return cursor.status().with_context(flag);
    } else if (const auto time = parse_time(word, SystemClock().real_ns())) {
        position.real_ns_ = *time;
    } else {
        return time.status().with_context(flag + " takes start, now, a cursor (vx1:...) or a time");
    }
    return position;
}

Status Position::place(Reader& reader) const {
    if (real_ns_) {
        return reader.seek_time(*real_ns_);
    }
    return now_ ? reader.seek_end() : cursor_ ? reader.seek(*cursor_) : reader.seek_start();
}

int fail_position(const Context& context, const Status& status, const Reader& reader) {
    const bool expired = status.message().find("CURSOR_EXPIRED") != std::string::npos;
    const bool other = status.message().find("EPOCH_CHANGED") != std::string::npos;
    if (!context.json || (!expired && !other)) {
        return fail(context, status);
    }
    Json json{{"ok", false}, {"error", status.message()}};
    json["code"] = expired ? "CURSOR_EXPIRED" : "EPOCH_CHANGED";
    if (other) {
        json["journal"] = reader.journal().text();
    } else if (const Result<Cursor> earliest = reader.earliest(); earliest) {
        json["earliest"] = earliest->text();
    }
    say(to_line(json));
    return kFailed;
}

}  // namespace vexfs::ctl
