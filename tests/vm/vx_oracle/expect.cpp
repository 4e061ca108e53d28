// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_oracle/expect.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <utility>

namespace vexfs::vm {

Expect::Expect(std::uint64_t root_ino) : root_ino_(root_ino) {
    unwatched_[root_ino].push_back(last_);
}

Number Expect::number(std::uint64_t ino, std::uint32_t gen) {
    if (ino == root_ino_) {
        return 1;
    }
    const auto [at, fresh] = numbers_.try_emplace({ino, gen}, last_ + 1);
    last_ += fresh ? 1 : 0;
    return at->second;
}

// The object is new; a number that an earlier one of the same identity had is not its own.
void Expect::make(const vx_event& e) {
    if (const auto at = numbers_.find({e.ino, e.gen});
        at != numbers_.end() && gone_.erase(at->second) != 0) {
        numbers_.erase(at);
    }
    const Number before = last_;
    const Number object = number(e.ino, e.gen);
    born_ = last_ != before ? object : 0;
    if ((e.flags & VX_F_DIRECTORY) != 0) {
        unwatched_[e.ino].push_back(object);
    }
}

Number Expect::watched(std::uint64_t ino) {
    auto& waiting = unwatched_[ino];
    if (waiting.empty()) {
        return 0;
    }
    const Number object = waiting.front();
    waiting.erase(waiting.begin());
    return object;
}

std::vector<Number> Expect::take_dead() {
    return std::exchange(ended_, {});
}

void Expect::add(std::uint32_t bits, Number object, Number dir, std::string_view name) {
    Wanted wanted = now_;
    wanted.said.bits = bits;
    wanted.said.object = object;
    wanted.said.dir = dir;
    wanted.said.name = name;
    wanted.born = object == born_;
    said_->push_back(std::move(wanted));
}

void Expect::hear(std::uint32_t bits, Number dir, std::string_view name) {
    heard_->push_back({.dir = dir, .bits = bits, .name = std::string(name), .pid = now_.pid});
}

void Expect::ended(Number object, bool directory) {
    ended_.push_back(object);
    gone_.insert(object);
    if (directory) {
        hear(IN_DELETE_SELF, object);
        hear(IN_IGNORED, object);
    }
}

// The object is opened, read, written, changed or closed.
void Expect::used(const EventView& event, std::uint32_t bits) {
    const vx_event& e = event.event();
    if (event.op() == VX_OP_FILE_OPEN && (e.flags & VX_F_NO_NAME) != 0) {
        make(e);
    }
    const Number object = number(e.ino, e.gen);
    const Number dir = number(e.parent_ino, e.parent_gen);
    const std::string name = (e.flags & VX_F_NO_NAME) != 0 ? fmt::format("#{}", e.ino)
                                                           : std::string(event.name());
    const std::uint32_t told = bits & IN_ALL_EVENTS;
    if ((e.flags & VX_F_DIRECTORY) == 0) {
        add(bits, object, dir, name);
        hear(told, dir, name);
    } else {
        add(bits | FAN_ONDIR, object);
        hear(told, dir, name);
        hear(told, object);
    }
}

// A name comes or goes.
void Expect::name(const EventView& event) {
    const vx_event& e = event.event();
    const bool directory = (e.flags & VX_F_DIRECTORY) != 0;
    const bool comes = event.op() != VX_OP_FILE_DELETE && event.op() != VX_OP_DIR_DELETE;
    const bool link = event.op() == VX_OP_HARDLINK_CREATE || (e.flags & VX_F_TMPFILE) != 0;
    if (comes && !link) {
        make(e);
    }
    const Number object = number(e.ino, e.gen);
    const Number dir = number(e.parent_ino, e.parent_gen);
    const std::uint32_t bits = comes ? FAN_CREATE : FAN_DELETE;
    add(bits | (directory ? FAN_ONDIR : 0), object, dir, event.name());
    hear(bits, dir, event.name());
    // The link count.
    if (link || event.op() == VX_OP_FILE_DELETE) {
        add(FAN_ATTRIB, object);
    }
    if (!comes && (e.flags & VX_F_LAST_LINK) != 0) {
        ended(object, directory);
    }
}

void Expect::renamed(const EventView& event) {
    const vx_event& e = event.event();
    const vx_rename& r = *event.rename();
    const std::uint32_t on_dir = (e.flags & VX_F_DIRECTORY) != 0 ? FAN_ONDIR : 0;
    const Number object = number(e.ino, e.gen);
    const Number from = number(r.old_parent_ino, r.old_parent_gen);
    const Number to = number(e.parent_ino, e.parent_gen);
    add(FAN_RENAME | on_dir, object, from, event.name2());
    said_->back().said.dir2 = to;
    said_->back().said.name2 = event.name();
    add(FAN_MOVED_FROM | on_dir, object, from, event.name2());
    add(FAN_MOVED_TO | on_dir, object, to, event.name());
    hear(IN_MOVED_FROM, from, event.name2());
    hear(IN_MOVED_TO, to, event.name());
    if ((e.flags & VX_F_REPLACED) != 0) {
        const Number target = number(r.target_ino, r.target_gen);
        add(FAN_ATTRIB | on_dir, target);
        if (on_dir != 0) {
            hear(IN_ATTRIB, target);
        }
        if ((e.flags & VX_F_LAST_LINK) != 0) {
            ended(target, on_dir != 0);
        }
    }
    add(FAN_MOVE_SELF | on_dir, object);
    if (on_dir != 0) {
        hear(IN_MOVE_SELF, object);
    }
}

void Expect::part(const EventView& write, std::vector<Heard>& heard) {
    const vx_event& e = write.event();
    heard.push_back({.dir = number(e.parent_ino, e.parent_gen),
                     .bits = IN_MODIFY,
                     .name = std::string(write.name()),
                     .pid = e.pid});
}

void Expect::event(const EventView& event, std::vector<Wanted>& said, std::vector<Heard>& heard) {
    const vx_event& e = event.event();
    said_ = &said;
    heard_ = &heard;
    now_ = {.said = {.tid = e.tid}, .pid = e.pid, .op = event.op()};
    born_ = 0;
    switch (event.op()) {
        case VX_OP_FILE_OPEN:
            used(event, FAN_OPEN | ((e.flags & VX_F_EXEC) != 0 ? FAN_OPEN_EXEC : 0));
            break;
        case VX_OP_FILE_CLOSE:
            used(event, (e.flags & VX_F_WROTE) != 0 ? FAN_CLOSE_WRITE : FAN_CLOSE_NOWRITE);
            break;
        case VX_OP_FILE_READ:
        case VX_OP_DIR_READ:
            used(event, FAN_ACCESS);
            break;
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            used(event, FAN_MODIFY);
            break;
        case VX_OP_FILE_CHMOD:
        case VX_OP_FILE_CHOWN:
            used(event, FAN_ATTRIB);
            break;
        case VX_OP_FILE_RENAME:
            renamed(event);
            break;
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
        case VX_OP_HARDLINK_CREATE:
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            name(event);
            break;
        default:
            break;
    }
}

}  // namespace vexfs::vm
