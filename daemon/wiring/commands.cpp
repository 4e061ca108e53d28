// SPDX-License-Identifier: Apache-2.0
#include "wiring/commands.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "config/name_list.hpp"
#include "control/bytes_json.hpp"
#include "wiring/daemon.hpp"

namespace vexfs {

void Commands::add_to(ControlServer& server) {
    using Method = void (Commands::*)(const Json&, const Reply&);
    const std::pair<const char*, Method> table[] = {
        {"status", &Commands::status},         {"stats", &Commands::stats},
        {"sync", &Commands::sync},             {"watch_add", &Commands::watch_add},
        {"watch_remove", &Commands::watch_remove}, {"watch_list", &Commands::watch_list},
        {"rebuild", &Commands::rebuild},
        {"push", &Commands::push},
    };
    for (const auto& [name, method] : table) {
        server.add(name, [this, method = method](const Json& request, const Reply& reply) {
            (this->*method)(request, reply);
        });
    }
}

void Commands::status(const Json&, const Reply& reply) {
    const std::vector<std::string> reasons = daemon_.degraded();
    Json out;
    out["state"] = reasons.empty() ? "ok" : "degraded";
    out["degraded"] = reasons;
    out["daemon"] = {{"version", VEXFS_VERSION},
                     {"pid", ::getpid()},
                     {"uptime_s", (daemon_.clock_.mono_ns() - daemon_.started_ns_) / 1'000'000'000},
                     {"source", daemon_.channel_ ? "kernel" : "fuse"},
                     {"nice", ::getpriority(PRIO_PROCESS, 0)}};
    out["stream"] = stream();
    out["journal"] = journal();
    if (daemon_.keeper_) {
        out["catalogue"] = catalogue();
    }
    if (daemon_.channel_) {
        out["channel"] = channel();
        out["pushback"] = pushback();
    }
    if (daemon_.mount_) {
        out["fuse"] = fuse();
    }
    out["watches"] = watches();
    reply.done(out);
}

Json Commands::stream() const {
    const PipelineCounters& c = daemon_.pipeline_->counters();
    Json out = {{"events", c.events},
                {"found", c.found},
                {"lost", c.lost},
                {"gaps", c.gaps},
                {"cursor", Cursor{daemon_.store_->id(), daemon_.store_->written_seq()}.text()},
                {"backlog_bytes", daemon_.pipeline_->backlog_bytes()},
                {"no_path", c.no_path},
                {"directories", daemon_.paths_.size()}};
    if (daemon_.push_) {  // it is measured on the way back, which only the module has
        out["context_score_min"] = daemon_.push_->counters().score_min;
    }
    return out;
}

Json Commands::journal() const {
    const journal::StoreStats& s = daemon_.store_->stats();
    const journal::Retained kept = daemon_.retention_->last();
    const std::uint64_t oldest = std::max<std::uint64_t>(kept.oldest_seq, 1);
    Json out;
    put_bytes(out, "directory", daemon_.directory_->path());
    out.update({{"id", daemon_.store_->id().text()},
                {"written_seq", daemon_.store_->written_seq()},
                {"durable_seq", daemon_.store_->durable_seq()},
                {"durability", journal::durability_name(daemon_.options_.durability)},
                {"buffered_bytes", daemon_.store_->buffered_bytes()},
                {"bytes", s.bytes},
                {"writes", s.writes},
                {"write_errors", s.write_errors},
                {"syncs", s.syncs},
                {"sync_errors", s.sync_errors},
                {"segments", s.segments - kept.retired},
                {"disk_bytes", kept.bytes},
                {"earliest", Cursor{daemon_.store_->id(), oldest - 1}.text()},
                {"retired_segments", kept.retired}});
    if (!kept.held_by.empty()) {
        out["held_by"] = kept.held_by;
    }
    if (daemon_.compressor_) {
        const journal::CompressorStats packed = daemon_.compressor_->stats();
        out["compressed"] = {{"segments", packed.segments},
                             {"plain_bytes", packed.plain_bytes},
                             {"bytes", packed.packed_bytes},
                             {"refused_segments", packed.refused}};
    }
    return out;
}

Json Commands::catalogue() const {
    const heal::KeeperState s = daemon_.keeper_->state();
    Json out = {{"state", heal::phase_name(s.phase)},
                {"applied_seq", s.applied_seq},
                {"losses_healed", s.healed},
                {"losses_pending", s.pending},
                {"events_found", s.told}};
    if (s.phase != heal::KeeperState::Phase::following) {
        out["directories_seen"] = s.directories;
        out["directories_waiting"] = s.waiting;
    }
    if (!s.problem.empty()) {
        out["problem"] = s.problem;
    }
    return out;
}

Json Commands::channel() const {
    const auto* header = static_cast<const vx_ring_header*>(daemon_.channel_->ring().data());
    return {{"id", daemon_.channel_->id()},
            {"producers", header->producers},
            {"class_m_bytes", header->size[VX_CLASS_M]},
            {"class_d_bytes", header->size[VX_CLASS_D]},
            {"linger_s", daemon_.options_.linger_s},
            {"taken_over_after_ms", daemon_.channel_->lingered_ns() / 1'000'000},
            {"features", fmt::format("{:#x}", daemon_.channel_->features())}};
}

Json Commands::pushback() const {
    const PushCounters& c = daemon_.push_->counters();
    return {
        {"pushed", c.pushed}, {"failed", c.failed}, {"calls", c.calls}, {"receivers", c.receivers}};
}

Json Commands::fuse() const {
    const fuse::MountStats s = daemon_.mount_->stats();
    Json out;
    put_bytes(out, "mountpoint", daemon_.mount_->mountpoint());
    put_bytes(out, "source", daemon_.options_.source);
    out.update({{"nodes", s.nodes}, {"open_files", s.open_files},
                {"events", s.events}, {"invalidations_sent", s.inval_sent},
                {"invalidation_overflows", s.inval_overflows}});
    if (daemon_.injector_) {
        out["injected"] = daemon_.push_->counters().injected;
        out["injections_dropped"] = daemon_.injector_->dropped();
    }
    return out;
}

Json Commands::watches() const {
    Json list = Json::array();
    if (daemon_.watches_) {
        for (const Watch& w : daemon_.watches_->list()) {
            Json row = {{"id", w.info.id},
                        {"state", daemon_.watches_->gone(w) ? "gone" : "live"}};
            put_bytes(row, "path", w.request.path);
            row["scope"] = w.request.subtree ? "subtree" : "filesystem";
            row["purpose"] = w.purpose;
            row["ops"] = format_kernel_ops(w.request.ops);
            row["detail"] = format_detail(w.request.detail);
            if (w.request.uid >= 0) {
                row["uid"] = w.request.uid;
            }
            if (w.request.pid >= 0) {
                row["pid"] = w.request.pid;
            }
            list.push_back(std::move(row));
        }
    }
    return list;
}

Json Commands::correlation() const {
    const correlate::Counters c = daemon_.pipeline_->correlation();
    return {{"duplicates", c.duplicates},
            {"echoes_evicted", c.echoes_evicted},
            {"caused", c.caused},
            {"answers", c.answers},
            {"sessions_open", c.sessions.open},
            {"sessions_doubtful", c.sessions.doubtful},
            {"sessions_evicted", c.sessions.evicted}};
}

void Commands::stats(const Json&, const Reply& reply) {
    const PipelineCounters& c = daemon_.pipeline_->counters();
    vx_stats kernel{};
    if (daemon_.channel_) {
        Result<vx_stats> got = daemon_.channel_->stats();
        if (!got) {
            reply.fail(got.status());
            return;
        }
        kernel = *got;
    }
    Json ops = Json::array();
    for (unsigned op = 0; op < VX_OP_COUNT; op++) {
        Json row = {{"op", vx_op_name(op)}};
        if (daemon_.channel_) {
            row["seen"] = kernel.seen[op];
            row["filtered"] = kernel.filtered[op];
            row["emitted"] = kernel.emitted[op];
            row["lost"] = kernel.lost[op];
        }
        row["received"] = c.by_op[op];
        row["user_ops"] = c.units[op];
        if (daemon_.channel_) {
            row["pushed"] = daemon_.push_->counters().by_op[op];
            row["kernel_pushed"] = kernel.pushed_op[op];
        }
        ops.push_back(std::move(row));
    }
    Json user_ops = Json::array();
    for (unsigned uop = 0; uop < VX_UOP_COUNT; uop++) {
        Json row = {{"op", vx_uop_name(uop)}, {"received", c.by_uop[uop]}};
        if (daemon_.channel_) {
            // Once for each unit that it is in, while a unit can hold it twice (a symlink's edges).
            row["pushed"] = daemon_.push_->counters().by_uop[uop];
            row["kernel_pushed"] = kernel.pushed_uop[uop];
        }
        user_ops.push_back(std::move(row));
    }
    Json out = {{"ops", ops}, {"user_ops", user_ops}};
    out["correlation"] = correlation();
    out["conflicts"] = conflicts();
    if (daemon_.channel_) {
        out["probe_missed"] = kernel.probe_missed;
    }
    reply.done(out);
}

void Commands::sync(const Json& request, const Reply& reply) {
    const auto deadline = std::make_shared<OpId>();
    const std::uint64_t timeout_ms = request.value("timeout_ms", std::uint64_t{0});
    if (timeout_ms != 0) {
        Result<OpId> timer = daemon_.loop_->timer(timeout_ms * 1'000'000, [reply](int) {
            reply.fail("what happened before is not stored yet",
                       "`vexctl status` says what is wrong");
        });
        if (!timer) {
            reply.fail(timer.status());
            return;
        }
        *deadline = *timer;
    }
    const bool healed = request.value("healed", false);
    daemon_.pipeline_->sync([this, reply, deadline, healed](const Status& status) {
        const Cursor cursor{daemon_.store_->id(), daemon_.store_->durable_seq()};
        const auto answer = [this, reply, cursor, deadline](const Status& applied) {
            daemon_.loop_->cancel(*deadline);
            applied ? reply.done({{"cursor", cursor.text()}})
                    : reply.fail(applied, "`vexctl status` says what is wrong");
        };
        status ? when_applied(daemon_.store_->written_seq(), healed, answer) : answer(status);
    });
}

void Commands::when_applied(std::uint64_t seq, bool healed,
                            std::function<void(const Status&)> done) {
    daemon_.when_applied([this, seq, healed, done = std::move(done)] {
        if (!healed) {
            done({});
        } else if (!daemon_.keeper_) {
            done(Status::error(ENOTSUP, "vexfsd keeps no catalogue: it was started with "
                                        "--catalogue=false"));
        } else {
            daemon_.keeper_->when_current(seq, [this, done](const Status& status) {
                // A loop that takes nothing more has ended, and the connection with it.
                daemon_.loop_->post([done, status] { done(status); }).ignore();
            });
        }
    });
}

void Commands::rebuild(const Json&, const Reply& reply) {
    if (!daemon_.keeper_) {
        reply.fail("vexfsd keeps no catalogue: it was started with --catalogue=false");
        return;
    }
    daemon_.keeper_->rebuild();
    reply.done();
}

void Commands::watch_add(const Json& request, const Reply& reply) {
    if (!daemon_.watches_) {
        reply.fail("watches need the kernel module",
                   "load it (`insmod vexfs.ko`) and start vexfsd again");
        return;
    }
    Result<std::string> path = get_bytes(request, "path");
    if (!path) {
        reply.fail(path.status());
        return;
    }
    WatchRequest watch{.path = *std::move(path),
                       .subtree = !request.value("whole_fs", false),
                       .ops = daemon_.options_.ops,
                       .detail = daemon_.options_.detail,
                       .uid = request.value("uid", std::int64_t{-1}),
                       .pid = request.value("pid", std::int64_t{-1})};
    if (request.contains("ops")) {
        Result<std::uint64_t> parsed = parse_kernel_ops(request.at("ops").get<std::string>());
        if (!parsed) {
            reply.fail(parsed.status());
            return;
        }
        watch.ops = *parsed;
    }
    if (request.contains("detail")) {
        Result<std::uint32_t> parsed = parse_detail(request.at("detail").get<std::string>());
        if (!parsed) {
            reply.fail(parsed.status());
            return;
        }
        watch.detail = *parsed;
    }
    Result<Watch> added = daemon_.watches_->add(std::move(watch), "watch");
    if (!added) {
        reply.fail(added.status());
        return;
    }
    daemon_.update_keeper();
    Json out{{"id", added->info.id}};
    put_bytes(out, "path", added->request.path);
    reply.done(out);
}

void Commands::watch_remove(const Json& request, const Reply& reply) {
    if (!daemon_.watches_) {
        reply.fail("there are no watches without the kernel module");
        return;
    }
    const Status status = daemon_.watches_->remove(request.at("id").get<std::uint64_t>());
    daemon_.update_keeper();
    status ? reply.done() : reply.fail(status);
}

void Commands::watch_list(const Json&, const Reply& reply) { reply.done({{"watches", watches()}}); }

}  // namespace vexfs
