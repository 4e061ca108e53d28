// SPDX-License-Identifier: Apache-2.0
#include "route/text.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <iterator>

#include "route/json.hpp"
#include "route/utf8.hpp"
#include "vexfs/decision.hpp"
#include "vexfs/flags.hpp"

namespace vexfs::route {

namespace {

constexpr std::size_t kOpWidth = 14;    // "HardlinkCreate"
constexpr std::size_t kProgWidth = 18;  // comm[pid]
constexpr std::size_t kPathMin = 16;    // columns that a path keeps, however long the details are

// Columns of printable text: one for each character.
std::size_t columns(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned>(c) & 0xc0U) != 0x80U;
    }));
}

void pad(std::string_view text, std::size_t width, std::string& out) {
    out += text;
    out.append(columns(text) < width ? width - columns(text) : 0, ' ');
}

void append_clock(std::uint64_t real_ns, bool utc, std::string& out) {
    const auto seconds = static_cast<std::time_t>(real_ns / 1'000'000'000);
    std::tm tm{};
    utc ? ::gmtime_r(&seconds, &tm) : ::localtime_r(&seconds, &tm);
    fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:03}", tm.tm_hour, tm.tm_min,
                   tm.tm_sec, real_ns / 1'000'000 % 1000);
}

std::string printable(std::string_view bytes) {
    std::string out;
    append_printable(bytes, out);
    return out;
}

// "src/…/name.txt": the two ends of what does not fit into `width` columns.
std::string shortened(const std::string& text, std::size_t width) {
    const std::size_t all = columns(text);
    if (all <= width || width < 4) {
        return text;
    }
    const std::size_t head = (width - 1) / 3;
    const std::size_t tail = width - 1 - head;
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t n = std::max<std::size_t>(1, utf8_char(std::string_view(text).substr(i)));
        if (column == head) {
            out += "…";
        }
        if (column < head || column >= all - tail) {
            out.append(text, i, n);
        }
        i += n;
        ++column;
    }
    return out;
}

std::string where(const EventView& event) {
    const std::string path = !event.path.empty()     ? printable(event.path)
                             : !event.name().empty() ? "?/" + printable(event.name())
                                                     : fmt::format("<inode {}>", event.event().ino);
    if (event.event().rec.op != VX_OP_FILE_RENAME) {
        return path;
    }
    const std::string old_path =
        !event.old_path.empty() ? printable(event.old_path) : "?/" + printable(event.name2());
    return old_path + " -> " + path;
}

std::string range_text(const vx_event& e) {
    return e.length != 0 ? fmt::format("{} B at {}", e.length, e.offset) : std::string();
}

// What is worth a word for this operation. Of one that failed, nothing has come to be so.
std::string detail_of(const EventView& event) {
    const vx_event& e = event.event();
    if (e.error != 0 && e.rec.op != VX_OP_SYNC) {
        return {};
    }
    switch (e.rec.op) {
        case VX_OP_FILE_READ:
        case VX_OP_FILE_WRITE:
            return range_text(e);
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_FILE_CHMOD:
            return fmt::format("{:04o}", e.mode & 07777U);
        case VX_OP_FILE_CHOWN:
            return fmt::format("{}:{}", e.owner_uid, e.owner_gid);
        case VX_OP_FILE_TRUNCATE:
            return fmt::format("to {} B", e.size);
        case VX_OP_SYMLINK_CREATE:
            return "to " + printable(event.name2());
        case VX_OP_HARDLINK_CREATE:
            return fmt::format("{} links", e.nlink);
        case VX_OP_FILE_CLOSE:
            return (e.flags & VX_F_WROTE) != 0 ? fmt::format("{} B", e.size) : std::string();
        case VX_OP_MOUNT:
            return printable(event.name2());
        case VX_OP_SYNC:
            return range_text(e);
        default:
            return {};
    }
}

// Three digits or four: "870 ns", "12.5 us", "3.02 ms".
std::string duration_text(std::uint64_t ns) {
    static constexpr std::array kUnits{"ns", "us", "ms", "s"};
    auto value = static_cast<double>(ns);
    std::size_t unit = 0;
    for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) {
        value /= 1000;
    }
    return fmt::format("{:.4g} {}", value, kUnits[unit]);
}

void add_word(std::string_view word, std::string& words) {
    if (!word.empty()) {
        words += words.empty() ? "" : "  ";
        words += word;
    }
}

