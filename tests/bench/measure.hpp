// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share: a clock, the median of several runs, and one way to print a figure
// beside its reference.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace vexfs::bench {

inline std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::steady_clock::now().time_since_epoch())
                                          .count());
}

// The cheapest clock that all cores share.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return now_ns();
#endif
}

inline double ns_per_tick() {
    static const double value = [] {
        const std::uint64_t t0 = ticks();
        const std::uint64_t n0 = now_ns();
        while (now_ns() - n0 < 50'000'000) {
        }
        return static_cast<double>(now_ns() - n0) / static_cast<double>(ticks() - t0);
    }();
    return value;
}

// Keeps the compiler from leaving out what computes `value`.
template <class T>
inline void keep(const T& value) {
    __asm__ __volatile__("" : : "r,m"(value) : "memory");
}

inline void relax() {
#if defined(__x86_64__)
    _mm_pause();
#endif
}

// This thread runs on the n-th CPU that the process may use. False: there is none.
inline bool pin(unsigned n) {
    static const cpu_set_t allowed = [] {
        cpu_set_t set;
        ::sched_getaffinity(0, sizeof(set), &set);
        return set;
    }();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && n-- == 0) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            return ::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one) == 0;
        }
    }
    return false;
}

// The values of several runs.
class Runs {
  public:
    void add(double value) { values_.push_back(value); }
    [[nodiscard]] double last() const { return values_.back(); }
    [[nodiscard]] double median() const { return at(0.5); }
    [[nodiscard]] double min() const { return at(0); }
    [[nodiscard]] double max() const { return at(1); }

  private:
    [[nodiscard]] double at(double share) const {
        std::vector<double> sorted = values_;
        std::sort(sorted.begin(), sorted.end());
        return sorted.empty() ? 0
                              : sorted[static_cast<std::size_t>(
                                    share * static_cast<double>(sorted.size() - 1) + 0.5)];
    }
    std::vector<double> values_;
};

// One line of the result: a figure, its reference from the same runs, and what both come to.
struct Row {
    std::string what{};
    std::string unit{};
    Runs value{};
    std::string reference{};  // what it is; empty: there is none
    Runs reference_value{};
    Runs ratio{};            // value / reference, run by run
    std::string goal{};      // in words; empty: none
    std::uint64_t lost = 0;  // over all runs
    bool can_lose = false;
    std::uint64_t evicted = 0;  // entries of bounded tables, over all runs
    bool can_evict = false;
};

inline std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    return text;
}

// As JSON, one object a line.
inline void print_json(const Row& r) {
    std::printf("{\"what\":\"%s\",\"unit\":\"%s\",\"median\":%g,\"min\":%g,\"max\":%g",
                r.what.c_str(), r.unit.c_str(), r.value.median(), r.value.min(), r.value.max());
    if (!r.reference.empty()) {
        std::printf(
            ",\"reference\":\"%s\",\"reference_median\":%g,\"reference_min\":%g,"
            "\"reference_max\":%g,\"ratio\":%g,\"ratio_min\":%g,\"ratio_max\":%g",
            r.reference.c_str(), r.reference_value.median(), r.reference_value.min(),
            r.reference_value.max(), r.ratio.median(), r.ratio.min(), r.ratio.max());
    }
    if (r.can_lose) {
        std::printf(",\"lost\":%llu", static_cast<unsigned long long>(r.lost));
    }
    if (r.can_evict) {
        std::printf(",\"evicted\":%llu", static_cast<unsigned long long>(r.evicted));
    }
    std::printf(",\"goal\":\"%s\"}\n", r.goal.c_str());
}

// For people: the figure, and indented what it is compared with.
inline void print_text(const Row& r) {
    std::printf("%-46s %8s %-10s (%s to %s)", r.what.c_str(), number(r.value.median()).c_str(),
                r.unit.c_str(), number(r.value.min()).c_str(), number(r.value.max()).c_str());
    if (r.can_lose) {
        std::printf("  lost %llu", static_cast<unsigned long long>(r.lost));
    }
    if (r.can_evict) {
        std::printf("  evicted %llu", static_cast<unsigned long long>(r.evicted));
    }
    std::printf("\n");
    if (!r.reference.empty()) {
        std::printf("  %-44s %8s %-10s (%s to %s)\n", r.reference.c_str(),
                    number(r.reference_value.median()).c_str(), r.unit.c_str(),
                    number(r.reference_value.min()).c_str(),
                    number(r.reference_value.max()).c_str());
        std::printf("  %-44s %8s %-10s (%s to %s)\n", "ratio", number(r.ratio.median()).c_str(),
                    "x", number(r.ratio.min()).c_str(), number(r.ratio.max()).c_str());
    }
    if (!r.goal.empty()) {
        std::printf("  goal: %s\n", r.goal.c_str());
    }
}

// What every benchmark takes: --json, and the number of runs in VEXFS_BENCH_RUNS.
struct Arguments {
    bool json = false;
    unsigned runs = 7;

    Arguments(int argc, char** argv, const char* about) {
        for (int i = 1; i < argc; i++) {
            if (std::strcmp(argv[i], "--json") == 0) {
                json = true;
            } else {
                const bool help = std::strcmp(argv[i], "--help") == 0;
                std::fprintf(help ? stdout : stderr, "usage: %s [--json]\n%s\n", argv[0], about);
                std::exit(help ? 0 : 2);
            }
        }
        if (const char* text = std::getenv("VEXFS_BENCH_RUNS"); text != nullptr) {
            runs = static_cast<unsigned>(std::max(1L, std::strtol(text, nullptr, 10)));
        }
    }
    void print(const Row& row) const {
        json ? print_json(row) : print_text(row);
        std::fflush(stdout);
    }
};

}  // namespace vexfs::bench
