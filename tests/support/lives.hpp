// SPDX-License-Identifier: Apache-2.0
// Simulations in which something lives and dies, again and again, on a SimulatedDisk; the seed says
// all of it. A Simulation is made of a directory and a seed, and has disk() and
// live_and_die(bool last), which says what is wrong; empty: nothing is.
#pragma once

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>

#include "support/catch.hpp"
#include "support/number_from.hpp"
#include "support/temp_directory.hpp"

namespace vexfs::test {

// The number of lives until something is wrong; `lives`: nothing was. `lies`: see SimulatedDisk.
template <typename Simulation>
std::uint64_t simulate(std::uint64_t seed, std::uint64_t lives, bool lies, std::string& why) {
    const TempDirectory dir;
    Simulation simulation(dir.path(), seed);
    simulation.disk().lies = lies;
    for (std::uint64_t i = 0; i < lives; ++i) {
        why = simulation.live_and_die(i + 1 == lives);
        if (!why.empty()) {
            return i;
        }
    }
    return lives;
}

// VEXFS_CRASHES lives (default 2000; full: 100,000), `lives` with each seed from VEXFS_SEED on.
template <typename Simulation>
void require_that_no_crash_breaks_it(std::uint64_t lives) {
    spdlog::set_level(spdlog::level::off);
    const std::uint64_t crashes = number_from("VEXFS_CRASHES", 2'000, 100'000);
    const std::uint64_t first_seed = number_from("VEXFS_SEED", 1, 1);
    for (std::uint64_t n = 0; n < crashes / lives; ++n) {
        std::string why;
        const std::uint64_t lived = simulate<Simulation>(first_seed + n, lives, false, why);
        INFO("VEXFS_SEED=" << first_seed + n << " VEXFS_CRASHES=" << lives << ", life " << lived
                           << ": " << why);
        REQUIRE(lived == lives);
    }
}

// The canary: a disk that acknowledges without writing.
template <typename Simulation>
void check_that_lies_are_noticed() {
    spdlog::set_level(spdlog::level::off);
    unsigned noticed = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        std::string why;
        noticed += simulate<Simulation>(seed, 40, true, why) < 40;
    }
    CHECK(noticed == 10);
}

}  // namespace vexfs::test
