// SPDX-License-Identifier: Apache-2.0
// What the reader does not believe: a ring whose header, or a record of which, cannot be. One row
// for each field that is checked; the same ring without the damage is read to its end.
#include <cerrno>
#include <functional>

#include "record.h"
#include "ring/harness.hpp"

using namespace vexfs;
using vexfs::test::Ring;

namespace {

const MemoryRingConfig kConfig{.producers = 2, .size_m = 4 * VX_PAGE, .size_d = 4 * VX_PAGE};

// A record in the ring, to be damaged.
template <typename T>
T* at(Ring& ring, unsigned cls, std::uint64_t position) {
    const auto* base = static_cast<const unsigned char*>(ring.memory().mapping());
    const std::uint64_t off =
        vx_subring_off(kConfig.producers, kConfig.size_m, kConfig.size_d, 0, cls);
    return reinterpret_cast<T*>(const_cast<unsigned char*>(base + off + position));
}

// Reads all; whether the ring is found broken, and stays so.
bool found_broken(Ring& ring) {
    vx_item item = ring.next();
    while (item.kind != VX_ITEM_NONE && item.kind != VX_ITEM_BROKEN) {
        item = ring.next();
    }
    return item.kind == VX_ITEM_BROKEN && ring.next().kind == VX_ITEM_BROKEN;
}

template <typename T>
struct Damage {
    const char* what;
    std::function<void(T&)> apply;
};

// Whether the reader reads what `write` wrote, and each damage to the record at `position` is
// found.
template <typename T>
void each_is_found(const std::function<void(Ring&)>& write, unsigned cls, std::uint64_t position,
                   const std::vector<Damage<T>>& damages) {
    Ring whole(kConfig);
    write(whole);
    CHECK_FALSE(found_broken(whole));
    for (const Damage<T>& damage : damages) {
        Ring ring(kConfig);
        write(ring);
        damage.apply(*at<T>(ring, cls, position));
        INFO(damage.what);
        CHECK(found_broken(ring));
    }
}

constexpr std::uint32_t kLen = sizeof(vx_event) + 16;

std::vector<Damage<vx_event>> event_damages(unsigned other_class) {
    return {
        {"len 0", [](vx_event& e) { e.rec.len = 0; }},
        {"len of the head only", [](vx_event& e) { e.rec.len = sizeof(vx_record); }},
        {"len below the fixed part", [](vx_event& e) { e.rec.len = sizeof(vx_event) - 8; }},
        {"len no multiple of 8", [](vx_event& e) { e.rec.len -= 4; }},
        {"len behind the head", [](vx_event& e) { e.rec.len = 3 * kLen; }},
        {"len of all", [](vx_event& e) { e.rec.len = ~7U; }},
        {"type 0", [](vx_event& e) { e.rec.type = 0; }},
        {"type 5", [](vx_event& e) { e.rec.type = 5; }},
        {"type of another record", [](vx_event& e) { e.rec.type = VX_REC_USER; }},
        {"op of none", [](vx_event& e) { e.rec.op = VX_OP_COUNT; }},
        {"op of the other class",
         [other_class](vx_event& e) { e.rec.op = static_cast<__u16>(other_class); }},
        {"name behind the end", [](vx_event& e) { e.name_len = 17; }},
        {"name above the limit", [](vx_event& e) { e.name_len = 0xffff; }},
        {"name2 behind the end", [](vx_event& e) { e.name_len = e.name2_len = 9; }},
        {"name2 above the limit", [](vx_event& e) { e.name2_len = 0xffff; }},
        {"count below", [](vx_event& e) { e.rec.count--; }},
        {"count with a hole", [](vx_event& e) { e.rec.count++; }},
    };
}

void two(Ring& ring, unsigned op) {
    REQUIRE(ring.attempt(0, op, 1, kLen));
    REQUIRE(ring.attempt(0, op, 2, kLen));
}

}  // namespace

TEST_CASE("an event that cannot be is found, in each class") {
    std::vector<Damage<vx_event>> damages = event_damages(VX_OP_FILE_WRITE);
    damages.push_back({"no room for struct vx_rename", [](vx_event& e) {
                           e.rec.op = VX_OP_FILE_RENAME;
                       }});
    damages.push_back({"ticket below", [](vx_event& e) { e.rec.ticket = 0; }});
    each_is_found<vx_event>([](Ring& r) { two(r, VX_OP_FILE_CREATE); }, VX_CLASS_M, kLen, damages);
    each_is_found<vx_event>([](Ring& r) { two(r, VX_OP_FILE_WRITE); }, VX_CLASS_D, kLen,
                            event_damages(VX_OP_FILE_CREATE));
}

