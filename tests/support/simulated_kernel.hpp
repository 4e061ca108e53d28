// SPDX-License-Identifier: Apache-2.0
// A kernel whose files change, with rings that are real and can be too small. It knows what has
// happened, and what found no room.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/source.hpp"
#include "ring/memory_ring.hpp"
#include "support/catch.hpp"
#include "support/records.hpp"

namespace vexfs::test {

inline constexpr std::uint32_t kProducers = 3;
inline constexpr std::uint64_t kRootIno = 1;
inline constexpr std::uint64_t kFsid = 7;
inline constexpr unsigned kIdBits = 32;  // the channel is above them

// One of class M for all producers; one of class D for each.
inline constexpr std::size_t kLists = 1 + kProducers;
using PerList = std::array<std::size_t, kLists>;

inline std::size_t list_of(bool class_d, std::uint32_t producer) {
    return class_d ? 1 + producer : 0;
}

inline std::string name_of(std::uint64_t id) {
    return "attempt " + std::to_string(id & 0xffffffffU);
}

// What was attempted, and what became of it in the ring.
struct Attempt {
    std::uint64_t id = 0;
    std::uint32_t producer = 0;
    bool lost = false;
    std::string path;
};

// A channel of the kernel: it outlives daemons, and ends with the machine.
class SimulatedKernel {
  public:
    SimulatedKernel(std::uint64_t channel, std::uint64_t ring_bytes) : channel_(channel) {
        auto made = MemoryRing::create({.producers = kProducers,
                                        .size_m = ring_bytes,
                                        .size_d = ring_bytes,
                                        .channel = channel},
                                       [] {});
        REQUIRE(made.ok());
        ring_ = std::move(*made);
    }

    [[nodiscard]] SourceConfig source() {
        return {.ring = {static_cast<const std::byte*>(ring_->mapping()), ring_->mapping_bytes()},
                .consumer = ring_->consumer(),
                .barrier = [this] {
                    for (std::uint32_t producer = 0; producer < kProducers; ++producer) {
                        vx_ring_flush_loss(ring_->ring(), producer, VX_CLASS_M);
                        vx_ring_flush_loss(ring_->ring(), producer, VX_CLASS_D);
                    }
                    return Status();
                }};
    }

    // Something happens to a file in a directory, or to a directory.
    void happen(std::mt19937_64& random) {
        const auto producer = static_cast<std::uint32_t>(random() % kProducers);
        const std::uint64_t id = channel_ << kIdBits | ++last_id_;
        const auto what = static_cast<unsigned>(random() % 20);
        if (what == 0) {
            make_directory(producer, id);
        } else if (what == 1 && !directories_.empty()) {
            move_directory(producer, id, random);
        } else {
            static constexpr std::array kOps{VX_OP_FILE_CREATE, VX_OP_FILE_DELETE,
                                             VX_OP_FILE_WRITE, VX_OP_FILE_READ};
            Record record(kOps[random() % kOps.size()]);
            std::string path = "/w";
            record->parent_ino = kRootIno;
            if (!directories_.empty() && random() % 4 != 0) {
                auto at = directories_.begin();
                std::advance(at, random() % directories_.size());
                record->parent_ino = at->first;
                path += "/" + at->second;
            }
            const std::string name = "n" + std::to_string(id);
            record.names(name);
            attempt(record, producer, id, path + "/" + name);
        }
    }

    [[nodiscard]] std::uint64_t channel() const { return channel_; }
    [[nodiscard]] const std::vector<Attempt>& list(std::size_t i) const { return lists_[i]; }
    [[nodiscard]] PerList sizes() const {
        PerList sizes{};
        for (std::size_t i = 0; i < kLists; ++i) {
            sizes[i] = lists_[i].size();
        }
        return sizes;
    }
    // Of class M by producer, as the journal's accounts must say.
    std::array<std::uint64_t, kProducers> lost{};
    PerList acknowledged{};  // so many attempts of each list

  private:
    void make_directory(std::uint32_t producer, std::uint64_t id) {
        Record record(VX_OP_DIR_CREATE, VX_F_DIRECTORY);
        const std::string name = "d" + std::to_string(id);
        record.names(name);
        record->parent_ino = kRootIno;
        if (attempt(record, producer, id, "/w/" + name)) {
            directories_[id] = name;
        }
    }

    // Where it is afterwards is not known when that is lost: nothing more happens in it.
    void move_directory(std::uint32_t producer, std::uint64_t id, std::mt19937_64& random) {
        auto at = directories_.begin();
        std::advance(at, random() % directories_.size());
        Record record(VX_OP_FILE_RENAME, VX_F_DIRECTORY);
        const std::string name = "m" + std::to_string(id);
        record.names(name, at->second);
        record->parent_ino = kRootIno;
        record.rename().old_parent_ino = kRootIno;
        if (attempt(record, producer, id, "/w/" + name, at->first)) {
            at->second = name;
        } else {
            directories_.erase(at);
        }
    }

    // The id is in the size: a directory that is moved has had its inode number before.
    bool attempt(Record& record, std::uint32_t producer, std::uint64_t id, std::string path,
                 std::uint64_t ino = 0) {
        vx_event& e = record.event();
        e.fsid = kFsid;
        e.ino = ino != 0 ? ino : id;
        e.size = id;
        const bool class_d = vx_op_class(e.rec.op) == VX_CLASS_D;
        vx_slot slot;
        void* at = vx_ring_begin(ring_->ring(), producer, e.rec.op, e.rec.len, ++now_, &slot);
        if (at == nullptr && !class_d) {
            const vx_dirty dirty{.fsid = kFsid, .ino = e.parent_ino, .gen = 0, .reserved = 0};
            vx_ring_dirty(ring_->ring(), producer, &dirty, 1);
            lost[producer]++;
        } else if (at != nullptr) {
            auto* made = static_cast<vx_record*>(at);
            std::memcpy(made + 1, &e.rec + 1, e.rec.len - sizeof(vx_record));
            made->len = e.rec.len;
            made->type = e.rec.type;
            made->op = e.rec.op;
            vx_ring_commit(ring_->ring(), &slot, e.rec.len);
        }
        lists_[list_of(class_d, producer)].push_back(
            {id, producer, at == nullptr, std::move(path)});
        return at != nullptr;
    }

    std::uint64_t channel_;
    std::uint64_t last_id_ = 0;
    std::uint64_t now_ = 0;
    std::unique_ptr<MemoryRing> ring_;
    std::array<std::vector<Attempt>, kLists> lists_;
    std::map<std::uint64_t, std::string> directories_;  // inode number -> name
};

}  // namespace vexfs::test
