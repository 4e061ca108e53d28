// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "control/bytes_json.hpp"
#include "control/client.hpp"
#include "ctl/journal.hpp"

namespace vexfs::ctl {
namespace {

constexpr const char* kDefaultJournal = "/var/lib/vexfs";
constexpr std::uint64_t kTimeoutMs = 2'000;

Result<std::string> ask_directory(const std::string& socket) {
    auto client = ControlClient::connect(socket);
    if (!client) {
        return client.status();
    }
    const auto answer = client->call({{"cmd", "status"}}, kTimeoutMs);
    if (!answer) {
        return answer.status();
    }
    if (!answer->ok) {
        return Status::error(EPROTO, "vexfsd at " + socket + ": " + answer->error);
    }
    return get_bytes(answer->json.value("journal", Json::object()), "directory");
}

}  // namespace

Result<std::string> journal_directory(const Context& context, const std::string& given) {
    if (!given.empty()) {
        return given;
    }
    Result<std::string> directory = ask_directory(context.socket);
    if (directory) {
        return directory;
    }
    const std::string& why = directory.status().message();
    if (context.socket != kDefaultSocketPath) {
        return Status::error(directory.status().code(),
                             why + "; --journal DIR reads a store without its vexfsd");
    }
    std::fprintf(stderr, "vexctl: reading the default journal %s: %s\n", kDefaultJournal,
                 why.c_str());
    return std::string(kDefaultJournal);
}

}  // namespace vexfs::ctl
