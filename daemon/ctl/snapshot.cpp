// SPDX-License-Identifier: Apache-2.0
#include "ctl/snapshot.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>

#include "control/bytes_json.hpp"
#include "route/json_text.hpp"

namespace vexfs::ctl {

namespace {

constexpr std::uint64_t kSyncMs = 60'000;

Result<std::string> real_path_of(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                           &std::free);
    return real ? Result<std::string>(std::string(real.get()))
                : Result<std::string>(Status::from_errno(errno, path));
}

bool same_file_system(const std::string& a, const std::string& b) {
    struct stat one {};
    struct stat other {};
    return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
           one.st_dev == other.st_dev;
}

// A watch of vexfsd's, as its status says it.
bool has_watch(const Json& watches, const std::string& path) {
    return std::any_of(watches.begin(), watches.end(), [&](const Json& watch) {
        const Result<std::string> at = get_bytes(watch, "path");
        if (!at || watch.value("state", "") != "live") {
            return false;
        }
        return watch.value("scope", "") == "filesystem" ? same_file_system(*at, path)
                                                        : is_at_or_below(path, *at);
    });
}

void append_record(const ScanRecord& r, std::string& out) {
    using namespace route;
    const std::size_t start = out.size() + 5;
    out += "{\"r\":";
    field_bytes("path", r.path, out);
    out[start] = '{';
    field_hex("fsid", r.object.fsid, out);
    field("ino", r.object.ino, out);
    field("gen", r.object.gen, out);
    field("parent_ino", r.parent.ino, out);
    field("parent_gen", r.parent.gen, out);
    field_bytes_or_null("name", r.name, out);
    if (S_ISLNK(r.stat.st_mode)) {
        field_bytes("target", r.target, out);
    }
    field("nlink", r.stat.st_nlink, out);
    field("mode", r.stat.st_mode, out);
    field("size", r.stat.st_size, out);
    field("owner_uid", r.stat.st_uid, out);
    field("owner_gid", r.stat.st_gid, out);
    out += ",\"mtime\":\"";
    append_time(static_cast<std::uint64_t>(r.stat.st_mtim.tv_sec) * 1'000'000'000 +
                    static_cast<std::uint64_t>(r.stat.st_mtim.tv_nsec),
                out);
    out += "\"}}\n";
}

}  // namespace

Result<Json> Snapshot::ask(const Json& request) {
    Result<ControlAnswer> answer = client_.call(request, kSyncMs);
    if (!answer) {
        return answer.status();
    }
    if (!answer->ok) {
        return Status::error(EIO, answer->error);
    }
    return std::move(answer->json);
}

Result<Snapshot> Snapshot::create(const std::string& socket, const std::string& path) {
    Result<ControlClient> client = ControlClient::connect(socket);
    if (!client) {
        return client.status();
    }
    Snapshot snapshot(*std::move(client));
    const Result<Json> status = snapshot.ask({{"cmd", "status"}});
    if (!status) {
        return status.status();
    }
    Result<std::string> journal = get_bytes(status->value("journal", Json::object()), "directory");
    if (!journal) {
        return journal.status();
    }
    snapshot.journal_ = *std::move(journal);
    if (Status placed = snapshot.place(*status, path); !placed) {
        return placed;
    }
    return snapshot;
}

