// SPDX-License-Identifier: Apache-2.0
// HealStream: what heal/ asks of the stream, carried to the pipeline's thread; and what it has
// found, given to the pipeline.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "heal/stream_port.hpp"
#include "heal/telling.hpp"
#include "journal/store.hpp"
#include "pipeline/pipeline.hpp"
#include "sys/loop.hpp"

namespace vexfs {

class HealStream final : public heal::StreamPort, public Found {
  public:
    // All outlive it, and the loop does not run any more when it goes.
    HealStream(Loop& loop, Pipeline& pipeline, const journal::Store& store, const Clock& clock);

    Result<std::uint64_t> sync() override;
    Status begin() override;
    Result<Told> tell(std::vector<heal::Finding> findings) override;

    // The pipeline's thread.
    FoundEvent next() override;
    // Any thread: calls that wait return, and later ones do at once.
    void stop();

  private:
    // An answer that somebody waits for, perhaps not any more when it comes.
    struct Answer {
        bool there = false;
        Status status;
        std::uint64_t seq = 0;
    };
    using AnswerPtr = std::shared_ptr<Answer>;

    Status ask(const AnswerPtr& answer, std::function<void()> fn);
    void give(const AnswerPtr& answer, const Status& status, std::uint64_t seq = 0);

    Loop& loop_;
    Pipeline& pipeline_;
    const journal::Store& store_;
    const Clock& clock_;

    std::mutex mutex_;
    std::condition_variable answered_;
    bool stopped_ = false;

    // The pipeline's thread only.
    bool active_ = false;
    heal::Touched touched_;
    heal::Telling to_tell_;
    Told told_;
    AnswerPtr telling_;
    std::vector<std::uint64_t> record_;
};

}  // namespace vexfs
