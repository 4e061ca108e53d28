// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"
#include "ctl/journal.hpp"

namespace vexfs::ctl {
namespace {

constexpr const char* kDefaultJournal = "/var/lib/vexfs";
constexpr std::uint64_t kTimeoutMs = 2'000;

}  // namespace

std::string journal_directory(const Context& context, const std::string& given) {
    if (!given.empty()) {
        return given;
    }
    auto client = ControlClient::connect(context.socket);
    if (!client) {
        return kDefaultJournal;  // the store can be read without the daemon
    }
    const auto answer = client->call({{"cmd", "status"}}, kTimeoutMs);
    if (answer && answer->ok) {
        const auto journal = answer->json.find("journal");
        if (journal != answer->json.end() && journal->is_object()) {
            const auto directory = journal->find("directory");
            if (directory != journal->end() && directory->is_string()) {
                return directory->get<std::string>();
            }
        }
    }
    return kDefaultJournal;
}

}  // namespace vexfs::ctl
