// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "vm/vx_load/actor.hpp"
#include "vm/vx_load/truth.hpp"

namespace vexfs::vm {

namespace {

constexpr std::uint64_t kNoticeEvery = 500;  // operations
constexpr std::uint64_t kNotice = 1;
constexpr std::uint64_t kWaits = std::uint64_t{1} << 32U;

void signal(int fd, std::uint64_t n) {
    [[maybe_unused]] const ssize_t wrote = ::write(fd, &n, sizeof n);
}

std::uint64_t wait(int fd) {
    std::uint64_t n = 0;
    [[maybe_unused]] const ssize_t got = ::read(fd, &n, sizeof n);
    return n;
}

// How a process and the one that has started it wait for each other.
struct Meeting {
    int to_owner = ::eventfd(0, EFD_CLOEXEC);
    int go_on = ::eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
};

void act(const Workload& load, unsigned number, const Meeting& meeting, ProcessTruth& truth) {
    const std::uint64_t share = load.operations / load.processes;
    const std::uint64_t batch = load.batch / load.processes;
    std::uint64_t next_notice = kNoticeEvery;
    std::uint64_t next_stop = batch / 8;
    Actor actor(load, number, truth);
    actor.begin();
    for (std::uint64_t done = 0; done < share;) {
        done = actor.round();
        if (load.progress && done >= next_notice) {
            next_notice = done + kNoticeEvery;
            signal(meeting.to_owner, kNotice);
        }
        if (batch != 0 && done >= next_stop && done < share) {
            next_stop = done + batch;
            signal(meeting.to_owner, kWaits);
            wait(meeting.go_on);
        }
    }
    // The end is a stop too, and the last one.
    signal(meeting.to_owner, kWaits << 16U);
}

// Follows the processes to their end. They make their stops together, but not equally many: who
// has ended is not waited for.
void follow(const Workload& load, const Meeting& meeting) {
    unsigned ended = 0;
    unsigned waiting = 0;
    while (ended < load.processes) {
        const std::uint64_t news = wait(meeting.to_owner);
        ended += static_cast<unsigned>(news >> 48U);
        waiting += static_cast<unsigned>(news >> 32U) & 0xffffU;
        const bool all = waiting + ended == load.processes;
        if (load.progress) {
            load.progress(all);
        }
        if (all && waiting > 0) {
            signal(meeting.go_on, waiting);
            waiting = 0;
        }
    }
}

}  // namespace

std::vector<ProcessTruth> work(const Workload& load) {
    const std::size_t bytes = load.processes * sizeof(ProcessTruth);
    auto* shared = static_cast<ProcessTruth*>(
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    ProcessTruth self{.pid = static_cast<std::uint32_t>(::getpid())};
    for (const char* name : {"/shared", "/shared/x", "/shared/y"}) {
        const std::string path = load.directory + name;
        if (::mkdir(path.c_str(), 0755) != 0) {
            self.failed++;
            continue;
        }
        self.done[VX_OP_DIR_CREATE]++;
        if (load.made_directory) {
            load.made_directory(path);
        }
    }
    const Meeting meeting;
    std::vector<pid_t> children;
    for (unsigned i = 0; i < load.processes; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            shared[i].pid = static_cast<std::uint32_t>(::getpid());
            act(load, i, meeting, shared[i]);
            ::_exit(0);
        }
        children.push_back(child);
    }
    follow(load, meeting);
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        self.failed += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    }
    ::close(meeting.to_owner);
    ::close(meeting.go_on);
    std::vector<ProcessTruth> all(shared, shared + load.processes);
    all.push_back(self);
    ::munmap(shared, bytes);
    return all;
}

bool save(const std::vector<ProcessTruth>& truth, const std::string& file) {
    std::ofstream out(file);
    for (const ProcessTruth& it : truth) {
        out << it.pid << ' ' << it.failed;
        for (const std::uint64_t n : it.done) {
            out << ' ' << n;
        }
        out << '\n';
    }
    out.flush();
    return out.good();
}

std::vector<ProcessTruth> load(const std::string& file) {
    std::ifstream in(file);
    std::vector<ProcessTruth> all;
    for (ProcessTruth it; in >> it.pid >> it.failed;) {
        for (std::uint64_t& n : it.done) {
            in >> n;
        }
        all.push_back(it);
    }
    return all;
}

}  // namespace vexfs::vm
