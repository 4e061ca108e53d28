// SPDX-License-Identifier: Apache-2.0
// vexctl consumer, and tail for one, as programs.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "journal/segment_reader.hpp"
#include "support/vexctl.hpp"

#ifdef VEXFS_VEXCTL

using namespace vexfs;  // NOLINT: a test
using nlohmann::json;
using test::Vexctl;
using test::WrittenJournal;

namespace {

struct Journal : WrittenJournal {
    explicit Journal(int events = 3) : WrittenJournal({.segment_bytes = 4096}) {
        for (int i = 0; i < events; ++i) {
            happens(VX_OP_FILE_CREATE, "/w/a");
        }
    }
    [[nodiscard]] std::string at(std::uint64_t seq) const {
        return Cursor{store->id(), seq}.text();
    }
    [[nodiscard]] Vexctl consumer(const std::string& verb,
                                  const std::vector<std::string>& more = {}) const {
        return Vexctl(args_of({"--json", "consumer", verb}, more));
    }
    [[nodiscard]] json position(const std::string& name) const {
        const json list = json::parse(consumer("list").line());
        for (const json& row : list["consumers"]) {
            if (row["name"] == name) {
                return row;
            }
        }
        return {};
    }
};

std::vector<std::uint64_t> numbers(Vexctl tail) {
    std::vector<std::uint64_t> seqs;
    for (std::string line = tail.line(); !line.empty(); line = tail.line()) {
        const json object = json::parse(line);
        seqs.push_back(object.contains("gap") ? 0 : object["seq"].get<std::uint64_t>());
    }
    CHECK(tail.status() == 0);
    return seqs;
}

}  // namespace

TEST_CASE("vexctl consumer: create, commit, list, remove") {
    const Journal journal;
    CHECK(json::parse(journal.consumer("create", {"c"}).line())["cursor"] == journal.at(0));
    CHECK(json::parse(journal.consumer("create", {"d", "--at", "now"}).line())["cursor"] ==
          journal.at(3));
    CHECK(journal.position("c")["behind"] == 3);
    CHECK(journal.position("c")["state"] == "kept");
    Vexctl moved = journal.consumer("commit", {"c", "--expect", journal.at(0), journal.at(2)});
    CHECK(json::parse(moved.line())["cursor"] == journal.at(2));
    CHECK(moved.status() == 0);
    Vexctl refused = journal.consumer("commit", {"c", "--expect", journal.at(0), journal.at(3)});
    CHECK(refused.line().find("somebody else has committed") != std::string::npos);
    CHECK(refused.status() == 1);
    Vexctl ahead = journal.consumer("commit", {"c", "--expect", journal.at(2), journal.at(4)});
    CHECK(ahead.line().find("ahead of the journal") != std::string::npos);
    CHECK(ahead.status() == 1);
    CHECK(journal.position("c")["cursor"] == journal.at(2));
    CHECK(journal.consumer("remove", {"c"}).status() == 0);
    CHECK(journal.consumer("remove", {"c"}).status() == 1);
    Vexctl table(journal.args_of({"consumer", "list"}, {}));
    CHECK(table.rest().find(journal.at(3)) != std::string::npos);
    CHECK(journal.consumer("create", {"c", "--at", "yesterday"}).status() == 2);
}

TEST_CASE("vexctl tail: a consumer goes on where it was, and moves only with --commit") {
    const Journal journal(5);
    CHECK(journal.consumer("create", {"c", "--at", journal.at(2)}).status() == 0);
    using Seqs = std::vector<std::uint64_t>;
    CHECK(numbers(Vexctl(journal.args({"--json", "--consumer", "c"}))) == Seqs{3, 4, 5});
    CHECK(numbers(Vexctl(journal.args({"--json", "--consumer", "c", "--commit", "-n", "1"}))) ==
          Seqs{3});
    CHECK(numbers(Vexctl(journal.args({"--json", "--consumer", "c", "--commit"}))) == Seqs{4, 5});
    CHECK(numbers(Vexctl(journal.args({"--json", "--consumer", "c", "--commit"}))).empty());
    Vexctl both(journal.args({"--consumer", "c", "--since", "start"}));
    CHECK(both.status() == 2);
    Vexctl alone(journal.args({"--commit"}));
    CHECK(alone.status() == 2);
    Vexctl none(journal.args({"--consumer", "nobody"}));
    CHECK(none.errors().find("there is no consumer nobody") != std::string::npos);
    CHECK(none.status() == 1);
}

TEST_CASE("vexctl tail: two that commit for one consumer: the second is told") {
    Journal journal(2);
    CHECK(journal.consumer("create", {"c"}).status() == 0);
    Vexctl follow(journal.args({"--json", "--consumer", "c", "--commit", "--follow"}));
    CHECK(json::parse(follow.line())["seq"] == 1);
    CHECK(json::parse(follow.line())["seq"] == 2);
    // It has committed when it waits; that is seen from outside only by asking.
    while (journal.position("c")["cursor"] != journal.at(2)) {
    }
    CHECK(journal.consumer("commit", {"c", "--expect", journal.at(2), journal.at(0)}).status() ==
          0);
    journal.happens(VX_OP_FILE_CREATE, "/w/b");
    CHECK(json::parse(follow.line())["seq"] == 3);
    CHECK(follow.rest().find("somebody else has committed") != std::string::npos);
    CHECK(follow.status() == 1);
    CHECK(journal.position("c")["cursor"] == journal.at(0));
}

TEST_CASE("vexctl: a cursor that has expired, and one of another journal, are told to programs") {
    const Journal journal(100);
    CHECK(journal.consumer("create", {"late", "--at", journal.at(1)}).status() == 0);
    const UniqueFd fd(::open((journal.dir / "j").c_str(), O_RDONLY | O_DIRECTORY));
    const std::uint64_t second = (*journal::list_segments(fd.get()))[1];
    std::filesystem::remove(journal.dir / ("j/" + journal::segment_name(1)));

    Vexctl expired(journal.args({"--json", "--since", journal.at(1)}));
    const json said = json::parse(expired.line());
    CHECK(said["code"] == "CURSOR_EXPIRED");
    CHECK(said["earliest"] == journal.at(second - 1));
    CHECK(expired.status() == 1);
    Vexctl other(journal.args({"--json", "--since", "vx1:6f1c2c1e-0b54-4d0e-9a53-0d6c9b1d8f11:5"}));
    const json epoch = json::parse(other.line());
    CHECK(epoch["code"] == "EPOCH_CHANGED");
    CHECK(epoch["journal"] == journal.store->id().text());

    CHECK(journal.position("late")["state"] == "expired");
    Vexctl late(journal.args({"--json", "--consumer", "late"}));
    const json gap = json::parse(late.line())["gap"];
    CHECK(gap["from"] == 2);
    CHECK(gap["to"] == second - 1);
    CHECK(gap["reason"] == "expired");
    CHECK(json::parse(late.line())["seq"] == second);
}

#endif
