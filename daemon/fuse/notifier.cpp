// SPDX-License-Identifier: Apache-2.0
#include "fuse/notifier.hpp"

#include <pthread.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <limits>
#include <unordered_set>

namespace vexfs::fuse {

namespace {

constexpr std::int64_t kToEnd = std::numeric_limits<std::int64_t>::max();

std::int64_t end_of(std::int64_t offset, std::int64_t length) {
    return length <= 0 || offset > kToEnd - length ? kToEnd : offset + length;
}

}  // namespace

Notifier::Notifier(NodeTable& nodes, KernelCache& cache, std::size_t limit)
    : nodes_(nodes),
      cache_(cache),
      limit_(std::max<std::size_t>(limit, 1)),
      reached_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Notifier::start() {
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "vexfs-notify");
        run();
    });
}

void Notifier::stop() {
    {
        std::lock_guard guard(lock_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Notifier::make_room() {
    if (pending_.entries.size() + pending_.inodes.size() < limit_ || pending_.everything) {
        return;
    }
    pending_.entries.clear();
    pending_.inodes.clear();
    pending_.everything = true;
    ++counts_.overflows;
}

void Notifier::added(bool merged) {
    ++accepted_;
    ++counts_.queued;
    counts_.merged += merged ? 1 : 0;
}

void Notifier::entry(const ObjectId& parent, const ObjectId& child, std::string_view name) {
    {
        std::lock_guard guard(lock_);
        make_room();
        if (pending_.everything) {
            added(true);
            return;
        }
        auto [it, inserted] =
            pending_.entries.try_emplace(EntryKey{parent.dev, parent.ino, std::string(name)});
        if (child.ino != 0) {
            // Whoever has the name next: the kernel still knows it as that of the deleted one.
            it->second = child;
        }
        added(!inserted);
    }
    wake_.notify_one();
}

void Notifier::inode(const ObjectId& object, std::int64_t offset, std::int64_t length) {
    const Range range = offset < 0 ? Range{-1, -1} : Range{offset, end_of(offset, length)};
    {
        std::lock_guard guard(lock_);
        make_room();
        if (pending_.everything) {
            added(true);
            return;
        }
        auto [it, inserted] = pending_.inodes.try_emplace(InodeKey{object.dev, object.ino}, range);
        Range& known = it->second;
        if (!inserted && range.begin >= 0) {
            known.begin = known.begin < 0 ? range.begin : std::min(known.begin, range.begin);
            known.end = std::max(known.end, range.end);
        }
        added(!inserted);
    }
    wake_.notify_one();
}

void Notifier::all() {
    {
        std::lock_guard guard(lock_);
        pending_.entries.clear();
        pending_.inodes.clear();
        pending_.everything = true;
        added(false);
    }
    wake_.notify_one();
}

bool Notifier::settle(unsigned timeout_ms) {
    std::unique_lock guard(lock_);
    const std::uint64_t until = accepted_;
    return idle_.wait_for(guard, std::chrono::milliseconds(timeout_ms), [&] {
        return done_ >= until || stopping_;
    }) && done_ >= until;
}

std::uint64_t Notifier::asked() const {
    std::lock_guard guard(lock_);
    return accepted_;
}

std::uint64_t Notifier::reached() const {
    std::lock_guard guard(lock_);
    return done_;
}

Notifier::Counts Notifier::counts() const {
    std::lock_guard guard(lock_);
    Counts counts = counts_;
    counts.sent = sent_.load(std::memory_order_relaxed);
    return counts;
}

void Notifier::run() {
    std::unique_lock guard(lock_);
    while (!stopping_) {
        wake_.wait(guard, [&] { return stopping_ || !pending_.empty(); });
        if (stopping_) {
            break;
        }
        const Batch batch = std::move(pending_);
        pending_ = Batch{};
        const std::uint64_t taken = accepted_;
        guard.unlock();
        send(batch);
        guard.lock();
        done_ = taken;
        idle_.notify_all();
        ::eventfd_write(reached_fd_.get(), 1);
    }
    idle_.notify_all();
}

// Inodes first: who looks a name up again then gets fresh attributes and data with it.
void Notifier::send(const Batch& batch) {
    for (const auto& [key, range] : batch.inodes) {
        if (const std::uint64_t id = nodes_.find(key.dev, key.ino); id != 0) {
            const bool to_end = range.end == kToEnd;
            sent(cache_.drop_inode(id, range.begin,
                                   range.begin < 0 || to_end ? 0 : range.end - range.begin));
        }
    }
    std::unordered_set<std::uint64_t> directories;
    for (const auto& [key, child] : batch.entries) {
        if (const std::uint64_t parent = nodes_.find(key.dev, key.ino); parent != 0) {
            send_entry(parent, key.name, child);
            directories.insert(parent);
        }
    }
    // Times, size and cached listing, once a directory.
    for (const std::uint64_t directory : directories) {
        sent(cache_.drop_inode(directory, 0, 0));
    }
    if (batch.everything) {
        send_everything();
    }
}

void Notifier::send_entry(std::uint64_t parent, const std::string& name, const ObjectId& child) {
    const std::uint64_t id = child.ino != 0 ? nodes_.find(child.dev, child.ino) : 0;
    int result = -ENOENT;
    if (id != 0) {
        result = cache_.delete_entry(parent, id, name);
        sent(result);
    }
    if (result != 0) {
        sent(cache_.drop_entry(parent, name));
    }
    if (id != 0) {
        sent(cache_.drop_inode(id, -1, 0));  // its link count
    }
}

// Every name that a node is known by, and every node. Names that do not exist are remembered by the
// kernel too: those in a directory go with the directory's own name, those in the root were never
// given a long time (see Session::negative_timeout).
void Notifier::send_everything() {
    nodes_.for_each_shard([this](const std::vector<NodePlace>& places) {
        for (const NodePlace& place : places) {
            send_place(place);
        }
    });
}

void Notifier::send_place(const NodePlace& place) {
    sent(cache_.drop_inode(place.id, 0, 0));
    const std::uint64_t parent =
        place.parent.ino != 0 ? nodes_.find(place.parent.dev, place.parent.ino) : 0;
    if (parent != 0) {
        sent(cache_.drop_entry(parent, place.name));
    }
}

void Notifier::sent(int result) {
    if (result == 0 || result == -ENOENT) {
        sent_.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace vexfs::fuse
