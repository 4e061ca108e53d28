// SPDX-License-Identifier: Apache-2.0
#include "ctl/missed.hpp"

#include <vector>

namespace vexfs::ctl {

void Missed::erase(const std::string& path) {
    const auto at = names_.find(path);
    if (at != names_.end()) {
        directories_ -= at->second.directory ? 1 : 0;
        names_.erase(at);
    }
}

Status Missed::follow(const EventView& event) {
    const vx_event& e = event.event();
    if (event.pushed() || e.error != 0) {
        return {};
    }
    const unsigned op = event.op();
    const bool places = op == VX_OP_FILE_RENAME || op == VX_OP_HARDLINK_CREATE;
    if (places && event.path.empty()) {
        return Status::error(EAGAIN, "an event does not say where something was moved: try again");
    }
    if (op == VX_OP_FILE_CREATE || op == VX_OP_DIR_CREATE || op == VX_OP_SYMLINK_CREATE) {
        made_.insert({e.fsid, e.ino, e.gen});
    } else if (op == VX_OP_FILE_DELETE || op == VX_OP_DIR_DELETE) {
        erase(std::string(event.path));
    } else if (places) {
        if (op == VX_OP_FILE_RENAME) {
            rename(event);
        }
        add(event);
    }
    return {};
}

void Missed::add(const EventView& event) {
    const vx_event& e = event.event();
    const ObjectKey object{e.fsid, e.ino, e.gen};
    const bool directory = (e.flags & VX_F_DIRECTORY) != 0;
    const std::string path(event.path);
    const auto known = names_.find(path);
    const bool wanted = directory ? !tree_.has(object) : collect_;
    if (!is_at_or_below(path, root_) || made_.count(object) != 0 ||
        (!wanted && known == names_.end())) {
        return;
    }
    erase(path);
    names_[path] = {
        object, {e.fsid, e.parent_ino, e.parent_gen}, std::string(event.name()), directory};
    directories_ += directory ? 1 : 0;
    // Its content can be moved out of it until it is scanned.
    collect_ = collect_ || directory;
}

void Missed::rename(const EventView& event) {
    const vx_event& e = event.event();
    if ((e.flags & VX_F_EXCHANGE) == 0) {
        erase(std::string(event.path));  // it was replaced
        move(event.old_path, event.path);
        return;
    }
    // An exchange is two events with one cookie: the first puts aside what the second brings back.
    const std::string aside = "exchange " + std::to_string(e.cookie);
    if (exchange_ == e.cookie) {
        move(aside, event.path);
        exchange_ = 0;
    } else {
        move(event.path, aside);
        move(event.old_path, event.path);
        exchange_ = e.cookie;
    }
}

// What was at and below `from` is at and below `to`, if that is in the tree.
void Missed::move(std::string_view from, std::string_view to) {
    if (from.empty()) {
        return;
    }
    std::vector<Names::node_type> moved;
    for (auto at = names_.begin(); at != names_.end();) {
        const auto next = std::next(at);
        if (is_at_or_below(at->first, from)) {
            moved.push_back(names_.extract(at));
        }
        at = next;
    }
    for (Names::node_type& node : moved) {
        node.key().replace(0, from.size(), to);
        const bool inside = is_at_or_below(node.key(), root_) || to.starts_with("exchange ");
        directories_ -= !inside && node.mapped().directory ? 1 : 0;
        if (inside) {
            names_.insert(std::move(node));
        }
    }
}

}  // namespace vexfs::ctl
