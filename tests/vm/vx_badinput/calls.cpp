// SPDX-License-Identifier: Apache-2.0
// Bad input: open and the calls, field by field.
#include <linux/capability.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "vm/vx_badinput/attempt.hpp"

namespace vexfs::vm {

namespace {

// The errno that `act` ends with in a process of its own.
int in_child(int (*act)()) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(act());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

int open_error() {
    return error_of(::open(VX_DEVICE, O_RDWR | O_CLOEXEC));
}

// Root in every respect but one.
int open_without_sys_admin() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[2] = {};
    if (::syscall(SYS_capget, &header, data) != 0) {
        return errno;
    }
    data[CAP_SYS_ADMIN / 32].effective &= ~(1U << (CAP_SYS_ADMIN % 32));
    if (::syscall(SYS_capset, &header, data) != 0) {
        return errno;
    }
    return open_error();
}

int open_as_user() {
    return ::setresuid(1234, 1234, 1234) == 0 ? open_error() : errno;
}

// A page of arguments, and one behind it that is not there.
class Edge {
  public:
    Edge() {
        base_ = static_cast<char*>(::mmap(nullptr, std::size_t{2} * VX_PAGE, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        ::munmap(base_ + VX_PAGE, VX_PAGE);
    }
    ~Edge() { ::munmap(base_, VX_PAGE); }
    Edge(const Edge&) = delete;
    Edge& operator=(const Edge&) = delete;

    // `bytes` before the end of what is there.
    [[nodiscard]] char* at(std::size_t bytes) const { return base_ + VX_PAGE - bytes; }
    void protect() { ::mprotect(base_, VX_PAGE, PROT_READ); }

  private:
    char* base_ = nullptr;
};

void try_pointers(int fd) {
    expect("query: no argument", EFAULT, error_of(::ioctl(fd, VX_IOC_QUERY, nullptr)));
    expect("query: a pointer into nothing", EFAULT,
           error_of(::ioctl(fd, VX_IOC_QUERY, reinterpret_cast<void*>(0x1000))));
    expect("query: a pointer into the kernel", EFAULT,
           error_of(::ioctl(fd, VX_IOC_QUERY, reinterpret_cast<void*>(0xffffffff81000000))));
    Edge edge;
    const vx_query query = good_query();
    std::memcpy(edge.at(sizeof(query) - 8), &query, sizeof(query) - 8);
    expect("query: an argument that ends too early", EFAULT,
           error_of(::ioctl(fd, VX_IOC_QUERY, edge.at(sizeof(query) - 8))));
    std::memcpy(edge.at(sizeof(query)), &query, sizeof(query));
    edge.protect();
    expect("query: an argument that cannot be written", EFAULT,
           error_of(::ioctl(fd, VX_IOC_QUERY, edge.at(sizeof(query)))));
}

}  // namespace

void try_opens() {
    expect("open without CAP_SYS_ADMIN", EPERM, in_child(open_without_sys_admin));
    expect("open as an ordinary user", EACCES, in_child(open_as_user));
    UniqueFd fd = open_device();
    char byte = 0;
    expect("open", 0, fd ? 0 : errno);
    expect("read", EINVAL, error_of(::read(fd.get(), &byte, 1)));
    expect("write", EINVAL, error_of(::write(fd.get(), &byte, 1)));
    expect("lseek", ESPIPE, error_of(::lseek(fd.get(), 0, SEEK_SET)));
    pollfd poll{.fd = fd.get(), .events = POLLIN, .revents = 0};
    ::poll(&poll, 1, 0);
    expect_true("poll without a channel says POLLERR", (poll.revents & POLLERR) != 0);
}

void try_calls() {
    UniqueFd fd = open_device();
    expect("an unknown call", ENOTTY, error_of(::ioctl(fd.get(), _IO('V', 0xff), nullptr)));
    expect("a call of another device", ENOTTY, error_of(::ioctl(fd.get(), TCGETS, nullptr)));
    expect("the right number, another type", ENOTTY,
           error_of(::ioctl(fd.get(), _IOWR('W', 0xf0, vx_query), nullptr)));
    expect("the right number, another direction", ENOTTY,
           error_of(::ioctl(fd.get(), _IOR('V', 0xf0, vx_query), nullptr)));
    try_pointers(fd.get());
    try_all<vx_query>("query", fd.get(), VX_IOC_QUERY, good_query,
                      {{"right", [](vx_query&) {}, 0},
                       {"flags", [](vx_query& q) { q.flags = 1; }, EINVAL},
                       {"reserved", [](vx_query& q) { q.reserved = 1; }, EINVAL}});
    // Before there is a channel.
    vx_barrier barrier = good_barrier();
    vx_stats stats = good_stats();
    vx_push_call push = good_push();
    auto add = sized<vx_watch_add>();
    auto remove = sized<vx_watch_remove>();
    expect("barrier before create", ENOTCONN,
           error_of(::ioctl(fd.get(), VX_IOC_BARRIER, &barrier)));
    expect("stats before create", ENOTCONN, error_of(::ioctl(fd.get(), VX_IOC_STATS, &stats)));
    expect("push before create", ENOTCONN, error_of(::ioctl(fd.get(), VX_IOC_PUSH, &push)));
    expect("watch before create", ENOTCONN, error_of(::ioctl(fd.get(), VX_IOC_WATCH_ADD, &add)));
    auto state = sized<vx_watch_state>();
    expect("state before create", ENOTCONN,
           error_of(::ioctl(fd.get(), VX_IOC_WATCH_STATE, &state)));
    expect("remove before create", ENOTCONN,
           error_of(::ioctl(fd.get(), VX_IOC_WATCH_REMOVE, &remove)));
    try_all<vx_create>(
        "create", fd.get(), VX_IOC_CREATE, good_create,
        {{"flags", [](vx_create& c) { c.flags = 1; }, EINVAL},
         {"size_m no power of two", [](vx_create& c) { c.size_m = 3 * VX_SUBRING_MIN; }, EINVAL},
         {"size_m too small", [](vx_create& c) { c.size_m = VX_SUBRING_MIN / 2; }, EINVAL},
         {"size_m too large", [](vx_create& c) { c.size_m = 2ull * VX_SUBRING_MAX; }, EINVAL},
         {"size_m huge", [](vx_create& c) { c.size_m = 1ull << 63; }, EINVAL},
         {"size_d no power of two", [](vx_create& c) { c.size_d = VX_SUBRING_MIN + 1; }, EINVAL},
         {"size_d too small", [](vx_create& c) { c.size_d = 1; }, EINVAL},
         {"size_d too large", [](vx_create& c) { c.size_d = 2ull * VX_SUBRING_MAX; }, EINVAL},
         {"push_size no power of two", [](vx_create& c) { c.push_size = 3 * VX_PUSH_MIN; }, EINVAL},
         {"push_size too small", [](vx_create& c) { c.push_size = VX_PUSH_MIN / 2; }, EINVAL},
         {"push_size too large", [](vx_create& c) { c.push_size = 2ull * VX_PUSH_MAX; }, EINVAL},
         {"user_ops that do not exist", [](vx_create& c) { c.user_ops = 1U << VX_UOP_COUNT; },
          EINVAL},
         {"linger_s without a name", [](vx_create& c) { c.linger_s = 1; }, EINVAL},
         {"linger_s too long",
          [](vx_create& c) {
              c.name[0] = 'a';
              c.linger_s = VX_LINGER_MAX_S + 1;
          },
          EINVAL},
         {"a name with a slash", [](vx_create& c) { std::memcpy(c.name, "a/b", 3); }, EINVAL},
         {"a name with a byte above ASCII", [](vx_create& c) { c.name[0] = '\xe4'; }, EINVAL},
         {"a name without an end", [](vx_create& c) { std::memset(c.name, 'a', sizeof(c.name)); },
          EINVAL},
         {"something behind the name's end", [](vx_create& c) { c.name[VX_CHANNEL_NAME_MAX] = 1; },
          EINVAL},
         {"reserved64", [](vx_create& c) { c.reserved64 = 1; }, EINVAL},
         {"more than the machine can give",
          [](vx_create& c) { c.size_m = c.size_d = VX_SUBRING_MAX; }, ENOMEM},
         {"right, after all that", [](vx_create&) {}, 0},
         {"a second time", [](vx_create&) {}, EISCONN}});
    try_all<vx_barrier>(
        "barrier", fd.get(), VX_IOC_BARRIER, good_barrier,
        {{"right", [](vx_barrier&) {}, 0}, {"flags", [](vx_barrier& b) { b.flags = 1; }, EINVAL}});
    try_all<vx_stats>(
        "stats", fd.get(), VX_IOC_STATS, good_stats,
        {{"right", [](vx_stats&) {}, 0}, {"flags", [](vx_stats& s) { s.flags = 1; }, EINVAL}});
}

void try_sizes() {
    vx_create create{};
    UniqueFd fd = open_channel(create);
    const struct {
        const char* name;
        unsigned long number;
        std::uint32_t size;
    } calls[] = {{"query", VX_IOC_QUERY, sizeof(vx_query)},
                 {"create", VX_IOC_CREATE, sizeof(vx_create)},
                 {"watch", VX_IOC_WATCH_ADD, sizeof(vx_watch_add)},
                 {"remove", VX_IOC_WATCH_REMOVE, sizeof(vx_watch_remove)},
                 {"state", VX_IOC_WATCH_STATE, sizeof(vx_watch_state)},
                 {"push", VX_IOC_PUSH, sizeof(vx_push_call)},
                 {"barrier", VX_IOC_BARRIER, sizeof(vx_barrier)},
                 {"stats", VX_IOC_STATS, sizeof(vx_stats)}};
    std::vector<std::uint32_t> buffer(std::size_t{4} * VX_PAGE / 4);
    const auto call = [&](unsigned long number, std::uint32_t size) {
        buffer[0] = size;
        return error_of(::ioctl(fd.get(), number, buffer.data()));
    };
    for (const auto& it : calls) {
        for (const std::uint32_t size : {0U, 4U, it.size - 8, it.size - 1}) {
            std::fill(buffer.begin(), buffer.end(), 0);
            expect(fmt::format("{}: size {} instead of {}", it.name, size, it.size), EINVAL,
                   call(it.number, size));
        }
        std::fill(buffer.begin(), buffer.end(), 0);
        buffer[it.size / 4 + 1] = 1;
        expect(fmt::format("{}: longer, with something behind", it.name), E2BIG,
               call(it.number, it.size + 16));
        expect(fmt::format("{}: longer than a page", it.name), E2BIG, call(it.number, VX_PAGE + 8));
        expect(fmt::format("{}: longer than everything", it.name), E2BIG,
               call(it.number, 0xffffffff));
    }
    std::fill(buffer.begin(), buffer.end(), 0);
    expect("query: longer, with nothing behind", 0, call(VX_IOC_QUERY, sizeof(vx_query) + 64));
    // As a program of a later version has it: the longer structure's size is in the number too.
    buffer[1] = 0;
    expect("query: of a later version", 0,
           call(_IOC(_IOC_READ | _IOC_WRITE, 'V', 0xf0, sizeof(vx_query) + 64),
                sizeof(vx_query) + 64));
}

}  // namespace vexfs::vm
