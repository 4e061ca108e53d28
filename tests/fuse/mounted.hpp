// SPDX-License-Identifier: Apache-2.0
// Mounted: a source directory, a mount of it served by this process, and what its sink was told.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "fuse/mount.hpp"
#include "support/catch.hpp"

namespace vexfs::test {

// An observation with its names copied.
struct Seen {
    fuse::Observation event;
    std::string name;
    std::string name2;
};

struct SeenDirectory {
    fuse::ObjectId object;
    fuse::ObjectId parent;
    std::string name;
    std::size_t events_before;
};

class RecordingSink final : public fuse::BoundarySink {
  public:
    void on_event(const fuse::Observation& event) override;
    void on_directory(const fuse::DirectoryPlace& place) override;

    void clear();
    // All events of `op` so far; the second form waits until there are `count` of them.
    std::vector<Seen> of(vx_op op);
    std::vector<Seen> wait_for(vx_op op, std::size_t count);
    std::vector<Seen> all();
    std::vector<SeenDirectory> directories();

  private:
    std::mutex lock_;
    std::condition_variable more_;
    std::vector<Seen> seen_;
    std::vector<SeenDirectory> directories_;
};

// True if FUSE can be used here; otherwise says why not, once a test.
bool fuse_works(const char* test);

class TemporaryTree {
  public:
    TemporaryTree();
    ~TemporaryTree();
    TemporaryTree(const TemporaryTree&) = delete;
    TemporaryTree& operator=(const TemporaryTree&) = delete;

    [[nodiscard]] const std::string& root() const { return root_; }
    [[nodiscard]] std::string source(const std::string& name = {}) const;
    [[nodiscard]] std::string point(const std::string& name = {}) const;

  private:
    std::string root_;
};

class Mounted {
  public:
    explicit Mounted(const std::function<void(fuse::MountOptions&)>& change = {});

    RecordingSink sink;
    TemporaryTree tree;
    std::unique_ptr<fuse::Mount> mount;

    [[nodiscard]] std::string behind(const std::string& name) const { return tree.source(name); }
    [[nodiscard]] std::string at(const std::string& name) const { return tree.point(name); }
};

// Small file operations that fail the test if they fail.
UniqueFd open_file(const std::string& path, int flags, mode_t mode = 0644);
void write_file(const std::string& path, std::string_view text);
std::string read_file(const std::string& path);
struct stat stat_of(const std::string& path);                // of the link itself
std::vector<std::string> names_in(const std::string& path);  // sorted, without . and ..
fuse::ObjectId object_at(const std::string& path);           // dev and ino
bool exists(const std::string& path);

// Runs `body` in a child process as `uid`, `gid`; true if it returned true.
bool in_child(const std::function<bool()>& body, uid_t uid = 0, gid_t gid = 0,
              const std::vector<gid_t>& groups = {});

}  // namespace vexfs::test

// First line of a test that needs a mount.
#define NEEDS_FUSE(name)                  \
    if (!::vexfs::test::fuse_works(name)) \
    return
