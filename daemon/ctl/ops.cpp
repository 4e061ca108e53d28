// SPDX-License-Identifier: Apache-2.0
#include "ctl/ops.hpp"

#include <fmt/format.h>

#include <iterator>

#include "translate/describe.hpp"

namespace vexfs::ctl {

namespace {

using translate::Direction;
using translate::Rule;

Json names_of(std::uint32_t kernel_ops) {
    Json names = Json::array();
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        if ((kernel_ops >> op & 1U) != 0) {
            names.push_back(vx_op_name(op));
        }
    }
    return names;
}

Json kernel_json(unsigned op) {
    Json becomes = Json::array();
    for (const Rule& rule : translate::readable_rules()) {
        if (rule.op == op) {
            becomes.push_back({{"op", rule.gives.name()},
                               {"carries", translate::detail_text(rule.gives.detail)},
                               {"when", rule.when.empty() ? "always" : rule.when}});
        }
    }
    return {{"op", vx_op_name(op)},
            {"id", op},
            {"kind", "kernel"},
            {"class", vx_op_class(op) == VX_CLASS_M ? "M" : "D"},
            {"userspace_ops", std::move(becomes)}};
}

Json user_json(const Direction& d) {
    const char* stands_for = vx_op_name(d.to_kernel);
    return {{"op", vx_uop_name(d.uop)},
            {"id", d.uop},
            {"kind", "userspace"},
            {"from_kernel", names_of(d.from_kernel)},
            {"to_kernel", stands_for != nullptr ? Json(stands_for) : Json(nullptr)},
            {"occurs", d.occurs()},
            {"direction", translate::direction_text(d)}};
}

void append_kernel(unsigned op, std::string& out) {
    bool first = true;
    for (const Rule& rule : translate::readable_rules()) {
        if (rule.op != op) {
            continue;
        }
        const std::string_view detail = translate::detail_text(rule.gives.detail);
        const std::string gives =
            detail.empty() ? rule.gives.name() : fmt::format("{}({})", rule.gives.name(), detail);
        const std::string when = rule.when.empty() ? "" : fmt::format("  when: {}", rule.when);
        fmt::format_to(std::back_inserter(out), "{:>3}  {:<14}  {}{}\n",
                       first ? std::to_string(op) : "", first ? vx_op_name(op) : "", gives, when);
        first = false;
    }
}

}  // namespace

int run_ops(const Context& context) {
    std::string out;
    if (context.json) {
        for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
            out += to_line(kernel_json(op));
        }
        for (const Direction& direction : translate::describe()) {
            out += to_line(user_json(direction));
        }
        return say(out) ? kDone : kFailed;
    }
    out += "Kernel operations, and what each becomes\n";
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        append_kernel(op, out);
    }
    out += "\nUserspace operations, and the direction in which each can occur today\n";
    for (const Direction& direction : translate::describe()) {
        fmt::format_to(std::back_inserter(out), "{:>3}  {:<20} {}\n", direction.uop,
                       vx_uop_name(direction.uop), translate::direction_text(direction));
    }
    return say(out) ? kDone : kFailed;
}

}  // namespace vexfs::ctl
