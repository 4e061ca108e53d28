// SPDX-License-Identifier: Apache-2.0
// EmbeddedSet: which files have a vector, as far as it is remembered.
//
// A cache of fixed size, 8 bytes a file: what it forgets is "unknown" and not "absent". It says
// whether a close after a write creates a vector or updates one. The vector stage, which knows,
// takes its place later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace vexfs::translate {

class EmbeddedSet {
  public:
    EmbeddedSet() : sets_(std::make_unique<Sets>()) {}

    [[nodiscard]] bool contains(std::uint64_t fsid, std::uint64_t ino,
                                std::uint32_t gen) const noexcept {
        const std::uint64_t key = key_of(fsid, ino, gen);
        for (const std::uint64_t way : set_of(key)) {
            if (way == key) {
                return true;
            }
        }
        return false;
    }

    // False: it was there already.
    bool insert(std::uint64_t fsid, std::uint64_t ino, std::uint32_t gen) noexcept {
        const std::uint64_t key = key_of(fsid, ino, gen);
        Set& set = (*sets_)[index_of(key)];
        for (const std::uint64_t way : set) {
            if (way == key) {
                return false;
            }
        }
        // The youngest comes first, the oldest falls out.
        for (std::size_t i = set.size() - 1; i > 0; --i) {
            set[i] = set[i - 1];
        }
        set[0] = key;
        return true;
    }

    void erase(std::uint64_t fsid, std::uint64_t ino, std::uint32_t gen) noexcept {
        const std::uint64_t key = key_of(fsid, ino, gen);
        for (std::uint64_t& way : (*sets_)[index_of(key)]) {
            way = way == key ? 0 : way;
        }
    }

    static constexpr std::size_t capacity() { return kSets * kWays; }

  private:
    static constexpr std::size_t kWays = 8;  // one cache line
    static constexpr std::size_t kSets = 4096;
    using Set = std::array<std::uint64_t, kWays>;
    struct alignas(64) Sets : std::array<Set, kSets> {};

    // A 64-bit fingerprint: two files of 2^15 share one with a chance of about 2^-35, and then one
    // VectorCreate is called VectorUpdate. Never 0, which means an empty way.
    static std::uint64_t key_of(std::uint64_t fsid, std::uint64_t ino, std::uint32_t gen) noexcept {
        std::uint64_t x = ino * 0x9e3779b97f4a7c15ULL;
        x ^= (x >> 32U) ^ (fsid * 0xbf58476d1ce4e5b9ULL) ^ (gen * 0x94d049bb133111ebULL);
        x = (x ^ (x >> 29U)) * 0xd6e8feb86659fd93ULL;
        return (x ^ (x >> 32U)) | 1U;
    }
    static std::size_t index_of(std::uint64_t key) noexcept { return (key >> 52U) & (kSets - 1); }
    [[nodiscard]] const Set& set_of(std::uint64_t key) const noexcept {
        return (*sets_)[index_of(key)];
    }

    std::unique_ptr<Sets> sets_;
};

}  // namespace vexfs::translate
