// SPDX-License-Identifier: Apache-2.0
// A disk that does what disks and kernels do to those who trust them. Its files are real, so that
// they can be read; what would be left of them after a power cut is kept beside them.
//
// - What was written is lost by a power cut, sector by sector (512 bytes) as chance has it, unless
//   it was synced. Names that were made, changed or removed since sync_directory() are lost from
//   some operation on.
// - A sync that fails has written some of the sectors, and the kernel holds the others for clean:
//   the next sync says that all is well.
// - Writes that were started are done when the test says so, in an order of its choice.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "journal/disk.hpp"
#include "support/catch.hpp"
#include "support/simulated_file.hpp"

namespace vexfs::test {

class SimulatedDisk : public journal::Disk {
  public:
    SimulatedDisk(std::string directory, std::uint64_t seed)
        : path_(std::move(directory)),
          directory_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
          random_(seed) {
        REQUIRE(directory_);
    }

    // In thousandths: how many syncs and writes fail with EIO.
    unsigned bad_syncs = 0;
    unsigned bad_writes = 0;
    // Bytes that files may have together; what is more is ENOSPC.
    std::uint64_t room = ~std::uint64_t{0};
    // So many operations are still done; then each fails, and does nothing: the machine stops.
    std::uint64_t operations_left = ~std::uint64_t{0};
    // Says that it has synced, and has not.
    bool lies = false;

    [[nodiscard]] int directory() const override { return directory_.get(); }

