// SPDX-License-Identifier: Apache-2.0
// Attacker: one process that calls /dev/vexfs at random.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "abi/command.h"
#include "abi/ioctl.h"
#include "base/fd.hpp"

namespace vexfs::vm {

class Attacker {
  public:
    Attacker(std::uint64_t seed, std::string directory);
    ~Attacker();
    Attacker(const Attacker&) = delete;
    Attacker& operator=(const Attacker&) = delete;

    // So many calls; each that has come back is added to `made`.
    void attack(std::uint64_t calls, std::atomic<std::uint64_t>& made);
    // What the kernel must not do, and did.
    [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

  private:
    // What has been mapped; read and written by the scribbler meanwhile.
    struct Area {
        std::atomic<unsigned char*> at{nullptr};
        std::size_t bytes = 0;
        std::size_t offset = 0;
        int prot = 0;
        bool replaced = false;  // a part of it is other memory now
    };

    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : random_() % n; }
    bool once_in(std::uint64_t n) { return below(n) == 0; }
    // A number that is often near a limit.
    std::uint64_t odd_number();
    int some_fd();

    void open_device();
    void close_something();
    void duplicate();
    void call();          // an ioctl that means something, with fields mutated
    void call_rubbish();  // any number, any pointer
    void create();        // a channel that can be had
    void watch();         // a watch that can be had
    void push();          // entries that can be had, mutated
    void map();
    void unmap();
    void protect();
    void fork_off();     // a child that touches the mappings, and dies
    void pass_on();      // a descriptor through a socket
    void touch_files();  // so that there are events
    void other_calls();  // poll, read, write, lseek, fcntl
    void lose_privilege();
    static bool is_ring(const unsigned char* at, const Area& area);
    void look_at_ring();  // each record is as long as it says
    static constexpr unsigned kBurst = 1024;  // stores of a scribbler, in each call
    void scribble();

    template <typename T>
    void issue(unsigned long number, T& argument);
    void complain(std::string what);

    std::mt19937_64 random_;
    std::string directory_;
    std::vector<UniqueFd> devices_;
    std::vector<UniqueFd> files_;
    std::vector<std::string> problems_;
    static constexpr std::size_t kAreas = 16;
    Area areas_[kAreas];
    std::atomic<bool> stop_{false};
    std::atomic<unsigned> begun_{0};  // calls; scribblers wait for the next
    std::vector<std::thread> scribblers_;
    std::uint64_t names_ = 0;
};

}  // namespace vexfs::vm
