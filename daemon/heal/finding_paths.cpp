// SPDX-License-Identifier: Apache-2.0
// The paths of findings: a directory that moves takes along what is below it.
#include <utility>

#include "heal/comparison.hpp"

namespace vexfs::heal {

namespace {

constexpr std::size_t kDepthMax = 4096;  // more is a circle that should not be there

// Where directories are, after the findings until now.
class Places {
  public:
    explicit Places(Catalogue& catalogue) : catalogue_(catalogue) {}

    // Empty: nobody knows.
    Result<std::string> path_of(const ObjectKey& directory) {
        std::vector<std::pair<ObjectKey, std::string>> below;
        ObjectKey here = directory;
        while (paths_.count(here) == 0) {
            Result<std::optional<Place>> place = place_of(here);
            if (!place) {
                return place.status();
            }
            if (!*place || below.size() == kDepthMax) {
                Result<std::string> top = *place ? std::string() : catalogue_.path_of(here);
                if (!top) {
                    return top;
                }
                paths_[here] = *std::move(top);
                break;
            }
            below.emplace_back(here, std::move((*place)->name));
            here = (*place)->parent;
        }
        std::string path = paths_[here];
        for (auto at = below.rbegin(); at != below.rend(); ++at) {
            path = path.empty() ? path : path_below(path, at->second);
            paths_[at->first] = path;
        }
        return path;
    }

    void take(const Finding& finding) {
        if (finding.op == VX_OP_DIR_CREATE) {
            placed_[finding.object] = {finding.parent, finding.name};
        } else if (finding.op == VX_OP_FILE_RENAME && (finding.flags & VX_F_DIRECTORY) != 0) {
            placed_[finding.object] = {finding.parent, finding.name};
            paths_.clear();
        }
    }

  private:
    // Nothing: it is a root, or nobody knows.
    Result<std::optional<Place>> place_of(const ObjectKey& directory) {
        if (catalogue_.is_root(directory)) {
            return std::optional<Place>();
        }
        if (const auto placed = placed_.find(directory); placed != placed_.end()) {
            return std::optional(placed->second);
        }
        Result<std::vector<Place>> places = catalogue_.places_of(directory);
        if (!places) {
            return places.status();
        }
        return places->empty() ? std::optional<Place>() : std::move(places->front());
    }

    Catalogue& catalogue_;
    std::unordered_map<ObjectKey, Place, ObjectKeyHash> placed_;  // which findings have put there
    std::unordered_map<ObjectKey, std::string, ObjectKeyHash> paths_;
};

}  // namespace

Status set_paths(std::vector<Finding>& findings, Catalogue& catalogue) {
    Places places(catalogue);
    for (Finding& finding : findings) {
        const bool moves = finding.op == VX_OP_FILE_RENAME;
        const Result<std::string> parent = places.path_of(finding.parent);
        const Result<std::string> old_parent =
            moves ? places.path_of(finding.old_parent) : std::string();
        if (!parent || !old_parent) {
            return parent ? old_parent.status() : parent.status();
        }
        finding.path = parent->empty() ? std::string() : path_below(*parent, finding.name);
        finding.old_path =
            old_parent->empty() ? std::string() : path_below(*old_parent, finding.name2);
        places.take(finding);
    }
    return {};
}

}  // namespace vexfs::heal
