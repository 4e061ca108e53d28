// SPDX-License-Identifier: Apache-2.0
// Judge: compares what the three listeners say of the same operations. The rule:
//
// 1. Every system call is made by a thread that makes no other. fanotify joins records that are
//    alike (same thread, object, directory, name) and not yet read, so it joins only what one call
//    has raised: CREATE and OPEN of one open(), say. A record with several bits stands for one
//    event of each. In one call each bit is raised once for a name: never more.
// 2. So for each thread: the set of (bit, object, directory, name) that VexFS's events lead to
//    expect (expect.hpp) is the set that fanotify says, each once. No record and no event is left
//    over on either side. DELETE_SELF comes when the kernel forgets a name of an object that has
//    no link left, in whatever thread, for each such name: there is at least one for each object of
//    which VexFS says that its last name is gone, and none for another.
//    Where the kernel itself says something twice or leaves something out (kernel.hpp), that is
//    found out before, with nobody but the kernel involved.
// 3. Which file handle is which inode and generation is learnt when VexFS says that the object is
//    made; from then on each stands for the other.
// 4. Order: of the calls of one process, and of the names that come and go in one directory (the
//    kernel holds its lock meanwhile). Between calls of two processes elsewhere there is none.
// 5. Programs that make many calls in one thread (`joined`) leave less to compare, because fanotify
//    joins what it likes: for each thread the same set, each bit at least once and not more often
//    than VexFS has it; and in each directory the objects come into being in the same order.
//    ATTRIB of fanotify that VexFS has no event for is that of times and extended attributes, which
//    are none of its operations: counted.
// 6. inotify knows no threads and joins successive equal events. In a directory that only one
//    process uses, each watch says what VexFS leads to expect, in its order, where a run of equal
//    events may be shorter but not empty. In one that several use, this holds of the names that
//    come and go; of the rest, which has no order, each is said, and not more often.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "vexfs/event.hpp"
#include "vm/vx_oracle/expect.hpp"
#include "vm/vx_oracle/kernel.hpp"
#include "vm/vx_oracle/said.hpp"

namespace vexfs::vm {

// All that was said from one standstill of the workload to the next.
struct Round {
    std::vector<Event> events;
    std::vector<Said> said;
    std::vector<Heard> heard;            // Heard::dir: the watch's number
    std::vector<std::uint64_t> watches;  // inode numbers of new ones
    bool with_fanotify = true;           // otherwise `said` is empty and not judged
    bool with_inotify = true;            // likewise
    bool joined = false;                 // rule 5
};

class Judge {
  public:
    // One bit of something that was said, whether of a directory, object, directory and name; of a
    // rename also the new ones.
    using Word = std::tuple<std::uint32_t, std::uint32_t, Number, Number, std::string, Number,
                            std::string>;
    // How often each side has said a word.
    struct Tally {
        std::map<unsigned, unsigned> by_op;  // events of VexFS
        unsigned said = 0;
    };

    // The root of the tree: its inode, and its number at fanotify.
    Judge(std::uint64_t root_ino, Number root_said, Kernel kernel);

    void round(const Round& round, Differences& differences);
    // The two halves of it.
    void calls(const std::vector<Wanted>& wanted, const std::vector<Said>& said, bool joined,
               Differences& differences);
    void watches(const std::vector<Heard>& wanted, const std::vector<Heard>& heard,
                 Differences& differences);

    // Of rule 5.
    [[nodiscard]] std::uint64_t attributes_of_others() const { return others_; }

  private:
    // Of one thread.
    struct Call {
        std::uint32_t tid = 0;
        std::uint32_t pid = 0;
        std::vector<const Wanted*> wanted;
        std::vector<Said> said;
    };
    struct Calls;
    using Spoken = std::map<Word, Tally>;

    [[nodiscard]] Spoken count(const Call& call) const;
    void learn(const Calls& calls, const Wanted& wanted);
    [[nodiscard]] Number deleted(const Call& call, const Said& said) const;
    void compare(const Call& call, Differences& differences) const;
    void compare_joined(const Call& call, Differences& differences);
    void compare_order(const Calls& calls, Differences& differences) const;
    void compare_deaths(Differences& differences);
    [[nodiscard]] Said translated(const Said& wanted) const;
    [[nodiscard]] Number at_fanotify(Number vexfs) const;

    Kernel kernel_;
    Expect expect_;
    std::unordered_map<Number, Number> said_as_;  // VexFS's number -> fanotify's
    std::unordered_map<Number, Number> is_;       // and back
    std::set<Number> deaths_;                     // fanotify's numbers: DELETE_SELF
    std::uint64_t others_ = 0;
    std::vector<Number> watched_;                 // directory of each watch, from 1
};

}  // namespace vexfs::vm
