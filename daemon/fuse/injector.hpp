// SPDX-License-Identifier: Apache-2.0
// Injector: what happened behind the mount, told to those who watch the mount with inotify or
// fanotify. The kernel's FUSE tells them only what is done through the mount; that is never told
// here again.
//
// The caches come first: an event waits until all that they were asked to drop before it (by the
// Invalidator) has reached the kernel, so that who looks at the mount because of an event finds
// what the event says. Everything here is on one thread, the pipeline's: not a worker's, which may
// have a request in its hands that the kernel waits for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

#include "fuse/caches.hpp"
#include "vexfs/event.hpp"

namespace vexfs::fuse {

// Where on the mount an event is told, in the mount's own numbers.
struct Place {
    std::uint64_t directory = 0;  // node id
    std::uint64_t directory_ino = 0;
    std::uint64_t object = 0;  // node id; 0: not remembered, or told elsewhere
};

// Who tells: the kernel module, or a fake in a test.
class Watchers {
  public:
    virtual ~Watchers() = default;
    // Puts an event on its way; flush() when those of one turn are.
    virtual void tell(const EventView& event, const Place& place) = 0;
    virtual void flush() = 0;
};

class Injector {
  public:
    static constexpr std::size_t kLimit = 1 << 16;

    // `dev`: the device number of the backing file system. `limit`: events that wait; what comes
    // when so many do is not told, and counted.
    Injector(const Caches& caches, Watchers& watchers, dev_t dev, std::size_t limit = kLimit)
        : caches_(caches), watchers_(watchers), dev_(dev), limit_(limit) {}

    // An event from behind the mount, after the caches were asked to drop what it makes untrue.
    void add(const EventView& view);
    // Tells what the caches are through with. To be called when reached() has grown.
    void turn();
    // Calls `done` when the caches know of all that was asked for before, and the watchers of all
    // that was added; at once if they do.
    void settle(std::function<void()> done);

    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  private:
    struct Waiting {
        std::uint64_t after;  // number of the last request that it waits for
        Event event;
    };

    [[nodiscard]] std::uint64_t node(std::uint64_t ino) const;
    void tell(const EventView& view);

    const Caches& caches_;
    Watchers& watchers_;
    const dev_t dev_;
    const std::size_t limit_;
    std::deque<Waiting> waiting_;
    std::deque<std::pair<std::uint64_t, std::function<void()>>> settling_;
    std::uint64_t dropped_ = 0;
};

}  // namespace vexfs::fuse
