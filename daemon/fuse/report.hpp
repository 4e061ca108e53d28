// SPDX-License-Identifier: Apache-2.0
// Reporter: hands observations to the sink. Report: builds one. DirectoryOrder: makes "true order
// within one directory" hold.
#pragma once

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <mutex>

#include "fuse/caller.hpp"
#include "fuse/node_table.hpp"
#include "fuse/observation.hpp"

namespace vexfs::fuse {

std::uint64_t mono_now_ns();

class Reporter {
  public:
    Reporter(NodeTable& nodes, BoundarySink* sink, std::uint64_t ops)
        : nodes_(nodes), sink_(sink), ops_(ops) {}

    [[nodiscard]] bool wants(vx_op op) const {
        return sink_ != nullptr && (ops_.load(std::memory_order_relaxed) & VX_OP_BIT(op)) != 0;
    }
    void set_ops(std::uint64_t mask) { ops_.store(mask, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t events() const { return events_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t next_cookie() { return cookie_.fetch_add(1) + 1; }
    [[nodiscard]] const NodeTable& nodes() const { return nodes_; }

    void send(const Observation& event) {
        events_.fetch_add(1, std::memory_order_relaxed);
        sink_->on_event(event);
    }
    // Says where a directory is, if `node` is one.
    void directory(const Node& node, const ObjectId& parent, std::string_view name);

  private:
    NodeTable& nodes_;
    BoundarySink* const sink_;
    std::atomic<std::uint64_t> ops_;
    std::atomic<std::uint64_t> events_{0};
    std::atomic<std::uint32_t> cookie_{0};
};

// One observation in the making; does nothing if the operation is not wanted.
class Report {
  public:
    Report(Reporter& reporter, vx_op op, const Caller& caller);

    explicit operator bool() const { return wanted_; }
    Observation& event() { return event_; }

    Report& object(const Node& node);
    Report& attributes(const struct stat& st);
    // From the descriptor that the operation worked on; one system call.
    Report& attributes_of(int fd);
    // Parent and name as last known for the node.
    Report& last_place(const Node& node);
    Report& at(const Node& parent, std::string_view name);
    Report& flag(std::uint32_t flags, bool condition = true) {
        event_.flags |= condition ? flags : 0;
        return *this;
    }
    Report& range(std::int64_t offset, std::uint64_t length);
    // `error`: 0 or a positive errno.
    void send(int error = 0);

  private:
    Reporter& reporter_;
    const bool wanted_;
    Observation event_;
    char name_[VX_NAME_MAX + 1];
};

// Held around a change in a directory and its report. Striped: a few thousand directories share a
// lock, none waits long. The kernel holds the directory's own lock meanwhile, so this only ever
// waits for a neighbour on the stripe.
class DirectoryOrder {
  public:
    static constexpr std::size_t kStripes = 256;

    class Guard {
      public:
        Guard() = default;  // holds nothing
        explicit Guard(std::mutex& one) : first_(one) {}
        Guard(std::mutex& low, std::mutex& high) : first_(low), second_(high) {}

      private:
        std::unique_lock<std::mutex> first_;
        std::unique_lock<std::mutex> second_;
    };

    Guard hold(const Node& directory) { return Guard(stripes_[index(directory)]); }
    Guard hold(const Node& one, const Node& other);

  private:
    static std::size_t index(const Node& node) {
        return (reinterpret_cast<std::uintptr_t>(&node) >> 6) * 0x9e3779b97f4a7c15U >> 56;
    }
    std::array<std::mutex, kStripes> stripes_;
};

}  // namespace vexfs::fuse
