// SPDX-License-Identifier: Apache-2.0
#include "heal/telling.hpp"

#include <utility>

namespace vexfs::heal {

namespace {

constexpr std::uint64_t kGives = VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_DIR_CREATE) |
                                 VX_OP_BIT(VX_OP_SYMLINK_CREATE) |
                                 VX_OP_BIT(VX_OP_HARDLINK_CREATE) | VX_OP_BIT(VX_OP_FILE_RENAME);
constexpr std::uint64_t kFrees = VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_DIR_DELETE) |
                                 VX_OP_BIT(VX_OP_FILE_RENAME);

bool gives_name(const Finding& f) { return (kGives >> f.op & 1U) != 0; }
bool frees_name(const Finding& f) { return (kFrees >> f.op & 1U) != 0; }

}  // namespace

Telling::Telling(std::vector<Finding> findings) : findings_(std::move(findings)) {
    for (std::size_t i = 0; i < findings_.size(); ++i) {
        if (findings_[i].op == VX_OP_DIR_DELETE) {
            gone_[findings_[i].object] = i;
        }
    }
}

const Finding* Telling::next(const Touched& touched) {
    while (next_ < findings_.size()) {
        const Finding& finding = findings_[next_++];
        if (is_to_be_told(finding, touched)) {
            ++told_;
            return &finding;
        }
    }
    return nullptr;
}

bool Telling::is_to_be_told(const Finding& finding, const Touched& touched) {
    const bool settled = touched.settles(finding, again_);
    const bool in_doubt =
        may_not_have_gone(finding, touched) || needs_what_is_left_out(finding);
    if (in_doubt) {
        again_.add_directories_of(finding);
    }
    if (settled || in_doubt) {
        leave_out(finding, touched);
    }
    return !settled && !in_doubt;
}

// What was in a directory that was found to be gone, and that events speak of, need not be gone: it
// may have moved with it.
bool Telling::may_not_have_gone(const Finding& finding, const Touched& touched) const {
    auto gone = gone_.find(source_of(finding).parent);
    for (std::size_t depth = 0; gone != gone_.end() && depth < gone_.size(); ++depth) {
        const Finding& directory = findings_[gone->second];
        if (touched.place(directory.object) || touched.name(directory.parent, directory.name)) {
            return true;
        }
        gone = gone_.find(directory.parent);
    }
    return false;
}

bool Telling::needs_what_is_left_out(const Finding& f) const {
    if (taken_.empty() && free_.empty()) {
        return false;
    }
    const bool to_be_free = gives_name(f) && taken_.count({f.parent, f.name}) != 0;
    const bool to_be_there = free_.count(source_of(f)) != 0;
    return to_be_free || to_be_there || elsewhere_.count(f.parent) != 0 ||
           elsewhere_.count(source_of(f).parent) != 0 || is_where_nothing_is(f.path) ||
           is_where_nothing_is(f.old_path);
}

// At or below such a path.
bool Telling::is_where_nothing_is(std::string_view path) const {
    if (nothing_at_.empty()) {
        return false;
    }
    std::size_t end = path.size();
    while (end != 0 && end != std::string_view::npos &&
           nothing_at_.count(std::string(path.substr(0, end))) == 0) {
        end = path.rfind('/', end - 1);
    }
    return end != 0 && end != std::string_view::npos;
}

void Telling::leave_out(const Finding& f, const Touched& touched) {
    const Place source = source_of(f);
    if (frees_name(f) && !touched.name(source.parent, source.name)) {
        taken_.insert(source);
    }
    if (!gives_name(f) || touched.name(f.parent, f.name)) {
        return;
    }
    free_.insert({f.parent, f.name});
    if ((f.flags & VX_F_DIRECTORY) != 0) {
        elsewhere_.insert(f.object);
        nothing_at_.insert(f.path);
    }
}

}  // namespace vexfs::heal
