// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "control/bytes_json.hpp"
#include "doctor/doctor.hpp"

namespace vexfs {

Severity worst(const std::vector<Finding>& findings) {
    Severity result = Severity::ok;
    for (const Finding& finding : findings) {
        result = std::max(result, finding.severity);
    }
    return result;
}

const char* severity_name(Severity severity) {
    switch (severity) {
        case Severity::ok:
            return "ok";
        case Severity::note:
            return "note";
        case Severity::warning:
            return "warning";
        case Severity::problem:
            return "problem";
    }
    return "";
}

Json findings_json(const std::vector<Finding>& findings) {
    Json list = Json::array();
    for (const Finding& finding : findings) {
        Json entry;
        put_bytes(entry, "check", finding.check);
        entry["severity"] = severity_name(finding.severity);
        entry["message"] = finding.message;
        if (!finding.repair.empty()) {
            put_bytes(entry, "repair", finding.repair);
        }
        list.push_back(std::move(entry));
    }
    return list;
}

}  // namespace vexfs
