// SPDX-License-Identifier: Apache-2.0
// The beginning of a stream: a channel's ring becomes a source of the pipeline, read from its start
// or, when it is that of a daemon that died, from where the journal ends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.hpp"
#include "paths/directory_log.hpp"
#include "paths/directory_map.hpp"
#include "pipeline/pipeline.hpp"
#include "pipeline/source.hpp"

namespace vexfs {

struct TakeoverConfig {
    SourceConfig ring;           // without `resume`
    bool taken_over = false;     // another daemon has read it before
    std::string journal;         // the directory, of both
    std::uint64_t next_seq = 0;  // of the journal now
};

// The ring is being read.
struct Stream {
    std::unique_ptr<DirectoryLog> directories;  // the pipeline keeps it, and must not outlive it
    // The journal tells what was not observed before this channel, or there is nothing to tell.
    bool begun = false;
};

// Puts into `paths` and `pipeline` what a daemon before this one had learned. Errors: those of
// reading the journal, of DirectoryLog::open() and of Source::create().
Result<Stream> begin_stream(Pipeline& pipeline, DirectoryMap& paths,
                            const TakeoverConfig& config);

}  // namespace vexfs
