// SPDX-License-Identifier: Apache-2.0
// Operations that a program has the daemon push, for a file that changes meanwhile.
#include <sys/stat.h>

#include <optional>

#include "running_daemon.hpp"
#include "vexfs/decision.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;        // NOLINT: a test
using namespace vexfs::test;  // NOLINT

namespace {

Json ask(ControlClient& client, const Json& request) {
    const auto answer = client.call(request);
    REQUIRE(answer.ok());
    return answer->ok ? answer->json : Json{{"error", answer->error}};
}

// The last event of this operation; waits for the first one, because FileClose comes after close()
// has returned.
Event last(const RunningDaemon& daemon, const char* op) {
    auto reader = Reader::open(daemon.tree.root() + "/journal");
    REQUIRE(reader.ok());
    std::optional<Event> found;
    for (;;) {
        const auto item = reader->next();
        REQUIRE(item.ok());
        if (*item == Reader::Item::end && found) {
            return *found;
        }
        if (*item == Reader::Item::end) {
            wait_for_more(*reader);
        }
        if (*item == Reader::Item::event && std::string(reader->event().op_name()) == op) {
            found = Event(reader->event());
        }
    }
}

}  // namespace

TEST_CASE("a push for a file that has changed meanwhile is decided, and the stream says how") {
    NEEDS_FUSE("pushes");
    RunningDaemon daemon(Daemon::real_disk, [](Options& options) {
        REQUIRE(options.conflicts.add("Vector*:/**/by-rule=first-writer-wins").ok());
    });
    ControlClient client = daemon.connect();
    const std::string path = daemon.tree.point("by-rule");
    write_file(path, "text");
    ask(client, {{"cmd", "sync"}});
    const std::string write = std::to_string(last(daemon, "FileWrite").view().seq);
    const std::string close = std::to_string(last(daemon, "FileClose").view().seq);
    const Json request{
        {"cmd", "push"}, {"event", close}, {"ops", "VectorUpdate"}, {"expect", write}};
    CHECK(ask(client, request).at("decision") == "current");

    // No sync in between: what happened before the push counts.
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    const Json said = ask(client, request);
    CHECK(said.at("decision") == "first_writer");
    CHECK(said.at("pushed") == "none");
    const std::uint64_t chmod = last(daemon, "FileChmod").view().seq;
    CHECK(said.at("newer") == chmod);
    Json merge = request;
    merge["strategy"] = "merge";
    CHECK(ask(client, merge).at("decision") == "merged");
    Json reject = request;
    reject["strategy"] = "reject";
    CHECK(ask(client, reject).at("decision") == "rejected");

    ask(client, {{"cmd", "sync"}});
    const Event told = last(daemon, "VectorUpdate");
    CHECK(told.view().pushed());
    CHECK(decision_of(told.view().user()) == Decision::rejected);
    CHECK(told.view().cause == chmod);
    CHECK(told.view().path == path);
    const Json counted = ask(client, {{"cmd", "stats"}}).at("conflicts");
    CHECK(counted.at("current") == 1);
    CHECK(counted.at("first_writer") == 1);
    CHECK(counted.at("merged") == 1);
    CHECK(counted.at("rejected") == 1);
    CHECK(counted.at("last_writer") == 0);
}

TEST_CASE("a push that cannot be is refused with what is wrong with it") {
    NEEDS_FUSE("pushes");
    RunningDaemon daemon;
    ControlClient client = daemon.connect();
    write_file(daemon.tree.point("file"), "text");
    ask(client, {{"cmd", "sync"}});
    const std::string write = std::to_string(last(daemon, "FileWrite").view().seq);
    const auto error = [&](const Json& more) {
        Json request{{"cmd", "push"}, {"event", write}, {"ops", "GraphNodeUpdate"}};
        request.update(more);
        return ask(client, request).value("error", "");
    };
    CHECK(error(Json::object()).empty());
    CHECK(error({{"event", "soon"}}) == "\"soon\" is not the number or the cursor of an event");
    CHECK(error({{"event", "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:5"}}).find("EPOCH_CHANGED") ==
          0);
    CHECK(error({{"event", "99999"}}).find("ahead of the journal") != std::string::npos);
    CHECK(error({{"ops", "GraphEdgeUpdate"}}).find("can not come of a FileWrite") !=
          std::string::npos);
    CHECK(error({{"ops", "FileWrite"}}).find("there is no") != std::string::npos);
    CHECK(error({{"strategy", "newest"}}).find("use one of last-writer-wins") != std::string::npos);
    CHECK(error({{"expect", "99999"}}).find("the expected version") != std::string::npos);
}
