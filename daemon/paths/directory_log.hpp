// SPDX-License-Identifier: Apache-2.0
// DirectoryLog: what the directory map has learned from the stream, in a file, for the daemon that
// takes the ring over when this one dies: each directory is announced in the ring once, and who
// comes later would not know where it is.
//
// The file has no life of its own: it belongs to one channel, is begun anew with each new one, and
// is written in front of the events that were read with it. So it may be ahead of the journal: each
// entry has the number of the event that it was learned with, and what the journal does not hold is
// read once more, from where the directories were before it. Entries (all numbers in the machine's
// byte order) are Entry, then `name_len` bytes, then zero bytes up to a multiple of 8. The first
// entry that is not whole ends it. When it has grown to several times what the map holds it is
// written anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "paths/directory_map.hpp"

namespace vexfs {

class DirectoryLog final : public DirectoryMap::Observer {
  public:
    // A file system that is a FUSE mount, and the one behind it.
    struct MountPair {
        std::uint64_t mount_fsid = 0;
        std::uint64_t backing_fsid = 0;
    };

    // The log in a directory. `map` outlives it, and tells it what changes from here on. What the
    // file holds of events with numbers below `until` is put into the map first; 0: it is begun
    // anew. Errors: those of open, read and write.
    static Result<std::unique_ptr<DirectoryLog>> open(const std::string& directory,
                                                      DirectoryMap& map, std::uint64_t until);
    ~DirectoryLog() override;
    DirectoryLog(const DirectoryLog&) = delete;
    DirectoryLog& operator=(const DirectoryLog&) = delete;

    // What comes from here on is learned with this event.
    void set_seq(std::uint64_t seq) { seq_ = seq; }

    [[nodiscard]] const std::vector<MountPair>& mounts() const { return mounts_; }
    void add_mount(const MountPair& pair);

    void placed(const ObjectKey& dir, const ObjectKey& parent, std::string_view name,
                std::uint64_t as_of) override;
    void forgotten(const ObjectKey& dir) override;
    void anchored(const ObjectKey& dir, std::string_view path) override;

    // Writes what was added, before the journal gets the events that it was learned with. After an
    // error (disk full) the file is as it was, and the same is written with the next call.
    Status flush();
    // The journal has all events now: the file may be written anew if it has grown long.
    void settle();

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    enum class Kind : std::uint32_t { placed = 1, forgotten = 2, anchored = 3, mount = 4 };
    // 64 bytes.
    struct Entry {
        std::uint32_t len = 0;       // bytes, with the name; multiple of 8
        std::uint32_t checksum = 0;  // low half of XXH3-64 over what follows, to the end
        std::uint32_t kind = 0;
        std::uint32_t gen = 0;
        std::uint64_t fsid = 0;  // mount: of the mount
        std::uint64_t ino = 0;   // mount: fsid of what is behind it
        std::uint64_t parent_ino = 0;
        std::uint64_t as_of = 0;
        std::uint64_t seq = 0;  // 0: not learned with an event
        std::uint32_t parent_gen = 0;
        std::uint32_t name_len = 0;
    };
    static_assert(sizeof(Entry) == 64);

    DirectoryLog(std::string path, DirectoryMap& map) : path_(std::move(path)), map_(map) {}
    Status load(std::uint64_t until);
    bool apply(const Entry& entry, std::string_view name);
    void add(Entry entry, std::string_view name);
    void tell(const MountPair& pair);
    Status write_anew();

    std::string path_;
    DirectoryMap& map_;
    UniqueFd fd_;
    std::vector<std::byte> waiting_;
    std::vector<MountPair> mounts_;
    std::uint64_t seq_ = 0;
    std::uint64_t bytes_ = 0;       // of the file
    std::uint64_t compact_at_ = 0;  // bytes
};

}  // namespace vexfs
