// SPDX-License-Identifier: Apache-2.0
// Background: lets the daemon leave its terminal, but not before it works.
//
//   auto background = Background::enter();          // before threads, rings and mounts
//   if (background->parent()) return background->wait();   // the exit code for the shell
//   ... set everything up; on failure: print to stderr, return 1 (the parent passes both on) ...
//   background->ready(options.log_file);            // now the parent returns 0
//
// So `vexfsd --watch DIR && vexctl status` works, and a failure to start is seen where it was
// typed.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.hpp"
#include "base/status.hpp"

namespace vexfs {

class Background {
  public:
    // Forks. The child gets a session of its own and "/" as working directory, and keeps stderr
    // until ready(). Only from a process with one thread.
    static Result<Background> enter();

    [[nodiscard]] bool parent() const { return child_ > 0; }

    // Parent: waits until the child is ready (0) or has ended (its exit code; 1 and a message on
    // stderr when a signal has ended it).
    [[nodiscard]] int wait();

    // Child: sends the parent home. stdin is /dev/null from now on, stdout and stderr too, or
    // `log_file` (made with mode 0640, appended to) if it is not empty.
    Status ready(const std::string& log_file);

  private:
    Background(pid_t child, UniqueFd pipe) : child_(child), pipe_(std::move(pipe)) {}

    pid_t child_;  // 0 in the child
    UniqueFd pipe_;
};

// For the foreground: stdout and stderr go to the end of `log_file`.
Status redirect_output(const std::string& log_file);

}  // namespace vexfs
