// SPDX-License-Identifier: Apache-2.0
// Duplicates against the truth: threads whose changes are known, seen by one boundary or by two,
// in streams that are behind each other by more or less.
//
//   VEXFS_ECHOES=full  1,200,000 events instead of 120,000; VEXFS_SEED=N: these again
#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "correlate/correlator.hpp"
#include "support/catch.hpp"
#include "support/number_from.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test
using test::Record;

namespace {

constexpr std::uint64_t kWindow = correlate::kEchoWindowNs;
constexpr unsigned kThreads = 256;
constexpr std::array<Boundary, 2> kSides = {Boundary::kernel, Boundary::fuse};

// Changes that are equal but for their time. What differs in one field is of another kind.
struct Kind {
    unsigned op;
    std::uint32_t tid;
    std::uint64_t ino;
    std::uint32_t mode;      // of a chmod
    std::uint64_t offset;    // of a read or write
    bool first_knows_range;  // the second one always does
    char name;
    std::uint64_t changes = 0;  // the truth
    std::uint64_t seen = 0;
    std::uint64_t dropped = 0;  // said to be duplicates
};

struct Sighting {
    std::uint64_t ns;
    std::uint32_t kind;
    std::uint8_t side;
    bool matched[2] = {false, false};  // by whom
};

class Truth {
  public:
    explicit Truth(std::uint64_t seed) : random_(seed), now_(kThreads, 1'000'000'000) {
        constexpr unsigned kOps[] = {VX_OP_FILE_WRITE,  VX_OP_FILE_READ,   VX_OP_FILE_CHMOD,
                                     VX_OP_FILE_CREATE, VX_OP_FILE_RENAME, VX_OP_FILE_CLOSE,
                                     VX_OP_FILE_WRITE,  VX_OP_FILE_DELETE};
        for (std::uint32_t i = 0; i < kThreads * kKindsOfThread; i++) {
            const std::uint32_t thread = i / kKindsOfThread;
            kinds.push_back({.op = kOps[thread % 8],
                             .tid = 1000 + thread,
                             .ino = 100 + thread / 2 % 4,
                             .mode = 0600 + (i & 1U),
                             .offset = (i & 1U) * 4096,
                             .first_knows_range = thread % 3 != 0,
                             .name = static_cast<char>('a' + (i & 1U))});
        }
    }

    // One thing that a thread does.
    void act() {
        const std::uint32_t thread = below(kThreads);
        const std::uint32_t kind = thread * kKindsOfThread + below(kKindsOfThread);
        switch (below(10)) {
            case 0:  // equal events of one boundary
                for (std::uint32_t n = 1 + below(5); n > 0; n--) {
                    change(thread, kind, 0, 0);
                }
                break;
            case 1:  // equal changes, each seen by both
                for (std::uint32_t n = 1 + below(5); n > 0; n--) {
                    change(thread, kind, 3, lag());
                }
                break;
            case 2:
                too_late(thread);
                break;
            case 3:
                almost_equal(thread);
                break;
            default:
                change(thread, kind, 3, lag());
        }
    }

    // Each boundary's in the order of time; one is behind the other, by turns.
    std::vector<Sighting> stream() {
        std::array<std::vector<Sighting>, 2> sides;
        for (const Sighting& s : sightings_) {
            sides[s.side].push_back(s);
        }
        for (auto& side : sides) {
            std::stable_sort(side.begin(), side.end(),
                             [](const Sighting& a, const Sighting& b) { return a.ns < b.ns; });
        }
        std::vector<Sighting> all;
        std::array<std::size_t, 2> at{};
        for (std::uint64_t now = 0; all.size() < sightings_.size();) {
            const unsigned side = below(2);
            now = std::max(now, oldest(sides, at)) + below(4) * kWindow / 4;
            for (; at[side] < sides[side].size() && sides[side][at[side]].ns <= now; at[side]++) {
                all.push_back(sides[side][at[side]]);
            }
            now -= std::min(now, kWindow / 2);
        }
        return all;
    }

    [[nodiscard]] std::size_t size() const { return sightings_.size(); }
    std::uint64_t below64(std::uint64_t n) { return random_() % n; }
    std::vector<Kind> kinds;

  private:
    static constexpr std::uint32_t kKindsOfThread = 2;

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    static std::uint64_t oldest(const std::array<std::vector<Sighting>, 2>& sides,
                                const std::array<std::size_t, 2>& at) {
        std::uint64_t ns = ~std::uint64_t{0};
        for (unsigned i = 0; i < 2; i++) {
            ns = at[i] < sides[i].size() ? std::min(ns, sides[i][at[i]].ns) : ns;
        }
        return ns;
    }

