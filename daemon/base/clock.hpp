// SPDX-License-Identifier: Apache-2.0
// Clock: time as an outside effect, so that tests set it by hand.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>

namespace vexfs {

class Clock {
  public:
    virtual ~Clock() = default;
    // Nanoseconds of CLOCK_MONOTONIC: never goes back; the kernel module stamps events with the
    // same clock.
    [[nodiscard]] virtual std::uint64_t mono_ns() const = 0;
    // Nanoseconds since 1970-01-01 UTC (CLOCK_REALTIME): may jump.
    [[nodiscard]] virtual std::uint64_t real_ns() const = 0;
};

class SystemClock final : public Clock {
  public:
    [[nodiscard]] std::uint64_t mono_ns() const override { return read(CLOCK_MONOTONIC); }
    [[nodiscard]] std::uint64_t real_ns() const override { return read(CLOCK_REALTIME); }

  private:
    static std::uint64_t read(clockid_t id) {
        timespec ts{};
        ::clock_gettime(id, &ts);
        return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000U +
               static_cast<std::uint64_t>(ts.tv_nsec);
    }
};

// Stands still until told otherwise. May be advanced by one thread and read by others.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(std::uint64_t mono_ns = 1'000'000'000,
                         std::uint64_t real_ns = 1'700'000'000'000'000'000)
        : mono_ns_(mono_ns), real_ns_(real_ns) {}

    [[nodiscard]] std::uint64_t mono_ns() const override { return mono_ns_.load(); }
    [[nodiscard]] std::uint64_t real_ns() const override { return real_ns_.load(); }

    void advance_ns(std::uint64_t by_ns) {
        mono_ns_ += by_ns;
        real_ns_ += by_ns;
    }
    // Moves the wall clock only, as an administrator or NTP may.
    void set_real_ns(std::uint64_t real_ns) { real_ns_ = real_ns; }

  private:
    std::atomic<std::uint64_t> mono_ns_;
    std::atomic<std::uint64_t> real_ns_;
};

}  // namespace vexfs
