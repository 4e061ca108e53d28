// SPDX-License-Identifier: Apache-2.0
// A file of a SimulatedDisk: what a reader sees of it, and what a power cut would leave.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "support/catch.hpp"

namespace vexfs::test {

struct SimulatedFile {
    static constexpr std::uint64_t kSector = 512;

    std::vector<std::byte> cache;   // what a reader sees
    std::vector<std::byte> disk;    // what a power cut leaves
    std::set<std::uint64_t> dirty;  // sectors that are not on their way to the disk

    static void write_to(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
        if (!bytes.empty()) {
            REQUIRE(::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
                    static_cast<ssize_t>(bytes.size()));
        }
    }

    // `fd` is the real file, for readers.
    void put(int fd, std::span<const std::byte> bytes, std::uint64_t offset) {
        if (bytes.empty()) {
            return;
        }
        write_to(fd, bytes, offset);
        const std::uint64_t end = offset + bytes.size();
        cache.resize(std::max<std::uint64_t>(cache.size(), end));
        std::memcpy(cache.data() + offset, bytes.data(), bytes.size());
        for (std::uint64_t sector = offset / kSector; sector * kSector < end; ++sector) {
            dirty.insert(sector);
        }
    }

    Status resize(int fd, std::uint64_t bytes) {
        REQUIRE(::ftruncate(fd, static_cast<off_t>(bytes)) == 0);
        for (std::uint64_t at = bytes; at < cache.size(); at += kSector) {
            dirty.insert(at / kSector);
        }
        cache.resize(bytes);
        return {};
    }

    // Is on the disk from now on.
    void keep_sector(std::uint64_t sector) {
        const std::uint64_t from = sector * kSector;
        if (from >= cache.size()) {
            return;
        }
        const std::uint64_t to = std::min<std::uint64_t>(from + kSector, cache.size());
        if (disk.size() < to) {
            disk.resize(to);
        }
        std::memcpy(disk.data() + from, cache.data() + from, to - from);
    }
};

}  // namespace vexfs::test
