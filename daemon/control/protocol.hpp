// SPDX-License-Identifier: Apache-2.0
// The control socket's protocol, for both of its ends.
//
// A client sends one JSON object a line: {"cmd":"status", ...arguments}. The daemon answers with
// JSON lines. The line that has the member "ok" ends the answer:
//     {"ok":true, ...}
//     {"ok":false,"error":"what went wrong","hint":"what to do about it"}    ("hint" may be
//     missing)
// Lines without "ok" come before it and are parts of a streamed answer. Requests on one connection
// are answered one after the other, in their order. A path that is not UTF-8 has its bytes in
// base64 beside it, "path_b64" beside "path", in requests and in answers (bytes_json.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace vexfs {

// Keeps the order in which members were added, which is the order in which people read them.
using Json = nlohmann::ordered_json;

inline constexpr const char* kDefaultSocketPath = "/run/vexfs/vexfsd.sock";

struct ControlLimits {
    std::size_t request_bytes = 64 * 1024;             // one request line, without its newline
    unsigned clients = 64;                             // connections at once
    std::size_t unsent_bytes = std::size_t{4} << 20U;  // answers that a client has not taken yet
    std::uint64_t stall_ms = 10'000;  // neither taking its answer nor finishing a line it has begun
};

struct ControlStats {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;  // over the limit of clients, or the loop has no slot
    std::uint64_t requests = 0;
    std::uint64_t bad_requests = 0;  // not JSON, too long, no such command
    std::uint64_t dropped_slow = 0;
    unsigned clients = 0;  // now
};

// One line of text for the wire: never fails; what is not UTF-8 becomes U+FFFD.
inline std::string to_line(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace vexfs
