// SPDX-License-Identifier: Apache-2.0
#include "client/net_event.hpp"

#include <algorithm>
#include <optional>

namespace vexfs::settle {

namespace {

// Of whatever was merged, these are true of the whole.
constexpr std::uint32_t kCarried = VX_F_WROTE | VX_F_EXEC | VX_F_FORCED | VX_F_MODE | VX_F_OWNER |
                                   VX_F_GROUP | VX_F_RESYNC | VX_F_OPEN_TRUNC;
constexpr std::uint32_t kNameless = VX_F_UNLINKED | VX_F_NO_NAME;

// What does not change names: which of two gives the operation of both.
unsigned strength(const vx_event& event) {
    switch (event.rec.op) {
        case VX_OP_FILE_WRITE:
        case VX_OP_FILE_TRUNCATE:
            return 6;
        case VX_OP_FILE_CLOSE:
            return (event.flags & VX_F_WROTE) != 0 ? 5 : 0;
        case VX_OP_FILE_CHMOD:
        case VX_OP_FILE_CHOWN:
            return 4;
        case VX_OP_SYNC:
            return 3;
        case VX_OP_FILE_READ:
        case VX_OP_DIR_READ:
            return 2;
        default:
            return 1;
    }
}

bool changes_content(unsigned op) {
    return op == VX_OP_FILE_WRITE || op == VX_OP_FILE_TRUNCATE;
}

bool asks_only(const UserOp& op) {
    return op.op == VX_UOP_GRAPH_NODE_QUERY || op.op == VX_UOP_GRAPH_TRAVERSE;
}

// The operations of a unit that has grown; none: they are too many for one.
class Union {
  public:
    explicit Union(const UserOps& ops) : ops_(ops.begin(), ops.end()) {}

    void add(UserOp op) {
        if (asks_only(op) && !ops_.empty() && !asks_only(ops_.back())) {
            return;  // a change says more
        }
        if (!asks_only(op)) {
            std::erase_if(ops_, asks_only);
        }
        if (op.op == VX_UOP_VECTOR_UPDATE && std::erase_if(ops_, [](const UserOp& known) {
                                                 return known.op == VX_UOP_VECTOR_CREATE;
                                             }) != 0) {
            op.op = VX_UOP_VECTOR_CREATE;
        }
        if (op.op == VX_UOP_VECTOR_CREATE) {
            std::erase_if(ops_,
                          [](const UserOp& known) { return known.op == VX_UOP_VECTOR_UPDATE; });
        }
        // A commit point is one of all that stands before it.
        if (op.op == VX_UOP_GRAPH_NODE_UPDATE) {
            std::erase_if(ops_,
                          [](const UserOp& known) { return known.op == VX_UOP_GRAPH_TRANSACTION; });
        }
        const bool said = op.op == VX_UOP_GRAPH_NODE_UPDATE || op.op == VX_UOP_GRAPH_PROPERTY_SET;
        if (said && !ops_.empty() && ops_.front().op == VX_UOP_GRAPH_NODE_CREATE) {
            return;  // a new node is as it is in the end
        }
        std::erase(ops_, op);
        ops_.push_back(op);
    }
    [[nodiscard]] std::optional<UserOps> done() const {
        if (ops_.size() > UserOps::kMax) {
            return std::nullopt;
        }
        UserOps all;
        for (const UserOp& op : ops_) {
            all.push(op);
        }
        return all;
    }

