// SPDX-License-Identifier: Apache-2.0
// Stream: the events of one file system, straight from the kernel through the daemon's pipeline
// into memory.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "paths/directory_map.hpp"
#include "pipeline/pipeline.hpp"
#include "ring/channel.hpp"

namespace vexfs::vm {

class MemoryStore final : public journal::Store {
  public:
    [[nodiscard]] const JournalId& id() const override { return id_; }
    [[nodiscard]] std::uint64_t next_seq() const override { return next_seq_; }
    Status append(const EventView& event) override {
        events.emplace_back(event);
        opened += event.op() == VX_OP_FILE_OPEN ? 1 : 0;
        closed += event.op() == VX_OP_FILE_CLOSE ? 1 : 0;
        next_seq_ = event.seq + 1;
        return {};
    }
    Status append(const Gap& gap) override {
        lost += gap.count();
        next_seq_ = gap.to + 1;
        return {};
    }
    Status flush() override { return {}; }
    void sync(Done done) override { done({}); }
    void hurry() override {}
    void on_progress(std::function<void()>) override {}
    [[nodiscard]] std::uint64_t appended() const override { return next_seq_; }
    [[nodiscard]] std::uint64_t safe() const override { return next_seq_; }
    [[nodiscard]] std::uint64_t written_seq() const override { return next_seq_ - 1; }
    [[nodiscard]] std::uint64_t durable_seq() const override { return next_seq_ - 1; }
    [[nodiscard]] const journal::StoreStats& stats() const override { return stats_; }

    std::vector<Event> events;
    std::uint64_t lost = 0;
    std::uint64_t opened = 0;
    std::uint64_t closed = 0;

  private:
    JournalId id_;
    journal::StoreStats stats_;
    std::uint64_t next_seq_ = 1;
};

class Stream {
  public:
    // Watches the whole file system whose root is `mount_point`, by everybody; `ops`: VX_OP_BIT()s.
    static Result<std::unique_ptr<Stream>> open(const std::string& mount_point, std::uint64_t ops,
                                                const ChannelConfig& config = {});

    // All that has happened so far is in events() when it returns.
    Status collect();
    void forget() { store_.events.clear(); }
    // The same, and gives them away.
    std::vector<Event> take() { return std::exchange(store_.events, {}); }
    [[nodiscard]] const std::vector<Event>& events() const { return store_.events; }
    [[nodiscard]] std::uint64_t lost() const { return store_.lost; }
    // How many files it has seen opened and closed, from its beginning.
    [[nodiscard]] std::uint64_t opened() const { return store_.opened; }
    [[nodiscard]] std::uint64_t closed() const { return store_.closed; }
    [[nodiscard]] Channel& channel() { return *channel_; }

  private:
    Stream() = default;

    std::unique_ptr<Channel> channel_;
    MemoryStore store_;
    DirectoryMap paths_;
    SystemClock clock_;
    std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace vexfs::vm
