// SPDX-License-Identifier: Apache-2.0
// PushWatchers: tells the mount's inotify and fanotify watchers through the push ring.
#pragma once

#include <spdlog/spdlog.h>

#include "fuse/injector.hpp"
#include "pushback/push_ring.hpp"

namespace vexfs {

class PushWatchers final : public fuse::Watchers {
  public:
    // `ring` outlives this. `dev`: the mount's device number, as the kernel answered to its watch.
    PushWatchers(PushRing& ring, std::uint64_t dev) : ring_(ring), dev_(dev) {}

    void tell(const EventView& event, const fuse::Place& place) override {
        report(ring_.inject(event, {.dev = dev_,
                                    .directory = place.directory,
                                    .directory_ino = place.directory_ino,
                                    .object = place.object}));
    }
    void flush() override { report(ring_.flush()); }

  private:
    static void report(const Status& status) {
        if (!status) {
            spdlog::warn("watchers of the mount: {}", status.message());
        }
    }

    PushRing& ring_;
    std::uint64_t dev_;
};

}  // namespace vexfs