    // Mostly some microseconds; up to the window.
    std::uint64_t lag() {
        switch (below(50)) {
            case 0:
                return kWindow;
            case 1:
                return below64(kWindow);
            default:
                return below64(50'000);
        }
    }

    // A thread does one after the other. `sides`: who sees it (bits); `apart`: by how much.
    void change(std::uint32_t thread, std::uint32_t kind, unsigned sides, std::uint64_t apart) {
        const std::uint64_t begin = now_[thread] + 1 + below64(100'000);
        const unsigned first = below(2);
        kinds[kind].changes++;
        if (sides == 0) {
            see(begin, kind, 0);  // always the same one: what the other sees, this one sees too
        } else {
            see(begin, kind, first);
            see(begin + apart, kind, 1 - first);
        }
        now_[thread] = begin + apart + 1;
    }

    // Two sightings of something that only looks the same: nothing is under way for that long.
    void too_late(std::uint32_t thread) {
        const std::uint32_t kind = new_kind(thread);
        const unsigned first = below(2);
        kinds[kind].changes = 2;
        see(now_[thread], kind, first);
        see(now_[thread] + kWindow + 1 + (below(2) == 0 ? 0 : below64(kWindow)), kind, 1 - first);
    }

    // At the same time at both boundaries, and different in one field.
    void almost_equal(std::uint32_t thread) {
        const std::uint32_t one = new_kind(thread);
        Kind other = kinds[one];
        switch (below(4)) {
            case 0:
                other.tid += 100'000;
                break;
            case 1:
                other.ino++;
                next_ino_++;
                break;
            case 2:
                other.op = other.op == VX_OP_FILE_WRITE ? VX_OP_FILE_CLOSE : VX_OP_FILE_WRITE;
                break;
            default:
                other.mode ^= 07;
                other.name = 'z';
                other.offset += 1;
                if (other.op == VX_OP_FILE_CLOSE) {
                    other.tid += 100'000;  // it has no argument
                }
                other.first_knows_range = kinds[one].first_knows_range = true;
        }
        kinds.push_back(other);
        const auto two = static_cast<std::uint32_t>(kinds.size() - 1);
        kinds[one].changes = kinds[two].changes = 1;
        see(now_[thread], one, 0);
        see(now_[thread] + below64(1000), two, 1);
    }

    std::uint32_t new_kind(std::uint32_t thread) {
        Kind kind = kinds[thread * kKindsOfThread];
        kind.ino = next_ino_++;
        kind.changes = kind.seen = 0;
        kinds.push_back(kind);
        return static_cast<std::uint32_t>(kinds.size() - 1);
    }

    void see(std::uint64_t ns, std::uint32_t kind, unsigned side) {
        sightings_.push_back({ns, kind, static_cast<std::uint8_t>(side)});
        kinds[kind].seen++;
    }

    std::mt19937_64 random_;
    std::vector<std::uint64_t> now_;  // of each thread
    std::vector<Sighting> sightings_;
    std::uint64_t next_ino_ = 1'000'000;
};

// What each boundary would have written; what is its own is its own.
Record record_of(const Kind& kind, const Sighting& s, std::uint64_t noise) {
    Record record(kind.op, kind.op == VX_OP_FILE_CHMOD ? VX_F_MODE : 0);
    record->fsid = 7;
    record->ino = kind.ino;
    record->parent_ino = 2;
    record->tid = kind.tid;
    record->mode = S_IFREG | kind.mode;
    record->rec.mono_ns = s.ns;
    record->rec.ticket = record->rec.count = noise;
    record->size = record->nlink = static_cast<std::uint32_t>(noise);
    record->pid = s.side == 0 ? kind.tid : 0;
    record->uid = s.side;
    if (s.side == 1 || kind.first_knows_range) {
        record->offset = kind.offset;
        record->length = 10;
    }
    const bool rename = kind.op == VX_OP_FILE_RENAME;
    record.names(std::string(1, kind.name), rename ? "old" : "");
    return record;
}

struct Verdict {
    std::uint64_t changes = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t missed = 0;
    std::uint64_t wrong = 0;      // changes of which nothing is left
    std::uint64_t bad_match = 0;  // with what it can't be a duplicate of
    std::uint64_t evicted = 0;
};

bool can_match(const Kind& a, const Kind& b) {
    const bool range = a.op == VX_OP_FILE_WRITE || a.op == VX_OP_FILE_READ;
    return a.op == b.op && a.tid == b.tid && a.ino == b.ino &&
           (a.op != VX_OP_FILE_CHMOD || a.mode == b.mode) &&
           (!range || !a.first_knows_range || a.offset == b.offset) &&
           (a.op == VX_OP_FILE_CLOSE || range || a.op == VX_OP_FILE_CHMOD || a.name == b.name);
}

Verdict judge(Truth& truth, std::vector<Sighting>& stream) {
    correlate::Correlator correlator({.seed = 1});
    for (const Boundary side : kSides) {
        correlator.expect(side);
    }
    translate::Translator translator;
    Verdict verdict;
    for (std::size_t i = 0; i < stream.size(); i++) {
        Sighting& s = stream[i];
        Kind& kind = truth.kinds[s.kind];
        const Record record = record_of(kind, s, truth.below64(1U << 30U));
        EventView view;
        translator.translate(record.record(), kSides[s.side], view);
        view.seq = i + 1;
        correlator.prepare(*view.record, view.boundary);
        correlator.on_event(view);
        if (!view.duplicate) {
            continue;
        }
        verdict.duplicates++;
        kind.dropped++;
        Sighting& first = stream[view.cause - 1];
        const std::uint64_t apart = std::max(s.ns, first.ns) - std::min(s.ns, first.ns);
        verdict.bad_match += view.cause > i || first.side == s.side || apart > kWindow ||
                             first.matched[s.side] || !can_match(kind, truth.kinds[first.kind]);
        first.matched[s.side] = true;
    }
    verdict.evicted = correlator.counters().echoes_evicted;
    return verdict;
}

// Of each set of changes that can't be told apart there must be as many left as there were.
void count(Truth& truth, Verdict& verdict) {
    std::vector<const Kind*> kinds;
    for (const Kind& kind : truth.kinds) {
        kinds.push_back(&kind);
    }
    const auto key = [](const Kind* k) {
        const bool range = k->op == VX_OP_FILE_WRITE || k->op == VX_OP_FILE_READ;
        const std::uint64_t argument = k->op == VX_OP_FILE_CHMOD            ? k->mode
                                       : range && k->first_knows_range      ? k->offset
                                       : k->op == VX_OP_FILE_CLOSE || range ? 0
                                                                            : k->name;
        return std::tuple(k->ino, k->tid, k->op, argument);
    };
    std::sort(kinds.begin(), kinds.end(),
              [&](const Kind* a, const Kind* b) { return key(a) < key(b); });
    for (std::size_t i = 0; i < kinds.size();) {
        std::uint64_t changes = 0;
        std::uint64_t left = 0;
        const auto same = key(kinds[i]);
        for (; i < kinds.size() && key(kinds[i]) == same; i++) {
            changes += kinds[i]->changes;
            left += kinds[i]->seen - kinds[i]->dropped;
        }
        verdict.changes += changes;
        verdict.missed += left > changes ? left - changes : 0;
        verdict.wrong += changes > left ? changes - left : 0;
    }
}

}  // namespace

TEST_CASE("duplicates against the truth: none is missed, and nothing else is taken for one") {
    const std::uint64_t seed = test::seed();
    INFO("VEXFS_SEED=" << seed);
    const std::size_t events = test::number_from("VEXFS_ECHOES", 120'000, 1'200'000);
    Truth truth(seed);
    while (truth.size() < events) {
        truth.act();
    }
    std::vector<Sighting> stream = truth.stream();
    REQUIRE(stream.size() == truth.size());
    Verdict verdict = judge(truth, stream);
    count(truth, verdict);
    std::printf(
        "%zu events of %llu changes: %llu duplicates, %llu missed, %llu wrongly dropped, "
        "%llu evicted\n",
        stream.size(), static_cast<unsigned long long>(verdict.changes),
        static_cast<unsigned long long>(verdict.duplicates),
        static_cast<unsigned long long>(verdict.missed),
        static_cast<unsigned long long>(verdict.wrong),
        static_cast<unsigned long long>(verdict.evicted));
    CHECK(verdict.missed == 0);
    CHECK(verdict.wrong == 0);
    CHECK(verdict.bad_match == 0);
    CHECK(verdict.evicted == 0);
    CHECK(verdict.duplicates + verdict.changes == stream.size());
    CHECK(verdict.duplicates > events / 4);
}
