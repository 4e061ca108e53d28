// SPDX-License-Identifier: Apache-2.0
#include "control/bytes_json.hpp"

#include <optional>
#include <string_view>

#include "route/json.hpp"
#include "route/utf8.hpp"

namespace vexfs {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648, section 4, with padding and nothing else.
std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    bytes.reserve(text.size());
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pad = i >= text.size() - padding;
        const std::size_t digit = pad ? 0 : kDigits.find(text[i]);
        if (digit == std::string_view::npos) {
            return std::nullopt;
        }
        group = group << 6U | static_cast<std::uint32_t>(digit);
        if (i % 4 == 3) {
            for (const unsigned shift : {16U, 8U, 0U}) {
                bytes += static_cast<char>(group >> shift & 0xFFU);
            }
            group = 0;
        }
    }
    return bytes.substr(0, bytes.size() - padding);
}

Status wrong(const std::string& name, const char* what) {
    return Status::error(EINVAL, "the member \"" + name + "\" " + what);
}

}  // namespace

void put_bytes(Json& object, const std::string& name, const std::string& bytes) {
    object[name] = bytes;
    if (!route::is_utf8(bytes)) {
        std::string text;
        route::append_base64(bytes, text);
        object[name + "_b64"] = text;
    }
}

Result<std::string> get_bytes(const Json& object, const std::string& name) {
    const std::string encoded_name = name + "_b64";
    const bool encoded = object.is_object() && object.contains(encoded_name);
    const std::string& key = encoded ? encoded_name : name;
    if (!object.is_object() || !object.contains(key)) {
        return wrong(key, "is missing");
    }
    const Json& value = object[key];
    if (!value.is_string()) {
        return wrong(key, "is not a string");
    }
    const auto& text = value.get_ref<const std::string&>();
    std::optional<std::string> bytes = encoded ? decode_base64(text) : text;
    if (!bytes) {
        return wrong(key, "is not base64");
    }
    if (bytes->find('\0') != std::string::npos) {
        return wrong(key, "has a NUL byte");
    }
    return *std::move(bytes);
}

}  // namespace vexfs
