// SPDX-License-Identifier: Apache-2.0
// The journal beside what people would keep a stream of events in otherwise, on the same file
// system, with the same bytes, at the same durability: events a second in batches of 10,000 that
// are on the disk. The peers wait for each batch; the journal does so too, and, as the daemon uses
// it, takes the next one while the last is on its way. Then how fast it is read, and how fast a
// daemon that was killed finds its end.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "../support/records.hpp"
#include "../support/temp_directory.hpp"
#include "bench_journal/peers.hpp"
#include "journal/directory.hpp"
#include "journal/segment_reader.hpp"
#include "journal/segment_store.hpp"
#include "measure.hpp"
#include "sys/loop.hpp"
#include "vexfs/reader.hpp"

using namespace vexfs;  // NOLINT: a program
using namespace vexfs::bench;

namespace {

constexpr unsigned kBatch = 10'000;
constexpr unsigned kBatches = 50;
constexpr unsigned kEvents = kBatch * kBatches;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

void must(const char* what, const Status& status) {
    if (!status) {
        std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
        std::exit(1);
    }
}

double rate(std::uint64_t events, std::uint64_t since_ns) {
    return static_cast<double>(events) * 1e9 / static_cast<double>(now_ns() - since_ns);
}

// A write to a file: a record of 128 bytes is what most events come to.
EventView event_of(const test::Record& record, std::uint64_t seq) {
    return record.view(seq, "/srv/data/project/file-0001.txt");
}

// The journal in the daemon's event loop.
class Journal {
  public:
    explicit Journal(std::uint64_t segment_bytes = std::uint64_t{64} << 20U) {
        auto directory = journal::OwnedDirectory::open(folder_.path());
        must("journal", directory.status());
        directory_.emplace(std::move(*directory));
        auto loop = Loop::create();
        must("event loop", loop.status());
        loop_ = std::move(*loop);
        disk_.emplace(directory_->fd(), *loop_);
        config_.segment_bytes = segment_bytes;
        open();
    }
    ~Journal() {
        store_.reset();
    }
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    void open() {
        auto store = journal::SegmentStore::open(config_, *disk_);
        must("journal", store.status());
        store_ = std::move(*store);
    }
    void append(unsigned events) {
        for (unsigned i = 0; i < events; ++i) {
            const EventView event = event_of(record_, store_->next_seq());
            Status status = store_->append(event);
            while (status.code() == ENOBUFS) {
                must("journal", store_->flush());
                store_->hurry();
                must("event loop", loop_->turn(true));
                status = store_->append(event);
            }
            must("journal", status);
        }
        must("journal", store_->flush());
        must("event loop", loop_->turn(false));
    }
    void wait_until_durable(std::uint64_t seq) {
        while (store_->durable_seq() < seq) {
            store_->hurry();
            must("event loop", loop_->turn(true));
        }
    }
    // As a daemon that is killed leaves it.
    void abandon() {
        wait_until_durable(last());
        store_.reset();
    }
    [[nodiscard]] std::uint64_t last() const { return store_->next_seq() - 1; }
    [[nodiscard]] const std::string& path() const { return folder_.path(); }
    [[nodiscard]] std::uint64_t bytes() const { return store_->stats().bytes; }

