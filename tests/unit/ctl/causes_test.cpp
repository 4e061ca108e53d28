// SPDX-License-Identifier: Apache-2.0
// vexctl why and vexctl effects as programs.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

#ifdef VEXFS_VEXCTL

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Record;

namespace {

struct Answer {
    int status = 0;
    std::vector<std::string> lines;  // of both outputs

    // The numbers of the events that are shown as JSON.
    [[nodiscard]] std::vector<std::uint64_t> seqs() const {
        std::vector<std::uint64_t> all;
        for (const std::string& line : lines) {
            all.push_back(json::parse(line).at("seq"));
        }
        return all;
    }
};
using Seqs = std::vector<std::uint64_t>;

// What an editor does, told by two boundaries: open 1, its duplicate 2, write 3, close 4, and a
// chmod 5 that has nothing to do with it. 6 to 8 are lost; 9 answers 7; 10 answers 5.
struct Story {
    explicit Story(const journal::StoreConfig& config = {}) : store(dir / "j", config) {
        happens(VX_OP_FILE_OPEN, 0, 1);
        happens(VX_OP_FILE_OPEN, 1, 1, true);
        happens(VX_OP_FILE_WRITE, 1, 1);
        happens(VX_OP_FILE_CLOSE, 3, 1);
        happens(VX_OP_FILE_CHMOD, 0, 0);
        Gap gap;
        gap.from = 6;
        gap.to = 8;
        REQUIRE(store.append(gap).ok());
        happens(VX_OP_FILE_CHOWN, 7, 7);
        happens(VX_OP_FILE_CHOWN, 5, 5);
        REQUIRE(store.flush().ok());
    }
    void happens(unsigned op, std::uint64_t cause, std::uint64_t chain, bool duplicate = false) {
        const Record record(op);
        EventView view = record.view(store.next_seq(), "/w/a");
        view.cause = cause;
        view.chain = chain;
        view.duplicate = duplicate;
        REQUIRE(store.append(view).ok());
    }

    Answer ask(const std::string& words) const {
        const std::string command =
            std::string("TZ=UTC ") + VEXFS_VEXCTL + " " + words + " --journal " + dir / "j 2>&1";
        FILE* pipe = ::popen(command.c_str(), "r");
        REQUIRE(pipe != nullptr);
        std::string text;
        std::array<char, 4096> buffer;
        while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
            text.append(buffer.data(), n);
        }
        Answer answer;
        const int status = ::pclose(pipe);
        answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        std::istringstream in(text);
        for (std::string line; std::getline(in, line);) {
            answer.lines.push_back(line);
        }
        return answer;
    }
    [[nodiscard]] std::string cursor(std::uint64_t seq) const {
        return Cursor{store.id(), seq}.text();
    }

    test::TempDirectory dir;
    test::TestJournal store;
};

}  // namespace

TEST_CASE("vexctl why: the event, its cause, and so on to the first") {
    const Story story;
    const Answer people = story.ask("why 4");
    REQUIRE(people.lines.size() == 3);
    CHECK(people.lines[0] == "         4  22:13:20.123  FileClose       [0]                /w/a");
    CHECK(people.lines[1] == "         3  22:13:20.123  FileWrite       [0]                /w/a");
    CHECK(people.lines[2] == "         1  22:13:20.123  FileOpen        [0]                /w/a");
    CHECK(people.status == 0);

    const Answer programs = story.ask("--json why 2");
    CHECK(programs.seqs() == Seqs{2, 1});
    CHECK(json::parse(programs.lines[0])["flags"] == json::array({"duplicate"}));
    CHECK(story.ask("--json why 5").seqs() == Seqs{5});
    CHECK(story.ask("--json why " + story.cursor(10)).seqs() == Seqs{10, 5});
}

TEST_CASE("vexctl why: a cause that is lost is a gap, and the status says so") {
    const Story story;
    const Answer answer = story.ask("--json why 9");
    REQUIRE(answer.lines.size() == 2);
    CHECK(json::parse(answer.lines[0])["seq"] == 9);
    CHECK(json::parse(answer.lines[1])["gap"]["count"] == 2);  // from the cause on
    CHECK(answer.status == 3);
}

TEST_CASE("vexctl why: a cause that is no longer kept is a gap, and the status says so") {
    Story story({.segment_bytes = 64U << 10U});
    while (story.store.stats().segments < 2) {
        story.happens(VX_OP_FILE_WRITE, 1, 1);
        REQUIRE(story.store.flush().ok());
    }
    const std::uint64_t last = story.store.next_seq() - 1;
    REQUIRE(std::filesystem::remove(story.dir / "j" + "/" + journal::segment_name(1)));
    const Answer answer = story.ask("--json why " + std::to_string(last));
    REQUIRE(answer.lines.size() == 2);
    CHECK(json::parse(answer.lines[0])["seq"] == last);
    CHECK(json::parse(answer.lines[1])["gap"]["reason"] == "expired");
    CHECK(answer.status == 3);
    CHECK(story.ask("why 1").status == 3);
    CHECK(story.ask("effects 1").status == 1);
}

TEST_CASE("vexctl effects: the events of its chain, and those that it caused") {
    const Story story;
    const Answer first = story.ask("--json effects 1");
    REQUIRE(first.lines.size() == 4);
    CHECK(json::parse(first.lines[0])["seq"] == 2);
    CHECK(json::parse(first.lines[1])["seq"] == 3);
    CHECK(json::parse(first.lines[2])["seq"] == 4);
    CHECK(json::parse(first.lines[3]).contains("gap"));  // may have held some
    CHECK(first.status == 0);
    CHECK(json::parse(story.ask("--json effects 3").lines.at(0))["seq"] == 4);
    CHECK(story.ask("--json effects " + story.cursor(9)).lines.empty());
    CHECK(story.ask("effects 5").lines.at(1) ==
          "        10  22:13:20.123  FileChown       [0]                /w/a  0:0");
}

TEST_CASE("vexctl why, effects: what is no event is refused, with the reason") {
    const Story story;
    const std::string other = "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:4";
    for (const std::string command : {"why ", "effects "}) {
        CHECK(story.ask(command + "0").status == 2);
        CHECK(story.ask(command + "-- -1").status == 2);
        CHECK(story.ask(command + "4x").status == 2);
        CHECK(story.ask(command + "vx1:what:4").status == 2);
        const Answer foreign = story.ask(command + other);
        CHECK(foreign.status == 1);
        CHECK(foreign.lines.at(0).find("belongs to journal 6f1c2c1e") != std::string::npos);
        const Answer later = story.ask(command + "11");
        CHECK(later.status == 1);
        CHECK(later.lines.at(0).find("event 11 is not in the journal, which ends with number 10") !=
              std::string::npos);
        CHECK(story.ask(command + "99").status == 1);
    }
    CHECK(story.ask("effects 7").status == 1);
    CHECK(story.ask("why 7").status == 3);
}

#endif
