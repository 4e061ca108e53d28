// SPDX-License-Identifier: Apache-2.0
#include "ctl/watch.hpp"

#include <cstdlib>

#include "config/settings.hpp"
#include "control/bytes_json.hpp"

namespace vexfs::ctl {
namespace {

constexpr std::uint64_t kTimeoutMs = 10'000;

}  // namespace

int run_watch_add(const Context& context, const WatchArgs& args) {
    const auto path = absolute_path(args.path);  // the daemon has another working directory
    if (!path) {
        return fail(context, path.status());
    }
    Json request{{"cmd", "watch_add"}};
    put_bytes(request, "path", *path);
    request["whole_fs"] = args.whole_fs;
    if (!args.ops.empty()) {
        request["ops"] = args.ops;
    }
    if (!args.detail.empty()) {
        request["detail"] = args.detail;
    }
    if (args.uid) {
        request["uid"] = *args.uid;
    }
    if (args.pid) {
        request["pid"] = *args.pid;
    }
    return ask_and_show(context, request);
}

int run_watch_remove(const Context& context, const WatchArgs& args) {
    const std::string& word = args.path;
    if (!word.empty() && word.size() < 19 &&
        word.find_first_not_of("0123456789") == std::string::npos) {
        const std::uint64_t id = std::strtoull(word.c_str(), nullptr, 10);
        return ask_and_show(context, {{"cmd", "watch_remove"}, {"id", id}});
    }
    int exit = kFailed;
    const auto path = absolute_path(word);
    if (!path) {
        return fail(context, path.status());
    }
    const auto list = ask(context, {{"cmd", "watch_list"}}, kTimeoutMs, exit);
    if (!list) {
        return exit;
    }
    const Json watches = list->json.value("watches", Json::array());
    for (const Json& watch : watches) {
        if (get_bytes(watch, "path").value_or("") == *path && watch.contains("id")) {
            return ask_and_show(context, {{"cmd", "watch_remove"}, {"id", watch["id"]}});
        }
    }
    return fail(context, "there is no watch of " + *path, "`vexctl watch list` shows them");
}

int run_watch_list(const Context& context) {
    return ask_and_show(context, {{"cmd", "watch_list"}});
}

}  // namespace vexfs::ctl
