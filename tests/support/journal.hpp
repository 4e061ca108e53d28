// SPDX-License-Identifier: Apache-2.0
// A journal in a directory, written by a test: what the store starts is done when the test says so.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "journal/directory.hpp"
#include "journal/segment_store.hpp"
#include "journal/verify.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

namespace vexfs::test {

// Keeps what it is asked for, until step() or run().
class QueuedIo : public FileIo {
  public:
    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset, WriteSync sync,
                 Handler done) override {
        queue_.push_back({fd, bytes, offset, sync == WriteSync::data, std::move(done)});
        return {};
    }
    Status fdatasync(int fd, Handler done) override {
        queue_.push_back({fd, {}, 0, true, std::move(done)});
        return {};
    }

    Status fsync(int fd, Handler done) override { return fdatasync(fd, std::move(done)); }

    Status allocate(int fd, std::uint64_t bytes, Handler done) override {
        queue_.push_back({fd, {}, 0, false, std::move(done), bytes});
        return {};
    }

    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    // Does the one that came in as the n-th of those that wait.
    void step(std::size_t n = 0) {
        Operation op = std::move(queue_[n]);
        queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(n));
        Status status = op.bytes.empty() ? Status() : write_now(op.fd, op.bytes, op.offset);
        if (op.room != 0) {
            status = journal::DirectoryDisk(-1, *this).allocate(op.fd, op.room);
        }
        if (status && op.sync) {
            status = sync_now(op.fd);
        }
        op.done(status ? static_cast<int>(op.bytes.size()) : -status.code());
    }
    void run() {
        while (!queue_.empty()) {
            step();
        }
    }

  protected:
    virtual Status write_now(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
        return journal::DirectoryDisk(-1, *this).write(fd, bytes, offset);
    }
    virtual Status sync_now(int fd) { return journal::DirectoryDisk(-1, *this).sync(fd); }

  private:
    struct Operation {
        int fd;
        std::span<const std::byte> bytes;
        std::uint64_t offset;
        bool sync;
        Handler done;
        std::uint64_t room = 0;  // to be made
    };
    std::deque<Operation> queue_;
};

// A store and what is below it.
class TestJournal {
  public:
    explicit TestJournal(const std::string& path, const journal::StoreConfig& config = {},
                         std::unique_ptr<QueuedIo> own_io = std::make_unique<QueuedIo>())
        : io(std::move(own_io)),
          directory_(*journal::OwnedDirectory::open(path)),
          disk_(directory_.fd(), *io) {
        auto opened = journal::SegmentStore::open(config, disk_);
        INFO((opened ? std::string() : opened.status().message()));
        REQUIRE(opened.ok());
        store = std::move(*opened);
    }

    template <typename T>
    Status append(const T& what) {
        return store->append(what);
    }
    // What was appended is in the files.
    Status flush() {
        const Status status = store->flush();
        io->run();
        return status;
    }
    // And durable.
    Status sync() {
        Status result = Status::error(EINPROGRESS, "not answered");
        store->sync([&](const Status& status) { result = status; });
        io->run();
        return result;
    }
    Status close() {
        const Status synced = sync();
        return synced ? store->close() : synced;
    }
    [[nodiscard]] std::uint64_t next_seq() const { return store->next_seq(); }
    [[nodiscard]] const JournalId& id() const { return store->id(); }
    [[nodiscard]] const journal::StoreStats& stats() const { return store->stats(); }

    std::unique_ptr<QueuedIo> io;

  private:
    journal::OwnedDirectory directory_;
    journal::DirectoryDisk disk_;

  public:
    std::unique_ptr<journal::SegmentStore> store;
};

// Appends a write to a file; its inode number is the event's number.
template <typename Store>
Status put(Store& store) {
    Record record(VX_OP_FILE_WRITE);
    record->ino = store.next_seq();
    EventView event = record.view(store.next_seq(), "/w/file");
    event.hash = translate::context_hash(record.record());
    event.ops = translate::operations(record.event());
    return store.append(event);
}

// With a hint of each problem.
inline journal::VerifyReport verify(const std::string& path) {
    auto report = journal::verify(path, [](const journal::Problem& p) {
        UNSCOPED_INFO(p.segment << " at " << p.offset << ": " << p.what);
    });
    REQUIRE(report.ok());
    return *report;
}

// Where an event begins in its file.
inline std::uint64_t offset_of(const std::string& directory, std::uint64_t seq) {
    std::uint64_t found = 0;
    const Status read = journal::for_each_entry(
        directory,
        [&](const journal::EntryHeader& entry, const std::string&, std::uint64_t offset) {
            found = offset;
            return entry.seq != seq;
        });
    REQUIRE(read.ok());
    return found;
}

}  // namespace vexfs::test
