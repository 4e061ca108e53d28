// SPDX-License-Identifier: Apache-2.0
#include "pipeline/takeover.hpp"

#include <algorithm>
#include <utility>

#include "abi/layout.h"
#include "journal/ring_position.hpp"

namespace vexfs {

namespace {

Status read_ring(Pipeline& pipeline, const TakeoverConfig& config,
                 const journal::RingPosition* position, bool begun) {
    SourceConfig ring = config.ring;
    ring.resume = position;
    Result<std::unique_ptr<Source>> source = Source::create(ring);
    if (!source) {
        return source.status().with_context("unload vexfs.ko and load it again");
    }
    // Who takes over next must not look for this ring's records in the journal before it.
    if (!begun) {
        (*source)->note_first(config.next_seq);
    }
    Source::Place now;
    (*source)->where(now);
    (*source)->release_to(now, config.next_seq, pipeline.counters().probe_missed);
    pipeline.add_source(std::move(*source));
    return {};
}

}  // namespace

Result<Stream> begin_stream(Pipeline& pipeline, DirectoryMap& paths,
                            const TakeoverConfig& config) {
    const auto& noted = *static_cast<const vx_consumer*>(config.ring.consumer);
    // One that died before its first note had read nothing.
    const bool resumed = config.taken_over && noted.next_seq != 0;
    journal::RingPosition position;
    if (resumed) {
        Result<journal::RingPosition> read =
            journal::ring_position(config.journal, noted.next_seq);
        if (!read) {
            return read.status();
        }
        position = std::move(*read);
        pipeline.resume_missed(std::max<std::uint64_t>(position.missed, noted.missed));
    }
    Stream stream;
    // It is told in front of the ring's first record. Without one it is told once more.
    stream.begun = resumed && (position.next_seq != 0 || noted.next_seq > noted.first_seq);
    // Not up to the journal's next number: it passes over some after a sync that has failed.
    const std::uint64_t known =
        resumed ? std::max<std::uint64_t>(position.next_seq, noted.next_seq) : 0;
    Result<std::unique_ptr<DirectoryLog>> log = DirectoryLog::open(config.journal, paths, known);
    if (!log) {
        return log.status();
    }
    stream.directories = std::move(*log);
    for (const DirectoryLog::MountPair& pair : stream.directories->mounts()) {
        pipeline.map_mount(pair.mount_fsid, pair.backing_fsid);
    }
    pipeline.keep_directories(stream.directories.get());
    if (Status status = read_ring(pipeline, config, resumed ? &position : nullptr, stream.begun);
        !status) {
        return status;
    }
    return stream;
}

}  // namespace vexfs
