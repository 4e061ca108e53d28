// SPDX-License-Identifier: Apache-2.0
#include "heal/tools.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>

namespace vexfs::heal {

Status Tools::catch_up_with_calls() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(call_ms));
    return catch_up();
}

Result<std::vector<Directory>> Tools::find_places(std::vector<ObjectKey> objects,
                                                  std::vector<ObjectKey>& nowhere) const {
    const auto order = [](const ObjectKey& k) { return std::tie(k.fsid, k.ino, k.gen); };
    std::sort(objects.begin(), objects.end(),
              [&](const ObjectKey& a, const ObjectKey& b) { return order(a) < order(b); });
    objects.erase(std::unique(objects.begin(), objects.end()), objects.end());
    std::vector<Directory> out;
    for (const ObjectKey& object : objects) {
        Result<std::string> path = follower.catalogue().look_for(object);
        if (!path) {
            return path.status();
        }
        if (path->empty()) {
            nowhere.push_back(object);
        } else {
            out.push_back({object, *std::move(path)});
        }
    }
    return out;
}

Status cannot_look(const Listing& listing) {
    return Status::error(EAGAIN, listing.state == Listing::State::refused
                                     ? listing.status.message()
                                     : listing.directory.path +
                                           " is not the directory that is watched: is something "
                                           "mounted over it?");
}

}  // namespace vexfs::heal
