// SPDX-License-Identifier: Apache-2.0
// vx_detail DIR: reads, writes and failures through io_uring in DIR. Prints for each request a line
// "operation name offset length error": what its completion says, and so what the event must say.
#include <fcntl.h>
#include <liburing.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>

namespace {

std::array<char, 4096> buffer;
io_uring ring;

// One request, done. Its result.
int submit(const std::function<void(io_uring_sqe*)>& prepare) {
    prepare(::io_uring_get_sqe(&ring));
    io_uring_cqe* done = nullptr;
    if (::io_uring_submit_and_wait(&ring, 1) < 0 || ::io_uring_peek_cqe(&ring, &done) != 0) {
        std::perror("io_uring");
        std::exit(1);
    }
    const int result = done->res;
    ::io_uring_cqe_seen(&ring, done);
    return result;
}

void show(const char* op, const char* name, long offset, int result) {
    std::printf("%s %s %ld %d %d\n", op, name, result < 0 ? 0 : offset, result < 0 ? 0 : result,
                result < 0 ? result : 0);
}

void transfers(int fd) {
    iovec parts[2] = {{buffer.data(), 100}, {buffer.data() + 200, 77}};
    constexpr std::uint64_t kHere = ~0ULL;  // the file's own offset
    const auto write = [&](std::uint64_t at) {
        return submit([&](auto* e) { ::io_uring_prep_write(e, fd, buffer.data(), 1000, at); });
    };
    const auto read = [&](std::uint64_t at) {
        return submit([&](auto* e) { ::io_uring_prep_read(e, fd, buffer.data(), 300, at); });
    };
    show("FileWrite", "uring", 0, write(kHere));
    show("FileWrite", "uring", 5000, write(5000));
    show("FileWrite", "uring", 1000, write(kHere));
    show("FileWrite", "uring", 40,
         submit([&](auto* e) { ::io_uring_prep_writev(e, fd, parts, 2, 40); }));
    show("FileRead", "uring", 2000, read(kHere));
    show("FileRead", "uring", 5900, read(5900));
    show("FileRead", "uring", 2300, read(kHere));
    show("FileRead", "uring", 3,
         submit([&](auto* e) { ::io_uring_prep_readv(e, fd, parts, 2, 3); }));
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) {
        std::exit(1);
    }
    show("FileRead", "uring", 70,
         submit([&](auto* e) { ::io_uring_prep_splice(e, fd, 70, ends[1], -1, 500, 0); }));
    show("FileWrite", "uring", 8000,
         submit([&](auto* e) { ::io_uring_prep_splice(e, ends[0], -1, fd, 8000, 500, 0); }));
}

void failures(int fd) {
    show("FileRead", "uring", 0,
         submit([&](auto* e) { ::io_uring_prep_read(e, fd, buffer.data(), 10, 0); }));
    show("FileOpen", "none", 0,
         submit([](auto* e) { ::io_uring_prep_openat(e, AT_FDCWD, "none", O_RDONLY, 0); }));
    show("FileDelete", "none", 0,
         submit([](auto* e) { ::io_uring_prep_unlinkat(e, AT_FDCWD, "none", 0); }));
    show("DirDelete", "uring", 0,
         submit([](auto* e) { ::io_uring_prep_unlinkat(e, AT_FDCWD, "uring", AT_REMOVEDIR); }));
    show("DirCreate", "uring", 0,
         submit([](auto* e) { ::io_uring_prep_mkdirat(e, AT_FDCWD, "uring", 0700); }));
    show("FileRename", "new", 0, submit([](auto* e) {
             ::io_uring_prep_renameat(e, AT_FDCWD, "none", AT_FDCWD, "new", 0);
         }));
    show("HardlinkCreate", "uring", 0, submit([](auto* e) {
             ::io_uring_prep_linkat(e, AT_FDCWD, "uring", AT_FDCWD, "uring", 0);
         }));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2 || ::chdir(argv[1]) != 0 || ::io_uring_queue_init(4, &ring, 0) < 0) {
        std::perror("vx_detail");
        return 1;
    }
    const int fd = ::open("uring", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int write_only = ::open("uring", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write_only < 0) {
        std::perror("uring");
        return 1;
    }
    transfers(fd);
    failures(write_only);
    return 0;
}
