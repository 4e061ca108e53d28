// SPDX-License-Identifier: Apache-2.0
#include "doctor/repair.hpp"

#include <algorithm>
#include <cstdint>

#include "abi/layout.h"

namespace vexfs {
namespace {

constexpr std::string_view kRingBytes = " --ring-bytes ";

// `command` without its --ring-bytes and the value of that.
std::string without_ring_bytes(std::string command) {
    const std::size_t begin = command.find(kRingBytes);
    if (begin != std::string::npos) {
        const std::size_t end = command.find(' ', begin + kRingBytes.size());
        command.erase(begin, std::min(end, command.size()) - begin);
    }
    return command;
}

}  // namespace

std::string join(const std::vector<std::string>& steps) {
    std::string command;
    for (const std::string& step : steps) {
        command += (command.empty() || step.empty() ? "" : " && ") + step;
    }
    return command;
}

bool has_word(const std::string& command, const std::string& word) {
    return (" " + command + " ").find(" " + word + " ") != std::string::npos;
}

std::string kill_and_wait(const std::string& pid, bool force) {
    return std::string(force ? "kill -9 " : "kill ") + pid + " && tail --pid=" + pid +
           " -f /dev/null";
}

std::string with_larger_rings(const std::string& command, const Json& status) {
    const Json channel = status.is_object() ? status.value("channel", Json::object()) : Json();
    if (command.empty() || !channel.is_object()) {
        return {};
    }
    const std::uint64_t now = std::max(channel.value("class_m_bytes", std::uint64_t{0}),
                                       channel.value("class_d_bytes", std::uint64_t{0}));
    const std::uint64_t bytes = std::min<std::uint64_t>(now * 4, VX_SUBRING_MAX);
    if (bytes <= now) {
        return {};
    }
    return without_ring_bytes(command) + std::string(kRingBytes) + std::to_string(bytes / 1024) +
           "K";
}

std::string Recovery::command() const {
    std::vector<std::string> steps = {load, stop};
    steps.insert(steps.end(), unmount.begin(), unmount.end());
    steps.push_back(start);
    return join(steps);
}

}  // namespace vexfs
