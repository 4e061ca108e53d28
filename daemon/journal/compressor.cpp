// SPDX-License-Identifier: Apache-2.0
#include "journal/compressor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "journal/compress.hpp"
#include "journal/segment_reader.hpp"

namespace vexfs::journal {

namespace {

// The kernel's numbers for ioprio_set(), which has no header: this thread; best effort, lowest.
constexpr int kWhoProcess = 1;
constexpr int kLowestIoPriority = (2 << 13) | 7;
constexpr int kLowestPriority = 19;

// Not the idle classes: who holds a lock of the file system must get on.
void become_unimportant() {
    ::setpriority(PRIO_PROCESS, 0, kLowestPriority);
    ::syscall(SYS_ioprio_set, kWhoProcess, 0, kLowestIoPriority);
    ::pthread_setname_np(::pthread_self(), "vx-compress");
}

}  // namespace

Result<std::unique_ptr<Compressor>> Compressor::start(int directory) {
    std::unique_ptr<Compressor> self(new Compressor(directory));
    self->stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    self->news_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const std::string path = "/proc/self/fd/" + std::to_string(directory);
    if (!self->stop_ || !self->news_ ||
        ::inotify_add_watch(self->news_.get(), path.c_str(), IN_MOVED_TO) < 0) {
        return Status::from_errno(errno, "watch the journal's directory");
    }
    self->thread_ = std::thread([compressor = self.get()] { compressor->run(); });
    return self;
}

Compressor::~Compressor() {
    if (thread_.joinable()) {
        stopped_ = true;
        ::eventfd_write(stop_.get(), 1);
        thread_.join();
    }
}

void Compressor::run() {
    become_unimportant();
    do {
        look();
    } while (wait_for_segment());
}

bool Compressor::wait_for_segment() {
    std::array<pollfd, 2> fds{{{news_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (::poll(fds.data(), fds.size(), -1) < 0 && errno == EINTR) {
    }
    // Which one it is does not matter: look() finds all that there are.
    alignas(inotify_event) std::array<char, 4096> news;
    while (::read(news_.get(), news.data(), news.size()) > 0) {
    }
    return !stopped_;
}

void Compressor::look() {
    const Result<std::vector<std::uint64_t>> segments = list_segments(disk_.directory());
    if (!segments) {
        spdlog::warn("journal: not compressed: {}", segments.status().message());
        return;
    }
    const std::set<std::uint64_t> there(segments->begin(), segments->end());
    std::erase_if(refused_, [&](std::uint64_t first) { return !there.contains(first); });
    // The last one is written.
    for (std::size_t i = 0; i + 1 < segments->size() && !stopped_; ++i) {
        const std::uint64_t first_seq = (*segments)[i];
        if (refused_.contains(first_seq) ||
            !is_there(disk_.directory(), segment_name(first_seq))) {  // compressed
            continue;
        }
        if (Status status = compress(first_seq); !status) {
            if (status.code() != ECANCELED) {
                spdlog::warn("journal: segment {} stays as it is until the next one is full: {}",
                             segment_name(first_seq), status.message());
            }
            return;
        }
    }
}

Status Compressor::compress(std::uint64_t first_seq) {
    const Result<std::optional<Compressed>> done =
        compress_segment(disk_, first_seq, {.stopped = [this] { return stopped_.load(); }});
    if (!done) {
        return done.status();
    }
    const std::lock_guard lock(mutex_);
    if (!done->has_value()) {
        refused_.insert(first_seq);
        ++stats_.refused;
        spdlog::info("journal: segment {} has no whole seal and is not compressed",
                     segment_name(first_seq));
        return {};
    }
    spdlog::debug("journal: segment {} compressed, {} to {} bytes", segment_name(first_seq),
                  (*done)->plain_bytes, (*done)->packed_bytes);
    ++stats_.segments;
    stats_.plain_bytes += (*done)->plain_bytes;
    stats_.packed_bytes += (*done)->packed_bytes;
    return {};
}

CompressorStats Compressor::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

}  // namespace vexfs::journal
