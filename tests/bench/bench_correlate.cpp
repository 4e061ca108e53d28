// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per event of correlation alone, beside the hash of the records: with one boundary,
// where there are only sessions; with two that both report everything, one some events behind the
// other; and with two of which one is silent, so that the table forgets what it still waits for.
#include <sys/stat.h>
#include <xxhash.h>

#include <string>
#include <vector>

#include "correlate/correlator.hpp"
#include "measure.hpp"
#include "record.h"

using namespace vexfs;  // NOLINT: a program of one file
using namespace vexfs::bench;

namespace {

constexpr unsigned kRounds = 64;
constexpr std::size_t kRecords = 4096;
constexpr std::size_t kLife = 10;            // events of a file
constexpr std::size_t kBehind = 64;          // events
constexpr std::uint64_t kBetween_ns = 1000;  // two events

// What programs do that make, write, read and remove files.
class Records {
  public:
    Records() : words_(kRecords * 64) {
        constexpr std::uint16_t life[kLife] = {
            VX_OP_FILE_CREATE, VX_OP_FILE_OPEN,  VX_OP_FILE_WRITE, VX_OP_FILE_WRITE,
            VX_OP_FILE_CLOSE,  VX_OP_FILE_CHMOD, VX_OP_FILE_OPEN,  VX_OP_FILE_READ,
            VX_OP_FILE_CLOSE,  VX_OP_FILE_RENAME};
        std::size_t at = 0;
        for (std::size_t i = 0; i < kRecords; ++i) {
            auto* e = reinterpret_cast<vx_event*>(&words_[at]);
            e->rec.type = VX_REC_EVENT;
            e->rec.op = life[i % kLife];
            e->fsid = 9;
            e->mode = S_IFREG | 0644;
            e->nlink = 1;
            e->pid = e->tid = static_cast<std::uint32_t>(4711 + i / kLife % 8);
            const std::string name = "some-object-" + std::to_string(i / kLife) + ".o";
            const bool rename = e->rec.op == VX_OP_FILE_RENAME;
            at += vx_event_strings(e, name.data(), static_cast<std::uint32_t>(name.size()),
                                   rename ? "before" : "", rename ? 6 : 0) /
                  8;
            all.push_back(e);
        }
    }
    // Other files than in the round before, later.
    void set_round(std::uint64_t round) {
        for (std::size_t i = 0; i < kRecords; ++i) {
            all[i]->ino = 1000 + round * kRecords + i / kLife;
            all[i]->rec.mono_ns = (round * kRecords + i) * kBetween_ns + 1;
        }
    }
    std::vector<vx_event*> all;

  private:
    std::vector<std::uint64_t> words_;
};

// Events as they come to a correlator, and the time that it takes with them.
class Load {
  public:
    explicit Load(Records& records)
        : records_(records), correlator_({.answers = false, .seed = 1}) {}

    correlate::Correlator& correlator() { return correlator_; }

    double ns_each(bool echoed) {
        std::uint64_t took = 0;
        for (unsigned round = 0; round < kRounds; ++round) {
            records_.set_round(++rounds_);
            const std::uint64_t start = ticks();
            for (std::size_t i = 0; i < kRecords; i += kBehind) {
                some(i, Boundary::kernel);
                if (echoed) {
                    some(i, Boundary::fuse);
                }
            }
            took += ticks() - start;
        }
        return static_cast<double>(took) * ns_per_tick() / kRounds / kRecords / (echoed ? 2 : 1);
    }

  private:
    void some(std::size_t first, Boundary boundary) {
        for (std::size_t i = first; i < first + kBehind; ++i) {
            view_.seq = ++seq_;
            view_.record = &records_.all[i]->rec;
            view_.hash = seq_;
            view_.boundary = boundary;
            view_.cause = view_.chain = 0;
            view_.duplicate = false;
            correlator_.prepare(*view_.record, boundary);
            correlator_.on_event(view_);
            keep(view_.cause);
        }
    }

    Records& records_;
    correlate::Correlator correlator_;
    EventView view_;
    std::uint64_t seq_ = 0;
    std::uint64_t rounds_ = 0;
};

void expect_both(correlate::Correlator& correlator) {
    correlator.expect(Boundary::kernel);
    correlator.expect(Boundary::fuse);
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "Nanoseconds per event of correlation.");
    pin(0);
    Records records;
    Load one(records);
    Load two(records);
    Load silent(records);
    one.correlator().expect(Boundary::kernel);
    expect_both(two.correlator());
    expect_both(silent.correlator());
    struct Measure {
        Row row;
        Load& load;
        bool echoed;
    };
    Measure all[] = {
        {{.what = "correlation, one boundary: sessions"}, one, false},
        {{.what = "correlation, two boundaries, half duplicates"}, two, true},
        {{.what = "correlation, two boundaries, one silent"}, silent, false},
    };
    for (unsigned run = 0; run <= arguments.runs; ++run) {
        records.set_round(run);
        const std::uint64_t start = ticks();
        for (unsigned round = 0; round < kRounds; ++round) {
            for (const vx_event* e : records.all) {
                keep(XXH3_64bits(e, e->rec.len));
            }
        }
        const double hash =
            static_cast<double>(ticks() - start) * ns_per_tick() / kRounds / kRecords;
        for (Measure& m : all) {
            const double value = m.load.ns_each(m.echoed);
            if (run == 0) {
                continue;  // warms up
            }
            m.row.value.add(value);
            m.row.reference_value.add(hash);
            m.row.ratio.add(value / hash);
        }
    }
    for (Measure& m : all) {
        const correlate::Counters c = m.load.correlator().counters();
        m.row.unit = "ns";
        m.row.reference = "XXH3-64 of the record alone";
        m.row.can_evict = true;
        m.row.evicted = c.echoes_evicted + c.sessions.evicted;
        arguments.print(m.row);
    }
    return 0;
}
