// SPDX-License-Identifier: Apache-2.0
#include "heal/telling.hpp"

#include <utility>

namespace vexfs::heal {

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

// What was in a directory that was found to be gone, and that events speak of, need not be gone: it
// may have moved with it.
bool Telling::is_to_be_told(const Finding& finding, const Touched& touched) {
    const bool rename = finding.op == VX_OP_FILE_RENAME;
    const ObjectKey& old_parent = rename ? finding.old_parent : finding.parent;
    auto gone = gone_.find(old_parent);
    for (std::size_t depth = 0; gone != gone_.end() && depth < gone_.size(); ++depth) {
        const Finding& directory = findings_[gone->second];
        if (touched.place(directory.object) || touched.name(directory.parent, directory.name)) {
            again_.directories.push_back(old_parent);
            if (rename) {
                again_.directories.push_back(finding.parent);
            }
            return false;
        }
        gone = gone_.find(directory.parent);
    }
    return !touched.settles(finding, again_);
}

}  // namespace vexfs::heal
