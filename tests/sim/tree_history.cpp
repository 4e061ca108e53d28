// SPDX-License-Identifier: Apache-2.0
#include "sim/tree_history.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/records.hpp"

namespace vexfs::test {

namespace {

constexpr std::uint64_t kRoot = TreeHistory::kRoot;

}  // namespace

class TreeHistory::World {
  public:
    explicit World(std::uint64_t seed) : random_(seed) { directories_.push_back({kRoot, 0, ""}); }

    // What one step gives: mostly one event. `seq`: the number of the first.
    std::vector<Event> step(std::uint64_t seq) {
        events_.clear();
        seq_ = seq;
        ns_ += below(20) == 0 ? below(60'000'000) : below(2'000'000);
        while (events_.empty()) {
            act();
        }
        return std::move(events_);
    }

  private:
    struct Directory {
        std::uint64_t ino;
        std::uint64_t parent;
        std::string name;
    };
    struct Object {
        std::uint32_t mode = S_IFREG | 0644;
        std::uint32_t nlink = 1;
        std::uint64_t size = 0;
        std::uint32_t owner = 0;
    };
    using Edge = std::pair<std::uint64_t, std::string>;
    using Names = std::map<Edge, std::uint64_t>;

    std::uint64_t below(std::uint64_t n) { return random_() % n; }

    void act() {
        const std::uint64_t what = below(100);
        if (what < 16) {
            create(what);
        } else if (what < 20) {
            tmpfile();
        } else if (what < 56) {
            touch();
        } else if (what < 60) {
            touch_directory();
        } else if (what < 64) {
            link();
        } else if (what < 76) {
            unlink();
        } else if (what < 88) {
            rename();
        } else if (what < 92) {
            rename_directory();
        } else if (what < 95) {
            remove_directory();
        } else if (what < 97) {
            exchange();
        } else {
            other(what);
        }
    }

    // ---- choosing -------------------------------------------------------------------------------

    Directory& some_directory() {
        return directories_[below(3) == 0
                                ? below(directories_.size())
                                : std::min<std::size_t>(directories_.size() - 1, below(3))];
    }
    // A name that is no directory's; mostly one of an object that something was just done to.
    Names::iterator some_name() {
        if (below(4) != 0) {
            for (auto at = files_.begin(); at != files_.end(); ++at) {
                if (at->second == focus_) {
                    return at;
                }
            }
        }
        return files_.empty()
                   ? files_.end()
                   : std::next(files_.begin(), static_cast<std::ptrdiff_t>(below(files_.size())));
    }
    Edge free_name() {
        for (;;) {
            Edge edge{some_directory().ino, std::string(1, static_cast<char>('a' + below(9)))};
            if (files_.count(edge) == 0 && directory_at(edge) == directories_.end()) {
                return edge;
            }
            if (below(50) == 0) {
                return {kRoot, "x" + std::to_string(spare_names_++)};
            }
        }
    }
    std::vector<Directory>::iterator directory_at(const Edge& edge) {
        return std::find_if(directories_.begin(), directories_.end(), [&](const Directory& d) {
            return d.parent == edge.first && d.name == edge.second && d.ino != kRoot;
        });
    }
    Directory& directory(std::uint64_t ino) {
        return *std::find_if(directories_.begin(), directories_.end(),
                             [&](const Directory& d) { return d.ino == ino; });
    }
    bool is_below(std::uint64_t ino, std::uint64_t ancestor) {
        for (; ino != kRoot; ino = directory(ino).parent) {
            if (ino == ancestor) {
                return true;
            }
        }
        return ancestor == kRoot;
    }
    bool is_empty(std::uint64_t ino) {
        const auto at = files_.lower_bound({ino, ""});
        return (at == files_.end() || at->first.first != ino) &&
               std::none_of(directories_.begin(), directories_.end(),
                            [&](const Directory& d) { return d.parent == ino; });
    }
    std::string path_of(const Edge& edge) {
        std::string path = "/" + edge.second;
        for (std::uint64_t at = edge.first; at != kRoot; at = directory(at).parent) {
            path.insert(0, "/" + directory(at).name);
        }
        return "/w" + path;
    }

    // ---- telling --------------------------------------------------------------------------------

