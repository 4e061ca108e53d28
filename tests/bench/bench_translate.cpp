// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per event: translation, translation with the context hash, the store's encoding, and
// the forms in which events leave, over a mix of records like that of a build (many closes, writes
// and opens), beside the hash of the records alone.
#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "measure.hpp"
#include "record.h"
#include "route/binary.hpp"
#include "route/cloud_events.hpp"
#include "route/json.hpp"
#include "translate/translate.hpp"
#include "vexfs/stream.hpp"

using namespace vexfs;  // NOLINT: a program of one file
using namespace vexfs::bench;

namespace {

constexpr unsigned kRounds = 64;
constexpr std::size_t kRecords = 4096;

// Records one behind the other, as in a ring.
class Records {
  public:
    Records() : words_(kRecords * 64) {
        const std::uint16_t mix[] = {
            VX_OP_FILE_CREATE, VX_OP_FILE_WRITE,  VX_OP_FILE_WRITE,  VX_OP_FILE_CLOSE,
            VX_OP_FILE_OPEN,   VX_OP_FILE_READ,   VX_OP_FILE_CLOSE,  VX_OP_FILE_RENAME,
            VX_OP_FILE_CHMOD,  VX_OP_FILE_DELETE, VX_OP_DIR_CREATE,  VX_OP_DIR_READ,
            VX_OP_FILE_WRITE,  VX_OP_FILE_CLOSE,  VX_OP_FILE_DELETE, VX_OP_FILE_TRUNCATE};
        std::size_t at = 0;
        for (std::size_t i = 0; i < kRecords; ++i) {
            auto* e = reinterpret_cast<vx_event*>(&words_[at]);
            e->rec.type = VX_REC_EVENT;
            e->rec.op = mix[(i * 7 + i / 16) % std::size(mix)];
            e->rec.count = i;
            e->ino = 1000 + i % 509;
            e->mode = S_IFREG | 0644;
            e->nlink = 1;
            e->flags = i % 3 != 0 ? VX_F_WROTE : 0;
            if (e->rec.op == VX_OP_FILE_DELETE) {
                e->flags = VX_F_LAST_LINK;
            }
            const std::string name = "some-object-" + std::to_string(i) + ".o";
            const bool rename = e->rec.op == VX_OP_FILE_RENAME;
            at += vx_event_strings(e, name.data(), static_cast<std::uint32_t>(name.size()),
                                   rename ? "before" : "", rename ? 6 : 0) /
                  8;
            records_.push_back(&e->rec);
        }
    }
    [[nodiscard]] const std::vector<const vx_record*>& all() const { return records_; }

  private:
    std::vector<std::uint64_t> words_;
    std::vector<const vx_record*> records_;
};

template <class Fn>
double ns_each(const Records& records, Fn fn) {
    const std::uint64_t start = ticks();
    for (unsigned round = 0; round < kRounds; ++round) {
        for (const vx_record* record : records.all()) {
            fn(*record);
        }
    }
    return static_cast<double>(ticks() - start) * ns_per_tick() / kRounds / kRecords;
}

EventView view_of(const vx_record& record, translate::Translator& translator) {
    EventView view;
    view.seq = 1;
    view.path = "/srv/build/out/some-object.o";
    translator.translate(record, Boundary::kernel, view);
    return view;
}

// A stream in memory, through the decoder in pieces as a pipe gives them.
double ns_to_decode(const Records& records, translate::Translator& translator) {
    std::string bytes;
    route::BinaryStream binary(Cursor{JournalId{{1}}, 0}, false);
    binary.begin(bytes);
    std::uint64_t seq = 0;
    for (const vx_record* record : records.all()) {
        EventView view = view_of(*record, translator);
        view.seq = ++seq;
        binary.append(view, bytes);
    }
    const std::uint64_t start = ticks();
    for (unsigned round = 0; round < kRounds; ++round) {
        StreamDecoder decoder;
        for (std::span rest = std::as_bytes(std::span(bytes)); !rest.empty();) {
            const std::size_t n = std::min<std::size_t>(rest.size(), 65'536);
            decoder.feed(rest.first(n));
            rest = rest.subspan(n);
            while (*decoder.next() == StreamDecoder::Item::event) {
                keep(decoder.event().seq);
            }
        }
    }
    return static_cast<double>(ticks() - start) * ns_per_tick() / kRounds / kRecords;
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "Nanoseconds per translation.");
    pin(0);
    const Records records;
    translate::Translator translator;
    const journal::EntryCodec codec{JournalId{{1}}};
    std::vector<std::uint64_t> entry(journal::kEntryMax / 8);
    const route::JsonLines json{JournalId{{1}}};
    const route::CloudEvents cloud_events(JournalId{{1}}, "host");
    route::BinaryStream binary(Cursor{JournalId{{1}}, 0}, true);
    std::string line;

    struct Measure {
        Row row;
        std::function<double()> run;
    };
    Measure all[] = {
        {{.what = "translation", .goal = "at most 20 ns"},
         [&] {
             return ns_each(records, [](const vx_record& record) {
                 keep(translate::operations(reinterpret_cast<const vx_event&>(record)).mask());
             });
         }},
        {{.what = "translation, vectors, context hash", .goal = "at most 60 ns"},
         [&] {
             return ns_each(records, [&](const vx_record& record) {
                 EventView view;
                 translator.translate(record, Boundary::kernel, view);
                 keep(view.hash + view.ops.size());
             });
         }},
        {{.what = "the same, and encoded for the store"},
         [&] {
             return ns_each(records, [&](const vx_record& record) {
                 codec.encode(view_of(record, translator),
                              reinterpret_cast<std::byte*>(entry.data()));
                 keep(entry[0]);
             });
         }},
        {{.what = "the same, as a line of JSON"},
         [&] {
             return ns_each(records, [&](const vx_record& record) {
                 line.clear();
                 json.append(view_of(record, translator), line);
                 keep(line.size());
             });
         }},
        {{.what = "the same, as a CloudEvent"},
         [&] {
             return ns_each(records, [&](const vx_record& record) {
                 line.clear();
                 cloud_events.append(view_of(record, translator), line);
                 keep(line.size());
             });
         }},
        {{.what = "the same, as an entry of a binary stream"},
         [&] {
             return ns_each(records, [&](const vx_record& record) {
                 line.clear();
                 binary.append(view_of(record, translator), line);
                 keep(line.size());
             });
         }},
        {{.what = "an entry of a binary stream, read back"},
         [&] { return ns_to_decode(records, translator); }},
    };
    for (unsigned run = 0; run <= arguments.runs; ++run) {
        const double hash = ns_each(
            records, [](const vx_record& record) { keep(XXH3_64bits(&record, record.len)); });
        for (Measure& m : all) {
            const double value = m.run();
            if (run == 0) {
                continue;  // warms up
            }
            m.row.value.add(value);
            m.row.reference_value.add(hash);
            m.row.ratio.add(value / hash);
        }
    }
    for (Measure& m : all) {
        m.row.unit = "ns";
        m.row.reference = "XXH3-64 of the record alone";
        arguments.print(m.row);
    }
    return 0;
}
