// SPDX-License-Identifier: Apache-2.0
#include "vexfs/cursor.hpp"

#include <charconv>

namespace vexfs {

namespace {

constexpr std::string_view kPrefix = "vx1:";
constexpr char kHex[] = "0123456789abcdef";

bool dash_before(std::size_t byte) {
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

Status bad_cursor(std::string_view text, std::string_view why) {
    // What came from outside is shown only as far as it can be a cursor.
    std::string message = "not a cursor: ";
    message += why;
    message += " (expected vx1:<uuid>:<number>, got \"";
    for (const char c : text.substr(0, 80)) {
        message += c >= ' ' && c <= '~' ? c : '?';
    }
    message += text.size() > 80 ? "...\")" : "\")";
    return Status::error(EINVAL, std::move(message));
}

}  // namespace

void JournalId::write_text(char* out) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (dash_before(i)) {
            *out++ = '-';
        }
        *out++ = kHex[bytes[i] >> 4U];
        *out++ = kHex[bytes[i] & 15U];
    }
}

std::string JournalId::text() const {
    std::string out(kJournalIdText, '-');
    write_text(out.data());
    return out;
}

Result<JournalId> JournalId::parse(std::string_view text) {
    JournalId id;
    if (text.size() != kJournalIdText) {
        return Status::error(EINVAL, "a journal id has 36 characters");
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        if (dash_before(i) && text[at++] != '-') {
            return Status::error(EINVAL, "a journal id has dashes after 8, 12, 16 and 20 digits");
        }
        const int high = hex_value(text[at++]);
        const int low = hex_value(text[at++]);
        if (high < 0 || low < 0) {
            return Status::error(EINVAL, "a journal id is made of hexadecimal digits");
        }
        id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return id;
}

std::string Cursor::text() const {
    std::string out(kPrefix);
    out += journal.text();
    out += ':';
    out += std::to_string(seq);
    return out;
}

Result<Cursor> Cursor::parse(std::string_view text) {
    if (!text.starts_with(kPrefix)) {
        const bool other =
            text.size() > 2 && text.starts_with("vx") && text[2] >= '0' && text[2] <= '9';
        return bad_cursor(text, other ? "its version is not known here" : "it has no \"vx1:\"");
    }
    const std::string_view rest = text.substr(kPrefix.size());
    if (rest.size() < kJournalIdText + 2 || rest[kJournalIdText] != ':') {
        return bad_cursor(text, "it is too short, or a colon is missing");
    }
    Result<JournalId> id = JournalId::parse(rest.substr(0, kJournalIdText));
    if (!id) {
        return bad_cursor(text, id.status().message());
    }
    const std::string_view digits = rest.substr(kJournalIdText + 1);
    if (digits.size() > 1 && digits[0] == '0') {
        return bad_cursor(text, "its number has leading zeros");
    }
    Cursor cursor{*id, 0};
    const char* end = digits.data() + digits.size();
    const auto [at, err] = std::from_chars(digits.data(), end, cursor.seq);
    if (err == std::errc::result_out_of_range) {
        return bad_cursor(text, "its number is too large");
    }
    if (err != std::errc() || at != end) {
        return bad_cursor(text, "its number is not a decimal number");
    }
    return cursor;
}

}  // namespace vexfs