TEST_CASE("a pushed operation that cannot be is found, and so is the event in it") {
    struct Pushed {
        vx_user user;
        vx_event event;
    };
    const auto write = [](Ring& ring) {
        REQUIRE(ring.attempt(0, VX_OP_USER, 1, Ring::kUserMin + 16));
    };
    each_is_found<Pushed>(
        write, VX_CLASS_M, 0,
        {
            {"shorter than its parts",
             [](Pushed& p) { p.user.rec.len = Ring::kUserMin - 8; }},
            {"op of none", [](Pushed& p) { p.user.rec.op = VX_UOP_COUNT; }},
            {"event_len below", [](Pushed& p) { p.user.event_len -= 8; }},
            {"event_len above", [](Pushed& p) { p.user.event_len += 8; }},
            {"event_len of all", [](Pushed& p) { p.user.event_len = ~0U; }},
            {"the event's len", [](Pushed& p) { p.event.rec.len += 8; }},
            {"both lens above",
             [](Pushed& p) { p.user.event_len = p.event.rec.len = 4096; }},
            {"the event's type", [](Pushed& p) { p.event.rec.type = VX_REC_USER; }},
            {"the event's op", [](Pushed& p) { p.event.rec.op = VX_OP_COUNT; }},
            {"the event's name", [](Pushed& p) { p.event.name_len = 17; }},
            {"the event's name2", [](Pushed& p) { p.event.name2_len = 17; }},
        });
    const auto in_d = [](Ring& ring) { two(ring, VX_OP_FILE_WRITE); };
    each_is_found<vx_record>(in_d, VX_CLASS_D, 0,
                             {{"in class D", [](vx_record& r) { r.type = VX_REC_USER; }}});
}

TEST_CASE("where a directory is that cannot be is found") {
    const auto write = [](Ring& ring) {
        vx_slot slot;
        auto* dir = static_cast<vx_dir*>(vx_ring_begin_dir(ring.get(), 0, VX_CLASS_D, 0, &slot));
        REQUIRE(dir != nullptr);
        dir->rec.len = sizeof(vx_dir) + 8;
        dir->rec.type = VX_REC_DIR;
        dir->rec.op = 0;
        dir->name_len = 5;
        vx_ring_commit(ring.get(), &slot, dir->rec.len);
    };
    each_is_found<vx_dir>(write, VX_CLASS_D, 0,
                          {
                              {"shorter than its parts",
                               [](vx_dir& d) { d.rec.len = sizeof(vx_dir) - 8; }},
                              {"name behind the end", [](vx_dir& d) { d.name_len = 9; }},
                              {"name above the limit", [](vx_dir& d) { d.name_len = 0xffff; }},
                          });
}

TEST_CASE("an account that cannot be is found, in each class") {
    struct Account {
        vx_lost lost;
        vx_dirty dirty[2];
    };
    std::uint64_t position = 0;
    const auto lose = [&position](Ring& ring, unsigned op) {
        while (ring.attempt(0, op, 0, kLen)) {
        }
        const unsigned cls = vx_op_class(op);
        const vx_dirty dirs[2] = {{.fsid = 1, .ino = 2, .gen = 0, .reserved = 0},
                                  {.fsid = 1, .ino = 3, .gen = 0, .reserved = 0}};
        if (cls == VX_CLASS_M) {
            vx_ring_dirty(ring.get(), 0, dirs, 2);
        }
        position = vx_ring_producer(ring.get(), 0, cls)->head;
        REQUIRE(vx_ring_flush_loss(ring.get(), 0, cls) == 1);
    };
    const std::vector<Damage<Account>> both = {
        {"op of no class", [](Account& a) { a.lost.rec.op = VX_CLASSES; }},
        {"nothing lost", [](Account& a) { a.lost.lost = 0; }},
        {"unknown flag", [](Account& a) { a.lost.flags |= 2; }},
        {"count with a hole", [](Account& a) { a.lost.rec.count++; }},
        {"len below", [](Account& a) { a.lost.rec.len -= 8; }},
        {"one directory more", [](Account& a) { a.lost.dirty++; }},
        {"directories above the limit", [](Account& a) { a.lost.dirty = VX_DIRTY_MAX + 1; }},
    };
    std::vector<Damage<Account>> m = both;
    m.push_back({"len above", [](Account& a) { a.lost.rec.len += 8; }});
    m.push_back({"one directory less", [](Account& a) { a.lost.dirty--; }});
    m.push_back({"overflow and directories", [](Account& a) { a.lost.flags = 1; }});
    m.push_back({"of the other class", [](Account& a) { a.lost.rec.op = VX_CLASS_D; }});
    std::vector<Damage<Account>> d = both;
    d.push_back({"overflow in class D", [](Account& a) { a.lost.flags = 1; }});
    d.push_back({"of the other class", [](Account& a) { a.lost.rec.op = VX_CLASS_M; }});
    Ring measure(kConfig);  // where the account is going to stand
    lose(measure, VX_OP_FILE_CREATE);
    each_is_found<Account>([&](Ring& r) { lose(r, VX_OP_FILE_CREATE); }, VX_CLASS_M, position, m);
    each_is_found<Account>([&](Ring& r) { lose(r, VX_OP_FILE_WRITE); }, VX_CLASS_D, position, d);
}

