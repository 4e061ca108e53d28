// SPDX-License-Identifier: Apache-2.0
// Commands: what the control socket answers. One method a command; the table is in add_to().
#pragma once

#include <cstdint>
#include <functional>

#include "control/server.hpp"

namespace vexfs {

class Daemon;

class Commands {
  public:
    // `daemon` outlives this.
    explicit Commands(Daemon& daemon) : daemon_(daemon) {}

    void add_to(ControlServer& server);

  private:
    void status(const Json& request, const Reply& reply);
    void stats(const Json& request, const Reply& reply);
    void sync(const Json& request, const Reply& reply);
    void rebuild(const Json& request, const Reply& reply);
    void watch_add(const Json& request, const Reply& reply);
    void watch_remove(const Json& request, const Reply& reply);
    void watch_list(const Json& request, const Reply& reply);
    void push(const Json& request, const Reply& reply);

    [[nodiscard]] Json stream() const;
    [[nodiscard]] Json journal() const;
    [[nodiscard]] Json catalogue() const;
    [[nodiscard]] Json channel() const;
    [[nodiscard]] Json fuse() const;
    [[nodiscard]] Json pushback() const;
    [[nodiscard]] Json watches() const;
    [[nodiscard]] Json correlation() const;
    [[nodiscard]] Json conflicts() const;

    // When what is stored is also known to the mount's caches and watchers; with `healed` to the
    // catalogue, too.
    void when_applied(std::uint64_t seq, bool healed, std::function<void(const Status&)> done);

    Daemon& daemon_;
};

}  // namespace vexfs
