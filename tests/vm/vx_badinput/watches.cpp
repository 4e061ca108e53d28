// SPDX-License-Identifier: Apache-2.0
// Bad input: watches, mappings, limits.
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "vm/vx_badinput/attempt.hpp"

namespace vexfs::vm {

namespace {

int directory_fd = -1;

vx_watch_add watch_directory() {
    return good_watch(directory_fd);
}

int add(int fd, vx_watch_add& argument) {
    return error_of(::ioctl(fd, VX_IOC_WATCH_ADD, &argument));
}

int remove(int fd, std::uint64_t id, std::uint32_t flags = 0) {
    vx_watch_remove argument{.size = sizeof(vx_watch_remove), .flags = flags, .watch = id};
    return error_of(::ioctl(fd, VX_IOC_WATCH_REMOVE, &argument));
}

int state(int fd, std::uint64_t id, std::uint32_t flags = 0, std::uint32_t reserved = 0) {
    vx_watch_state argument{sizeof(vx_watch_state), flags, id, ~0U, reserved};
    const int error = error_of(::ioctl(fd, VX_IOC_WATCH_STATE, &argument));
    return error != 0 ? error : argument.state == VX_WATCH_LIVE ? 0 : -1;
}

// The errno of a mapping that is undone at once.
int map(int fd, std::uint64_t bytes, int protection, int flags, std::uint64_t offset) {
    void* at = ::mmap(nullptr, bytes, protection, flags, fd, static_cast<off_t>(offset));
    if (at == MAP_FAILED) {
        return errno;
    }
    ::munmap(at, bytes);
    return 0;
}

void try_one_mapping(const char* name, int fd, std::uint64_t bytes, std::uint64_t offset,
                     bool writable) {
    const int rw = PROT_READ | PROT_WRITE;
    const auto what = [&](const char* rest) { return fmt::format("map {}: {}", name, rest); };
    expect(what("right"), 0, map(fd, bytes, writable ? rw : PROT_READ, MAP_SHARED, offset));
    expect(what("a page too short"), EINVAL,
           map(fd, bytes - VX_PAGE, PROT_READ, MAP_SHARED, offset));
    expect(what("a page too long"), EINVAL,
           map(fd, bytes + VX_PAGE, PROT_READ, MAP_SHARED, offset));
    expect(what("private"), EINVAL, map(fd, bytes, PROT_READ, MAP_PRIVATE, offset));
    expect(what("a page further on"), EINVAL,
           map(fd, bytes, PROT_READ, MAP_SHARED, offset + VX_PAGE));
    expect(what("executable"), EPERM, map(fd, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, offset));
    expect(what("to be written"), writable ? 0 : EPERM, map(fd, bytes, rw, MAP_SHARED, offset));
}

}  // namespace

void try_watches() {
    vx_create create{};
    UniqueFd fd = open_channel(create);
    UniqueFd directory(::open("/tmp", O_PATH | O_CLOEXEC));
    UniqueFd file(::open("/tmp/vx_badinput", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    directory_fd = directory.get();
    try_all<vx_watch_add>(
        "watch", fd.get(), VX_IOC_WATCH_ADD, watch_directory,
        {{"flags that do not exist", [](vx_watch_add& w) { w.flags = VX_WATCH_ALL + 1; }, EINVAL},
         {"no such descriptor", [](vx_watch_add& w) { w.path_fd = 12345; }, EBADF},
         {"a negative descriptor", [](vx_watch_add& w) { w.path_fd = -1; }, EBADF},
         {"detail that does not exist", [](vx_watch_add& w) { w.detail = VX_DETAIL_ALL + 1; },
          EINVAL},
         {"no operations", [](vx_watch_add& w) { w.ops = 0; }, EINVAL},
         {"operations that do not exist", [](vx_watch_add& w) { w.ops |= 1ull << VX_OP_COUNT; },
          EINVAL},
         {"a uid that is not asked for", [](vx_watch_add& w) { w.uid = 1; }, EINVAL},
         {"a uid that cannot be", [](vx_watch_add& w) { w.flags = VX_WATCH_UID, w.uid = ~0U; },
          EINVAL},
         {"a pid that is not asked for", [](vx_watch_add& w) { w.pid = 1; }, EINVAL},
         {"pid 0", [](vx_watch_add& w) { w.flags = VX_WATCH_PID; }, EINVAL},
         {"a pid that cannot be", [](vx_watch_add& w) { w.flags = VX_WATCH_PID, w.pid = 1U << 30; },
          EINVAL},
         {"right", [](vx_watch_add&) {}, 0}});
    vx_watch_add watch = watch_directory();
    watch.flags = VX_WATCH_SUBTREE;
    watch.path_fd = file.get();
    expect("watch: the subtree of a file", ENOTDIR, add(fd.get(), watch));
    int ends[2] = {};
    expect("a pipe", 0, error_of(::pipe(ends)));
    watch = watch_directory();
    watch.path_fd = ends[0];
    expect("watch: a pipe", EINVAL, add(fd.get(), watch));
    watch.path_fd = fd.get();
    expect("watch: /dev/vexfs itself is a file like others", 0, add(fd.get(), watch));
    expect("remove: no such watch", ENOENT, remove(fd.get(), 987654));
    expect("remove: watch 0", ENOENT, remove(fd.get(), 0));
    expect("remove: flags", EINVAL, remove(fd.get(), watch.watch, 2));
    expect("remove up to: none of these", ENOENT, remove(fd.get(), 0, VX_WATCH_REMOVE_UP_TO));
    expect("state: no such watch", ENOENT, state(fd.get(), 987654));
    expect("state: flags", EINVAL, state(fd.get(), watch.watch, 1));
    expect("state: reserved", EINVAL, state(fd.get(), watch.watch, 0, 1));
    expect("state: live", 0, state(fd.get(), watch.watch));
    expect("remove: right", 0, remove(fd.get(), watch.watch));
    expect("remove: a second time", ENOENT, remove(fd.get(), watch.watch));
    ::close(ends[0]);
    ::close(ends[1]);
    ::unlink("/tmp/vx_badinput");
}

void try_mappings() {
    UniqueFd none = open_device();
    expect("map without a channel", ENOTCONN,
           map(none.get(), VX_PAGE, PROT_READ, MAP_SHARED, VX_MMAP_RING));
    vx_create create{};
    UniqueFd fd = open_channel(create);
    try_one_mapping("ring", fd.get(), create.ring_bytes, VX_MMAP_RING, false);
    try_one_mapping("consumer", fd.get(), create.consumer_bytes, VX_MMAP_CONSUMER, true);
    try_one_mapping("push", fd.get(), create.push_bytes, VX_MMAP_PUSH, true);
    expect("map: an offset of nothing", EINVAL,
           map(fd.get(), VX_PAGE, PROT_READ, MAP_SHARED, VX_MMAP_PUSH * 2));
    void* ring = ::mmap(nullptr, create.ring_bytes, PROT_READ, MAP_SHARED, fd.get(), VX_MMAP_RING);
    expect("map: the ring, to keep", 0, ring == MAP_FAILED ? errno : 0);
    expect("mprotect: the ring made writable", EACCES,
           error_of(::mprotect(ring, create.ring_bytes, PROT_READ | PROT_WRITE)));
    expect("mprotect: the ring made executable", EACCES,
           error_of(::mprotect(ring, create.ring_bytes, PROT_READ | PROT_EXEC)));
    void* longer = ::mremap(ring, create.ring_bytes, create.ring_bytes + VX_PAGE, MREMAP_MAYMOVE);
    expect("mremap: the ring made longer", EFAULT, longer == MAP_FAILED ? errno : 0);
    // The mapping outlives the descriptor, and keeps the channel.
    fd.reset();
    expect_true("the ring can be read after close",
                static_cast<const vx_ring_header*>(ring)->magic == VX_RING_MAGIC);
    ::munmap(ring, create.ring_bytes);
}

void try_limits() {
    std::vector<UniqueFd> channels;
    int error = 0;
    while (error == 0 && channels.size() <= VX_CHANNELS_MAX) {
        vx_create create = good_create();
        UniqueFd fd = open_device();
        error = error_of(::ioctl(fd.get(), VX_IOC_CREATE, &create));
        if (error == 0) {
            channels.push_back(std::move(fd));
        }
    }
    expect("create: one channel too many", EMFILE, error);
    expect_true(fmt::format("{} channels at one time", VX_CHANNELS_MAX),
                channels.size() == VX_CHANNELS_MAX);
    channels.resize(1);
    UniqueFd directory(::open("/tmp", O_PATH | O_CLOEXEC));
    directory_fd = directory.get();
    unsigned watches = 0;
    error = 0;
    while (error == 0 && watches <= VX_WATCHES_MAX) {
        vx_watch_add watch = watch_directory();
        error = add(channels[0].get(), watch);
        watches += error == 0 ? 1 : 0;
    }
    expect("watch: one too many", ENOSPC, error);
    expect_true(fmt::format("{} watches of one channel", VX_WATCHES_MAX),
                watches == VX_WATCHES_MAX);
}

}  // namespace vexfs::vm
