// SPDX-License-Identifier: Apache-2.0
#include "route/json_text.hpp"

#include <algorithm>
#include <ctime>

#include "route/utf8.hpp"

namespace vexfs::route {

namespace {

constexpr char kHex[] = "0123456789abcdef";

// Exactly `digits` decimal digits.
void append_digits(std::uint64_t value, unsigned digits, std::string& out) {
    const std::size_t start = out.size();
    out.append(digits, '0');
    for (std::size_t i = digits; i > 0 && value != 0; --i, value /= 10) {
        out[start + i - 1] = static_cast<char>('0' + value % 10);
    }
}

// All but printable ASCII without '"' and '\\': what must be looked at.
constexpr std::array<bool, 256> make_special() {
    std::array<bool, 256> special{};
    for (unsigned c = 0; c < special.size(); ++c) {
        special[c] = c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
    }
    return special;
}
constexpr std::array<bool, 256> kSpecial = make_special();

void append_escaped(unsigned char c, std::string& out) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    out += "\\u00";
    out += kHex[c >> 4U];
    out += kHex[c & 15U];
}

}  // namespace

bool append_json_string(std::string_view bytes, std::string& out) {
    bool utf8 = true;
    out += '"';
    while (!bytes.empty()) {
        std::size_t plain = 0;
        while (plain < bytes.size() && !kSpecial[static_cast<unsigned char>(bytes[plain])]) {
            ++plain;
        }
        out.append(bytes.substr(0, plain));
        bytes.remove_prefix(plain);
        if (bytes.empty()) {
            break;
        }
        const std::size_t n = utf8_char(bytes);
        if (n > 1) {
            out.append(bytes.substr(0, n));
        } else if (n == 1) {
            append_escaped(static_cast<unsigned char>(bytes[0]), out);
        } else {
            out += "\xef\xbf\xbd";
            utf8 = false;
        }
        bytes.remove_prefix(n > 1 ? n : 1);
    }
    out += '"';
    return utf8;
}

void append_base64(std::string_view bytes, std::string& out) {
    constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8U | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63U] : '=';
        }
    }
}

void append_time(std::uint64_t real_ns, std::string& out) {
    const auto seconds = static_cast<std::time_t>(real_ns / 1'000'000'000);
    std::tm tm{};
    ::gmtime_r(&seconds, &tm);
    append_digits(static_cast<std::uint64_t>(tm.tm_year) + 1900, 4, out);
    out += '-';
    append_digits(static_cast<std::uint64_t>(tm.tm_mon) + 1, 2, out);
    out += '-';
    append_digits(static_cast<std::uint64_t>(tm.tm_mday), 2, out);
    out += 'T';
    append_digits(static_cast<std::uint64_t>(tm.tm_hour), 2, out);
    out += ':';
    append_digits(static_cast<std::uint64_t>(tm.tm_min), 2, out);
    out += ':';
    append_digits(static_cast<std::uint64_t>(tm.tm_sec), 2, out);
    out += '.';
    append_digits(real_ns % 1'000'000'000, 9, out);
    out += 'Z';
}

void field_hex(std::string_view key, std::uint64_t value, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":\"";
    for (int shift = 60; shift >= 0; shift -= 4) {
        out += kHex[value >> static_cast<unsigned>(shift) & 15U];
    }
    out += '"';
}

void field_bytes(std::string_view key, std::string_view bytes, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":";
    if (append_json_string(bytes, out)) {
        return;
    }
    out += ",\"";
    out += key;
    out += "_b64\":\"";
    append_base64(bytes, out);
    out += '"';
}

void field_bytes_or_null(std::string_view key, std::string_view bytes, std::string& out) {
    if (!bytes.empty()) {
        field_bytes(key, bytes, out);
        return;
    }
    out += ",\"";
    out += key;
    out += "\":null";
}

}  // namespace vexfs::route
