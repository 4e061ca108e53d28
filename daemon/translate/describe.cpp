// SPDX-License-Identifier: Apache-2.0
#include "translate/describe.hpp"

#include <fmt/format.h>

namespace vexfs::translate {

std::array<Direction, VX_UOP_COUNT> describe() {
    std::array<Direction, VX_UOP_COUNT> all{};
    for (unsigned uop = 0; uop < all.size(); ++uop) {
        all[uop].uop = static_cast<std::uint16_t>(uop);
        all[uop].to_kernel = static_cast<std::uint16_t>(vx_uop_kernel_op(uop));
    }
    for (const Rule& rule : kRules) {
        all[rule.gives.op].from_kernel |= 1U << rule.op;
    }
    return all;
}

std::string op_list(std::uint32_t kernel_ops) {
    std::string text;
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        if ((kernel_ops >> op & 1U) != 0) {
            text += text.empty() ? "" : ", ";
            text += vx_op_name(op);
        }
    }
    return text;
}

std::string direction_text(const Direction& direction) {
    const char* stands_for = vx_op_name(direction.to_kernel);
    const std::string to =
        stands_for != nullptr ? fmt::format("as {}", stands_for) : std::string("as itself");
    if (!direction.occurs()) {
        return fmt::format("to the kernel, {}, when a program pushes it; vexfsd does not yet", to);
    }
    return fmt::format("from the kernel: {}; to the kernel: {}", op_list(direction.from_kernel),
                       to);
}

std::string_view detail_text(Detail detail) {
    constexpr std::array<std::string_view, kDetails> texts = {
        "",      "parent, name", "old parent, old name", "target",      "old edge, new edge",
        "range", "mode",         "owner, group",         "mount flags", "subtree",
        "scope",
    };
    return texts[static_cast<std::size_t>(detail)];
}

std::vector<Rule> readable_rules() {
    std::vector<Rule> rules;
    for (const Rule& rule : kRules) {
        const bool again = !rules.empty() && rules.back().op == rule.op &&
                           rules.back().gives == rule.gives && rules.back().when == rule.when;
        if (!again) {
            rules.push_back(rule);
        }
    }
    return rules;
}

std::string rules_markdown() {
    std::string out = "| kernel | userspace | when |\n|---|---|---|\n";
    for (const Rule& rule : readable_rules()) {
        const std::string_view detail = detail_text(rule.gives.detail);
        fmt::format_to(std::back_inserter(out), "| {} | {}{}{} | {} |\n", vx_op_name(rule.op),
                       rule.gives.name(), detail.empty() ? "" : fmt::format("({})", detail),
                       rule.gives.subject == Subject::target ? " of the target" : "",
                       rule.when.empty() ? "always" : rule.when);
    }
    fmt::format_to(std::back_inserter(out), "| any | {} | it failed: nothing changed |\n",
                   kFailed.name());
    return out;
}

std::string directions_markdown() {
    std::string out = "| userspace | from the kernel by | to the kernel |\n|---|---|---|\n";
    for (const Direction& d : describe()) {
        const char* stands_for = vx_op_name(d.to_kernel);
        fmt::format_to(std::back_inserter(out), "| {} | {} | {}{} |\n", vx_uop_name(d.uop),
                       d.occurs() ? op_list(d.from_kernel) : std::string("–"),
                       stands_for != nullptr ? fmt::format("as {}", stands_for) : "as itself",
                       d.occurs() ? "" : ", when a program pushes it; vexfsd does not yet");
    }
    return out;
}

}  // namespace vexfs::translate