    struct More {
        std::uint32_t flags = 0;
        Edge old = {};
        std::string name2 = {};
        std::uint64_t target = 0;
        std::uint32_t cookie = 0;
        std::int32_t error = 0;
        std::string old_path = {};
    };
    void tell(unsigned op, std::uint64_t ino, const Edge& at, const More& more) {
        focus_ = ino;
        Record record(op, more.flags);
        record.names(at.second, op == VX_OP_FILE_RENAME ? more.old.second : more.name2);
        record->rec.mono_ns = ns_;
        record->fsid = 7;
        record->ino = ino;
        record->parent_ino = at.first;
        record->error = more.error;
        record->cookie = more.cookie;
        const Object& object = objects_[ino];
        record->mode = object.mode;
        record->nlink = object.nlink;
        record->size = object.size;
        record->owner_uid = object.owner;
        if (op == VX_OP_FILE_WRITE && below(3) != 0) {
            record->offset = below(100);
            record->length = 1 + below(50);
        }
        if (op == VX_OP_FILE_RENAME) {
            record.rename().old_parent_ino = more.old.first;
            record.rename().target_ino = more.target;
        }
        const bool nameless = (more.flags & VX_F_NO_NAME) != 0 || at.second.empty();
        const bool gone = (more.flags & VX_F_UNLINKED) != 0;
        const std::string path = nameless ? std::string() : gone ? orphan_path_ : path_of(at);
        EventView view = record.view(seq_ + events_.size(), path);
        view.old_path = more.old_path;
        view.real_ns = 1'700'000'000'000'000'000ULL + ns_;
        events_.emplace_back(view);
    }

    // ---- what happens ---------------------------------------------------------------------------

    void create(std::uint64_t what) {
        const Edge at = free_name();
        const std::uint64_t ino = next_ino_++;
        if (what < 4 && directories_.size() < 12) {
            objects_[ino] = {.mode = S_IFDIR | 0755, .nlink = 2};
            directories_.push_back({ino, at.first, at.second});
            tell(VX_OP_DIR_CREATE, ino, at, {.flags = VX_F_DIRECTORY});
        } else if (what < 6) {
            objects_[ino] = {.mode = S_IFLNK | 0777};
            files_[at] = ino;
            tell(VX_OP_SYMLINK_CREATE, ino, at, {.name2 = "../target"});
        } else {
            objects_[ino] = {};
            files_[at] = ino;
            tell(VX_OP_FILE_CREATE, ino, at, {});
        }
    }

    void tmpfile() {
        const std::uint64_t ino = next_ino_++;
        objects_[ino] = {.nlink = 0, .size = 5};
        tell(VX_OP_FILE_WRITE, ino, {kRoot, ""}, {.flags = VX_F_NO_NAME});
        const Edge at = free_name();
        objects_[ino].nlink = 1;
        files_[at] = ino;
        tell(VX_OP_FILE_CREATE, ino, at, {.flags = VX_F_TMPFILE});
    }

    void touch() {
        if (orphan_.first != 0 && below(5) == 0) {
            tell(below(2) == 0 ? VX_OP_FILE_WRITE : VX_OP_FILE_CLOSE, orphan_.first, orphan_.second,
                 {.flags = VX_F_UNLINKED});
            return;
        }
        const auto at = some_name();
        if (at == files_.end()) {
            return;
        }
        constexpr unsigned kOps[] = {VX_OP_FILE_OPEN,  VX_OP_FILE_WRITE,    VX_OP_FILE_WRITE,
                                     VX_OP_FILE_CLOSE, VX_OP_FILE_CHMOD,    VX_OP_FILE_READ,
                                     VX_OP_FILE_CHOWN, VX_OP_FILE_TRUNCATE, VX_OP_SYNC};
        const unsigned op = kOps[below(9)];
        Object& object = objects_[at->second];
        if (op == VX_OP_FILE_WRITE || op == VX_OP_FILE_TRUNCATE) {
            object.size = below(1000);
        } else if (op == VX_OP_FILE_CHMOD) {
            object.mode = (object.mode & S_IFMT) | static_cast<std::uint32_t>(below(0777) + 1);
        } else if (op == VX_OP_FILE_CHOWN) {
            object.owner = static_cast<std::uint32_t>(below(100));
        }
        tell(op, at->second, at->first,
             {.flags = op == VX_OP_FILE_CLOSE   ? VX_F_WROTE
                       : op == VX_OP_FILE_CHMOD ? VX_F_MODE
                                                : 0});
    }

    void touch_directory() {
        const Directory& d = some_directory();
        if (d.ino == kRoot) {
            return;
        }
        const bool chmod = below(2) == 0;
        objects_[d.ino].mode =
            chmod ? S_IFDIR | static_cast<std::uint32_t>(0700 + below(0100)) : objects_[d.ino].mode;
        tell(chmod ? VX_OP_FILE_CHMOD : VX_OP_DIR_READ, d.ino, {d.parent, d.name},
             {.flags = VX_F_DIRECTORY | (chmod ? VX_F_MODE : 0)});
    }

