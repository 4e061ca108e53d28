// SPDX-License-Identifier: Apache-2.0
#include "fuse/caller.hpp"

#include <fcntl.h>
#include <linux/capability.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

namespace vexfs::fuse {

namespace {

constexpr std::size_t kStatusBytes = 8192;

// Text behind "KEY:" in /proc/TID/status; `buffer` holds it.
std::optional<std::string_view> status_field(pid_t tid, std::string_view key,
                                             char (&buffer)[kStatusBytes]) {
    char path[40];
    std::snprintf(path, sizeof path, "/proc/%d/status", tid);
    UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    const ssize_t n = fd ? ::read(fd.get(), buffer, sizeof buffer) : -1;
    if (n <= 0) {
        return std::nullopt;
    }
    const std::string_view text(buffer, static_cast<std::size_t>(n));
    for (std::size_t line = 0; line < text.size();) {
        std::size_t end = text.find('\n', line);
        end = end == std::string_view::npos ? text.size() : end;
        std::string_view row = text.substr(line, end - line);
        if (row.starts_with(key) && row.size() > key.size() && row[key.size()] == ':') {
            row.remove_prefix(key.size() + 1);
            const std::size_t start = row.find_first_not_of(" \t");
            return start == std::string_view::npos ? std::string_view() : row.substr(start);
        }
        line = end + 1;
    }
    return std::nullopt;
}

template <typename T>
T number(std::string_view text, int base, T otherwise) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() ? value : otherwise;
}

}  // namespace

void CallerCache::resolve(Caller& caller) {
    if (caller.tid == 0) {
        return;
    }
    const pid_t tid = static_cast<pid_t>(caller.tid);
    Entry& entry = entries_[caller.tid % kEntries];
    if (entry.tid == tid && read_comm(entry, caller)) {
        return;
    }
    if (load(entry, tid)) {
        read_comm(entry, caller);
    }
}

bool CallerCache::load(Entry& entry, pid_t tid) {
    char path[40];
    std::snprintf(path, sizeof path, "/proc/%d/comm", tid);
    entry.comm.reset(::open(path, O_RDONLY | O_CLOEXEC));
    entry.tid = entry.comm ? tid : 0;
    char buffer[kStatusBytes];
    const auto tgid = status_field(tid, "Tgid", buffer);
    entry.pid = tgid ? number<pid_t>(*tgid, 10, tid) : tid;
    return entry.comm.valid();
}

bool CallerCache::read_comm(const Entry& entry, Caller& caller) {
    char text[64];
    const ssize_t n = ::pread(entry.comm.get(), text, sizeof text, 0);
    if (n <= 0) {
        return false;
    }
    std::string_view comm(text, static_cast<std::size_t>(n));
    if (comm.ends_with('\n')) {
        comm.remove_suffix(1);
    }
    caller.comm.fill(0);
    comm.copy(caller.comm.data(), caller.comm.size());
    caller.pid = static_cast<std::uint32_t>(entry.pid);
    return true;
}

bool CallerRights::keeps_setid(pid_t tid) {
    char buffer[kStatusBytes];
    const auto caps = status_field(tid, "CapEff", buffer);
    return caps && (number<std::uint64_t>(*caps, 16, 0) >> CAP_FSETID & 1) != 0;
}

bool CallerRights::in_group(pid_t tid, gid_t gid) {
    char buffer[kStatusBytes];
    const auto ids = status_field(tid, "Gid", buffer);
    if (ids) {  // real, effective, saved, fs
        const std::size_t last = ids->find_last_of("\t ");
        if (number<gid_t>(ids->substr(last + 1), 10, ~gid_t{0}) == gid) {
            return true;
        }
    }
    auto groups = status_field(tid, "Groups", buffer);
    while (groups && !groups->empty()) {
        if (number<gid_t>(*groups, 10, ~gid_t{0}) == gid) {
            return true;
        }
        const std::size_t next = groups->find(' ');
        groups->remove_prefix(next == std::string_view::npos ? groups->size() : next + 1);
    }
    return false;
}

}  // namespace vexfs::fuse
