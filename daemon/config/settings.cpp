// SPDX-License-Identifier: Apache-2.0
#include "config/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "abi/layout.h"
#include "base/log.hpp"
#include "config/name_list.hpp"
#include "control/protocol.hpp"

namespace vexfs {
namespace {

constexpr int kNiceMin = -20;
constexpr int kNiceMax = 19;

Status invalid(std::string message) {
    return Status::error(EINVAL, std::move(message));
}

Status set_flag(bool& target, const RawValue& value) {
    const std::string& word = value.words[0];
    if (word != "true" && word != "false") {
        return invalid("\"" + word + "\" is neither true nor false");
    }
    target = word == "true";
    return {};
}

Status set_path(std::string& target, const RawValue& value) {
    auto path = absolute_path(value.words[0], value.base_dir);
    if (!path) {
        return path.status();
    }
    target = *std::move(path);
    return {};
}

Status add_watches(Options& options, const RawValue& value, bool whole_fs) {
    for (const std::string& word : value.words) {
        auto path = absolute_path(word, value.base_dir);
        if (!path) {
            return path.status();
        }
        options.watches.push_back({*std::move(path), whole_fs});
    }
    return {};
}

// Several words of a list option are one list.
std::string joined(const RawValue& value) {
    std::string result;
    for (const std::string& word : value.words) {
        result += (result.empty() ? "" : ",") + word;
    }
    return result;
}

Status set_ring_bytes(std::uint64_t& target, const RawValue& value, std::uint64_t min,
                      std::uint64_t max) {
    const auto bytes = parse_bytes(value.words[0]);
    if (!bytes) {
        return bytes.status();
    }
    const bool power_of_two = (*bytes & (*bytes - 1)) == 0;
    if (*bytes != 0 && (*bytes < min || *bytes > max || !power_of_two)) {
        return invalid(std::to_string(*bytes) + " bytes: must be a power of two from " +
                       std::to_string(min) + " to " + std::to_string(max) +
                       ", or 0 for the default");
    }
    target = *bytes;
    return {};
}

Status set_seconds(double& target, const RawValue& value) {
    const std::string& word = value.words[0];
    double seconds = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(seconds) ||
        seconds < 0 || seconds > 1e9) {
        return invalid("\"" + word + "\" is not a number of seconds from 0 to 1000000000");
    }
    target = seconds;
    return {};
}

// `what`: "a number of seconds", "a nice value".
template <typename Number>
Status set_number(Number& target, const RawValue& value, const char* what, Number min, Number max) {
    const std::string& word = value.words[0];
    Number number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size() || number < min || number > max) {
        return invalid("\"" + word + "\" is not " + what + " from " + std::to_string(min) + " to " +
                       std::to_string(max));
    }
    target = number;
    return {};
}

Status set_segment_bytes(std::uint64_t& target, const RawValue& value) {
    const auto bytes = parse_bytes(value.words[0]);
    if (!bytes) {
        return bytes.status();
    }
    if (*bytes < (std::uint64_t{1} << 20U) || *bytes > (std::uint64_t{4} << 30U)) {
        return invalid(std::to_string(*bytes) + " bytes: must be from 1M to 4G");
    }
    target = *bytes;
    return {};
}

// 0: without limit.
Status set_retained_bytes(std::uint64_t& target, const RawValue& value) {
    const auto bytes = parse_bytes(value.words[0]);
    if (bytes && *bytes != 0 && *bytes < (std::uint64_t{1} << 20U)) {
        return invalid(std::to_string(*bytes) + " bytes: must be 1M or more, or 0 for no limit");
    }
    target = bytes.value_or(0);
    return bytes.status();
}

Status set_duration(std::uint64_t& target_s, const RawValue& value) {
    const auto seconds = parse_duration(value.words[0]);
    target_s = seconds.value_or(0);
    return seconds.status();
}

// One of `names`, which are in the order of the values. `what`: "durability".
template <typename Value, std::size_t kCount>
Status set_named(Value& target, const RawValue& value,
                 const std::array<std::string_view, kCount>& names, const char* what) {
    const auto found = std::find(names.begin(), names.end(), value.words[0]);
    if (found == names.end()) {
        std::string message =
            std::string("there is no ") + what + " \"" + value.words[0] + "\", use one of";
        for (const std::string_view name : names) {
            message += name == names.front() ? " " : ", ";
            message += name;
        }
        return invalid(std::move(message));
    }
    target = static_cast<Value>(found - names.begin());
    return {};
}

using Kind = SettingKind;
using O = Options;
using V = RawValue;

