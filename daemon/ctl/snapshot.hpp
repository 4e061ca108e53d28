// SPDX-License-Identifier: Apache-2.0
// vexctl tail --snapshot: a tree as records, and the position in the stream from which its events
// make the true tree of them.
//
// A name is settled by the last event about it; where there is none since the position, nothing has
// changed, and the scan saw what is so. What the scan could miss, because a directory was moved
// past it, the events since then name: it is scanned where it is now, until nothing is missing.
#pragma once

#include <string>

#include "control/client.hpp"
#include "ctl/missed.hpp"
#include "ctl/output.hpp"
#include "ctl/tree_scan.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

class Snapshot {
  public:
    static constexpr unsigned kRoundsMax = 1000;

    // Finds out what `path` is to the daemon. ENODATA: its events are not in the stream.
    static Result<Snapshot> create(const std::string& socket, const std::string& path);

    // Writes it all as JSON Lines, and places the reader where the stream goes on. ECANCELED:
    // nobody reads the output any more. EAGAIN: the tree changes faster than it can be read.
    Status write(Reader& reader, Output& output);

    // Directory of the daemon's journal.
    [[nodiscard]] const std::string& journal() const { return journal_; }

  private:
    explicit Snapshot(ControlClient client) : client_(std::move(client)) {}
    Result<Json> ask(const Json& request);
    Status place(const Json& status, const std::string& path);
    Result<Cursor> sync();
    Status scan(TreeScan& tree, Reader& reader);
    Status catch_up(Reader& reader, Missed& missed);
    Status scan_missed(TreeScan& tree, Missed& missed);

    ControlClient client_;
    std::string journal_;
    std::string shown_;  // absolute, as events name it
    std::string real_;   // where it is looked at: behind the mount
};

}  // namespace vexfs::ctl
