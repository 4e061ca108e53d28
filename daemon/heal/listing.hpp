// SPDX-License-Identifier: Apache-2.0
// Listing: what is in one directory now, each name with its object and what is known of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/path_text.hpp"
#include "catalogue/catalogue.hpp"

namespace vexfs::heal {

struct ListedName {
    std::string name;
    ObjectKey object;
    ObjectFacts facts;  // `changed` is not known from here
    std::uint32_t nlink = 0;
    std::uint64_t ctime_ns = 0;  // of the object, as the file system says it
    std::string target;          // of a symbolic link
    // Something is mounted there, or another volume begins: what has the name cannot be seen.
    bool covered = false;
};

// A directory on its way to be listed.
struct Directory {
    ObjectKey object;
    std::string path;  // absolute
};

// The directory of this name in another.
Directory below(const Directory& directory, const ListedName& name);

struct Listing {
    enum class State {
        complete,
        moved,    // it is not where it was looked for, or not any more
        refused,  // it cannot be read: `status`
    };
    Directory directory;
    State state = State::complete;
    Status status;
    std::vector<ListedName> names;  // by their bytes
};

// Reads it. Names that go while it is read are left out: their events say so. Paths may be longer
// than PATH_MAX.
Listing list(Directory directory);

// Whether `object` is what has that name in a directory now; nothing: the directory is not there.
std::optional<bool> has_name(const Directory& directory, const std::string& name,
                             const ObjectKey& object);

}  // namespace vexfs::heal
