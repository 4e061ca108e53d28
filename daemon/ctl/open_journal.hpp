// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "ctl/journal.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::ctl {

// The journal that a command is about, and a reader of it, at its start.
struct OpenJournal {
    std::string directory;
    Reader reader;

    // `given`: as for journal_directory().
    static Result<OpenJournal> open(const Context& context, const std::string& given) {
        Result<std::string> directory = journal_directory(context, given);
        if (!directory) {
            return directory.status();
        }
        Result<Reader> reader = Reader::open(*directory);
        return reader ? Result<OpenJournal>(OpenJournal{std::move(*directory), std::move(*reader)})
                      : reader.status();
    }
};

}  // namespace vexfs::ctl
