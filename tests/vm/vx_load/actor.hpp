// SPDX-License-Identifier: Apache-2.0
// Actor: one process of a workload. What its rounds do is in lives.cpp.
#pragma once

#include <cerrno>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>

#include "vm/vx_load/caller.hpp"
#include "vm/vx_load/truth.hpp"

namespace vexfs::vm {

class Actor {
  public:
    using Call = std::function<long()>;
    using Request = std::function<void(io_uring_sqe*)>;

    Actor(const Workload& load, unsigned number, ProcessTruth& truth);

    // Its own directory, which must be there before round().
    void begin();
    // One round of everything. Returns operations done so far.
    std::uint64_t round();

  private:
    // Nobody else is here: it works, or it is a mistake. An operation that raises several events
    // has several `ops`.
    long must(std::initializer_list<unsigned> ops, const Call& call);
    long must(unsigned op, const Call& call) { return must({op}, call); }
    // The same through io_uring.
    long must_uring(std::initializer_list<unsigned> ops, const Request& prepare,
                    bool worker = false);
    // Others may have been faster.
    long may(std::initializer_list<unsigned> ops, const Call& call);
    void make_directory(const std::string& path);
    // Also tells the workload's owner.
    void made(const std::string& path, long result);
    void failed(const char* how, long error);

    std::uint64_t random();
    [[nodiscard]] std::string own(const char* stem, std::uint64_t number) const;
    [[nodiscard]] std::string contended();

    void file_life();
    void directory_life();
    void read_back();
    void exchange_life();
    void unnamed_life();
    void uring_file_life();
    void uring_tree_life();
    void copy_life();
    void deep_life();
    void contend();

    const Workload& load_;
    std::string own_;
    std::string shared_;
    std::uint64_t random_;
    std::uint64_t round_ = 0;
    std::uint64_t done_ = 0;
    bool unnamed_works_ = true;  // O_TMPFILE
    ProcessTruth& truth_;
    Caller caller_;
    Uring uring_;
};

}  // namespace vexfs::vm
