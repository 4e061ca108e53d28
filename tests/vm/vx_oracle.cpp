// SPDX-License-Identifier: Apache-2.0
// vx_oracle MOUNT_POINT DIRECTORY PROCESSES OPERATIONS SEED
//   Real file operations by several processes below DIRECTORY, which is made, on the file system
//   mounted at MOUNT_POINT, while the kernel's own two listeners look on: fanotify and inotify.
//   What VexFS says is compared with what they say, event by event (the rule: vx_oracle/judge.hpp),
//   and in the end the tree that its events describe with what find prints.
// vx_oracle --run MOUNT_POINT DIRECTORY COMMAND...
//   The same for what COMMAND does, which need not care: fanotify alone looks on, and of what it
//   joins less can be said.
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vm/vx_coverage/stream.hpp"
#include "vm/vx_load/model.hpp"
#include "vm/vx_load/truth.hpp"
#include "vm/vx_oracle/canary.hpp"
#include "vm/vx_oracle/fanotify.hpp"
#include "vm/vx_oracle/inotify.hpp"
#include "vm/vx_oracle/judge.hpp"
#include "vm/vx_oracle/kernel.hpp"

namespace vexfs::vm {
namespace {

constexpr std::uint64_t kBatch = 20000;  // operations from one standstill to the next
constexpr std::uint64_t kRingBytes = 32 << 20;  // holds all that a command does
constexpr std::size_t kMistakesShown = 10;
constexpr std::uint64_t kRoundsShown = 10;  // a line now and then
constexpr std::uint64_t kNameOps =
    VX_OP_BIT(VX_OP_FILE_CREATE) | VX_OP_BIT(VX_OP_FILE_DELETE) | VX_OP_BIT(VX_OP_FILE_RENAME) |
    VX_OP_BIT(VX_OP_DIR_CREATE) | VX_OP_BIT(VX_OP_DIR_DELETE) |
    VX_OP_BIT(VX_OP_SYMLINK_CREATE) | VX_OP_BIT(VX_OP_HARDLINK_CREATE);

int failures = 0;

void check(const std::string& what, bool right, const std::string& why = "") {
    fmt::print("{} {}{}\n", right ? "ok" : "not ok", what, right || why.empty() ? "" : ": " + why);
    failures += right ? 0 : 1;
}

void check_none(const std::string& what, std::uint64_t count) {
    check(what, count == 0, std::to_string(count));
}

void check_none(const std::string& what, const std::vector<std::string>& wrong) {
    const auto few = std::min(wrong.size(), kMistakesShown);
    check(what, wrong.empty(),
          fmt::format("{}: {}", wrong.size(),
                      fmt::join(wrong.begin(), wrong.begin() + static_cast<long>(few), "; ")));
}

class Session {
  public:
    // Null: something does not work, and has been said.
    static std::unique_ptr<Session> open(const std::string& mount_point, const Workload& load);

    [[nodiscard]] bool has_fanotify() const { return fanotify_ != nullptr; }
    void run();
    void run_command(char** command);

  private:
    Session(Workload load, std::uint64_t root_ino)
        : load_(std::move(load)), model_(load_.directory, root_ino) {}

    bool listen(const std::string& mount_point, std::uint64_t root_ino);
    void listen_more();
    void end_round();
    void report();
    void compare_with_truth(const std::vector<ProcessTruth>& truth);
    void compare_with_find();

