// SPDX-License-Identifier: Apache-2.0
#include "correlate/sessions.hpp"

#include <bit>
#include <cassert>

namespace vexfs::correlate {

Sessions::Sessions(std::size_t sets, std::uint64_t seed)
    : seed_(seed), tags_(sets), sessions_(sets * kWays) {
    assert(std::has_single_bit(sets) && sets <= (std::size_t{1} << 24U));
}

Session* Sessions::on_event(EventView& view, const Key& key) {
    const vx_event& e = view.event();
    if (e.rec.op == VX_OP_FILE_OPEN) {
        return on_open(view, key);
    }
    if (e.rec.op == VX_OP_FILE_CLOSE) {
        on_close(view, key);
    } else if (e.rec.op != VX_OP_SYNC || (e.flags & (VX_F_SYNC_FS | VX_F_SYNC_ALL)) == 0) {
        on_use(view, key);
    }
    return nullptr;
}

Session* Sessions::on_open(EventView& view, const Key& key) {
    const vx_event& e = view.event();
    if (e.error != 0 || e.ino == 0) {
        return nullptr;
    }
    if (Session* session = find(key); session != nullptr) {
        session->opens++;
        session->doubtful = true;
        counters_.doubtful++;
        return nullptr;
    }
    Session& session = make(key);
    session.chain = session.open = view.seq;
    session.pid = e.pid;
    // A boundary that does not know the program can't tell it from another.
    session.doubtful = session.doubtful || e.pid == 0;
    if (session.doubtful) {
        counters_.doubtful++;
        return nullptr;
    }
    view.chain = view.seq;
    return &session;
}

void Sessions::on_use(EventView& view, const Key& key) {
    const vx_event& e = view.event();
    Session* session = find(key);
    if (session == nullptr || !belongs(*session, e)) {
        return;
    }
    view.cause = session->open;
    view.chain = session->chain;
    if (e.rec.op == VX_OP_FILE_WRITE && e.error == 0) {
        session->write = view.seq;
    }
}

void Sessions::on_close(EventView& view, const Key& key) {
    Session* session = find(key);
    if (session == nullptr) {
        return;
    }
    if (belongs(*session, view.event())) {
        view.cause = session->write != 0 ? session->write : session->open;
        view.chain = session->chain;
    }
    if (--session->opens == 0) {
        const auto way = static_cast<std::size_t>(session - sessions_.data()) % kWays;
        tags_[key.set].of[way] = 0;
        counters_.open--;
    }
}

Sessions::Key Sessions::key_of(const vx_event& e, Boundary boundary) const {
    std::uint64_t x = (e.ino ^ seed_) * 0x9e3779b97f4a7c15ULL;
    x ^= (x >> 32U) ^ (e.fsid * 0xbf58476d1ce4e5b9ULL) ^ (e.gen * 0x94d049bb133111ebULL);
    x = (x ^ (x >> 29U) ^ static_cast<std::uint64_t>(boundary)) * 0xd6e8feb86659fd93ULL;
    x ^= x >> 32U;
    return {.fsid = e.fsid,
            .ino = e.ino,
            .gen = e.gen,
            .boundary = boundary,
            .set = static_cast<std::uint32_t>((x >> 32U) & (tags_.size() - 1)),
            .tag = static_cast<std::uint32_t>(x) | 1U};
}

Session* Sessions::find(const Key& key) {
    const Tags& tags = tags_[key.set];
    for (std::size_t way = 0; way < kWays; way++) {
        Session& s = sessions_[key.set * kWays + way];
        if (tags.of[way] == key.tag && s.ino == key.ino && s.fsid == key.fsid && s.gen == key.gen &&
            s.boundary == key.boundary) {
            return &s;
        }
    }
    return nullptr;
}

// A session of an object that has none, in the place of the oldest if there is no room.
Session& Sessions::make(const Key& key) {
    Tags& tags = tags_[key.set];
    std::size_t place = 0;
    for (std::size_t way = 0; way < kWays; way++) {
        if (tags.of[way] == 0) {
            place = way;
            break;
        }
        if (sessions_[key.set * kWays + way].open < sessions_[key.set * kWays + place].open) {
            place = way;
        }
    }
    if (tags.of[place] != 0) {
        tags.forgetful = true;
        counters_.evicted++;
        counters_.open--;
    }
    counters_.open++;
    tags.of[place] = key.tag;
    Session& session = sessions_[key.set * kWays + place];
    session = {.fsid = key.fsid,
               .ino = key.ino,
               .chain = 0,
               .open = 0,
               .write = 0,
               .gen = key.gen,
               .pid = 0,
               .opens = 1,
               .round = round_,
               .boundary = key.boundary,
               .doubtful = tags.forgetful};
    return session;
}

}  // namespace vexfs::correlate
