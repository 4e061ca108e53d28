// SPDX-License-Identifier: Apache-2.0
// Pieces of JSON, appended to a buffer: what all JSON forms of an event are made of.
//
// Written by hand because it is in the way of every event that leaves: nothing is allocated once
// the buffer has grown.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace vexfs::route {

// Appends `bytes` as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD, one for each
// byte that cannot be read. False: that happened.
bool append_json_string(std::string_view bytes, std::string& out);

// Standard base64 (RFC 4648, section 4), with padding.
void append_base64(std::string_view bytes, std::string& out);

// "2026-11-23T21:34:05.123456789Z", as RFC 3339 wants it. `real_ns`: since 1970.
void append_time(std::uint64_t real_ns, std::string& out);

template <typename T>
void append_number(T value, std::string& out) {
    std::array<char, 24> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
    out.append(text.data(), result.ptr);
}

// The following append a member with the comma in front of it.
template <typename T>
void field(std::string_view key, T value, std::string& out) {
    out += ",\"";
    out += key;
    out += "\":";
    append_number(value, out);
}
// As 16 hexadecimal digits: a number that identifies, and that a reader whose numbers are doubles
// would round.
void field_hex(std::string_view key, std::uint64_t value, std::string& out);
// A string, and its bytes as <key>_b64 beside it when it is not UTF-8.
void field_bytes(std::string_view key, std::string_view bytes, std::string& out);
// The same; null for what is empty.
void field_bytes_or_null(std::string_view key, std::string_view bytes, std::string& out);

}  // namespace vexfs::route
