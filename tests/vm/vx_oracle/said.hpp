// SPDX-License-Identifier: Apache-2.0
// What VexFS, fanotify and inotify say, in words that can be compared.
#pragma once

#include <sys/fanotify.h>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace vexfs::vm {

// An object by a number that its listener gives it; 0: not told.
using Number = std::uint32_t;

constexpr std::uint32_t kNameBits =
    FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_RENAME;

// One record of fanotify.
struct Said {
    std::uint32_t tid = 0;
    std::uint32_t bits = 0;  // FAN_*, of which inotify's IN_* are a part
    Number object = 0;
    Number dir = 0;    // where its name is; FAN_RENAME: was. 0: the object alone is told
    std::string name = {};
    Number dir2 = 0;   // FAN_RENAME: where it is now
    std::string name2 = {};
};

// What an event of VexFS leads to expect of fanotify, in VexFS's numbers.
struct Wanted {
    Said said = {};
    std::uint32_t pid = 0;
    unsigned op = 0;    // enum vx_op
    bool born = false;  // said.object has come into being with this event
};

// What a watch of inotify says, or is expected to.
struct Heard {
    Number dir = 0;          // the directory that is watched
    std::uint32_t bits = 0;  // IN_*
    std::string name = {};   // empty: of the directory itself
    std::uint32_t pid = 0;   // expected: whose doing it is. inotify does not say
};

// Differences: counted, and the first ones kept as text.
class Differences {
  public:
    void add(std::string what) {
        explain(std::move(what));
        count_++;
    }
    // A line that belongs to the one before.
    void explain(std::string what) {
        constexpr std::size_t kKept = 40;
        if (shown_.size() < kKept) {
            shown_.push_back(std::move(what));
        }
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const std::vector<std::string>& shown() const { return shown_; }

  private:
    std::uint64_t count_ = 0;
    std::vector<std::string> shown_;
};

std::string describe(const Said& said);
std::string describe(const Heard& heard);

}  // namespace vexfs::vm