// What goes through the mount is the backing directory's: its objects are looked at there, and
// named as the events name them.
Status Snapshot::place(const Json& status, const std::string& path) {
    Result<std::string> shown = real_path_of(path);
    if (!shown) {
        return shown.status();
    }
    shown_ = *std::move(shown);
    real_ = shown_;
    const Json fuse = status.value("fuse", Json::object());
    const Result<std::string> mountpoint = get_bytes(fuse, "mountpoint");
    const Result<std::string> source = get_bytes(fuse, "source");
    if (mountpoint && source && is_at_or_below(shown_, *mountpoint)) {
        const Result<std::string> behind = real_path_of(*source);
        if (!behind) {
            return behind.status();
        }
        real_ = *behind + shown_.substr(mountpoint->size());
    } else if (!has_watch(status.value("watches", Json::array()), shown_)) {
        return Status::error(ENODATA, shown_ +
                                          " is not watched, so its changes are not in the "
                                          "stream: `vexctl watch add` first");
    }
    struct statfs fs {};
    if (::statfs(real_.c_str(), &fs) != 0) {
        return Status::from_errno(errno, real_);
    }
    if (mountpoint && fs.f_type == FUSE_SUPER_MAGIC && real_ != shown_) {
        return Status::error(ENOTSUP, real_ +
                                          " is covered by the mount itself: its objects cannot "
                                          "be looked at");
    }
    return {};
}

Result<Cursor> Snapshot::sync() {
    const Result<Json> answer = ask({{"cmd", "sync"}, {"timeout_ms", kSyncMs}});
    return answer ? Cursor::parse(answer->value("cursor", "")) : answer.status();
}

Status Snapshot::write(Reader& reader, Output& output) {
    const Result<Cursor> begin = sync();
    if (!begin) {
        return begin.status();
    }
    if (Status status = reader.seek(*begin); !status) {
        return status;
    }
    std::string& out = output.buffer();
    const std::string cursor = ",\"cursor\":\"" + begin->text() + "\"";
    out += "{\"snapshot_begin\":{\"journal\":\"" + begin->journal.text() + '"';
    route::field_bytes("path", shown_, out);
    out += cursor + "}}\n";
    TreeScan tree([&](const ScanRecord& record) {
        append_record(record, out);
        return output.flush(false);
    });
    if (Status status = scan(tree, reader); !status) {
        return status;
    }
    out += "{\"snapshot_end\":{\"records\":" + std::to_string(tree.records()) + cursor + "}}\n";
    return reader.seek(*begin);
}

Status Snapshot::scan(TreeScan& tree, Reader& reader) {
    const Result<bool> there = tree.scan(real_, shown_);
    if (!there || !*there) {
        return there ? Status::error(ENOENT, shown_ + " has gone") : there.status();
    }
    Missed missed(tree, shown_);
    for (unsigned round = 0; round < kRoundsMax; ++round) {
        if (Status status = catch_up(reader, missed); !status || missed.names().empty()) {
            return status;
        }
        missed.collect(missed.has_directory());
        if (Status status = scan_missed(tree, missed); !status) {
            return status;
        }
    }
    return Status::error(EAGAIN, "names are moved faster than they can be found: try again");
}

// Reads what has happened until now.
Status Snapshot::catch_up(Reader& reader, Missed& missed) {
    const Result<Cursor> now = sync();
    if (!now) {
        return now.status();
    }
    while (reader.cursor().seq < now->seq) {
        const Result<Reader::Item> item = reader.next();
        if (!item) {
            return item.status();
        }
        if (*item == Reader::Item::gap) {
            return Status::error(EAGAIN, "events were lost while the tree was read: try again");
        }
        if (*item == Reader::Item::end) {
            return Status::error(EIO, "the journal ends before " + now->text());
        }
        if (Status status = missed.follow(reader.event()); !status) {
            return status;
        }
    }
    return {};
}

// What is not where the events have left it is on its way again: the next ones say where.
Status Snapshot::scan_missed(TreeScan& tree, Missed& missed) {
    const Missed::Names names = missed.names();
    for (const auto& [path, name] : names) {
        if (!path.starts_with('/')) {
            continue;  // between the two halves of an exchange
        }
        const Result<bool> there = tree.scan(real_ + path.substr(shown_.size()), path, &name);
        if (!there) {
            return there.status();
        }
        if (*there || (name.directory && tree.has(name.object))) {
            missed.seen(path);
        }
    }
    return {};
}

}  // namespace vexfs::ctl
