// SPDX-License-Identifier: Apache-2.0
#include "fuse/open_files.hpp"

namespace vexfs::fuse {

std::uint64_t OpenFiles::add(std::unique_ptr<OpenFile> file) {
    OpenFile* raw = file.release();
    Shard& s = shard(raw);
    std::lock_guard guard(s.lock);
    s.files.insert(raw);
    size_.fetch_add(1, std::memory_order_relaxed);
    return reinterpret_cast<std::uintptr_t>(raw);
}

std::unique_ptr<OpenFile> OpenFiles::remove(std::uint64_t handle) {
    OpenFile* raw = reinterpret_cast<OpenFile*>(static_cast<std::uintptr_t>(handle));
    Shard& s = shard(raw);
    std::lock_guard guard(s.lock);
    if (s.files.erase(raw) == 0) {
        return nullptr;
    }
    size_.fetch_sub(1, std::memory_order_relaxed);
    return std::unique_ptr<OpenFile>(raw);
}

std::vector<std::unique_ptr<OpenFile>> OpenFiles::remove_all() {
    std::vector<std::unique_ptr<OpenFile>> all;
    for (Shard& s : shards_) {
        std::lock_guard guard(s.lock);
        for (OpenFile* file : s.files) {
            all.emplace_back(file);
        }
        s.files.clear();
    }
    size_.store(0, std::memory_order_relaxed);
    return all;
}

}  // namespace vexfs::fuse