    // Changes a bit of a file, at rest.
    void flip(const std::string& name, std::uint64_t bit) {
        Node& node = *names_.at(name);
        const std::byte mask{static_cast<unsigned char>(1U << bit % 8)};
        node.cache.at(bit / 8) ^= mask;
        if (bit / 8 < node.disk.size()) {
            node.disk[bit / 8] ^= mask;
        }
        const UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CLOEXEC));
        REQUIRE(fd);
        SimulatedFile::write_to(fd.get(), std::span(node.cache).subspan(bit / 8, 1), bit / 8);
    }

    Result<UniqueFd> create(const std::string& name) override {
        if (dead()) {
            return dying();
        }
        if (names_.contains(name)) {
            REQUIRE(::unlinkat(directory_.get(), name.c_str(), 0) == 0);
            name_now(name, nullptr);
        }
        UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                             0600));
        REQUIRE(fd);
        auto node = std::make_shared<Node>();
        nodes_[inode(fd.get())] = node;
        name_now(name, node);
        return fd;
    }
    Result<UniqueFd> open(const std::string& name) override {
        UniqueFd fd(::openat(directory_.get(), name.c_str(), O_RDWR | O_CLOEXEC));
        return fd ? Result<UniqueFd>(std::move(fd)) : Status::from_errno(errno, "open " + name);
    }
    Status allocate(int fd, std::uint64_t bytes) override {
        if (dead()) {
            return dying();
        }
        Node& node = at(fd);
        if (bytes > node.cache.size() && used() - node.cache.size() + bytes > room) {
            return Status::error(ENOSPC, "make room: No space left on device");
        }
        return node.resize(fd, std::max<std::uint64_t>(bytes, node.cache.size()));
    }
    Status truncate(int fd, std::uint64_t bytes) override {
        return dead() ? dying() : at(fd).resize(fd, bytes);
    }
    Status rename(const std::string& from, const std::string& to) override {
        if (dead()) {
            return dying();
        }
        REQUIRE(::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) == 0);
        const auto node = names_.at(from);
        name_now(from, nullptr);
        name_now(to, node);
        return {};
    }
    Status link(const std::string& from, const std::string& to) override {
        if (dead()) {
            return dying();
        }
        if (::linkat(directory_.get(), from.c_str(), directory_.get(), to.c_str(), 0) != 0) {
            return Status::from_errno(errno, "link " + to);
        }
        name_now(to, names_.at(from));
        return {};
    }
    Status remove(const std::string& name) override {
        if (dead()) {
            return dying();
        }
        if (::unlinkat(directory_.get(), name.c_str(), 0) != 0) {
            return Status::from_errno(errno, "remove " + name);
        }
        name_now(name, nullptr);
        return {};
    }
    Status sync_directory() override {
        const bool bad = dead() || fails(bad_syncs);
        if (!bad && !lies) {
            keep_names(pending_names_.size());
        }
        return bad ? Status::error(EIO, "sync directory: Input/output error") : Status();
    }

    Status write(int fd, std::span<const std::byte> bytes, std::uint64_t offset) override {
        if (dead()) {
            return dying();
        }
        Node& node = at(fd);
        const std::uint64_t end = offset + bytes.size();
        if (end > node.cache.size() && used() + end - node.cache.size() > room) {
            return Status::error(ENOSPC, "write: No space left on device");
        }
        const bool bad = fails(bad_writes);
        node.put(fd, bad ? bytes.first(random_() % bytes.size()) : bytes, offset);
        return bad ? Status::error(EIO, "write: Input/output error") : Status();
    }
    Status sync(int fd) override {
        if (dead()) {
            return dying();
        }
        Node& node = at(fd);
        const bool bad = fails(bad_syncs);
        if (!lies) {
            keep_sectors(node, bad);
            if (!bad) {
                node.disk.resize(node.cache.size());
            }
        }
        return bad ? Status::error(EIO, "sync: Input/output error") : Status();
    }

    Status start_write(int fd, std::span<const std::byte> bytes, std::uint64_t offset,
                       WriteSync sync, FileIo::Handler done) override {
        queue_.push_back({::dup(fd), bytes, offset, sync == WriteSync::data, std::move(done)});
        return {};
    }
    Status start_sync(int fd, FileIo::Handler done) override {
        queue_.push_back({::dup(fd), {}, 0, true, std::move(done)});
        return {};
    }
    Status start_sync_directory(FileIo::Handler done) override {
        return start_sync(-1, std::move(done));
    }
    Status start_allocate(int fd, std::uint64_t bytes, FileIo::Handler done) override {
        return start_write(fd, {}, bytes, WriteSync::none, std::move(done));
    }
    [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
    // Does one of those that wait, by chance.
    void step() {
        const std::size_t n = random_() % queue_.size();
        Operation op = std::move(queue_[n]);
        queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(n));
        Status status = op.bytes.empty() ? Status() : write(op.fd, op.bytes, op.offset);
        if (op.bytes.empty() && !op.sync) {
            status = allocate(op.fd, op.offset);
        }
        if (status && op.sync) {
            status = op.fd < 0 ? sync_directory() : sync(op.fd);
        }
        ::close(op.fd);
        op.done(status ? static_cast<int>(op.bytes.size()) : -status.code());
    }
    void run() {
        while (!queue_.empty()) {
            step();
        }
    }

    // The daemon is killed: what it had started may be done, in part, or not.
    void kill() {
        for (Operation& op : queue_) {
            if (!op.bytes.empty() && random_() % 2 == 0) {
                at(op.fd).put(op.fd, op.bytes.first(random_() % op.bytes.size()), op.offset);
            }
            ::close(op.fd);
        }
        queue_.clear();
    }

    // The machine stops: the files become what is on the disk.
    void cut_power() {
        kill();
        keep_names(random_() % (pending_names_.size() + 1));
        pending_names_.clear();
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            std::filesystem::remove(entry.path());
        }
        nodes_.clear();
        names_ = disk_names_;
        for (auto& [name, node] : names_) {
            keep_sectors(*node, true);
            node->cache = node->disk;
            const UniqueFd fd(::openat(directory_.get(), name.c_str(),
                                       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
            REQUIRE(fd);
            SimulatedFile::write_to(fd.get(), node->disk, 0);
            nodes_[inode(fd.get())] = node;
        }
    }

  private:
    using Node = SimulatedFile;
    struct Operation {
        int fd;  // -1: the directory
        std::span<const std::byte> bytes;
        std::uint64_t offset;  // of what is neither written nor synced: the room to be made
        bool sync;
        FileIo::Handler done;
    };
    using Names = std::map<std::string, std::shared_ptr<Node>>;

    static ino_t inode(int fd) {
        struct stat st {};
        REQUIRE(::fstat(fd, &st) == 0);
        return st.st_ino;
    }
    Node& at(int fd) { return *nodes_.at(inode(fd)); }
    bool dead() { return operations_left == 0 || operations_left-- == 0; }
    static Status dying() { return Status::error(EIO, "the machine stops"); }
    bool fails(unsigned thousandths) { return random_() % 1000 < thousandths; }

    // What is written of it reaches the disk: all of it, or some.
    void keep_sectors(Node& node, bool some) {
        for (const std::uint64_t sector : node.dirty) {
            if (!some || random_() % 2 == 0) {
                node.keep_sector(sector);
            }
        }
        node.dirty.clear();
    }
    [[nodiscard]] std::uint64_t used() const {
        std::uint64_t sum = 0;
        for (const auto& [name, node] : names_) {
            sum += node->cache.size();
        }
        return sum;
    }
    void name_now(const std::string& name, const std::shared_ptr<Node>& node) {
        apply(names_, name, node);
        pending_names_.emplace_back(name, node);
    }
    static void apply(Names& names, const std::string& name, const std::shared_ptr<Node>& node) {
        names.erase(name);
        if (node) {
            names[name] = node;
        }
    }
    void keep_names(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            apply(disk_names_, pending_names_[i].first, pending_names_[i].second);
        }
        pending_names_.erase(pending_names_.begin(),
                             pending_names_.begin() + static_cast<std::ptrdiff_t>(count));
    }

    std::string path_;
    UniqueFd directory_;
    std::mt19937_64 random_;
    std::map<ino_t, std::shared_ptr<Node>> nodes_;
    Names names_;       // now
    Names disk_names_;  // after a power cut
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> pending_names_;
    std::vector<Operation> queue_;
};

}  // namespace vexfs::test
