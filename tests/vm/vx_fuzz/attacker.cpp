// SPDX-License-Identifier: Apache-2.0
#include "vm/vx_fuzz/attacker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "barrier.h"
#include "record.h"

namespace vexfs::vm {

namespace {

constexpr unsigned char kUntouched = 0xA5;
constexpr std::size_t kDevicesMax = 12;
// A process that has not come on by so many calls in so long is stuck, and ends by a signal.
constexpr std::uint64_t kSomeCalls = 64;
constexpr unsigned kStuckS = 300;

void on_alarm(int) {}

// Calls are broken off at any place.
void start_signals() {
    struct sigaction action {};
    action.sa_handler = on_alarm;
    ::sigaction(SIGVTALRM, &action, nullptr);
    const itimerval often{{0, 3000}, {0, 3000}};
    ::setitimer(ITIMER_VIRTUAL, &often, nullptr);
}

// Nothing can be opened or mapped from here on.
void enter_sandbox() {
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(steps), steps};
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

}  // namespace

Attacker::Attacker(std::uint64_t seed, std::string directory)
    : random_(seed), directory_(std::move(directory)) {
    ::mkdir(directory_.c_str(), 0777);
    files_.emplace_back(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    files_.emplace_back(::open(directory_.c_str(), O_PATH | O_CLOEXEC));
    files_.emplace_back(::open("/", O_PATH | O_CLOEXEC));
    files_.emplace_back(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    files_.emplace_back(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

Attacker::~Attacker() {
    stop_.store(true);
    begun_.fetch_add(1);
    begun_.notify_all();
    for (std::thread& thread : scribblers_) {
        thread.join();
    }
}

void Attacker::complain(std::string what) {
    if (problems_.size() < 20) {
        problems_.push_back(std::move(what));
    }
}

std::uint64_t Attacker::odd_number() {
    static constexpr std::uint64_t kLimits[] = {
        0,        1,        8,          64,         VX_SUBRING_MIN, VX_PUSH_MIN, VX_PAGE,
        1u << 20, 1u << 31, 1ull << 32, 1ull << 44, 1ull << 45,     1ull << 63,  ~0ull};
    switch (below(4)) {
        case 0:
            return random_();
        case 1:
            return below(64);
        default:
            return kLimits[below(std::size(kLimits))] + below(3) - 1;
    }
}

int Attacker::some_fd() {
    switch (below(8)) {
        case 0:
            return static_cast<int>(below(64)) - 4;
        case 1:
        case 2:
            return devices_.empty() ? -1 : devices_[below(devices_.size())].get();
        default:
            return files_[below(files_.size())].get();
    }
}

void Attacker::open_device() {
    static constexpr int kFlags[] = {O_RDWR, O_RDWR | O_NONBLOCK, O_RDONLY, O_WRONLY,
                                     O_RDWR | O_TRUNC};
    UniqueFd fd(::open(VX_DEVICE, kFlags[below(std::size(kFlags))] | O_CLOEXEC));
    if (!fd) {
        return;
    }
    if (devices_.size() < kDevicesMax) {
        devices_.push_back(std::move(fd));
    } else {
        devices_[below(devices_.size())] = std::move(fd);
    }
}

void Attacker::close_something() {
    if (!devices_.empty()) {
        devices_.erase(devices_.begin() + static_cast<long>(below(devices_.size())));
    }
}

void Attacker::duplicate() {
    if (!devices_.empty() && devices_.size() < kDevicesMax) {
        devices_.emplace_back(::fcntl(devices_[below(devices_.size())].get(), F_DUPFD_CLOEXEC, 0));
    }
}

// The argument stands between two strips that must stay as they are.
template <typename T>
void Attacker::issue(unsigned long number, T& argument) {
    struct {
        unsigned char before[64];
        T it;
        unsigned char behind[256];
    } framed;
    std::memset(&framed, kUntouched, sizeof(framed));
    framed.it = argument;
    (void)::ioctl(some_fd(), number, &framed.it);
    const auto untouched = [](unsigned char byte) { return byte == kUntouched; };
    if (!std::all_of(std::begin(framed.before), std::end(framed.before), untouched) ||
        !std::all_of(std::begin(framed.behind), std::end(framed.behind), untouched)) {
        complain(fmt::format("call {:#x} has written beside its argument", number));
    }
    argument = framed.it;
}

// One of the calls, some bytes of whose argument are anything.
void Attacker::call() {
    const auto mutated = [this](auto argument, unsigned long number) {
        argument.size = sizeof(argument);
        auto* bytes = reinterpret_cast<unsigned char*>(&argument);
        for (std::uint64_t n = below(4); n > 0; n--) {
            if (once_in(2)) {
                bytes[below(sizeof(argument))] = static_cast<unsigned char>(random_());
            } else {
                const std::uint64_t word = odd_number();
                std::memcpy(bytes + 4 * below(sizeof(argument) / 4 - 1), &word, once_in(2) ? 8 : 4);
            }
        }
        issue(number, argument);
    };
    switch (below(8)) {
        case 0:
            return mutated(vx_query{}, VX_IOC_QUERY);
        case 1:
            return mutated(vx_create{}, VX_IOC_CREATE);
        case 2: {
            vx_watch_add add{};
            add.path_fd = some_fd();
            add.ops = random_() & VX_OPS_ALL;
            return mutated(add, VX_IOC_WATCH_ADD);
        }
        case 3: {
            vx_watch_remove remove{};
            remove.watch = 1 + below(8);
            return mutated(remove, VX_IOC_WATCH_REMOVE);
        }
        case 4: {
            vx_watch_state state{};
            state.watch = 1 + below(8);
            return mutated(state, VX_IOC_WATCH_STATE);
        }
        case 5:
            return mutated(vx_barrier{}, VX_IOC_BARRIER);
        case 6:
            return mutated(vx_stats{}, VX_IOC_STATS);
        default: {
            vx_push_call push{};
            push.entries = static_cast<__u32>(below(8));
            return mutated(push, VX_IOC_PUSH);
        }
    }
}

void Attacker::call_rubbish() {
    static unsigned char last_bytes[64];
    const unsigned long number =
        once_in(3) ? random_() : _IOC(below(4), 'V', 0xf0 + below(10), below(2048));
    void* const pointers[] = {nullptr,
                              reinterpret_cast<void*>(8),
                              reinterpret_cast<void*>(~0ull - 16),
                              reinterpret_cast<void*>(0xffff888000000000ull),
                              last_bytes,
                              const_cast<char*>("read only"),
                              areas_[below(kAreas)].at.load()};
    (void)::ioctl(some_fd(), number, pointers[below(std::size(pointers))]);
}

void Attacker::create() {
    vx_create create{};
    create.size = sizeof(create);
    create.size_m = VX_SUBRING_MIN << below(4);
    create.size_d = VX_SUBRING_MIN << below(4);
    create.push_size = VX_PUSH_MIN << below(3);
    create.user_ops = once_in(2) ? (1u << VX_UOP_COUNT) - 1 : 0;
    issue(VX_IOC_CREATE, create);
}

void Attacker::watch() {
    vx_watch_add add{};
    add.size = sizeof(add);
    add.flags = static_cast<__u32>(below(VX_WATCH_ALL + 1)) & ~(VX_WATCH_UID | VX_WATCH_PID);
    add.path_fd = files_[below(3)].get();
    add.ops = once_in(3) ? random_() & VX_OPS_ALL : VX_OPS_ALL;
    issue(VX_IOC_WATCH_ADD, add);
    if (once_in(3)) {
        vx_watch_remove remove{};
        remove.size = sizeof(remove);
        remove.watch = add.watch;
        issue(VX_IOC_WATCH_REMOVE, remove);
    }
}

// Well-formed entries and some rubbish, in whatever push area is mapped.
void Attacker::push() {
    for (Area& area : areas_) {
        unsigned char* at = area.at.load();
        if (at == nullptr || area.offset != VX_MMAP_PUSH || (area.prot & PROT_WRITE) == 0 ||
            area.bytes < VX_PUSH_ENTRIES_OFF + VX_PUSH_MIN) {
            continue;
        }
        auto* header = reinterpret_cast<vx_push_header*>(at);
        const std::uint64_t head = vx_load_acquire(&header->head);
        const std::uint64_t size = vx_load(&header->size);
        if (size < VX_PUSH_MIN || (size & (size - 1)) != 0) {
            continue;
        }
        const std::uint32_t name_len = static_cast<std::uint32_t>(below(20));
        const std::uint32_t event_len = vx_event_len(VX_OP_FILE_CREATE, name_len, 0);
        const std::uint64_t place = VX_PUSH_ENTRIES_OFF + (head & (size - 1));
        if (place + sizeof(vx_push) + event_len > area.bytes) {
            continue;
        }
        vx_push entry{};
        entry.len = static_cast<__u32>(sizeof(entry)) + event_len;
        entry.uop = static_cast<__u16>(below(VX_UOP_COUNT));
        entry.uop_mask = 1u << entry.uop;
        entry.flags = static_cast<__u32>(below(VX_PUSH_F_ALL + 1));
        entry.inject_fsid = odd_number();
        entry.inject_node = odd_number();
        vx_event event{};
        event.rec.len = event_len;
        event.rec.type = VX_REC_EVENT;
        const unsigned answered = vx_uop_kernel_op(entry.uop);
        event.rec.op = static_cast<__u16>(answered < VX_OP_COUNT ? answered : below(VX_OP_COUNT));
        event.name_len = static_cast<__u16>(name_len);
        if (once_in(3)) {
            reinterpret_cast<unsigned char*>(&entry)[below(sizeof(entry))] ^=
                static_cast<unsigned char>(random_());
            reinterpret_cast<unsigned char*>(&event)[below(sizeof(event))] ^=
                static_cast<unsigned char>(random_());
        }
        std::memcpy(at + place, &entry, sizeof(entry));
        std::memcpy(at + place + sizeof(entry), &event, sizeof(event));
        vx_store_release(&header->tail,
                         once_in(8) ? odd_number() : head + sizeof(entry) + event_len);
        vx_push_call push{};
        push.size = sizeof(push);
        push.entries = 1 + static_cast<__u32>(below(8));
        issue(VX_IOC_PUSH, push);
        return;
    }
}

void Attacker::fork_off() {
    const pid_t child = ::fork();
    if (child == 0) {
        for (const Area& area : areas_) {
            unsigned char* at = area.at.load();
            if (at != nullptr && (area.prot & PROT_READ) != 0) {
                vx_load(reinterpret_cast<__u64*>(at));
            }
        }
        if (once_in(2)) {
            ::kill(::getpid(), SIGKILL);
        }
        ::_exit(0);
    }
    if (child > 0) {
        while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

void Attacker::pass_on() {
    int pair[2];
    if (devices_.empty() || ::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return;
    }
    const UniqueFd to(pair[0]), from(pair[1]);
    const int fd = devices_[below(devices_.size())].get();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 0;
    iovec data{&byte, 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    // Sometimes it stays in flight, and goes with the socket.
    if (::sendmsg(to.get(), &message, MSG_DONTWAIT) == 1 && once_in(2) &&
        ::recvmsg(from.get(), &message, MSG_DONTWAIT) == 1) {
        int received = -1;
        std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
        if (devices_.size() < kDevicesMax) {
            devices_.emplace_back(received);
        } else {
            ::close(received);
        }
    }
}

void Attacker::touch_files() {
    const std::string name = fmt::format("{}/{}-{}", directory_, ::getpid(), names_++ % 16);
    const std::string other = fmt::format("{}/{}-{}", directory_, ::getpid(), below(16));
    switch (below(6)) {
        case 0:
            ::mkdir(name.c_str(), 0755);
            break;
        case 1:
            ::rename(name.c_str(), other.c_str());
            break;
        case 2:
            ::rmdir(other.c_str());
            ::unlink(other.c_str());
            break;
        case 3:
            ::symlink(std::string(below(200), 'l').c_str(), name.c_str());
            break;
        case 4:
            ::chmod(name.c_str(), 0700 | static_cast<mode_t>(below(64)));
            break;
        default: {
            const UniqueFd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
            if (file) {
                (void)!::pwrite(file.get(), "x", 1, 0);
                (void)!::ftruncate(file.get(), static_cast<off_t>(below(100)));
            }
        }
    }
}

void Attacker::other_calls() {
    const int fd = some_fd();
    char buffer[64];
    pollfd poll{.fd = fd, .events = static_cast<short>(random_()), .revents = 0};
    switch (below(6)) {
        case 0:
            (void)::poll(&poll, 1, static_cast<int>(below(2)));
            break;
        case 1:
            (void)!::pread(fd, buffer, below(sizeof(buffer)), static_cast<off_t>(below(100)));
            break;
        case 2:
            if (std::any_of(devices_.begin(), devices_.end(),
                            [&](const UniqueFd& it) { return it.get() == fd; })) {
                (void)!::write(fd, buffer, below(sizeof(buffer)));
            }
            break;
        case 3:
            (void)::lseek(fd, static_cast<off_t>(odd_number()), static_cast<int>(below(5)));
            break;
        case 4:
            (void)::fcntl(fd, F_SETFL, once_in(2) ? O_NONBLOCK : 0);
            break;
        default: {
            struct stat st {};
            (void)::fstat(fd, &st);
            (void)::fsync(fd);
        }
    }
}

// Capabilities are for opening: what is open stays usable, a new open fails.
void Attacker::lose_privilege() {
    const pid_t child = ::fork();
    if (child == 0) {
        switch (below(3)) {
            case 0:
                (void)::setresuid(1234, 1234, 1234);
                break;
            case 1:
                (void)::unshare(CLONE_NEWUSER);
                break;
            default:
                enter_sandbox();
        }
        if (::open(VX_DEVICE, O_RDWR | O_CLOEXEC) >= 0) {
            ::_exit(1);
        }
        // A mapping that was marked MADV_DONTFORK is not there.
        ::signal(SIGSEGV, [](int) { ::_exit(0); });
        call();
        push();
        ::_exit(0);
    }
    int status = 0;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child > 0 && status != 0) {
        complain(fmt::format("without privilege: status {:#x}", status));
    }
}

void Attacker::attack(std::uint64_t calls, std::atomic<std::uint64_t>& made) {
    start_signals();
    // Without scribblers mappings can go, with them the kernel has to bear what is in them.
    if (once_in(2)) {
        for (int i = 0; i < 2; i++) {
            scribblers_.emplace_back([this] { scribble(); });
        }
    }
    for (std::uint64_t done = 0; done < calls; done++) {
        if (done % kSomeCalls == 0) {
            ::alarm(kStuckS);
        }
        begun_.fetch_add(1);
        begun_.notify_all();
        switch (below(32)) {
            case 0:
            case 1:
                open_device();
                break;
            case 2:
                close_something();
                break;
            case 3:
                duplicate();
                break;
            case 4:
            case 5:
                create();
                break;
            case 6:
            case 7:
                watch();
                break;
            case 8:
            case 9:
                map();
                break;
            case 10:
                unmap();
                break;
            case 11:
                protect();
                break;
            case 12:
                call_rubbish();
                break;
            case 13:
                if (once_in(16)) {
                    fork_off();
                }
                break;
            case 14:
                pass_on();
                break;
            case 15:
                if (once_in(16)) {
                    lose_privilege();
                }
                break;
            case 16:
                look_at_ring();
                break;
            case 17:
            case 18:
                other_calls();
                break;
            case 19:
            case 20:
            case 21:
            case 22:
                touch_files();
                break;
            case 23:
            case 24:
            case 25:
                push();
                break;
            default:
                call();
        }
        made.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace vexfs::vm
