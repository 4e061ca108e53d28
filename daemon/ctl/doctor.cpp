// SPDX-License-Identifier: Apache-2.0
#include "ctl/doctor.hpp"

#include <string>

#include "doctor/doctor.hpp"

namespace vexfs::ctl {
namespace {

const char* color_of(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "\033[32m";
        case Severity::note:
            return "\033[36m";
        case Severity::warning:
            return "\033[33m";
        case Severity::problem:
            return "\033[31m";
    }
    return "";
}

std::string as_text(const std::vector<Finding>& findings, bool color) {
    std::string text;
    int to_repair = 0;
    for (const Finding& finding : findings) {
        std::string word = severity_name(finding.severity);
        word.resize(7, ' ');
        text += color ? color_of(finding.severity) + word + "\033[0m" : word;
        text += "  " + finding.check + ": " + finding.message + "\n";
        if (!finding.repair.empty()) {
            text += "         repair: " + finding.repair + "\n";
        }
        to_repair += finding.severity >= Severity::warning ? 1 : 0;
    }
    text += to_repair == 0 ? "all is well\n" : std::to_string(to_repair) + " to look at\n";
    return text;
}

}  // namespace

int run_doctor(const Context& context) {
    const auto findings = examine(real_world(context.socket));
    const Severity severity = worst(findings);
    const Json json{{"ok", severity < Severity::problem},
                    {"severity", severity_name(severity)},
                    {"findings", findings_json(findings)}};
    if (!say(context.json ? to_line(json) : as_text(findings, context.color))) {
        return kFailed;
    }
    switch (severity) {
        case Severity::problem:
            return kFailed;
        case Severity::warning:
            return kDegraded;
        default:
            return kDone;
    }
}

}  // namespace vexfs::ctl
