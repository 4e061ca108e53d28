// SPDX-License-Identifier: Apache-2.0
// Times without a daemon, and what becomes of the catalogue: what is found is in the stream, once.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "catalogue/catalogue.hpp"
#include "running_daemon.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;
using namespace vexfs::test;

namespace {

constexpr std::uint64_t kLongMs = 60'000;

ControlAnswer healed(RunningDaemon& daemon) {
    auto answer = daemon.connect().call(
        {{"cmd", "sync"}, {"healed", true}, {"timeout_ms", kLongMs}}, kLongMs);
    INFO(answer.status().message());
    REQUIRE(answer.ok());
    return *std::move(answer);
}

// "OP PATH" of each event that was found, behind the first `seq` events.
std::vector<std::string> found(RunningDaemon& daemon, std::uint64_t seq) {
    auto reader = Reader::open(daemon.journal());
    REQUIRE(reader.ok());
    REQUIRE(reader->seek({reader->journal(), seq}).ok());
    const std::size_t prefix = daemon.tree.point().size();
    std::vector<std::string> out;
    for (;;) {
        const auto item = reader->next();
        REQUIRE(item.ok());
        if (*item == Reader::Item::end) {
            return out;
        }
        if (*item == Reader::Item::gap || (reader->event().flags() & VX_F_RESYNC) == 0) {
            continue;
        }
        const EventView& event = reader->event();
        CHECK(event.boundary == Boundary::system);
        std::string text = std::string(event.op_name()) + " ";
        text += event.path.substr(std::min(prefix, event.path.size()));
        text += event.old_path.empty() ? "" : " from ";
        text += event.old_path.substr(std::min(prefix, event.old_path.size()));
        out.push_back(std::move(text));
    }
}

// Takes those of content out; an object with two names is told by either.
std::vector<std::string> of_content(std::vector<std::string>& told) {
    std::vector<std::string> out;
    const auto is_content = [](const std::string& text) {
        return text.starts_with("FileWrite") || text.starts_with("FileClose");
    };
    std::copy_if(told.begin(), told.end(), std::back_inserter(out), is_content);
    std::erase_if(told, is_content);
    for (std::string& text : out) {
        const std::size_t name = text.find(" /");
        text = text.ends_with("/b/f") || text.ends_with("/h") ? text.substr(0, name) + " /f" : text;
    }
    return out;
}

std::uint64_t last_seq(RunningDaemon& daemon) {
    const auto cursor = Cursor::parse(healed(daemon).json.at("cursor").get<std::string>());
    REQUIRE(cursor.ok());
    return cursor->seq;
}

// All names, as the catalogue has them.
std::set<std::string> catalogued(RunningDaemon& daemon) {
    auto catalogue = Catalogue::open_to_read(daemon.journal());
    INFO(catalogue.status().message());
    REQUIRE(catalogue.ok());
    const auto roots = (*catalogue)->roots();
    REQUIRE(roots.ok());
    std::set<std::string> out;
    std::vector<std::pair<ObjectKey, std::string>> left;
    for (const CatalogueRoot& root : *roots) {
        left.emplace_back(root.object, "");
    }
    while (!left.empty()) {
        const auto [directory, path] = left.back();
        left.pop_back();
        const auto names = (*catalogue)->names_in(directory);
        REQUIRE(names.ok());
        for (const CatalogueName& name : *names) {
            out.insert(path + "/" + name.name);
            if (name.type == S_IFDIR) {
                left.emplace_back(name.object, path + "/" + name.name);
            }
        }
    }
    return out;
}

std::set<std::string> there(RunningDaemon& daemon) {
    std::set<std::string> out;
    const std::string root = daemon.tree.source();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        out.insert(entry.path().string().substr(root.size()));
    }
    return out;
}

}  // namespace

