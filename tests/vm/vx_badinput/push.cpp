// SPDX-License-Identifier: Apache-2.0
// Bad input: push entries that are wrong field by field, and a reader that lies about its position.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "record.h"
#include "vm/vx_badinput/attempt.hpp"

namespace vexfs::vm {

namespace {

// An entry with the name "f" in it.
struct Entry {
    vx_push push;
    vx_event event;
    std::array<char, 8> name;
};
static_assert(sizeof(Entry) == sizeof(vx_push) + sizeof(vx_event) + 8);

Entry good_entry() {
    Entry entry{};
    entry.push.len = sizeof(Entry);
    entry.push.uop = VX_UOP_GRAPH_NODE_UPDATE;
    entry.push.uop_mask = 1U << VX_UOP_GRAPH_NODE_UPDATE;
    entry.push.user_data = 42;
    entry.event.rec.type = VX_REC_EVENT;
    entry.event.rec.op = VX_OP_FILE_WRITE;
    vx_event_strings(&entry.event, "f", 1, nullptr, 0);
    return entry;
}

class Pusher {
  public:
    explicit Pusher(int fd, const vx_create& create) : fd_(fd), bytes_(create.push_bytes) {
        base_ = static_cast<char*>(
            ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, VX_MMAP_PUSH));
        expect("map the push ring", 0, base_ == MAP_FAILED ? errno : 0);
    }
    ~Pusher() { ::munmap(base_, bytes_); }
    Pusher(const Pusher&) = delete;
    Pusher& operator=(const Pusher&) = delete;

    vx_push_header& header() { return *reinterpret_cast<vx_push_header*>(base_); }
    void append(const Entry& entry) {
        char* entries = base_ + VX_PUSH_ENTRIES_OFF;
        std::memcpy(entries + (header().tail & (header().size - 1)), &entry, sizeof(entry));
        header().tail += sizeof(entry);
    }
    // The call's own errno; `call` has the answer.
    int push(std::uint32_t entries, vx_push_call& call) {
        call = good_push();
        call.entries = entries;
        return error_of(::ioctl(fd_, VX_IOC_PUSH, &call));
    }
    // Result of the entry that was handled last.
    const vx_push_result& last() {
        const auto* results = reinterpret_cast<vx_push_result*>(base_ + VX_PUSH_RESULTS_OFF);
        return results[(header().entries - 1) % VX_PUSH_RESULTS];
    }

