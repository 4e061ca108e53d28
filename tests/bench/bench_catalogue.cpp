// SPDX-License-Identifier: Apache-2.0
// How many events a second the catalogue takes, in transactions as the daemon makes them, beside
// bare SQLite: a table with one row for each of these events, in the same transactions. What is
// made, written, closed, renamed and removed is that of a program that saves files by a temporary
// name, in directories of 100.
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "catalogue/catalogue.hpp"
#include "heal/follower.hpp"
#include "measure.hpp"
#include "support/records.hpp"

using namespace vexfs;  // NOLINT: a program of one file
using namespace vexfs::bench;

namespace {

constexpr std::uint64_t kFsid = 7;
constexpr std::uint64_t kRoot = 2;
constexpr std::uint64_t kEvents = 1'000'000;
constexpr unsigned kBatch = heal::Follower::kBatch;

void need(const Status& status) {
    if (!status) {
        std::fprintf(stderr, "bench_catalogue: %s\n", status.message().c_str());
        std::exit(1);
    }
}

// A directory of its own, on the disk of /var/tmp.
class Place {
  public:
    Place() {
        char name[] = "/var/tmp/vexfs-bench-XXXXXX";
        path_ = ::mkdtemp(name) != nullptr ? name : "";
        need(path_.empty() ? Status::from_errno(errno, name) : Status());
    }
    ~Place() { std::filesystem::remove_all(path_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// The events: five for each file, and one for each directory of a hundred.
class Saves {
  public:
    const EventView& next() {
        ++seq_;
        if (step_ == 0 && file_ % 100 == 0) {
            directory_ = ++ino_;
            set(VX_OP_DIR_CREATE, directory_, kRoot, "d" + std::to_string(directory_));
            record_->mode = S_IFDIR | 0755;
            step_ = 1;
            return view();
        }
        switch (step_++) {
            case 0:
            case 1:
                set(VX_OP_FILE_CREATE, ++ino_, directory_, temporary());
                step_ = 2;
                break;
            case 2:
                set(VX_OP_FILE_WRITE, ino_, directory_, temporary());
                break;
            case 3:
                set(VX_OP_FILE_CLOSE, ino_, directory_, temporary(), VX_F_WROTE);
                break;
            case 4:
                set(VX_OP_FILE_RENAME, ino_, directory_, name(file_));
                record_.names(name(file_), temporary());
                record_.rename().old_parent_ino = directory_;
                break;
            default:
                // Every second file goes again.
                set(file_ % 2 == 0 ? VX_OP_FILE_CHMOD : VX_OP_FILE_DELETE, ino_, directory_,
                    name(file_));
                step_ = 0;
                ++file_;
                break;
        }
        return view();
    }

  private:
    [[nodiscard]] std::string temporary() const { return name(file_) + ".tmp"; }
    static std::string name(std::uint64_t n) { return "document-" + std::to_string(n) + ".txt"; }
    void set(unsigned op, std::uint64_t ino, std::uint64_t parent, const std::string& name,
             std::uint32_t flags = 0) {
        record_ = test::Record(op, flags);
        record_.names(name);
        record_->fsid = kFsid;
        record_->ino = ino;
        record_->parent_ino = parent;
        record_->size = 4096;
    }
    const EventView& view() {
        view_ = record_.view(seq_, "");
        return view_;
    }

    test::Record record_{VX_OP_FILE_CREATE};
    EventView view_;
    std::uint64_t seq_ = 0;
    std::uint64_t ino_ = kRoot;
    std::uint64_t file_ = 0;
    std::uint64_t directory_ = 0;
    unsigned step_ = 0;
};

double of_catalogue(std::uint64_t events) {
    const Place place;
    auto catalogue = Catalogue::open(place.path(), JournalId{{1}});
    need(catalogue.status());
    need((*catalogue)->begin());
    need((*catalogue)->add_root({kFsid, kRoot, 0}, "/w", "/w", 0));
    need((*catalogue)->set_complete({kFsid, kRoot, 0}));
    Saves saves;
    const std::uint64_t begin = now_ns();
    for (std::uint64_t n = 1; n <= events; ++n) {
        need((*catalogue)->apply(saves.next()));
        if (n % kBatch == 0 || n == events) {
            need((*catalogue)->commit(n, n));
            need(n == events ? Status() : (*catalogue)->begin());
        }
    }
    return static_cast<double>(events) / (static_cast<double>(now_ns() - begin) / 1e9);
}

double of_table(std::uint64_t events) {
    const Place place;
    auto db = Database::open(place.path() + "/bare.db", Database::Access::write);
    need(db.status());
    need(db->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                     "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16384;"
                     "CREATE TABLE events(seq INTEGER PRIMARY KEY, op INTEGER, ino INTEGER, "
                     "parent INTEGER, name BLOB); BEGIN"));
    auto insert = db->prepare("INSERT INTO events VALUES(?1,?2,?3,?4,?5)");
    need(insert.status());
    Saves saves;
    const std::uint64_t begin = now_ns();
    for (std::uint64_t n = 1; n <= events; ++n) {
        const EventView& view = saves.next();
        const vx_event& e = view.event();
        need(insert->bind(n, view.op(), e.ino, e.parent_ino, view.name()).run());
        if (n % kBatch == 0 || n == events) {
            need(db->execute(n == events ? "COMMIT" : "COMMIT; BEGIN"));
        }
    }
    return static_cast<double>(events) / (static_cast<double>(now_ns() - begin) / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv, "Events a second that the catalogue takes.");
    Row row{.what = "catalogue: events applied",
            .unit = "/s",
            .reference = "bare SQLite, a row an event",
            .goal = "at least 150,000 /s",
            .can_lose = true};
    for (unsigned run = 0; run < arguments.runs; run++) {
        row.value.add(of_catalogue(kEvents));
        row.reference_value.add(of_table(kEvents));
        row.ratio.add(row.value.last() / row.reference_value.last());
    }
    arguments.print(row);
    return 0;
}
