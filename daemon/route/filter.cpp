// SPDX-License-Identifier: Apache-2.0
#include "route/filter.hpp"

#include <re2/re2.h>

#include <algorithm>

#include "route/filter_parser.hpp"
#include "route/glob.hpp"

namespace vexfs::route {

namespace {

using Field = Filter::Field;
using Compare = Filter::Compare;

constexpr std::uint64_t kUserOpBit = 1U << 16U;

std::uint64_t number_of(Field field, const EventView& event) {
    const vx_event& e = event.event();
    switch (field) {
        case Field::op:
            return event.pushed() ? event.op() | kUserOpBit : event.op();
        case Field::boundary:
            return static_cast<std::uint64_t>(event.boundary);
        case Field::seq:
            return event.seq;
        case Field::pid:
            return e.pid;
        case Field::tid:
            return e.tid;
        case Field::uid:
            return e.uid;
        case Field::gid:
            return e.gid;
        case Field::owner_uid:
            return e.owner_uid;
        case Field::owner_gid:
            return e.owner_gid;
        case Field::fsid:
            return e.fsid;
        case Field::ino:
            return e.ino;
        case Field::parent_ino:
            return e.parent_ino;
        case Field::size:
            return e.size;
        case Field::offset:
            return e.offset;
        case Field::length:
            return e.length;
        case Field::duration_ns:
            return e.duration_ns;
        case Field::nlink:
            return e.nlink;
        case Field::mode:
            return e.mode & 07777U;
        case Field::error:
            return static_cast<std::uint64_t>(-std::int64_t{e.error});
        default:
            return 0;
    }
}

// Whether one of the texts that `field` stands for passes.
template <typename Fits>
bool any_text(const EventView& event, Field field, const Fits& fits) {
    switch (field) {
        case Field::path:
            return fits(event.path) || (!event.old_path.empty() && fits(event.old_path));
        case Field::name:
            return fits(event.name());
        default:
            return fits(event.comm());
    }
}

// The event's object, or the one that it took the name of.
bool is_about(const EventView& event, std::uint64_t fsid, std::uint64_t ino, std::uint32_t gen) {
    const vx_event& e = event.event();
    if (e.fsid != fsid) {
        return false;
    }
    const vx_rename* rename = event.rename();
    return (e.ino == ino && e.gen == gen) ||
           (rename != nullptr && (e.flags & VX_F_REPLACED) != 0 && rename->target_ino == ino &&
            rename->target_gen == gen);
}

bool has_uop(const EventView& event, std::uint64_t uop) {
    for (const UserOp& op : event.ops) {
        if (op.op == uop) {
            return true;
        }
    }
    return false;
}

bool in_order(std::uint64_t is, Compare compare, std::uint64_t value) {
    switch (compare) {
        case Compare::less:
            return is < value;
        case Compare::at_most:
            return is <= value;
        case Compare::more:
            return is > value;
        default:
            return is >= value;
    }
}

}  // namespace

Result<Filter> Filter::parse(std::string_view text) {
    return FilterParser(text).parse();
}

bool Filter::matches(const EventView& event) const {
    return nodes_.empty() || eval(root_, event);
}

// No deeper than the parser allows.
bool Filter::eval(std::uint32_t index, const EventView& event) const {
    const Node& node = nodes_[index];
    switch (node.kind) {
        case Kind::both:
            return eval(node.left, event) && eval(node.right, event);
        case Kind::either:
            return eval(node.left, event) || eval(node.right, event);
        case Kind::negation:
            return !eval(node.left, event);
        case Kind::test:
            break;
    }
    return test(node, event);
}

bool Filter::fits(const Node& node, const Value& value, const EventView& event) {
    switch (node.field) {
        case Field::path:
        case Field::name:
        case Field::comm:
            return any_text(event, node.field, [&](std::string_view text) {
                return value.regex != nullptr
                           ? re2::RE2::PartialMatch({text.data(), text.size()}, *value.regex)
                       : node.compare == Compare::glob || node.compare == Compare::not_glob
                           ? glob_match(value.text, text)
                           : text == value.text;
            });
        case Field::object:
            return is_about(event, value.fsid, value.number, value.gen);
        case Field::uop:
            return has_uop(event, value.number);
        case Field::flag:
            return (event.flags() >> value.number & 1U) != 0;
        default:
            return number_of(node.field, event) == value.number;
    }
}

bool Filter::test(const Node& node, const EventView& event) {
    if (node.compare >= Compare::less) {
        return in_order(number_of(node.field, event), node.compare, node.values[0].number);
    }
    const bool any = std::any_of(node.values.begin(), node.values.end(),
                                 [&](const Value& value) { return fits(node, value, event); });
    return any != (node.compare == Compare::not_equal || node.compare == Compare::not_glob ||
                   node.compare == Compare::not_regex);
}

}  // namespace vexfs::route
