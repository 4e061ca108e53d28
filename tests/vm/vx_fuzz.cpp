// SPDX-License-Identifier: Apache-2.0
// vx_fuzz CALLS PROCESSES DIRECTORY
//   A hostile user of /dev/vexfs: PROCESSES processes throw CALLS calls in all at the device, its
//   mappings and files below DIRECTORY, at random, with rubbish in every field, while their threads
//   scribble over what they can write to and signals break in. VEXFS_SEED replays the choices of
//   each process (not how they interleave). What must hold: every process can be killed and ends,
//   the kernel writes nothing beside an argument, lets nobody write to the ring, and each event
//   there is as long as its parts. The kernel's log is judged by scripts/vm.
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "vm/vx_fuzz/attacker.hpp"

namespace {

constexpr std::uint64_t kTellEvery = 100'000;  // calls

std::uint64_t seed() {
    const char* text = std::getenv("VEXFS_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10)
                           : static_cast<std::uint64_t>(::time(nullptr));
}

using Count = std::atomic<std::uint64_t>;

// In memory that is shared with the processes to come: a process that is killed does not say how
// far it was.
Count& shared_count() {
    void* at = ::mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
    if (at == MAP_FAILED) {
        fmt::print("not ok mmap: {}\n", std::strerror(errno));
        std::exit(1);
    }
    return *new (at) Count(0);
}

pid_t start(std::uint64_t seed, std::uint64_t calls, const std::string& directory, Count& made) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        vexfs::vm::Attacker attacker(seed, directory);
        attacker.attack(calls, made);
        for (const std::string& problem : attacker.problems()) {
            fmt::print("not ok seed {}: {}\n", seed, problem);
        }
        std::fflush(stdout);
        ::_exit(attacker.problems().empty() ? 0 : 1);
    }
    return child;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        fmt::print(stderr, "vx_fuzz CALLS PROCESSES DIRECTORY\n");
        return 2;
    }
    const std::uint64_t calls = std::strtoull(argv[1], nullptr, 10);
    const auto processes = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
    const std::uint64_t first = seed();
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    fmt::print("VEXFS_SEED={} replays this run's choices\n", first);
    // In rounds, so that channels are taken and left with all that hangs on them, time and again;
    // few calls too are at least four.
    const std::uint64_t round_calls =
        std::clamp<std::uint64_t>(calls / 4 / std::max(processes, 1u), 1, 5000);
    Count& made = shared_count();
    std::uint64_t told = 0;
    unsigned failed = 0;
    for (std::uint64_t round = 0; made < calls && processes > 0 && failed < 10; round++) {
        std::vector<pid_t> children;
        for (unsigned p = 0; p < processes; p++) {
            children.push_back(start(first + round * processes + p, round_calls, argv[3], made));
        }
        // In one of four rounds the first that ends is the end of the others, wherever they are.
        const bool cut = round % 4 == 3;
        for (const pid_t child : children) {
            int status = 0;
            ::waitpid(child, &status, 0);
            if (cut && child == children.front()) {
                std::for_each(children.begin() + 1, children.end(),
                              [](pid_t other) { ::kill(other, SIGKILL); });
            }
            const bool killed = cut && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
            if (status != 0 && !killed) {
                fmt::print("not ok a process of round {} ended with {:#x}\n", round, status);
                failed++;
            }
        }
        if (made - told >= kTellEvery) {
            told = made;
            fmt::print("    {} of {} calls\n", told, calls);
        }
    }
    fmt::print("{} {} calls by {} processes: every process ended well\n",
               failed == 0 ? "ok" : "not ok", made.load(), processes);
    return failed == 0 ? 0 : 1;
}