  private:
    int fd_;
    std::size_t bytes_;
    char* base_ = nullptr;
};

struct WrongEntry {
    const char* what;
    void (*spoil)(Entry&);
    int error;
};

constexpr WrongEntry kWrong[] = {
    {"right", [](Entry&) {}, 0},
    {"no such userspace operation", [](Entry& e) { e.push.uop = VX_UOP_COUNT; }, EPROTO},
    {"mask without the operation", [](Entry& e) { e.push.uop_mask = 1; }, EINVAL},
    {"mask with what does not exist", [](Entry& e) { e.push.uop_mask |= 1U << VX_UOP_COUNT; },
     EINVAL},
    {"flags", [](Entry& e) { e.push.flags = VX_PUSH_F_ALL + 1; }, EINVAL},
    {"reserved16", [](Entry& e) { e.push.reserved16 = 1; }, EINVAL},
    {"expect", [](Entry& e) { e.push.expect = 1; }, EINVAL},
    {"a place for an injection that is not asked for", [](Entry& e) { e.push.inject_ino = 1; },
     EINVAL},
    {"the same, fsid", [](Entry& e) { e.push.inject_fsid = 1; }, EINVAL},
    {"the same, node", [](Entry& e) { e.push.inject_node = 1; }, EINVAL},
    {"the same, object", [](Entry& e) { e.push.inject_object = 1; }, EINVAL},
    {"injection where nothing is mounted",
     [](Entry& e) { e.push.flags = VX_PUSH_F_INJECT, e.push.inject_fsid = 0xfffff; }, ENOENT},
    {"record of another length", [](Entry& e) { e.event.rec.len -= 8; }, EBADMSG},
    {"record that is no event", [](Entry& e) { e.event.rec.type = VX_REC_LOST; }, EPROTO},
    {"no such kernel operation", [](Entry& e) { e.event.rec.op = VX_OP_COUNT; }, EPROTO},
    {"event flags that do not exist", [](Entry& e) { e.event.flags = VX_F_ALL + 1; }, EINVAL},
    {"an error that is positive", [](Entry& e) { e.event.error = 1; }, EINVAL},
    {"a name with a slash", [](Entry& e) { e.name[0] = '/'; }, EINVAL},
    {"a name with a zero byte", [](Entry& e) { e.name[0] = '\0'; }, EINVAL},
    {"padding that is not zero", [](Entry& e) { e.name[7] = 'x'; }, EINVAL},
    {"a name longer than the record", [](Entry& e) { e.event.name_len = 200; }, EBADMSG},
    {"a name too long", [](Entry& e) { e.event.name_len = 256; }, ENAMETOOLONG},
    {"an operation that such an event does not give",
     [](Entry& e) {
         e.push.uop = VX_UOP_GRAPH_NODE_CREATE;
         e.push.uop_mask = 1U << VX_UOP_GRAPH_NODE_CREATE;
     },
     EINVAL},
    {"the same, elsewhere in the unit",
     [](Entry& e) { e.push.uop_mask |= 1U << VX_UOP_GRAPH_NODE_CREATE; }, EINVAL},
    {"an event that is not the operation's", [](Entry& e) { e.event.rec.op = VX_OP_FILE_READ; },
     EINVAL},
    {"right, another event that gives it", [](Entry& e) { e.event.rec.op = VX_OP_FILE_TRUNCATE; },
     0},
    {"right, a unit",
     [](Entry& e) { e.push.uop_mask |= 1U << VX_UOP_VECTOR_UPDATE | 1U << VX_UOP_VECTOR_EMBED; },
     0},
    {"right, after all that", [](Entry&) {}, 0},
};

void try_entries(Pusher& pusher) {
    for (const WrongEntry& wrong : kWrong) {
        Entry entry = good_entry();
        wrong.spoil(entry);
        pusher.append(entry);
        vx_push_call call{};
        const int error = pusher.push(1, call);
        const bool whole = error == 0 && call.handled == 1 && pusher.last().user_data == 42 &&
                           call.failed == (wrong.error != 0 ? 1U : 0U);
        expect(fmt::format("push entry: {}", wrong.what), wrong.error,
               whole ? -pusher.last().result : (error != 0 ? error : ENOMSG));
    }
}

// Each of the 27 with an event of each of the 18 (a rename is longer: of another test).
void try_pairs(Pusher& pusher) {
    unsigned wrong = 0;
    for (unsigned uop = 0; uop < VX_UOP_COUNT; ++uop) {
        for (unsigned op = 0; op < VX_OP_COUNT; ++op) {
            if (op == VX_OP_FILE_RENAME) {
                continue;
            }
            Entry entry = good_entry();
            entry.push.uop = static_cast<std::uint16_t>(uop);
            entry.push.uop_mask = 1U << uop;
            entry.event.rec.op = static_cast<std::uint16_t>(op);
            pusher.append(entry);
            vx_push_call call{};
            const int error = pusher.push(1, call);
            const bool fits = (vx_uop_answers(uop) >> op & 1U) != 0;
            wrong += error != 0 || pusher.last().result != (fits ? 0 : -EINVAL) ? 1 : 0;
        }
    }
    expect_true("each operation is taken with the events that it answers only", wrong == 0);
}

void try_lengths(Pusher& pusher) {
    for (const std::uint32_t len : {0U, 7U, 8U, static_cast<std::uint32_t>(sizeof(vx_push)),
                                    static_cast<std::uint32_t>(sizeof(Entry)) + 8, 1U << 20, ~0U}) {
        Entry entry = good_entry();
        entry.push.len = len;
        const std::uint64_t tail = pusher.header().tail;
        pusher.append(entry);
        vx_push_call call{};
        expect(fmt::format("push entry of length {}", len), EBADMSG, pusher.push(1, call));
        pusher.header().tail = tail;  // taken back
    }
    const std::uint64_t tail = pusher.header().tail;
    vx_push_call call{};
    for (const std::uint64_t lie : {tail + 4, tail + (1ul << 30), tail - sizeof(Entry), ~0ul}) {
        pusher.header().tail = lie;
        expect(fmt::format("push with its tail {} bytes off", static_cast<long>(lie - tail)),
               EINVAL, pusher.push(1, call));
    }
    pusher.header().tail = tail;
    expect("push with nothing to do", 0, pusher.push(10, call));
    expect_true("and nothing done", call.handled == 0);
}

void try_batch(Pusher& pusher) {
    for (unsigned i = 0; i < 10; ++i) {
        Entry entry = good_entry();
        entry.push.reserved16 = i == 4 ? 1 : 0;
        pusher.append(entry);
    }
    vx_push_call call{};
    expect("push of ten, one bad", 0, pusher.push(VX_PUSH_BATCH_MAX, call));
    expect_true("the other nine are handled", call.handled == 10 && call.failed == 1);
}

}  // namespace

