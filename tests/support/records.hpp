// SPDX-License-Identifier: Apache-2.0
// Event records for tests: built field by field, or random and valid.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "abi/event.h"
#include "record.h"
#include "vexfs/event.hpp"

namespace vexfs::test {

// A record with memory of its own. Set fields through ->; names through names().
class Record {
  public:
    explicit Record(unsigned op, std::uint32_t flags = 0) {
        event().rec.type = VX_REC_EVENT;
        event().rec.op = static_cast<std::uint16_t>(op);
        event().flags = flags;
        event().mode = S_IFREG | 0644;
        event().nlink = 1;
        names("name", op == VX_OP_FILE_RENAME || op == VX_OP_SYMLINK_CREATE ? "second" : "");
    }
    // By memcpy: a copy of the words could be moved in front of the writing of the fields.
    Record(const Record& other) { std::memcpy(words_.data(), other.words_.data(), sizeof(words_)); }
    Record& operator=(const Record& other) {
        std::memmove(words_.data(), other.words_.data(), sizeof(words_));
        return *this;
    }
    ~Record() = default;

    Record& names(std::string_view name, std::string_view name2 = {}) {
        vx_event_strings(&event(), name.data(), static_cast<std::uint32_t>(name.size()),
                         name2.data(), static_cast<std::uint32_t>(name2.size()));
        return *this;
    }
    vx_event& event() { return *reinterpret_cast<vx_event*>(words_.data()); }
    [[nodiscard]] const vx_event& event() const {
        return *reinterpret_cast<const vx_event*>(words_.data());
    }
    vx_event* operator->() { return &event(); }
    vx_rename& rename() { return *vx_event_rename(&event()); }
    [[nodiscard]] const vx_record& record() const { return event().rec; }
    [[nodiscard]] bool valid() const { return vx_event_check(words_.data(), sizeof(words_)) == 0; }

    // An event of it, as the pipeline would make one.
    [[nodiscard]] EventView view(std::uint64_t seq = 1, std::string_view path = "/w/name") const {
        EventView view;
        view.seq = seq;
        view.real_ns = 1'700'000'000'123'456'789ULL;
        view.record = &record();
        view.path = path;
        view.score = 1.0F;
        return view;
    }

  private:
    std::array<std::uint64_t, VX_EVENT_MAX / 8 + 1> words_{};
};

// A whole VX_REC_USER record: `uop`, pushed along with `inner`.
class PushedRecord {
  public:
    PushedRecord(unsigned uop, const Record& inner) {
        vx_user& user = *reinterpret_cast<vx_user*>(words_.data());
        user.rec.type = VX_REC_USER;
        user.rec.op = static_cast<std::uint16_t>(uop);
        user.event_len = inner.record().len;
        user.rec.len = static_cast<std::uint32_t>(sizeof(user) + user.event_len);
        user.channel = (std::uint64_t{1} << 40U) + 7;
        user.user_data = 42;
        user.pid = 4711;
        std::memcpy(&user + 1, &inner.record(), user.event_len);
    }
    [[nodiscard]] const vx_record& record() const {
        return *reinterpret_cast<const vx_record*>(words_.data());
    }

  private:
    std::array<std::uint64_t, VX_USER_MAX / 8 + 1> words_{};
};

class RandomRecords {
  public:
    explicit RandomRecords(std::uint64_t seed) : random_(seed) {}

    // A valid record of this operation, every field random.
    Record make(unsigned op) {
        Record record(op);
        vx_event& e = record.event();
        e.rec.ticket = random_();
        e.rec.count = random_();
        e.rec.mono_ns = random_();
        for (__u64* field :
             {&e.fsid, &e.ino, &e.parent_ino, &e.size, &e.offset, &e.length}) {
            *field = random_();
        }
        for (__u32* field : {&e.gen, &e.parent_gen, &e.mode, &e.nlink, &e.uid, &e.gid,
                                     &e.owner_uid, &e.owner_gid, &e.pid, &e.tid, &e.cookie}) {
            *field = word();
        }
        e.flags = word() & VX_F_ALL;
        e.error = below(4) == 0 ? -static_cast<std::int32_t>(below(4095)) : 0;
        for (char& c : e.comm) {
            c = static_cast<char>(word());
        }
        if (op == VX_OP_FILE_RENAME) {
            record.rename() = {random_(), random_(), word(), word(), word(), word()};
        }
        record.names(bytes(below(VX_NAME_MAX + 1)),
                     bytes(below(2) == 0 ? below(VX_NAME2_MAX + 1) : below(9)));
        return record;
    }
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    // Any bytes that a name can have.
    std::string bytes(std::size_t n) {
        std::string out;
        while (out.size() < n) {
            const char c = static_cast<char>(word());
            if (c != '/' && c != '\0') {
                out += c;
            }
        }
        return out;
    }

  private:
    std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }

    std::mt19937_64 random_;
};

// A new seed each time, or the one in VEXFS_SEED: tests print it with INFO.
inline std::uint64_t seed() {
    const char* given = std::getenv("VEXFS_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

}  // namespace vexfs::test
