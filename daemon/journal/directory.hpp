// SPDX-License-Identifier: Apache-2.0
// The journal's directory: made private, owned, and locked.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "vexfs/cursor.hpp"
#include "vexfs/status.hpp"

namespace vexfs::journal {

// Makes the directory and those above it (0700), or takes the existing one: it must belong to the
// effective user (EPERM), and loses whatever rights others have. Returns its fd.
Result<UniqueFd> open_private_directory(const std::string& path);

// Takes the lock of the directory for as long as the fd lives. EBUSY with the holder's pid.
Result<UniqueFd> lock_directory(int directory, const std::string& path);

// A random UUID, version 4.
JournalId random_journal_id();

// /proc/sys/kernel/random/boot_id; all zero where it cannot be read.
std::array<std::uint8_t, 16> read_boot_id();

}  // namespace vexfs::journal
