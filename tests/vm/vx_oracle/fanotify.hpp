// SPDX-License-Identifier: Apache-2.0
// Fanotify: all that fanotify says of one file system, with names, file handles and threads.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.hpp"
#include "base/status.hpp"
#include "vm/vx_oracle/said.hpp"

namespace vexfs::vm {

class Fanotify {
  public:
    // Listens to the file system that `directory` is in. EOPNOTSUPP, ENODEV, EXDEV: it has no file
    // handles, or no identity, that fanotify could report.
    static Result<std::unique_ptr<Fanotify>> open(const std::string& directory);

    [[nodiscard]] int fd() const { return fd_.get(); }
    // Appends what is in the queue.
    Status read(std::vector<Said>& said);
    // The number of the object at `path`, by its file handle.
    Number number_of(const std::string& path);
    // Marks of a queue that was too short.
    [[nodiscard]] std::uint64_t overflows() const { return overflows_; }

  private:
    Fanotify() = default;
    // `handle`: struct file_handle.
    Number number_of_handle(const void* handle);
    Said parse(const fanotify_event_metadata& event);

    UniqueFd fd_;
    std::unordered_map<std::string, Number> numbers_;
    std::uint64_t overflows_ = 0;
    std::vector<char> buffer_;
};

}  // namespace vexfs::vm
