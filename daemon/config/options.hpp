// SPDX-License-Identifier: Apache-2.0
// Options: what vexfsd was asked to do, from its command line and its configuration file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "journal/compression.hpp"
#include "journal/durability.hpp"
#include "journal/retention_limits.hpp"
#include "pushback/conflict.hpp"

namespace vexfs {

struct WatchOption {
    std::string path;       // absolute
    bool whole_fs = false;  // the file system that `path` is on; otherwise what is below `path`
};

struct Options {
    enum class Action {
        run,
        print,  // --help or --version: print `text` to standard output and exit with 0
    };
    Action action = Action::run;
    std::string text;

    // The FUSE mount: both set or both empty. Absolute.
    std::string source;
    std::string mountpoint;
    bool allow_other = false;
    bool read_only = false;
    unsigned fuse_threads = 0;       // 0: two per processor, at least 4
    double cache_timeout_s = 86400;  // while the stream is healthy
    double fallback_timeout_s = 1;   // while it is behind

    std::vector<WatchOption> watches;
    std::uint64_t ops = 0;       // VX_OP_BIT()s to observe
    std::uint32_t detail = 0;    // VX_DETAIL_* of each watch
    std::uint32_t pushback = 0;  // bit n: userspace operation n is pushed to the kernel
    pushback::Rules conflicts;   // what becomes of a push whose object has changed
    bool no_kmod = false;
    std::uint64_t ring_bytes = 0;  // each sub-ring, per CPU and class; 0: the kernel's default
    std::uint64_t push_bytes = 0;  // push ring; 0: the kernel's default
    std::uint32_t linger_s = 60;   // the kernel keeps the ring when vexfsd dies
    int nice = -10;                // of the thread that reads the ring, -20 to 19

    std::string journal;  // directory of the journal, absolute
    journal::Durability durability = journal::Durability::interval;
    double sync_interval_s = 0.1;
    std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
    journal::RetentionLimits retention;
    journal::Compression compress = journal::Compression::none;  // of segments that are full
    bool catalogue = true;  // it is kept, and losses are looked into
    std::string socket;   // control socket, absolute
    std::string config;   // the file that was read; empty: none
    std::string log_level;
    std::string log_file;  // empty: stderr, or syslog in the background
    bool foreground = false;

    std::string command;  // starts vexfsd again in this way, from any directory
};

// `argv` as main() gets it. Prints nothing and does not exit. Any error is one of usage (exit code
// 2): its message names the flag, or the file, line and key, and says what is accepted. The command
// line wins over the file, key by key. Relative paths count from the working directory on the
// command line and from the file's folder in the file.
Result<Options> parse_options(int argc, const char* const* argv);

}  // namespace vexfs
