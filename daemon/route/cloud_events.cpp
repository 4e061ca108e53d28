// SPDX-License-Identifier: Apache-2.0
#include "route/cloud_events.hpp"

#include <xxhash.h>

#include "route/utf8.hpp"

namespace vexfs::route {

namespace {

constexpr char kHex[] = "0123456789abcdef";

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// The host part of a URI (RFC 3986, section 3.2.2).
std::string host_part(std::string_view host) {
    std::string out;
    for (const char c : host) {
        if (is_unreserved(c)) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
        }
    }
    return out.empty() ? "localhost" : out;
}

// The code point of a character of `n` bytes.
std::uint32_t code_point(std::string_view bytes, std::size_t n) {
    std::uint32_t value =
        static_cast<unsigned char>(bytes[0]) & (n == 1 ? 0x7fU : 0xffU >> (n + 1));
    for (std::size_t i = 1; i < n; ++i) {
        value = value << 6U | (static_cast<unsigned char>(bytes[i]) & 0x3fU);
    }
    return value;
}

// What the CloudEvents type system (section "String") lets no string hold.
bool is_disallowed(std::uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0xfdd0 && c <= 0xfdef) ||
           (c & 0xfffeU) == 0xfffe;
}

void append_subject(std::string_view path, std::string& out) {
    if (path.empty()) {
        return;
    }
    out += ",\"subject\":\"";
    while (!path.empty()) {
        std::size_t n = 0;
        while (n < path.size() && path[n] >= ' ' && path[n] <= '~' && path[n] != '"' &&
               path[n] != '\\') {
            ++n;
        }
        out.append(path.substr(0, n));
        path.remove_prefix(n);
        if (path.empty()) {
            break;
        }
        n = utf8_char(path);
        if (n == 0 || is_disallowed(code_point(path, n))) {
            out += "\xef\xbf\xbd";
        } else {
            if (n == 1) {
                out += '\\';  // a quote or a backslash
            }
            out.append(path.substr(0, n));
        }
        path.remove_prefix(n == 0 ? 1 : n);
    }
    out += '"';
}

void append_event_time(std::uint64_t real_ns, std::string& out) {
    if (real_ns != 0) {
        out += ",\"time\":\"";
        append_time(real_ns, out);
        out += '"';
    }
}

constexpr std::string_view kData = ",\"datacontenttype\":\"application/json\",\"data\":";

}  // namespace

CloudEvents::CloudEvents(const JournalId& journal, std::string_view host)
    : json_(journal),
      head_(R"({"specversion":"1.0","id":")"),
      type_(R"(","source":"//)" + host_part(host) + "/vexfs/" + journal.text() +
            R"(","type":"org.vexfs.)") {}

void CloudEvents::append(const EventView& event, std::string& out) const {
    out += head_;
    json_.append_cursor(event.seq, out);
    if (event.settled != nullptr && event.settled->events > 1) {
        out += "/from-";
        append_number(event.settled->first_seq, out);
    }
    out += type_;
    out += event.op_name();
    out += '"';
    append_event_time(event.real_ns, out);
    append_subject(event.path, out);
    out += kData;
    json_.append_object(event, out);
    out += "}\n";
}

void CloudEvents::append(const Gap& gap, std::string& out) const {
    std::string data;  // losses are rare
    json_.append_object(gap, data);
    out += head_;
    json_.append_cursor(gap.to, out);
    if (gap.count() == 0) {
        out += "/gap-";
        const std::uint64_t hash = XXH3_64bits(data.data(), data.size());
        for (int shift = 60; shift >= 0; shift -= 4) {
            out += kHex[hash >> static_cast<unsigned>(shift) & 15U];
        }
    }
    out += type_;
    out += "gap\"";
    append_event_time(gap.real_ns, out);
    out += kData;
    out += data;
    out += "}\n";
}

}  // namespace vexfs::route
