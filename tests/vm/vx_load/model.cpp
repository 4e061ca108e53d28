// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_load/model.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

namespace vexfs::vm {

Model::Model(std::string root, std::uint64_t root_ino)
    : root_(std::move(root)), root_ino_(root_ino) {}

std::string Model::path_of(const Edge& edge) const {
    std::string path = "/" + edge.name;
    for (std::uint64_t at = edge.parent; at != root_ino_;) {
        const auto up = directories_.find(at);
        if (up == directories_.end()) {
            return "";
        }
        path.insert(0, "/" + up->second.name);
        at = up->second.parent;
    }
    return path;
}

std::string Model::check_path(const Edge& edge, std::string_view path) const {
    const std::string real = path_of(edge);
    if (real.empty()) {
        return fmt::format("its directory {} is not there", edge.parent);
    }
    return root_ + real == path ? ""
                                : fmt::format("its path is {}, must be {}", path, root_ + real);
}

std::map<std::string, std::uint64_t> Model::list() const {
    std::map<std::string, std::uint64_t> names;
    for (const auto& [edge, ino] : edges_) {
        names.emplace(path_of(edge).substr(1), ino);
    }
    return names;
}

std::string Model::add(const EventView& event, bool directory) {
    const Edge edge{event.event().parent_ino, std::string(event.name())};
    if (!edges_.emplace(edge, event.event().ino).second) {
        return "the name exists already";
    }
    if (std::string wrong = name(event); !wrong.empty()) {
        return wrong;
    }
    if (directory && !directories_.emplace(event.event().ino, edge).second) {
        return "the directory exists already";
    }
    return check_path(edge, event.path);
}

std::string Model::remove(const EventView& event) {
    const Edge edge{event.event().parent_ino, std::string(event.name())};
    const auto at = edges_.find(edge);
    if (at == edges_.end() || at->second != event.event().ino) {
        return "the name does not exist, or is another object's";
    }
    std::string wrong = check_path(edge, event.path);
    edges_.erase(at);
    directories_.erase(event.event().ino);
    unname(event.event().ino, (event.event().flags & VX_F_LAST_LINK) != 0);
    return wrong;
}

// Two events: with the first both names change hands, the second says so of the other object.
std::string Model::exchange(const EventView& event, const Edge& from, const Edge& to) {
    const vx_event& e = event.event();
    const auto other = edges_.find(to);
    if (other == edges_.end() || e.cookie == 0) {
        return "there is nothing to exchange it with";
    }
    const std::uint64_t object = other->second;
    other->second = e.ino;
    edges_[from] = object;
    for (const auto& [ino, edge] : {std::pair(std::uint64_t{e.ino}, to), std::pair(object, from)}) {
        if (const auto at = directories_.find(ino); at != directories_.end()) {
            at->second = edge;
        }
    }
    halves_[e.cookie] = object;
    return "";
}

std::string Model::rename(const EventView& event) {
    const vx_event& e = event.event();
    const vx_rename& r = *event.rename();
    const Edge from{r.old_parent_ino, std::string(event.name2())};
    const Edge to{e.parent_ino, std::string(event.name())};
    if (const auto half = halves_.find(e.cookie);
        (e.flags & VX_F_EXCHANGE) != 0 && half != halves_.end()) {
        const std::uint64_t other = half->second;
        halves_.erase(half);
        return other == e.ino ? touch(event) : "it is not the other half of the exchange";
    }
    const auto old = edges_.find(from);
    if (old == edges_.end() || old->second != e.ino) {
        return "the old name does not exist, or is another object's";
    }
    if (std::string wrong = check_path(from, event.old_path); !wrong.empty()) {
        return "old name: " + wrong;
    }
    if ((e.flags & VX_F_EXCHANGE) != 0) {
        const std::string wrong = exchange(event, from, to);
        return wrong.empty() ? check_path(to, event.path) : wrong;
    }
    edges_.erase(old);
    const auto target = edges_.find(to);
    const bool replaced = (e.flags & VX_F_REPLACED) != 0;
    if (replaced != (target != edges_.end()) || (replaced && target->second != r.target_ino)) {
        return "what it replaces is not what is there";
    }
    if (replaced) {
        directories_.erase(r.target_ino);
        unname(r.target_ino, (e.flags & VX_F_LAST_LINK) != 0);
    }
    edges_[to] = e.ino;
    if ((e.flags & VX_F_DIRECTORY) != 0) {
        directories_[e.ino] = to;
    }
    return check_path(to, event.path);
}

std::vector<std::string> Model::last_links_wrong() const {
    std::vector<std::string> wrong = last_links_wrong_;
    for (const auto& [ino, names] : names_) {
        if (names.left == 0) {
            wrong.push_back(fmt::format("not of object {}", ino));
        } else if (names.said_last != 0) {
            wrong.push_back(fmt::format("object {} has {} names left", ino, names.left));
        }
    }
    return wrong;
}

// link(2) tells of the new name when it has let go of the object: the one that it was made from may
// be told to be gone before, and is not said to be the last.
std::string Model::name(const EventView& event) {
    const std::uint64_t ino = event.event().ino;
    const bool link = event.op() == VX_OP_HARDLINK_CREATE;
    const auto [names, is_new] = names_.try_emplace(ino);
    const bool had_none = names->second.left++ == 0;
    if (is_new) {
        return link ? "the object does not exist" : "";
    }
    if (had_none && link) {
        last_links_--;
    } else if (had_none) {
        last_links_wrong_.push_back(fmt::format("not of object {}", ino));
    }
    return "";
}

void Model::unname(std::uint64_t ino, bool last) {
    Names& names = names_[ino];
    names.left--;
    names.said_last += last ? 1 : 0;
    if (names.left != 0) {
        return;
    }
    last_links_++;
    if (names.said_last > 1) {
        last_links_wrong_.push_back(fmt::format("{} times of object {}", names.said_last, ino));
    }
    if (names.said_last != 0) {
        names_.erase(ino);
    }
}

std::string Model::touch(const EventView& event) const {
    const Edge edge{event.event().parent_ino, std::string(event.name())};
    const auto at = edges_.find(edge);
    if ((event.event().flags & (VX_F_NO_NAME | VX_F_UNLINKED)) != 0) {
        return at != edges_.end() && at->second == event.event().ino
                   ? "the object has the name that it is said not to have"
                   : "";
    }
    if (at == edges_.end() || at->second != event.event().ino) {
        return "the object does not have this name now";
    }
    return check_path(edge, event.path);
}

std::string Model::apply(const EventView& event) {
    switch (event.op()) {
        case VX_OP_FILE_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
            return add(event, false);
        case VX_OP_DIR_CREATE:
            return add(event, true);
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            return remove(event);
        case VX_OP_FILE_RENAME:
            return rename(event);
        default:
            return touch(event);
    }
}

std::vector<std::string> Model::compare_with_disk() const {
    constexpr std::size_t kFew = 10;
    std::vector<std::string> wrong;
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
        struct stat here {};
        struct stat up {};
        ::lstat(entry.path().c_str(), &here);
        ::lstat(entry.path().parent_path().c_str(), &up);
        ++found;
        const auto at = edges_.find({up.st_ino, entry.path().filename().string()});
        if ((at == edges_.end() || at->second != here.st_ino) && wrong.size() < kFew) {
            wrong.push_back(entry.path().string() + " is on the disk only");
        }
    }
    if (found != edges_.size()) {
        wrong.push_back(fmt::format("{} names on the disk, {} in the model", found, edges_.size()));
    }
    return wrong;
}

}  // namespace vexfs::vm