    void link() {
        const auto at = some_name();
        if (at != files_.end()) {
            const std::uint64_t ino = at->second;
            const Edge to = free_name();
            objects_[ino].nlink++;
            files_[to] = ino;
            tell(VX_OP_HARDLINK_CREATE, ino, to, {});
        }
    }

    std::uint32_t lose_name(std::uint64_t ino, const Edge& at) {
        if (--objects_[ino].nlink != 0) {
            return 0;
        }
        orphan_ = {ino, at};
        orphan_path_ = path_of(at);
        return VX_F_LAST_LINK;
    }

    void unlink() {
        const auto at = some_name();
        if (at != files_.end()) {
            const auto [edge, ino] = *at;
            files_.erase(at);
            tell(VX_OP_FILE_DELETE, ino, edge, {.flags = lose_name(ino, edge)});
        }
    }

    void rename() {
        const auto at = some_name();
        if (at == files_.end()) {
            return;
        }
        const auto [from, ino] = *at;
        Edge to = free_name();
        More more{.old = from, .old_path = path_of(from)};
        if (const auto over = some_name(); below(3) == 0 && over->second != ino) {
            to = over->first;
            more.target = over->second;
            more.flags = VX_F_REPLACED | lose_name(over->second, to);
        }
        files_.erase(from);
        files_[to] = ino;
        tell(VX_OP_FILE_RENAME, ino, to, more);
    }

    void rename_directory() {
        const Directory moved = some_directory();
        Edge to = free_name();
        More more{.flags = VX_F_DIRECTORY, .old = {moved.parent, moved.name}};
        const Directory over = some_directory();
        if (moved.ino == kRoot) {
            return;
        }
        more.old_path = path_of(more.old);
        if (below(3) == 0 && over.ino != kRoot && over.ino != moved.ino && is_empty(over.ino)) {
            to = {over.parent, over.name};
            if (is_below(to.first, moved.ino)) {
                return;
            }
            more.target = over.ino;
            more.flags |= VX_F_REPLACED | VX_F_LAST_LINK;
            directories_.erase(directory_at(to));
        } else if (is_below(to.first, moved.ino)) {
            return;
        }
        directory(moved.ino) = {moved.ino, to.first, to.second};
        tell(VX_OP_FILE_RENAME, moved.ino, to, more);
    }

    void remove_directory() {
        const Directory gone = some_directory();
        if (gone.ino == kRoot || !is_empty(gone.ino)) {
            return;
        }
        objects_[gone.ino].nlink = 0;
        const Edge at{gone.parent, gone.name};
        directories_.erase(directory_at(at));
        tell(VX_OP_DIR_DELETE, gone.ino, at, {.flags = VX_F_DIRECTORY | VX_F_LAST_LINK});
    }

    void exchange() {
        const auto one = some_name();
        const auto two = some_name();
        if (one == two || one == files_.end() || one->second == two->second) {
            return;
        }
        const auto cookie = static_cast<std::uint32_t>(seq_);
        const More first{.flags = VX_F_EXCHANGE,
                         .old = one->first,
                         .cookie = cookie,
                         .old_path = path_of(one->first)};
        const More second{.flags = VX_F_EXCHANGE,
                          .old = two->first,
                          .cookie = cookie,
                          .old_path = path_of(two->first)};
        std::swap(one->second, two->second);
        tell(VX_OP_FILE_RENAME, two->second, two->first, first);
        tell(VX_OP_FILE_RENAME, one->second, one->first, second);
    }

    void other(std::uint64_t what) {
        const auto at = some_name();
        if (what == 97) {
            tell(VX_OP_SYNC, kRoot, {0, ""}, {.flags = VX_F_SYNC_FS | VX_F_NO_NAME});
        } else if (at != files_.end()) {
            tell(VX_OP_FILE_CREATE, 0, at->first, {.error = -EEXIST});
        }
    }

    std::mt19937_64 random_;
    std::vector<Event> events_;
    std::uint64_t seq_ = 0;
    std::uint64_t ns_ = 1'000'000'000;
    std::vector<Directory> directories_;
    Names files_;
    std::map<std::uint64_t, Object> objects_;
    std::uint64_t next_ino_ = 2;
    std::uint64_t focus_ = 0;
    std::uint64_t spare_names_ = 0;
    std::pair<std::uint64_t, Edge> orphan_{};  // the last object that has lost its last name
    std::string orphan_path_;
};

TreeHistory::TreeHistory(std::uint64_t seed) : world_(std::make_unique<World>(seed)) {}
TreeHistory::~TreeHistory() = default;

std::vector<Event> TreeHistory::step(std::uint64_t seq) {
    return world_->step(seq);
}

}  // namespace vexfs::test
