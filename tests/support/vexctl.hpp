// SPDX-License-Identifier: Apache-2.0
// vexctl as a program, and journals for it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/journal.hpp"
#include "support/program.hpp"
#include "support/records.hpp"
#include "support/temp_directory.hpp"

#ifdef VEXFS_VEXCTL

namespace vexfs::test {

// A running vexctl.
class Vexctl : public Program {
  public:
    explicit Vexctl(std::vector<std::string> args) : Program(VEXFS_VEXCTL, std::move(args)) {}
};

// A journal in "j" below `dir`, and what vexctl needs to read it.
struct WrittenJournal {
    explicit WrittenJournal(const journal::StoreConfig& config = {})
        : store(std::make_unique<TestJournal>(dir / "j", config)) {}

    void happens(unsigned op, const std::string& path) {
        const Record record(op);
        REQUIRE(store->append(record.view(store->next_seq(), path)).ok());
        REQUIRE(store->flush().ok());
    }
    // Of `vexctl tail`.
    [[nodiscard]] std::vector<std::string> args(const std::vector<std::string>& more = {}) const {
        return args_of({"tail"}, more);
    }
    [[nodiscard]] std::vector<std::string> args_of(std::vector<std::string> command,
                                                   const std::vector<std::string>& more) const {
        command.insert(command.end(), {"--journal", dir / "j"});
        command.insert(command.end(), more.begin(), more.end());
        return command;
    }

    TempDirectory dir;
    std::unique_ptr<TestJournal> store;
};

}  // namespace vexfs::test

#endif