  private:
    test::TempDirectory folder_;
    std::optional<journal::OwnedDirectory> directory_;
    std::unique_ptr<Loop> loop_;
    std::optional<journal::DirectoryDisk> disk_;
    journal::StoreConfig config_;
    std::unique_ptr<journal::SegmentStore> store_;
    test::Record record_{VX_OP_FILE_WRITE};
};

// Batches one after the other (`behind` 0), or the n-th when the one `behind` before it is safe.
double append_to_journal(unsigned behind) {
    Journal journal;
    const std::uint64_t start = now_ns();
    for (unsigned n = 1; n <= kBatches; ++n) {
        journal.append(kBatch);
        journal.wait_until_durable(n > behind ? std::uint64_t{n - behind} * kBatch : 0);
    }
    journal.wait_until_durable(kEvents);
    return rate(kEvents, start);
}

double append_to(std::unique_ptr<Peer> (*open)(const std::string&)) {
    const test::TempDirectory folder;
    const std::unique_ptr<Peer> peer = open(folder.path());
    journal::EntryCodec codec({});
    const test::Record record(VX_OP_FILE_WRITE);
    std::vector<std::byte> entry(journal::EntryCodec::size_of(event_of(record, 1)));
    const std::uint64_t start = now_ns();
    for (std::uint64_t seq = 1; seq <= kEvents; seq += kBatch) {
        peer->begin();
        for (unsigned i = 0; i < kBatch; ++i) {
            codec.encode(event_of(record, seq + i), entry.data());
            peer->append(seq + i, entry);
        }
        peer->commit();
    }
    return rate(kEvents, start);
}

void compare_appends(const Arguments& arguments) {
    struct Compared {
        Row row;
        std::unique_ptr<Peer> (*open)(const std::string&);
    };
    std::array<Compared, 4> peers{{{{.reference = "plain log, fdatasync"}, plain_log},
                                   {{.reference = "SQLite, WAL, synchronous=FULL"}, sqlite},
                                   {{.reference = "RocksDB, sync"}, rocksdb},
                                   {{.reference = "LMDB, sync"}, lmdb}}};
    Row waits{.what = "the same, and each batch is waited for",
              .unit = "M/s",
              .reference = "plain log, fdatasync"};
    for (unsigned run = 0; run <= arguments.runs; ++run) {
        const double journal = append_to_journal(2) / 1e6;
        const double waiting = append_to_journal(0) / 1e6;
        for (Compared& peer : peers) {
            const double other = append_to(peer.open) / 1e6;
            if (run == 0) {
                continue;  // warms up
            }
            peer.row.value.add(journal);
            peer.row.reference_value.add(other);
            peer.row.ratio.add(journal / other);
            if (peer.open == plain_log) {
                waits.value.add(waiting);
                waits.reference_value.add(other);
                waits.ratio.add(waiting / other);
            }
        }
    }
    for (Compared& peer : peers) {
        peer.row.what = "journal, batches of 10,000, durable";
        peer.row.unit = "M/s";
        peer.row.goal = "at least 1.5 M/s, and ahead";
        arguments.print(peer.row);
    }
    arguments.print(waits);
}

// All bytes of the files, in pieces: what a reader can't be faster than.
double read_plainly(const std::string& folder, std::uint64_t& bytes) {
    std::vector<char> piece(std::size_t{256} << 10U);
    const std::uint64_t start = now_ns();
    bytes = 0;
    const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
    for (const std::uint64_t first : *journal::list_segments(directory.get())) {
        const UniqueFd fd(
            ::openat(directory.get(), journal::segment_name(first).c_str(), O_RDONLY));
        for (ssize_t n = 1; n > 0; bytes += static_cast<std::uint64_t>(n)) {
            n = ::read(fd.get(), piece.data(), piece.size());
        }
    }
    return static_cast<double>(now_ns() - start);
}

void measure_replay(const Arguments& arguments) {
    Row row{.what = "replay: events through a Reader",
            .unit = "M/s",
            .reference = "read() of the same files",
            .goal = "at least 5 M/s"};
    Journal journal;
    for (unsigned n = 0; n < 4 * kBatches; ++n) {
        journal.append(kBatch);
    }
    journal.wait_until_durable(journal.last());
    for (unsigned run = 0; run <= arguments.runs; ++run) {
        auto reader = Reader::open(journal.path());
        must("reader", reader.status());
        const std::uint64_t start = now_ns();
        std::uint64_t events = 0;
        for (auto item = reader->next(); *item != Reader::Item::end; item = reader->next()) {
            must("reader", item.status());
            events += *item == Reader::Item::event;
        }
        const double value = rate(events, start) / 1e6;
        std::uint64_t bytes = 0;
        const double plain =
            static_cast<double>(events) * 1e3 / read_plainly(journal.path(), bytes);
        if (run == 0) {
            continue;
        }
        row.value.add(value);
        row.reference_value.add(plain);
        row.ratio.add(value / plain);
        row.lost += journal.last() - events;
    }
    row.can_lose = true;
    arguments.print(row);
}

void measure_recovery(const Arguments& arguments) {
    Row row{.what = "opening after a kill, segment of 1 GiB",
            .unit = "s",
            .reference = "read() of the same file",
            .goal = "at most 1 s"};
    Journal journal(kGiB + (std::uint64_t{64} << 20U));
    while (journal.bytes() < kGiB) {
        journal.append(kBatch);
    }
    for (unsigned run = 0; run <= arguments.runs; ++run) {
        journal.abandon();
        const std::uint64_t start = now_ns();
        journal.open();
        const double value = static_cast<double>(now_ns() - start) / 1e9;
        std::uint64_t bytes = 0;
        const double plain = read_plainly(journal.path(), bytes) / 1e9;
        if (run == 0) {
            continue;
        }
        row.value.add(value);
        row.reference_value.add(plain);
        row.ratio.add(value / plain);
    }
    arguments.print(row);
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "The journal beside SQLite, RocksDB and LMDB.");
    compare_appends(arguments);
    measure_replay(arguments);
    measure_recovery(arguments);
    return 0;
}
