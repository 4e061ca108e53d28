// SPDX-License-Identifier: Apache-2.0
// The journal's directory: made private, owned, and locked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/fd.hpp"
#include "journal/format.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// The journal's directory, which nobody else writes for as long as this lives.
class OwnedDirectory {
  public:
    // Makes the directory and those above it (0700), or takes the existing one: it must belong to
    // the effective user (EPERM), and loses whatever rights others have. EBUSY: another process
    // has it; the message has its pid.
    static Result<OwnedDirectory> open(const std::string& path);

    [[nodiscard]] int fd() const { return directory_.get(); }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    OwnedDirectory(std::string path, UniqueFd directory, UniqueFd lock)
        : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}

    std::string path_;
    UniqueFd directory_;
    UniqueFd lock_;
};

// A random UUID, version 4.
JournalId random_journal_id();

// /proc/sys/kernel/random/boot_id; all zero where it cannot be read.
BootId read_boot_id();

}  // namespace vexfs::journal
