// SPDX-License-Identifier: Apache-2.0
// Follower: applies the journal to the catalogue, in transactions, and notes what healing has to do
// on the way.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <unordered_set>

#include "base/clock.hpp"
#include "catalogue/catalogue.hpp"
#include "heal/touched.hpp"
#include "vexfs/reader.hpp"

namespace vexfs::heal {

// What is to be looked at, because something happened there that no event tells.
struct Pending {
    bool everywhere = false;
    std::unordered_set<ObjectKey, ObjectKeyHash> directories;
    std::unordered_set<ObjectKey, ObjectKeyHash> trees;  // directories, with all that is below them
    std::uint64_t since_seq = std::numeric_limits<std::uint64_t>::max();  // the first thing missed
    std::uint64_t since_ns = std::numeric_limits<std::uint64_t>::max();   // CLOCK_REALTIME
    std::uint64_t gaps = 0;  // that led to it

    [[nodiscard]] bool any() const {
        return everywhere || !directories.empty() || !trees.empty();
    }
    void add(const Pending& more);
};

class Follower {
  public:
    // Of one transaction: it is committed when nothing more is there, too.
    static constexpr unsigned kBatch = 20'000;
    static constexpr std::size_t kDirectoriesMax = 10'000;  // to be looked at; more is everywhere

    // `clock` outlives it. Errors as of Reader::open() and Catalogue::open().
    static Result<std::unique_ptr<Follower>> open(const std::string& journal, const Clock& clock);

    // Applies what there is, at most a batch. False: nothing more is written. An error leaves the
    // catalogue as it was at the last commit.
    Result<bool> turn();
    // Applies everything up to this number, and a loss right behind it.
    Status catch_up(std::uint64_t seq);

    // Changes the catalogue in a transaction; what fails leaves it as it was.
    Status change(const std::function<Status(Catalogue&)>& fn);

    Catalogue& catalogue() { return *catalogue_; }
    Reader& reader() { return *reader_; }
    [[nodiscard]] std::uint64_t applied_seq() const { return applied_; }

    // What was found to be missing. It stays so, also over a restart, until it is settled.
    Pending take_pending();
    Status settle();
    // What was taken is still to be done.
    void put_back(const Pending& pending) { pending_.add(pending); }
    [[nodiscard]] const Pending& pending() const { return pending_; }
    // From here on `touched` is told of every event; nullptr: nobody.
    void tell(Touched* touched) { touched_ = touched; }

  private:
    Follower(Reader reader, std::unique_ptr<Catalogue> catalogue, const Clock& clock);
    Status start();
    Result<bool> step();
    Status begin();
    Status commit();
    Status roll_back(const Status& why);
    void on_gap(const Gap& gap);
    void look_in(const ObjectKey& directory);
    void suspect(std::uint64_t seq, std::uint64_t real_ns);
    [[nodiscard]] std::uint64_t when(std::uint64_t mono_ns, std::uint64_t real_ns) const;

    std::unique_ptr<Reader> reader_;
    std::unique_ptr<Catalogue> catalogue_;
    const Clock& clock_;
    std::uint64_t applied_ = 0;
    std::uint64_t last_ns_ = 0;  // when the last event happened
    bool begun_ = false;  // a transaction
    Touched* touched_ = nullptr;
    Pending pending_;
};

}  // namespace vexfs::heal