std::string words_of(const EventView& event) {
    const vx_event& e = event.event();
    // Said by the operation, or in the details, already.
    constexpr std::uint32_t kSaid = VX_F_MODE | VX_F_OWNER | VX_F_GROUP | VX_F_NO_NAME;
    std::string words = detail_of(event);
    std::uint32_t flags = event.flags() & ~kSaid;
    if (e.rec.op == VX_OP_DIR_CREATE || e.rec.op == VX_OP_DIR_DELETE ||
        e.rec.op == VX_OP_DIR_READ || e.rec.op == VX_OP_MOUNT || e.rec.op == VX_OP_UNMOUNT) {
        flags &= ~VX_F_DIRECTORY;
    }
    for (unsigned bit = 0; flags != 0; ++bit, flags >>= 1U) {
        if ((flags & 1U) != 0) {
            add_word(flag_name(bit), words);
        }
    }
    if (e.error != 0) {
        const char* name = ::strerrorname_np(-e.error);
        add_word(name != nullptr ? name : fmt::format("error {}", -e.error), words);
    }
    if (e.duration_ns != 0) {
        add_word(duration_text(e.duration_ns), words);
    }
    if (event.pushed()) {
        add_word(fmt::format("pushed by {}", event.user().pid), words);
        if (const Decision decision = decision_of(event.user()); decision != Decision::none) {
            add_word(decision_name(decision), words);
        }
    }
    if (event.settled != nullptr && event.settled->events > 1) {
        add_word(fmt::format("{} events", event.settled->events), words);
    }
    return words;
}

}  // namespace

void append_text(const EventView& event, const TextOptions& options, std::string& out) {
    const std::size_t start = out.size();
    append_clock(event.real_ns, options.utc, out);
    out += "  ";
    pad(event.op_name(), kOpWidth, out);
    out += "  ";
    pad(fmt::format("{}[{}]", printable(event.comm()), event.event().pid), kProgWidth, out);
    out += ' ';
    const std::string words = words_of(event);
    std::string place = where(event);
    if (options.width != 0) {
        const std::size_t used =
            columns(std::string_view(out).substr(start)) + (words.empty() ? 0 : 2 + columns(words));
        place =
            shortened(place, std::max(kPathMin, options.width > used ? options.width - used : 0));
    }
    out += place;
    if (!words.empty()) {
        out += "  ";
        out += words;
    }
    out += '\n';
}

void append_text(const Gap& gap, const TextOptions& options, std::string& out) {
    if (gap.real_ns != 0) {
        append_clock(gap.real_ns, options.utc, out);
        out += "  ";
    } else {
        out.append(14, ' ');
    }
    if (gap.count() == 0 && gap.account) {
        out += "---- lost";
    } else if (gap.count() == 0) {
        const bool unwatched =
            gap.reason == GapReason::stopped || gap.reason == GapReason::rebooted;
        out += unwatched ? "---- not watched for a while" : "---- some may be missing";
    } else {
        fmt::format_to(std::back_inserter(out), "---- {} lost ({} to {})", gap.count(), gap.from,
                       gap.to);
    }
    fmt::format_to(std::back_inserter(out), ": {}", gap_reason_name(gap.reason));
    if (!gap.scope.empty()) {
        out += ", ";
        append_printable(gap.scope, out);
    }
    for (const LostOp& op : gap.ops) {
        fmt::format_to(std::back_inserter(out), "{} {} {}", &op == gap.ops.data() ? ":" : ",",
                       op.name(), op.count);
    }
    if (gap.dirty_overflow) {
        out += "; anywhere";
    } else if (!gap.dirty.empty()) {
        fmt::format_to(std::back_inserter(out), "; in {} directories", gap.dirty.size());
    }
    out += " ----\n";
}

void append_printable(std::string_view bytes, std::string& out) {
    while (!bytes.empty()) {
        const auto c = static_cast<unsigned char>(bytes[0]);
        const std::size_t n = utf8_char(bytes);
        // U+0080 to U+009F are control characters too: terminals obey some of them.
        const bool control = c < 0x20 || c == 0x7f ||
                             (n == 2 && c == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0);
        if (n == 0 || control) {
            const std::size_t shown = std::max<std::size_t>(n, 1);
            for (std::size_t i = 0; i < shown; ++i) {
                const auto byte = static_cast<unsigned char>(bytes[i]);
                if (byte == '\n' || byte == '\t') {
                    out += byte == '\n' ? "\\n" : "\\t";
                } else {
                    fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
                }
            }
            bytes.remove_prefix(shown);
            continue;
        }
        if (c == '\\') {
            out += '\\';
        }
        out.append(bytes.substr(0, n));
        bytes.remove_prefix(n);
    }
}

}  // namespace vexfs::route
