// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per event: translation, translation with the context hash, JSON, and the store's
// encoding, over a mix of records like that of a build (many closes, writes and opens). Prints the
// fastest of several rounds: the machine's noise only ever adds. Budgets: translation 20 ns, with
// the hash 60 ns.
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "journal/format.hpp"
#include "record.h"
#include "route/json.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a program of one file

namespace {

constexpr int kRounds = 25;
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

template <typename F>
void measure(const char* what, double budget_ns, F one) {
    const Records records;
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (const vx_record* record : records.all()) {
            one(*record);
        }
        const std::chrono::duration<double, std::nano> took =
            std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / kRecords);
    }
    std::printf("%-34s %7.1f ns", what, best);
    if (budget_ns > 0) {
        std::printf("   budget %3.0f ns  %s", budget_ns, best <= budget_ns ? "met" : "MISSED");
    }
    std::printf("\n");
}

std::uint64_t g_sink = 0;  // what is computed must be used

EventView view_of(const vx_record& record, translate::Translator& translator) {
    EventView view;
    view.seq = 1;
    view.path = "/srv/build/out/some-object.o";
    translator.translate(record, Boundary::kernel, view);
    return view;
}

}  // namespace

int main() {
    measure("translation", 20, [](const vx_record& record) {
        g_sink += translate::operations(reinterpret_cast<const vx_event&>(record)).mask();
    });
    measure("context hash", 0,
            [](const vx_record& record) { g_sink += translate::context_hash(record); });
    translate::Translator translator;
    measure("translation, vectors, hash", 60, [&](const vx_record& record) {
        EventView view;
        translator.translate(record, Boundary::kernel, view);
        g_sink += view.hash + view.ops.size();
    });
    const journal::EntryCodec codec{JournalId{{1}}};
    std::vector<std::uint64_t> entry(journal::kEntryMax / 8);
    measure("the same, and encoded for the store", 0, [&](const vx_record& record) {
        codec.encode(view_of(record, translator), reinterpret_cast<std::byte*>(entry.data()));
        g_sink += entry[0];
    });
    const route::JsonLines json{JournalId{{1}}};
    std::string line;
    measure("the same, as a line of JSON", 0, [&](const vx_record& record) {
        line.clear();
        json.append(view_of(record, translator), line);
        g_sink += line.size();
    });
    std::fprintf(stderr, "%s", g_sink == 42 ? " " : "");
}