const std::array kSettings{
    Setting{"source", Kind::text, "DIR", "Directory that the FUSE mount passes through", "",
            [](O& o, const V& v) { return set_path(o.source, v); }, true},
    Setting{"mountpoint", Kind::text, "MOUNTPOINT", "Where to mount it: an existing directory", "",
            [](O& o, const V& v) { return set_path(o.mountpoint, v); }, true},
    Setting{"watch", Kind::list, "PATH",
            "Observe what happens below the directory PATH; may be repeated", "",
            [](O& o, const V& v) { return add_watches(o, v, false); }, true},
    Setting{"watch-fs", Kind::list, "PATH",
            "Observe the whole file system that PATH is on; may be repeated", "",
            [](O& o, const V& v) { return add_watches(o, v, true); }, true},
    Setting{"ops", Kind::list, "LIST",
            "Operations to observe: names with commas, all, default (all but FileOpen, FileRead, "
            "DirRead); -NAME takes away",
            "default",
            [](O& o, const V& v) -> Status {
                const auto ops = parse_kernel_ops(joined(v));
                o.ops = ops.value_or(0);
                return ops.status();
            }},
    Setting{"detail", Kind::list, "LIST",
            "What else to observe, at a price: failed (operations that fail, with the error), "
            "range (which bytes are read and written), duration (of each operation), all, none",
            "none",
            [](O& o, const V& v) -> Status {
                const auto detail = parse_detail(joined(v));
                o.detail = detail.value_or(0);
                return detail.status();
            }},
    Setting{"pushback", Kind::list, "LIST",
            "Userspace operations that are pushed back to the kernel: names with commas, all, none",
            "all",
            [](O& o, const V& v) -> Status {
                const auto ops = parse_user_ops(joined(v));
                o.pushback = ops.value_or(0);
                return ops.status();
            }},
    Setting{"conflicts", Kind::list, "RULE",
            "What becomes of an operation that a program pushes for a version of an object that "
            "has changed since (vexctl push --expect): OPERATION:PATH=STRATEGY, both globs, "
            "STRATEGY one of last-writer-wins, first-writer-wins, merge, reject; the first that "
            "fits, else reject; may be repeated, up to 256",
            "",
            [](O& o, const V& v) -> Status {
                for (const std::string& rule : v.words) {
                    if (Status added = o.conflicts.add(rule); !added) {
                        return added;
                    }
                }
                return {};
            }},
    Setting{"no-kmod", Kind::flag, "", "Work without the kernel module: only the mount is observed",
            "false", [](O& o, const V& v) { return set_flag(o.no_kmod, v); }},
    Setting{
        "ring-bytes", Kind::text, "SIZE",
        "Size of each sub-ring, per CPU and class: bytes, or with K, M; a power of two from 16K "
        "to 256M; 0: 2M for names, 4M for data",
        "0",
        [](O& o, const V& v) {
            return set_ring_bytes(o.ring_bytes, v, VX_SUBRING_MIN, VX_SUBRING_MAX);
        }},
    Setting{
        "push-bytes", Kind::text, "SIZE",
        "Size of the push ring: bytes, or with K, M; a power of two from 16K to 16M; 0: 1M", "0",
        [](O& o, const V& v) { return set_ring_bytes(o.push_bytes, v, VX_PUSH_MIN, VX_PUSH_MAX); }},
    Setting{"linger", Kind::text, "SECONDS",
            "How long the kernel goes on recording when vexfsd dies, for the next one with the "
            "same journal to go on without a gap; up to 86400, 0: not at all",
            "60",
            [](O& o, const V& v) {
                return set_number(o.linger_s, v, "a number of seconds", 0U, VX_LINGER_MAX_S);
            }},
    Setting{"nice", Kind::text, "N",
            "Priority of the thread that reads the ring, before the programs that fill it: a nice "
            "value from -20 (first) to 19; the other threads stay as vexfsd was started",
            "-10",
            [](O& o, const V& v) {
                return set_number(o.nice, v, "a nice value", kNiceMin, kNiceMax);
            }},
    Setting{"journal", Kind::text, "DIR", "Directory of the journal; made if it is missing",
            "/var/lib/vexfs", [](O& o, const V& v) { return set_path(o.journal, v); }, true},
    Setting{"durability", Kind::text, "MODE",
            "When the journal survives a power cut: none (when the kernel has written it out), "
            "interval (see --sync-interval), commit (each write waits for the disk)",
            "interval",
            [](O& o, const V& v) {
                return set_named(o.durability, v, journal::kDurabilities, "durability");
            }},
    Setting{"sync-interval", Kind::text, "SECONDS",
            "With --durability interval: how much a power cut may cost; 0.001 to 60", "0.1",
            [](O& o, const V& v) -> Status {
                const Status status = set_seconds(o.sync_interval_s, v);
                const bool fits = o.sync_interval_s >= 0.001 && o.sync_interval_s <= 60;
                return status && !fits ? invalid("must be from 0.001 to 60 seconds") : status;
            }},
    Setting{"segment-bytes", Kind::text, "SIZE",
            "Length of the journal's files: bytes, or with K, M, G; 1M to 4G", "64M",
            [](O& o, const V& v) { return set_segment_bytes(o.segment_bytes, v); }},
    Setting{"retain-bytes", Kind::text, "SIZE",
            "How much of the journal is kept, on the disk: bytes, or with K, M, G; the oldest "
            "files are removed; 0: all of it",
            "4G", [](O& o, const V& v) { return set_retained_bytes(o.retention.bytes, v); }},
    Setting{"retain-age", Kind::text, "TIME",
            "How long events are kept at most: seconds, or with m, h, d; 0: without end", "0",
            [](O& o, const V& v) { return set_duration(o.retention.age_s, v); }},
    Setting{"retain-max", Kind::text, "SIZE",
            "Up to which size more than that is kept for named consumers that have not dealt with "
            "it; 0: without limit",
            "16G", [](O& o, const V& v) { return set_retained_bytes(o.retention.max_bytes, v); }},
    Setting{"compress", Kind::text, "METHOD",
            "What becomes of the journal's files that are full: none (they stay as they are), zstd "
            "(compressed in the background)",
            "none",
            [](O& o, const V& v) {
                return set_named(o.compress, v, journal::kCompressions, "compression");
            }},
    Setting{"catalogue", Kind::flag, "",
            "Keep a catalogue of all names beside the journal, and look for what was missed after "
            "each loss; --catalogue=false: do not",
            "true", [](O& o, const V& v) { return set_flag(o.catalogue, v); }},
    Setting{"socket", Kind::text, "PATH", "Control socket, for vexctl", kDefaultSocketPath,
            [](O& o, const V& v) { return set_path(o.socket, v); }, true},
    Setting{"allow-other", Kind::flag, "", "Other users may use the mount", "false",
            [](O& o, const V& v) { return set_flag(o.allow_other, v); }},
    Setting{"read-only", Kind::flag, "", "Mount read-only", "false",
            [](O& o, const V& v) { return set_flag(o.read_only, v); }},
    Setting{"fuse-threads", Kind::text, "N",
            "Threads that serve the mount; 0: two per processor, at least 4", "0",
            [](O& o, const V& v) {
                return set_number(o.fuse_threads, v, "a number of threads", 0U, 1024U);
            }},
    Setting{"cache-timeout", Kind::text, "SECONDS",
            "How long the kernel may keep names and attributes of the mount while the stream is "
            "healthy",
            "86400", [](O& o, const V& v) { return set_seconds(o.cache_timeout_s, v); }},
    Setting{"fallback-timeout", Kind::text, "SECONDS", "The same while the stream is behind", "1",
            [](O& o, const V& v) { return set_seconds(o.fallback_timeout_s, v); }},
    Setting{"log-level", Kind::text, "LEVEL", "trace, debug, info, warn, error or off", "info",
            [](O& o, const V& v) -> Status {
                if (!log_level_valid(v.words[0])) {
                    return invalid("there is no log level \"" + v.words[0] + "\", use one of " +
                                   std::string(log_level_names()));
                }
                o.log_level = v.words[0];
                return {};
            }},
    Setting{"log-file", Kind::text, "PATH",
            "Where the log goes; default: stderr in the foreground, else syslog", "",
            [](O& o, const V& v) { return set_path(o.log_file, v); }, true},
    Setting{"foreground", Kind::flag, "", "Stay in the foreground, log to stderr", "false",
            [](O& o, const V& v) { return set_flag(o.foreground, v); }},
};

}  // namespace

Result<std::string> absolute_path(const std::string& word, const std::string& base_dir) {
    if (word.empty()) {
        return Status::error(EINVAL, "the path is empty");
    }
    std::filesystem::path path(word);
    if (path.is_relative()) {
        std::error_code error;
        const auto base = base_dir.empty() ? std::filesystem::current_path(error)
                                           : std::filesystem::path(base_dir);
        if (error) {
            return Status::from_errno(error.value(), "the working directory, for " + word);
        }
        path = base / path;
    }
    std::string text = path.lexically_normal().string();
    if (text.size() > 1 && text.ends_with('/')) {
        text.pop_back();
    }
    return text;
}

std::span<const Setting> settings() {
    return kSettings;
}

const Setting* find_setting(std::string_view name) {
    for (const Setting& setting : kSettings) {
        if (setting.name == name) {
            return &setting;
        }
    }
    return nullptr;
}

}  // namespace vexfs
