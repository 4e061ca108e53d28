// SPDX-License-Identifier: Apache-2.0
#include "correlate/sessions.hpp"

#include <map>
#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a test
using correlate::Sessions;
using test::Record;

namespace {

struct Link {
    std::uint64_t cause;
    std::uint64_t chain;
    friend bool operator==(const Link&, const Link&) = default;
};
std::ostream& operator<<(std::ostream& out, const Link& link) {
    return out << link.cause << " of " << link.chain;
}
constexpr Link kNone{0, 0};

class Files {
  public:
    explicit Files(std::size_t sets = 64) : sessions(sets) {}

    Link does(unsigned op, std::uint32_t pid, std::uint64_t ino = 12,
              Boundary boundary = Boundary::kernel, int error = 0, std::uint32_t flags = 0) {
        Record record(op, flags);
        record->fsid = 7;
        record->ino = ino;
        record->pid = pid;
        record->error = error;
        EventView view = record.view(++seq);
        view.boundary = boundary;
        if (sessions.concerned(op)) {
            sessions.on_event(view, sessions.key_of(record.event(), boundary));
        }
        return {view.cause, view.chain};
    }
    Link open(std::uint32_t pid, std::uint64_t ino = 12) { return does(VX_OP_FILE_OPEN, pid, ino); }
    Link read(std::uint32_t pid, std::uint64_t ino = 12) { return does(VX_OP_FILE_READ, pid, ino); }
    Link write(std::uint32_t pid, std::uint64_t ino = 12) {
        return does(VX_OP_FILE_WRITE, pid, ino);
    }
    Link close(std::uint32_t pid, std::uint64_t ino = 12) {
        return does(VX_OP_FILE_CLOSE, pid, ino);
    }

    Sessions sessions;
    std::uint64_t seq = 0;
};

}  // namespace

TEST_CASE("session: from open to close, the close because of the last write") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});
    CHECK(f.read(1) == Link{1, 1});
    CHECK(f.write(1) == Link{1, 1});
    CHECK(f.write(1) == Link{1, 1});
    CHECK(f.does(VX_OP_SYNC, 1) == Link{1, 1});
    CHECK(f.close(1) == Link{4, 1});
    CHECK(f.sessions.counters().open == 0);
    CHECK(f.write(1) == kNone);
    CHECK(f.close(1) == kNone);
    CHECK(f.open(1) == Link{0, 9});
    CHECK(f.close(1) == Link{9, 9});
}

TEST_CASE("session: each file and each boundary has its own") {
    Files f;
    CHECK(f.open(1, 12) == Link{0, 1});
    CHECK(f.open(1, 13) == Link{0, 2});
    CHECK(f.does(VX_OP_FILE_OPEN, 1, 12, Boundary::fuse) == Link{0, 3});
    CHECK(f.write(1, 13) == Link{2, 2});
    CHECK(f.write(1, 12) == Link{1, 1});
    CHECK(f.does(VX_OP_FILE_WRITE, 1, 12, Boundary::fuse) == Link{3, 3});
    CHECK(f.sessions.counters().open == 3);
}

TEST_CASE("session: a file that a process has open twice is in doubt until all are closed") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});
    CHECK(f.open(1) == kNone);
    CHECK(f.write(1) == kNone);
    CHECK(f.close(1) == kNone);
    CHECK(f.write(1) == kNone);  // which one is left is not known
    CHECK(f.close(1) == kNone);
    CHECK(f.open(1) == Link{0, 7});
    CHECK(f.sessions.counters().doubtful == 1);
}

TEST_CASE("session: what a child does through an inherited descriptor is nobody's") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});
    CHECK(f.write(2) == kNone);
    CHECK(f.write(1) == Link{1, 1});
    // It opens the file itself: through which one it writes is not known.
    CHECK(f.open(2) == kNone);
    CHECK(f.write(2) == kNone);
    CHECK(f.write(1) == kNone);
}

TEST_CASE("session: the last close may be another process's, and ends it") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});
    CHECK(f.close(2) == kNone);
    CHECK(f.write(1) == kNone);
    CHECK(f.open(3) == Link{0, 4});
}

TEST_CASE("session: a process that gets the number of one that ended is not taken for it") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});  // ends; its child goes on with the descriptor
    CHECK(f.open(1) == kNone);       // another process of that number
    CHECK(f.write(1) == kNone);
    CHECK(f.close(1) == kNone);
    CHECK(f.close(2) == kNone);
    CHECK(f.open(1) == Link{0, 6});
}

TEST_CASE("session: opens that failed, and syncs of more than a file, are of none") {
    Files f;
    CHECK(f.does(VX_OP_FILE_OPEN, 1, 12, Boundary::kernel, -EACCES) == kNone);
    CHECK(f.write(1) == kNone);
    CHECK(f.open(1) == Link{0, 3});
    CHECK(f.does(VX_OP_SYNC, 1, 12, Boundary::kernel, 0, VX_F_SYNC_FS) == kNone);
    CHECK(f.does(VX_OP_FILE_WRITE, 1, 12, Boundary::kernel, -ENOSPC) == Link{3, 3});
    CHECK(f.close(1) == Link{3, 3});  // that write did not write
}