  private:
    std::vector<UserOp> ops_;
};

std::string name2_of(const vx_event& event) {
    return {vx_event_name2(&event), event.name2_len};
}

}  // namespace

Effect effect_of(const vx_event& event) {
    switch (event.rec.op) {
        case VX_OP_FILE_CREATE:
        case VX_OP_DIR_CREATE:
        case VX_OP_SYMLINK_CREATE:
            return Effect::create;
        case VX_OP_HARDLINK_CREATE:
            return Effect::link;
        case VX_OP_FILE_RENAME:
            return Effect::rename;
        case VX_OP_FILE_DELETE:
        case VX_OP_DIR_DELETE:
            return Effect::remove;
        default:
            return Effect::none;
    }
}

Object object_of(const vx_event& event) {
    return {event.fsid, event.ino, event.gen};
}

Object parent_of(const vx_event& event) {
    return {event.fsid, event.parent_ino, event.parent_gen};
}

Place place_of(const vx_event& event) {
    return {parent_of(event), std::string(vx_event_name(&event), event.name_len)};
}

Place old_place_of(const vx_event& event) {
    const vx_rename& rename = *vx_event_rename_const(&event);
    return {{event.fsid, rename.old_parent_ino, rename.old_parent_gen}, name2_of(event)};
}

NetEvent::NetEvent(const EventView& first, bool careful)
    : effect_(effect_of(first.event())), careful_(careful), fields_(first) {
    take_record(first);
    extend_range(first.event());
    settled_.first_seq = first.seq;
    count(first);
}

EventView NetEvent::view() const {
    EventView view = fields_;
    view.record = &header();
    view.path = path_;
    view.old_path = old_path_;
    view.settled = &settled_;
    return view;
}

bool NetEvent::add(const EventView& event, bool careful) {
    // Another boundary's word for what is in here, or was told.
    if (event.duplicate) {
        count(event);
        return true;
    }
    const bool was_careful = careful_;
    careful_ = careful_ || careful;
    const Merge merge = decide(event.event());
    if (merge == Merge::refuse || !join_ops(event, merge)) {
        careful_ = was_careful;
        return false;
    }
    merge_record(event, merge);
    if (fields_.chain == 0 || event.chain == 0) {
        fields_.chain |= event.chain;
    } else if (fields_.chain != event.chain) {
        fields_.chain = 0;
    }
    fields_.real_ns = event.real_ns;
    fields_.hash = event.hash;
    count(event);
    return true;
}

void NetEvent::count(const EventView& event) {
    fields_.seq = event.seq;
    settled_.events++;
    settled_.ops[event.op()]++;
}

NetEvent::Merge NetEvent::decide(const vx_event& event) const {
    const bool nameless = (event.flags & kNameless) != 0;
    const Effect next = effect_of(event);
    switch (next) {
        case Effect::none:
            if (effect_ == Effect::remove || effect_ == Effect::nothing) {
                // What is still done to a file that is open has nobody to see it.
                const bool last =
                    effect_ == Effect::nothing || (record().flags & VX_F_LAST_LINK) != 0;
                return last && nameless ? Merge::weaker : Merge::refuse;
            }
            return effect_ == Effect::none && strength(event) >= strength(record()) ? Merge::become
                                                                                    : Merge::weaker;
        case Effect::create:
            return effect_ == Effect::none && (event.flags & VX_F_TMPFILE) != 0 ? Merge::become
                                                                                : Merge::refuse;
        case Effect::rename:
            return decide_rename(event);
        case Effect::remove:
            return decide_remove(event);
        default:
            return Merge::refuse;
    }
}

NetEvent::Merge NetEvent::decide_rename(const vx_event& event) const {
    const bool replaces = (event.flags & VX_F_REPLACED) != 0;
    if (effect_ == Effect::none) {
        return Merge::become;
    }
    if (careful_ || (effect_ != Effect::create && effect_ != Effect::rename) ||
        old_place_of(event) != place_of(record())) {
        return Merge::refuse;
    }
    if (effect_ == Effect::create) {
        return replaces ? Merge::refuse : Merge::move;
    }
    if (place_of(event) != old_place_of(record())) {
        return Merge::chain;
    }
    const bool renames_only = settled_.ops[VX_OP_FILE_RENAME] == settled_.events;
    return renames_only && !replaces ? Merge::vanish : Merge::refuse;
}

NetEvent::Merge NetEvent::decide_remove(const vx_event& event) const {
    if ((event.flags & VX_F_LAST_LINK) == 0) {
        return Merge::refuse;  // it lives on: what was done to it is to be told
    }
    if (effect_ == Effect::none) {
        return Merge::become;
    }
    if ((effect_ != Effect::create && effect_ != Effect::rename) ||
        place_of(event) != place_of(record())) {
        return Merge::refuse;
    }
    if (effect_ == Effect::create) {
        return careful_ ? Merge::become : Merge::vanish;
    }
    return careful_ ? Merge::refuse : Merge::unmove;
}

// The unit of both. False: one cannot hold it.
bool NetEvent::join_ops(const EventView& event, Merge merge) {
    const Effect next = effect_of(event.event());
    if (next == Effect::remove || merge == Merge::vanish) {
        fields_.ops = event.ops;
        return true;
    }
    // A new object is at its new place; of one that is gone nothing more is said.
    if (merge == Merge::move || effect_ == Effect::remove || effect_ == Effect::nothing) {
        return true;
    }
    Union all(fields_.ops);
    for (const UserOp& op : event.ops) {
        all.add(op);
    }
    const std::optional<UserOps> done = all.done();
    fields_.ops = done ? *done : fields_.ops;
    return done.has_value();
}

void NetEvent::merge_record(const EventView& event, Merge merge) {
    const vx_event& e = event.event();
    extend_range(e);
    switch (merge) {
        case Merge::weaker:
            carried_ |= e.flags & kCarried;
            if (effect_ == Effect::none) {
                // Where it is now, if that is all there is to say of its place.
                mutable_record().flags = (record().flags & ~kNameless) | (e.flags & kNameless);
                set_names(place_of(e), {}, name2_of(record()));
                path_ = event.path;
            }
            break;
        case Merge::become:
            take_record(event);
            effect_ = effect_of(e);
            carried_ = effect_ == Effect::remove ? 0 : carried_;
            break;
        case Merge::move:
            set_names(place_of(e), {}, name2_of(record()));
            path_ = event.path;
            break;
        case Merge::chain: {
            const Place from = old_place_of(record());
            const std::string old_path = old_path_;
            take_record(event);
            set_names(place_of(e), from, from.name);
            old_path_ = old_path;
            break;
        }
        case Merge::unmove: {
            const Place from = old_place_of(record());
            const std::string old_path = old_path_;
            take_record(event);
            set_names(from, {}, "");
            path_ = old_path;
            effect_ = Effect::remove;
            carried_ = 0;
            break;
        }
        case Merge::vanish:
            effect_ = Effect::nothing;
            break;
        case Merge::refuse:
            break;
    }
    patch_state(e);
}

// The record of this event is the one that is told.
void NetEvent::take_record(const EventView& event) {
    const vx_event& e = event.event();
    carried_ |= e.flags & kCarried;
    record_.assign(e.rec.len / 8, 0);
    std::memcpy(record_.data(), &e, e.rec.len);
    path_ = event.path;
    old_path_ = event.old_path;
    fields_.boundary = event.boundary;
    fields_.producer = event.producer;
    fields_.score = event.score;
}

void NetEvent::patch_state(const vx_event& event) {
    vx_event& net = mutable_record();
    net.rec.ticket = event.rec.ticket;
    net.rec.count = event.rec.count;
    net.rec.mono_ns = event.rec.mono_ns;
    // The mount does not look at attributes for every request.
    if ((event.mode & 07777U) != 0 || event.nlink != 0 || effect_ == Effect::remove) {
        net.size = event.size;
        net.mode = event.mode;
        net.nlink = event.nlink;
        net.owner_uid = event.owner_uid;
        net.owner_gid = event.owner_gid;
    }
    net.flags |= carried_;
    const bool ranged =
        effect_ != Effect::remove && ranges_known_ && (content_ || net.rec.op == VX_OP_FILE_READ);
    net.offset = ranged ? begin_ : 0;
    net.length = ranged ? end_ - begin_ : 0;
    net.duration_ns = 0;
}

// The range of what was written; of what was read, while nothing is written.
void NetEvent::extend_range(const vx_event& event) {
    const unsigned op = event.rec.op;
    const bool writes = changes_content(op);
    if ((!writes && op != VX_OP_FILE_READ) || (content_ && !writes)) {
        return;
    }
    if (writes && !content_) {
        content_ = true;
        ranges_known_ = true;
        begin_ = end_ = 0;
    }
    if (event.length == 0 || op == VX_OP_FILE_TRUNCATE) {
        ranges_known_ = false;
        return;
    }
    const bool first = begin_ == end_;
    const std::uint64_t end = event.offset + event.length;
    begin_ = first ? event.offset : std::min<std::uint64_t>(begin_, event.offset);
    end_ = first ? end : std::max(end_, end);
}

// The same record at another place, with another second name.
void NetEvent::set_names(const Place& place, const Place& old_place, const std::string& name2) {
    if (header().op != VX_OP_FILE_RENAME && place == place_of(record()) &&
        name2 == name2_of(record())) {
        return;
    }
    const auto name_len = static_cast<std::uint32_t>(place.name.size());
    const auto name2_len = static_cast<std::uint32_t>(name2.size());
    const unsigned op = header().op;
    std::vector<std::uint64_t> next(vx_event_len(op, name_len, name2_len) / 8);
    std::memcpy(next.data(), record_.data(), vx_event_fixed(op));
    record_ = std::move(next);
    vx_event& net = mutable_record();
    vx_event_strings(&net, place.name.data(), name_len, name2.data(), name2_len);
    net.parent_ino = place.parent.ino;
    net.parent_gen = place.parent.gen;
    if (vx_rename* rename = vx_event_rename(&net); rename != nullptr) {
        rename->old_parent_ino = old_place.parent.ino;
        rename->old_parent_gen = old_place.parent.gen;
    }
}

}  // namespace vexfs::settle
