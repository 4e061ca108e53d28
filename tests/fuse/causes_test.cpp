// SPDX-License-Identifier: Apache-2.0
// From a real program's calls to causes in the journal.
#include <map>

#include "running_daemon.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;        // NOLINT: a test
using namespace vexfs::test;  // NOLINT

namespace {

// The events of a name up to its FileClose, which comes after close() has returned.
std::map<unsigned, Event> story_of(const std::string& name, const std::string& journal) {
    auto reader = Reader::open(journal);
    REQUIRE(reader.ok());
    std::map<unsigned, Event> story;
    while (story.count(VX_OP_FILE_CLOSE) == 0) {
        const auto item = reader->next();
        REQUIRE(item.ok());
        if (*item == Reader::Item::event && reader->event().name() == name) {
            story.emplace(reader->event().op(), Event(reader->event()));
        } else if (*item == Reader::Item::end) {
            wait_for_more(*reader);
        }
    }
    return story;
}

}  // namespace

TEST_CASE("what a program does with a file of the mount is a chain from its open to its close") {
    NEEDS_FUSE("causes");
    RunningDaemon daemon;
    write_file(daemon.tree.point("file"), "text");
    const auto story = story_of("file", daemon.tree.root() + "/journal");
    REQUIRE(story.count(VX_OP_FILE_OPEN) == 1);
    REQUIRE(story.count(VX_OP_FILE_WRITE) == 1);
    const EventView open = story.at(VX_OP_FILE_OPEN).view();
    const EventView write = story.at(VX_OP_FILE_WRITE).view();
    const EventView close = story.at(VX_OP_FILE_CLOSE).view();
    CHECK(open.chain == open.seq);
    CHECK(open.cause == 0);
    CHECK(write.chain == open.seq);
    CHECK(write.cause == open.seq);
    CHECK(close.chain == open.seq);
    CHECK(close.cause == write.seq);

    ControlClient client = daemon.connect();
    const auto stats = client.call({{"cmd", "stats"}});
    REQUIRE(stats.ok());
    const Json& correlation = stats->json.at("correlation");
    CHECK(correlation.at("caused") == 2);
    CHECK(correlation.at("duplicates") == 0);
    CHECK(correlation.at("sessions_open") == 0);
    CHECK(correlation.at("sessions_doubtful") == 0);
    CHECK(correlation.at("sessions_evicted") == 0);
    CHECK(correlation.at("echoes_evicted") == 0);
}