TEST_CASE("session: the program that a boundary does not know has none") {
    Files f;
    CHECK(f.open(0) == kNone);
    CHECK(f.write(0) == kNone);
    CHECK(f.close(0) == kNone);
    CHECK(f.open(1) == Link{0, 4});
}

TEST_CASE("session: lost opens put in doubt what is open, until it is closed") {
    Files f;
    CHECK(f.open(1) == Link{0, 1});
    f.sessions.on_lost_opens();
    CHECK(f.write(1) == kNone);
    CHECK(f.close(1) == kNone);
    CHECK(f.open(1) == Link{0, 4});
    CHECK(f.write(1) == Link{4, 4});
}

TEST_CASE("session: what has to be forgotten gives no chain, and no false one later") {
    Files f(1);
    for (std::uint64_t ino = 1; ino <= Sessions::kWays; ino++) {
        CHECK(f.open(1, ino) == Link{0, ino});
    }
    CHECK(f.open(1, 100) == kNone);  // takes the place of the first
    CHECK(f.sessions.counters().evicted == 1);
    CHECK(f.sessions.counters().open == Sessions::kWays);
    CHECK(f.write(1, 2) == Link{2, 2});
    CHECK(f.write(1, 1) == kNone);
    CHECK(f.close(1, 2) != kNone);
    CHECK(f.open(1, 1) == kNone);  // it is open already, which is forgotten
    CHECK(f.write(1, 1) == kNone);
}

namespace {

// Processes that open, fork, pass on and close descriptors, and what is true of them.
class World {
  public:
    World(std::uint64_t seed, std::size_t sets) : files(sets), random_(seed) {}

    void step() {
        const std::uint32_t pid = below(kProcesses);
        std::vector<Descriptor>& mine = held_[pid];
        const std::uint32_t what = below(16);
        if (what < 3) {
            const std::uint64_t ino = 1 + below(kFiles);
            const Link link = files.open(pid + 1, ino);
            mine.push_back({ino, files.seq});
            users_[files.seq] = 1;
            judge(link, files.seq, {0, files.seq});
        } else if (!mine.empty()) {
            const Descriptor at = mine[below(static_cast<std::uint32_t>(mine.size()))];
            what < 10 ? use(pid, at) : what < 11 ? share(at) : close(pid, at);
        }
    }

    Files files;
    std::uint64_t right = 0;  // events with a chain
    std::uint64_t none = 0;

  private:
    static constexpr std::uint32_t kProcesses = 4;
    static constexpr std::uint32_t kFiles = 40;
    struct Descriptor {
        std::uint64_t ino;
        std::uint64_t open;  // number of the open that it came of
    };

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    void judge(const Link& link, std::uint64_t open, const Link& truth) {
        if (link == kNone) {
            none++;
            return;
        }
        REQUIRE(link == truth);
        REQUIRE(link.chain == open);
        right++;
    }

    void use(std::uint32_t pid, const Descriptor& at) {
        const bool writes = below(2) == 0;
        const Link link = writes ? files.write(pid + 1, at.ino) : files.read(pid + 1, at.ino);
        judge(link, at.open, {at.open, at.open});
        if (writes && link != kNone) {
            written_[at.open] = files.seq;
        }
    }

    // By fork, or over a socket.
    void share(const Descriptor& at) {
        held_[below(kProcesses)].push_back(at);
        users_[at.open]++;
    }

    void close(std::uint32_t pid, const Descriptor& at) {
        std::vector<Descriptor>& mine = held_[pid];
        for (std::size_t i = 0; i < mine.size(); i++) {
            if (mine[i].open == at.open) {
                mine.erase(mine.begin() + static_cast<std::ptrdiff_t>(i));
                break;
            }
        }
        if (--users_[at.open] != 0) {
            return;  // the kernel tells the last close
        }
        const Link link = files.close(pid + 1, at.ino);
        const auto written = written_.find(at.open);
        judge(link, at.open, {written != written_.end() ? written->second : at.open, at.open});
    }

    std::mt19937_64 random_;
    std::vector<Descriptor> held_[kProcesses];
    std::map<std::uint64_t, unsigned> users_;
    std::map<std::uint64_t, std::uint64_t> written_;  // last write that is known to be of it
};

}  // namespace

TEST_CASE("session: whatever processes inherit, pass on and open again, no chain is false") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    for (const std::size_t sets : {1, 2, 64}) {
        World world(seed, sets);
        for (unsigned i = 0; i < 200'000; i++) {
            world.step();
        }
        CAPTURE(sets, world.right, world.none, world.files.sessions.counters().evicted);
        CHECK(world.none > 1000);
        CHECK((sets < 64 || world.right > 1000));
        CHECK((world.files.sessions.counters().evicted != 0) == (sets < 64));
    }
}