TEST_CASE("a header that cannot be is refused, field by field") {
    struct Row {
        const char* what;
        std::function<void(vx_ring_header&)> apply;
        int error;
    };
    const Row rows[] = {
        {"magic", [](vx_ring_header& h) { h.magic++; }, -EPROTO},
        {"version", [](vx_ring_header& h) { h.abi_version++; }, -EPROTO},
        {"no producer", [](vx_ring_header& h) { h.producers = 0; }, -EINVAL},
        {"one producer less", [](vx_ring_header& h) { h.producers--; }, -EINVAL},
        {"one producer more", [](vx_ring_header& h) { h.producers++; }, -EINVAL},
        {"too many producers", [](vx_ring_header& h) { h.producers = 1025; }, -EINVAL},
        {"no size of M", [](vx_ring_header& h) { h.size[0] = 0; }, -EINVAL},
        {"no size of D", [](vx_ring_header& h) { h.size[1] = 0; }, -EINVAL},
        {"size of M no power of two", [](vx_ring_header& h) { h.size[0] += 8; }, -EINVAL},
        {"size of D no power of two", [](vx_ring_header& h) { h.size[1] -= 8; }, -EINVAL},
        {"half of M", [](vx_ring_header& h) { h.size[0] /= 2; }, -EINVAL},
        {"twice D", [](vx_ring_header& h) { h.size[1] *= 2; }, -EINVAL},
        {"M above the limit", [](vx_ring_header& h) { h.size[0] = 1ull << 40; }, -EINVAL},
        {"D above the limit", [](vx_ring_header& h) { h.size[1] = 1ull << 63; }, -EINVAL},
        {"producer_off", [](vx_ring_header& h) { h.producer_off += 8; }, -EINVAL},
        {"data_off", [](vx_ring_header& h) { h.data_off -= VX_PAGE; }, -EINVAL},
        {"total below", [](vx_ring_header& h) { h.total -= VX_PAGE; }, -EINVAL},
        {"total above", [](vx_ring_header& h) { h.total += VX_PAGE; }, -EINVAL},
        {"consumer_bytes", [](vx_ring_header& h) { h.consumer_bytes += VX_PAGE; }, -EINVAL},
    };
    Ring ring(kConfig);
    CHECK(ring.start_reader() == 0);
    const vx_ring_header whole = *ring.get()->header;
    for (const Row& row : rows) {
        row.apply(*ring.get()->header);
        INFO(row.what);
        CHECK(ring.start_reader() == row.error);
        *ring.get()->header = whole;
    }
    CHECK(ring.start_reader() == 0);
    std::vector<std::uint64_t> scratch(vx_reader_scratch(kConfig.producers) / 8 + 1);
    const auto with = [&](std::uint64_t bytes) {
        return vx_reader_init(&ring.reader, ring.memory().mapping(), bytes,
                              ring.memory().consumer(), scratch.data(), 1);
    };
    CHECK(with(ring.memory().mapping_bytes() - 1) == -EINVAL);
    CHECK(with(VX_PAGE - 1) == -EPROTO);
    CHECK(with(0) == -EPROTO);
}