void try_push() {
    vx_create create{};
    UniqueFd fd = open_channel(create);
    try_all<vx_push_call>(
        "push", fd.get(), VX_IOC_PUSH, good_push,
        {{"flags", [](vx_push_call& p) { p.flags = 1; }, EINVAL},
         {"reserved", [](vx_push_call& p) { p.reserved = 1; }, EINVAL},
         {"no entries", [](vx_push_call& p) { p.entries = 0; }, EINVAL},
         {"too many", [](vx_push_call& p) { p.entries = VX_PUSH_BATCH_MAX + 1; }, EINVAL},
         {"empty", [](vx_push_call&) {}, 0}});
    Pusher pusher(fd.get(), create);
    try_entries(pusher);
    try_pairs(pusher);
    try_lengths(pusher);
    try_batch(pusher);
}

// A reader that says it has read what was never written. The module must not believe it, and must
// go on when the reader comes to its senses.
void try_lies() {
    vx_create create{};
    UniqueFd fd = open_channel(create);
    auto* consumer =
        static_cast<char*>(::mmap(nullptr, create.consumer_bytes, PROT_READ | PROT_WRITE,
                                  MAP_SHARED, fd.get(), VX_MMAP_CONSUMER));
    const auto* ring = static_cast<const char*>(
        ::mmap(nullptr, create.ring_bytes, PROT_READ, MAP_SHARED, fd.get(), VX_MMAP_RING));
    const auto* header = reinterpret_cast<const vx_ring_header*>(ring);
    auto* slots = reinterpret_cast<vx_consumer_slot*>(consumer + sizeof(vx_consumer));
    UniqueFd directory(::open("/tmp", O_PATH | O_CLOEXEC));
    vx_watch_add watch = good_watch(directory.get());
    expect("watch", 0, error_of(::ioctl(fd.get(), VX_IOC_WATCH_ADD, &watch)));
    std::uint64_t pattern = 0x123456789abcdef1ull;
    for (int round = 0; round < 300; ++round) {
        for (unsigned i = 0; i < header->producers; ++i) {
            pattern = pattern * 6364136223846793005ull + 1442695040888963407ull;
            slots[i].tail[round % 2] = round % 3 == 0 ? ~0ull : pattern;
            slots[i].wake[round % 2] = pattern;
        }
        reinterpret_cast<vx_consumer*>(consumer)->sleeping = static_cast<std::uint32_t>(pattern);
        ::mkdir("/tmp/vx_lie", 0700);
        ::rmdir("/tmp/vx_lie");
    }
    vx_stats stats = good_stats();
    expect("stats after the lies", 0, error_of(::ioctl(fd.get(), VX_IOC_STATS, &stats)));
    std::uint64_t refused = 0;
    for (unsigned i = 0; i < header->producers * VX_CLASSES; ++i) {
        const auto* p = reinterpret_cast<const vx_producer*>(ring + header->producer_off) + i;
        refused += p->bad_tail;
        // The truth at last: all is read.
        slots[i / VX_CLASSES].tail[i % VX_CLASSES] = p->head;
    }
    reinterpret_cast<vx_consumer*>(consumer)->sleeping = 0;
    expect_true("positions that cannot be are refused and counted", refused > 0);
    const std::uint64_t before = stats.emitted[VX_OP_DIR_CREATE];
    expect_true("seen = filtered + emitted + lost",
                stats.seen[VX_OP_DIR_CREATE] ==
                        before + stats.lost[VX_OP_DIR_CREATE] + stats.filtered[VX_OP_DIR_CREATE] &&
                    stats.seen[VX_OP_DIR_CREATE] == 300);
    ::mkdir("/tmp/vx_lie", 0700);
    ::rmdir("/tmp/vx_lie");
    expect("stats", 0, error_of(::ioctl(fd.get(), VX_IOC_STATS, &stats)));
    expect_true("events come again", stats.emitted[VX_OP_DIR_CREATE] == before + 1);
    ::munmap(consumer, create.consumer_bytes);
    ::munmap(const_cast<char*>(ring), create.ring_bytes);
}

}  // namespace vexfs::vm
