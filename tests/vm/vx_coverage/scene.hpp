// SPDX-License-Identifier: Apache-2.0
// Scene: one case of the coverage matrix. A case sets its stage, calls begin(), and then does what
// it is about, saying after each step which event that step must have raised. Nothing else may have
// happened when the case ends.
//
//   {"chmod/fchmod", [](Scene& s) {
//        const int fd = s.make("f");
//        s.begin();
//        ok(::fchmod(fd, 0600));
//        s.want(VX_OP_FILE_CHMOD, "f", VX_F_MODE);
//    }},
#pragma once

#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "op_table.h"
#include "vm/vx_coverage/object.hpp"

namespace vexfs::vm {

// The event that must come.
struct Want {
    unsigned op = 0;
    std::uint32_t flags = 0;
    std::string path;      // absolute
    std::string old_path;  // FileRename
    std::string name2;     // SymlinkCreate, Mount; "*": anything
    Object object;         // as it is after the operation
    Object parent;
    Object old_parent;  // FileRename
    Object target;      // FileRename that replaces: as it is afterwards
    std::optional<std::uint64_t> offset;
    std::optional<std::uint64_t> length;
    std::uint64_t fsid = 0;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;   // 0: a thread that is not known (io_uring's)
    std::string comm;        // empty: not known
    bool attributes = true;  // size, mode, nlink and owner are compared too
    // CLOCK_MONOTONIC when the case began, and when the event had happened; 0: not known
    std::uint64_t from_ns = 0;
    std::uint64_t to_ns = 0;
    std::uint64_t real_ns = 0;  // CLOCK_REALTIME at from_ns

    Want& of(const Object& it) {
        object = it;
        return *this;
    }
    Want& range(std::uint64_t from, std::uint64_t bytes) {
        offset = from;
        length = bytes;
        return *this;
    }
    Want& text(std::string_view it) {
        name2 = it;
        return *this;
    }
    Want& by(std::uint32_t process, std::uint32_t user, std::uint32_t group) {
        pid = tid = process;
        uid = user;
        gid = group;
        return *this;
    }
    Want& thread(std::uint32_t id) {
        tid = id;
        if (id == 0) {
            comm.clear();
        }
        return *this;
    }
};

class Scene {
  public:
    // `directory` exists and is empty. `started` is called once, by begin().
    Scene(std::string directory, std::function<void()> started)
        : directory_(std::move(directory)), started_(std::move(started)) {}
    Scene(const Scene&) = delete;
    Scene& operator=(const Scene&) = delete;
    ~Scene();

    // The stage stands; from here on every event counts.
    void begin();

    // An absolute path on the stage; of the stage itself when `name` is empty.
    [[nodiscard]] std::string at(std::string_view name) const;
    // A new file with that many bytes, open for reading and writing; closed when the case is over.
    int make(std::string_view name, std::size_t bytes = 0, unsigned mode = 0644);
    void make_dir(std::string_view name);
    // Opens what is there; closed when the case is over.
    int open(std::string_view name, int flags);
    // Closes at the end of the case.
    int keep(int fd) {
        fds_.push_back(fd);
        return fd;
    }

    // The next event. Its object and parent are looked at now; the actor is this thread.
    Want& want(unsigned op, std::string_view name, std::uint32_t flags = 0);
    // The object is not there under that name any more: it was `before`, and has lost a name.
    Want& want_gone(unsigned op, std::string_view name, Object before, std::uint32_t flags = 0);
    // FileRename from `old_name` to `name`.
    Want& want_rename(std::string_view old_name, std::string_view name, std::uint32_t flags = 0);

    // Runs `act` in a process of its own as an unprivileged user; returns its pid.
    std::uint32_t as_user(std::uint32_t uid, const std::function<void()>& act);

    // Fails the case unless `result` says success. Returns it.
    template <typename T>
    T ok(T result, std::string_view what = "system call") {
        if (result < 0) {
            trouble(what, errno);
        }
        return result;
    }
    // As ok(), for calls that return -errno.
    int ok_errno(int result, std::string_view what) {
        if (result < 0) {
            trouble(what, -result);
        }
        return result;
    }
    // Fails the case unless `result` says failure with this error.
    void fails(long result, int error, std::string_view what);
    // The case cannot be run here: why.
    void skip(std::string why) { skipped_ = std::move(why); }

    // The kernel that runs is that version or a later one. For what kernels themselves do
    // differently, as docs/coverage.md says: never for what the module could make equal.
    [[nodiscard]] static bool kernel_since(unsigned major, unsigned minor);
    // On overlayfs, what is synced without an fsync is the file below and, since 6.7, no more one
    // that has the overlay's path.
    [[nodiscard]] bool syncs_below() const;
    // A write with O_SYNC or the like makes something durable here. On tmpfs, where there is
    // nothing to make durable, it stopped doing so in 6.6.
    [[nodiscard]] bool write_syncs() const;

    [[nodiscard]] const std::vector<Want>& wants() const { return wants_; }
    [[nodiscard]] const std::vector<std::string>& troubles() const { return troubles_; }
    [[nodiscard]] const std::string& skipped() const { return skipped_; }
    [[nodiscard]] const std::string& directory() const { return directory_; }

  private:
    [[nodiscard]] bool is_on(long type) const;
    void trouble(std::string_view what, int error);
    [[nodiscard]] Want actor() const;

    std::string directory_;
    std::function<void()> started_;
    std::vector<Want> wants_;
    std::vector<std::string> troubles_;
    std::string skipped_;
    std::vector<int> fds_;
    std::uint64_t begun_ns_ = 0;
    std::uint64_t begun_real_ns_ = 0;
};

struct Case {
    const char* name;
    void (*play)(Scene&);
    bool needs_channel = false;  // outside the stage (mounts, sync of everything)
};

// One table for each file of cases.
std::span<const Case> create_cases();
std::span<const Case> read_cases();
std::span<const Case> write_cases();
std::span<const Case> rename_cases();
std::span<const Case> link_cases();
std::span<const Case> attribute_cases();
std::span<const Case> uring_cases();
std::span<const Case> mount_cases();
std::span<const Case> sync_cases();
std::span<const Case> unseen_cases();

}  // namespace vexfs::vm