TEST_CASE("what happened without a daemon is told once, as what it was") {
    NEEDS_FUSE("stopped");
    RunningDaemon daemon;
    REQUIRE(::mkdir(daemon.tree.point("a").c_str(), 0755) == 0);
    REQUIRE(::mkdir(daemon.tree.point("gone").c_str(), 0755) == 0);
    write_file(daemon.tree.point("a/f"), "text");
    write_file(daemon.tree.point("gone/g"), "text");
    write_file(daemon.tree.point("same"), "one");
    const std::uint64_t seq = last_seq(daemon);
    CHECK(catalogued(daemon) == there(daemon));
    daemon.stop();
    REQUIRE(::rename(daemon.tree.source("a").c_str(), daemon.tree.source("b").c_str()) == 0);
    REQUIRE(::link(daemon.tree.source("b/f").c_str(), daemon.tree.source("h").c_str()) == 0);
    std::filesystem::remove_all(daemon.tree.source("gone"));
    std::filesystem::create_symlink("b", daemon.tree.source("s"));
    write_file(daemon.tree.source("same"), "two");
    daemon.start();
    healed(daemon);
    CHECK(catalogued(daemon) == there(daemon));
    std::vector<std::string> told = found(daemon, seq);
    const std::string mark = "Sync ";
    REQUIRE_FALSE(told.empty());
    CHECK(told.back() == mark);
    std::sort(told.begin(), told.end());
    // The link has changed the time of its file: its content may have changed.
    CHECK(of_content(told) == std::vector<std::string>{"FileClose /f", "FileClose /same",
                                                       "FileWrite /f", "FileWrite /same"});
    CHECK(told == std::vector<std::string>{"DirDelete /gone", "FileDelete /gone/g",
                                           "FileRename /b from /a", "HardlinkCreate /h",
                                           "SymlinkCreate /s", mark});
    const std::uint64_t after = last_seq(daemon);
    daemon.stop();
    daemon.start();
    healed(daemon);
    told = found(daemon, after);
    of_content(told);  // so short a time after the writes it cannot be said
    CHECK(told == std::vector<std::string>{mark});
}

TEST_CASE("what was there before the first start is no event") {
    NEEDS_FUSE("baseline");
    RunningDaemon daemon(Daemon::real_disk, [made = false](Options& options) mutable {
        if (!std::exchange(made, true)) {
            std::filesystem::create_directories(options.source + "/before/deep");
            std::ofstream(options.source + "/before/deep/file") << "text";
        }
    });
    healed(daemon);
    CHECK(catalogued(daemon) == there(daemon));
    CHECK(found(daemon, 0).empty());
}

TEST_CASE("a catalogue that is damaged is made anew") {
    NEEDS_FUSE("damaged catalogue");
    RunningDaemon daemon;
    REQUIRE(::mkdir(daemon.tree.point("d").c_str(), 0755) == 0);
    healed(daemon);
    daemon.stop();
    std::ofstream(daemon.journal() + "/" + Catalogue::kFile) << std::string(100'000, 'x');
    daemon.start();
    healed(daemon);
    CHECK(catalogued(daemon) == there(daemon));
}

TEST_CASE("a rebuilt catalogue knows what was there before, as far as the journal goes back") {
    NEEDS_FUSE("rebuild");
    RunningDaemon daemon;
    write_file(daemon.tree.point("first"), "text");
    const std::uint64_t seq = last_seq(daemon);
    REQUIRE(::rename(daemon.tree.point("first").c_str(), daemon.tree.point("second").c_str()) == 0);
    CHECK(daemon.connect().call({{"cmd", "rebuild"}})->ok);
    healed(daemon);
    CHECK(catalogued(daemon) == std::set<std::string>{"/second"});
    auto catalogue = Catalogue::open_to_read(daemon.journal());
    REQUIRE(catalogue.ok());
    const auto root = (*catalogue)->roots()->at(0).object;
    CHECK((*catalogue)->find(root, "first", seq)->has_value());
    CHECK_FALSE((*catalogue)->find(root, "second", seq)->has_value());
    CHECK_FALSE((*catalogue)->find(root, "first")->has_value());
}

TEST_CASE("a scope that is not where it was is said, and looked at when it is back") {
    NEEDS_FUSE("moved scope");
    RunningDaemon daemon;
    write_file(daemon.tree.point("f"), "text");
    healed(daemon);
    const std::string source = daemon.tree.source();
    REQUIRE(::rename(source.c_str(), (source + ".away").c_str()) == 0);
    CHECK(daemon.connect().call({{"cmd", "rebuild"}})->ok);
    const ControlAnswer refused = healed(daemon);
    CHECK_FALSE(refused.ok);
    CHECK(refused.error.find(" is not the directory that is watched") != std::string::npos);
    const auto status = daemon.connect().call({{"cmd", "status"}});
    CHECK(status->json.at("state") == "degraded");
    REQUIRE(::rename((source + ".away").c_str(), source.c_str()) == 0);
    while (!healed(daemon).ok) {
    }
    CHECK(catalogued(daemon) == there(daemon));
    CHECK(daemon.connect().call({{"cmd", "status"}})->json.at("state") == "ok");
}

TEST_CASE("without a catalogue nothing is looked for, and who waits for it is told so") {
    NEEDS_FUSE("no catalogue");
    RunningDaemon daemon(Daemon::real_disk, [](Options& options) { options.catalogue = false; });
    const ControlAnswer answer = healed(daemon);
    CHECK_FALSE(answer.ok);
    CHECK(answer.error.find("--catalogue=false") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(daemon.journal() + "/" + Catalogue::kFile));
}
