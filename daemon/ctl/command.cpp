// SPDX-License-Identifier: Apache-2.0
#include "ctl/command.hpp"

#include <cstdio>
#include <cstring>

#include "control/render.hpp"

namespace vexfs::ctl {

bool say(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) {
        std::fprintf(stderr, "vexctl: cannot write to standard output: %s\n", std::strerror(errno));
        return false;
    }
    return true;
}

int fail(const Context& context, const std::string& error, const std::string& hint) {
    if (context.json) {
        Json json{{"ok", false}, {"error", error}};
        if (!hint.empty()) {
            json["hint"] = hint;
        }
        say(to_line(json));
    } else {
        std::fprintf(stderr, "vexctl: %s\n", error.c_str());
        if (!hint.empty()) {
            std::fprintf(stderr, "        %s\n", hint.c_str());
        }
    }
    return kFailed;
}

int fail(const Context& context, const Status& status) {
    return fail(context, status.message());
}

Result<ControlAnswer> ask(const Context& context, const Json& request, std::uint64_t timeout_ms,
                          int& exit) {
    auto client = ControlClient::connect(context.socket);
    if (!client) {
        exit = fail(context, client.status());
        return client.status();
    }
    auto answer = client->call(request, timeout_ms);
    if (!answer) {
        exit = fail(context, answer.status());
        return answer;
    }
    if (!answer->ok) {
        exit = fail(context, answer->error, answer->hint);
        return Status::error(EPROTO, answer->error);
    }
    return answer;
}

bool show(const Context& context, const Json& json) {
    return say(context.json ? to_line(json) : render(json, {.color = context.color}));
}

int ask_and_show(const Context& context, const Json& request, std::uint64_t timeout_ms) {
    int exit = kFailed;
    const auto answer = ask(context, request, timeout_ms, exit);
    if (!answer) {
        return exit;
    }
    const Json& json = answer->json;
    if (!show(context, json)) {
        return kFailed;
    }
    const auto degraded = json.find("degraded");
    const bool fine = degraded == json.end() || degraded->is_null() || *degraded == false ||
                      (degraded->is_array() && degraded->empty());
    return fine ? kDone : kDegraded;
}

}  // namespace vexfs::ctl
