// SPDX-License-Identifier: Apache-2.0
// OpenFile, OpenDir: what a file handle of the kernel stands for. OpenFiles: all of them, so that a
// mount that ends can report and close what was left open.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "base/fd.hpp"
#include "fuse/node_table.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

struct OpenFile {
    UniqueFd fd;  // never O_APPEND: see ops_io.cpp
    Node* node = nullptr;
    Caller opener;  // the kernel names nobody on release and on write-back
    bool writable = false;
    bool directory = false;
    bool kernel_io = false;  // registered with KernelIo

    // Of a directory: entries read ahead.
    std::mutex lock;
    std::unique_ptr<char[]> entries;
    std::size_t entries_size = 0;
    std::size_t entries_used = 0;
    std::int64_t position = 0;  // d_off of the entry before `entries_used`
};

class OpenFiles {
  public:
    std::uint64_t add(std::unique_ptr<OpenFile> file);
    static OpenFile& of(std::uint64_t handle) { return *reinterpret_cast<OpenFile*>(handle); }
    std::unique_ptr<OpenFile> remove(std::uint64_t handle);
    // Everything that is open, taken out.
    std::vector<std::unique_ptr<OpenFile>> remove_all();
    std::uint64_t size() const { return size_.load(std::memory_order_relaxed); }

  private:
    static constexpr std::size_t kShards = 16;
    struct Shard {
        std::mutex lock;
        std::unordered_set<OpenFile*> files;
    };
    Shard& shard(const OpenFile* file) {
        return shards_[(reinterpret_cast<std::uintptr_t>(file) >> 6) % kShards];
    }

    Shard shards_[kShards];
    std::atomic<std::uint64_t> size_{0};
};

}  // namespace vexfs::fuse
