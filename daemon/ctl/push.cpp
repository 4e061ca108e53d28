// SPDX-License-Identifier: Apache-2.0
#include "ctl/push.hpp"

#include <unistd.h>

namespace vexfs::ctl {
namespace {

constexpr std::uint64_t kTimeoutMs = 60'000;

}  // namespace

int run_push(const Context& context, const PushArgs& args) {
    Json request{{"cmd", "push"}, {"event", args.event}, {"ops", args.ops}, {"pid", ::getpid()}};
    if (!args.expect.empty()) {
        request["expect"] = args.expect;
    }
    if (!args.strategy.empty()) {
        request["strategy"] = args.strategy;
    }
    int exit = kFailed;
    const auto answer = ask(context, request, kTimeoutMs, exit);
    if (!answer) {
        return exit;
    }
    const Json& json = answer->json;
    if (!show(context, json)) {
        return kFailed;
    }
    return json.value("decision", "") == "rejected" ? kFailed : kDone;
}

}  // namespace vexfs::ctl
