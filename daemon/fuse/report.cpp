// SPDX-License-Identifier: Apache-2.0
#include "fuse/report.hpp"

#include <ctime>
#include <utility>

namespace vexfs::fuse {

std::uint64_t mono_now_ns() {
    timespec ts{};
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<std::uint64_t>(ts.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(ts.tv_nsec);
}

void Reporter::directory(const Node& node, const ObjectId& parent, std::string_view name) {
    if (sink_ == nullptr || node.type != S_IFDIR) {
        return;
    }
    sink_->on_directory(
        {.object = node.id, .parent = parent, .name = name, .mono_ns = mono_now_ns()});
}

Report::Report(Reporter& reporter, vx_op op, const Caller& caller)
    : reporter_(reporter), wanted_(reporter.wants(op)) {
    if (!wanted_) {
        return;
    }
    event_.op = op;
    event_.caller = caller;
}

Report& Report::object(const Node& node) {
    if (wanted_) {
        event_.object = node.id;
        flag(VX_F_DIRECTORY, node.type == S_IFDIR);
        if (event_.mode == 0) {
            event_.mode = node.type;
        }
    }
    return *this;
}

Report& Report::attributes(const struct stat& st) {
    event_.mode = st.st_mode;
    event_.nlink = static_cast<std::uint32_t>(st.st_nlink);
    event_.size = static_cast<std::uint64_t>(st.st_size);
    event_.owner_uid = st.st_uid;
    event_.owner_gid = st.st_gid;
    return *this;
}

Report& Report::attributes_of(int fd) {
    struct stat st {};
    if (wanted_ && ::fstat(fd, &st) == 0) {
        attributes(st);
    }
    return *this;
}

Report& Report::last_place(const Node& node) {
    if (wanted_) {
        const NodeTable::Place place = reporter_.nodes().place(node, name_);
        event_.parent = place.parent;
        event_.name = std::string_view(name_, place.length);
        // A name that is gone is still the best there is: it is flagged.
        flag(VX_F_NO_NAME, place.nameless && place.length == 0);
        flag(VX_F_UNLINKED, place.nameless && place.length != 0);
    }
    return *this;
}

Report& Report::at(const Node& parent, std::string_view name) {
    event_.parent = parent.id;
    event_.name = name;
    return *this;
}

Report& Report::range(std::int64_t offset, std::uint64_t length) {
    event_.offset = offset < 0 ? 0 : static_cast<std::uint64_t>(offset);
    event_.length = length;
    return *this;
}

void Report::send(int error) {
    if (!wanted_) {
        return;
    }
    event_.error = -error;
    event_.mono_ns = mono_now_ns();
    reporter_.send(event_);
}

DirectoryOrder::Guard DirectoryOrder::hold(const Node& one, const Node& other) {
    const std::size_t a = index(one);
    const std::size_t b = index(other);
    if (a == b) {
        return Guard(stripes_[a]);
    }
    return Guard(stripes_[std::min(a, b)], stripes_[std::max(a, b)]);
}

}  // namespace vexfs::fuse