    Workload load_;
    Kernel kernel_;
    Model model_;
    std::unique_ptr<Stream> stream_;
    std::unique_ptr<Fanotify> fanotify_;  // null: the file system has nothing to identify files by
    std::unique_ptr<Inotify> inotify_;
    std::unique_ptr<Judge> judge_;
    Round round_;
    Differences differences_;
    Status status_;
    PerOp events_{};
    std::uint64_t rounds_ = 0;
    std::vector<std::string> impossible_;
    std::uint64_t said_ = 0;
    std::uint64_t heard_ = 0;
};

std::unique_ptr<Session> Session::open(const std::string& mount_point, const Workload& load) {
    struct stat root {};
    if (::mkdir(load.directory.c_str(), 0755) != 0 ||
        ::stat(load.directory.c_str(), &root) != 0) {
        check("make " + load.directory, false, std::to_string(errno));
        return nullptr;
    }
    std::unique_ptr<Session> self(new Session(load, root.st_ino));
    self->kernel_ = probe_kernel(load.directory);
    return self->listen(mount_point, root.st_ino) ? std::move(self) : nullptr;
}

bool Session::listen(const std::string& mount_point, std::uint64_t root_ino) {
    auto stream =
        Stream::open(mount_point, VX_OPS_ALL, {.size_m = kRingBytes, .size_d = kRingBytes});
    auto inotify = Inotify::open(load_.operations);
    if (!stream || !inotify) {
        check("listen at " + mount_point, false,
              (!stream ? stream.status() : inotify.status()).message());
        return false;
    }
    stream_ = std::move(*stream);
    inotify_ = std::move(*inotify);
    inotify_->watch(load_.directory);
    Number root = 0;
    if (auto fanotify = Fanotify::open(load_.directory)) {
        fanotify_ = std::move(*fanotify);
        root = fanotify_->number_of(load_.directory);
    } else {
        fmt::print("skipped: fanotify: {}: {}\n", fanotify.status().message(),
                   std::strerror(fanotify.status().code()));
        round_.with_fanotify = false;
    }
    judge_ = std::make_unique<Judge>(root_ino, root, kernel_);
    return true;
}

// Reads what the listeners have, so that no queue grows for long.
void Session::listen_more() {
    for (const Status& status :
         {stream_->collect(), inotify_->read(round_.heard),
          fanotify_ ? fanotify_->read(round_.said) : Status()}) {
        status_ = status_.ok() ? status : status_;
    }
}

// The workload stands still, and everything has been read.
void Session::end_round() {
    round_.events = stream_->take();
    round_.watches = inotify_->new_watches();
    for (const Event& event : round_.events) {
        const EventView view = event.view();
        events_[view.op()]++;
        // Two programs that use one name at one time have no order that the model could know.
        const bool names = (VX_OP_BIT(view.op()) & kNameOps) != 0;
        const std::string wrong = names || !round_.joined ? model_.apply(view) : "";
        if (!wrong.empty()) {
            impossible_.push_back(
                fmt::format("seq {} {} {}: {}", view.seq, view.op_name(), view.path, wrong));
        }
    }
    said_ += round_.said.size();
    heard_ += round_.heard.size();
    if (rounds_++ == 0 && !round_.joined) {
        for (const Blindness& it : spoil(*judge_, round_)) {
            check("noticed: " + it.what, it.seen);
        }
    }
    judge_->round(round_, differences_);
    if (rounds_ % kRoundsShown == 0) {
        fmt::print("    round {}: {} records of fanotify, {} events of inotify, {} differences\n",
                   rounds_, said_, heard_, differences_.count());
    }
    round_.said.clear();
    round_.heard.clear();
}

void Session::run() {
    load_.progress = [this](bool waiting) {
        listen_more();
        if (waiting) {
            end_round();
        }
    };
    load_.made_directory = [this](const std::string& path) { inotify_->watch(path); };
    const auto truth = work(load_);
    compare_with_truth(truth);
    report();
}

// Reads whenever fanotify has something, until the command has ended.
void Session::run_command(char** command) {
    round_.joined = true;
    round_.with_inotify = false;
    const pid_t child = ::fork();
    if (child == 0) {
        ::execvp(command[0], command);
        ::_exit(127);
    }
    const UniqueFd ended(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    std::array<pollfd, 2> fds{{{ended.get(), POLLIN, 0}, {fanotify_->fd(), POLLIN, 0}}};
    while ((fds[0].revents & POLLIN) == 0) {
        ::poll(fds.data(), fds.size(), -1);
        listen_more();
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    check("the command worked", WIFEXITED(status) && WEXITSTATUS(status) == 0,
          std::to_string(status));
    listen_more();
    end_round();
    std::uint64_t events = 0;
    for (const std::uint64_t n : events_) {
        events += n;
    }
    fmt::print("    {} events, {} records of fanotify, {} ATTRIB of others; {} differences\n",
               events, said_, judge_->attributes_of_others(), differences_.count());
    report();
}

void Session::report() {
    check("read what is said", status_.ok(), status_.message());
    if (kernel_.tells_parts) {
        fmt::print("    this kernel tells the parts of a sendfile besides the whole\n");
    }
    if (kernel_.forgets_deleted) {
        fmt::print("    fanotify does not say here which object is deleted\n");
    }
    for (const std::string& difference : differences_.shown()) {
        fmt::print("    {}\n", difference);
    }
    check_none("nothing is lost on the way of VexFS", stream_->lost());
    check_none("nothing is lost in inotify's queue", inotify_->overflows());
    if (fanotify_) {
        check_none("nothing is lost in fanotify's queue", fanotify_->overflows());
    }
    check_none("every event is possible where it stands", impossible_);
    check_none("the last name's end is said exactly once of each object",
               model_.last_links_wrong());
    check_none("each exchange is told of both sides", model_.halves());
    check_none(fmt::format("VexFS{}{} say the same", fanotify_ ? ", fanotify" : "",
                           round_.with_inotify ? ", inotify" : ""),
               differences_.count());
    compare_with_find();
}

void Session::compare_with_truth(const std::vector<ProcessTruth>& truth) {
    PerOp done{};
    std::uint64_t operations = 0;
    std::uint64_t failed = 0;
    for (const ProcessTruth& it : truth) {
        failed += it.failed;
        for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
            done[op] += it.done[op];
            operations += it.done[op];
        }
    }
    std::string wrong;
    for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
        if (done[op] != events_[op]) {
            wrong += fmt::format("{}: {} done, {} seen; ", vx_op_name(op), done[op], events_[op]);
        }
    }
    check_none("everything that must work worked", failed);
    check("what was done is what VexFS says", wrong.empty(), wrong);
    fmt::print("    {} operations in {} rounds; {} records of fanotify, {} events of inotify; "
               "{} differences\n",
               operations, rounds_, said_, heard_, differences_.count());
}

void Session::compare_with_find() {
    const std::string command =
        fmt::format("find '{}' -mindepth 1 -printf '%i %P\\0'", load_.directory);
    std::map<std::string, std::uint64_t> found;
    FILE* find = ::popen(command.c_str(), "r");
    char* line = nullptr;
    std::size_t room = 0;
    while (find != nullptr && ::getdelim(&line, &room, 0, find) > 0) {
        char* path = nullptr;
        const std::uint64_t ino = std::strtoull(line, &path, 10);
        found.emplace(path + 1, ino);
    }
    std::free(line);
    const bool ended = find != nullptr && ::pclose(find) == 0;
    const auto told = model_.list();
    check(fmt::format("the tree of the events is the one that find prints ({} names)",
                      found.size()),
          ended && found == told && (!found.empty() || round_.joined),
          fmt::format("{} names in the events", told.size()));
}

}  // namespace
}  // namespace vexfs::vm

int main(int argc, char** argv) {
    using namespace vexfs::vm;
    const bool command = argc > 4 && argv[1] == std::string_view("--run");
    if (argc != 6 && !command) {
        fmt::print(stderr, "vx_oracle MOUNT_POINT DIRECTORY PROCESSES OPERATIONS SEED\n"
                           "vx_oracle --run MOUNT_POINT DIRECTORY COMMAND...\n");
        return 2;
    }
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (command) {
        const auto session = Session::open(argv[2], {.directory = argv[3], .operations = 1});
        if (session && session->has_fanotify()) {
            session->run_command(argv + 4);
        }
        return failures == 0 ? 0 : 1;
    }
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    const Workload load{.directory = argv[2],
                        .processes = static_cast<unsigned>(number(3)),
                        .operations = number(4),
                        .seed = number(5),
                        .thread_a_call = true,
                        .batch = kBatch};
    if (const auto session = Session::open(argv[1], load)) {
        session->run();
    }
    return failures == 0 ? 0 : 1;
}
