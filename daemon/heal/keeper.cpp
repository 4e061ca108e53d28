// SPDX-License-Identifier: Apache-2.0
#include "heal/keeper.hpp"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "heal/baseline.hpp"
#include "heal/healer.hpp"

namespace vexfs::heal {

const char* phase_name(KeeperState::Phase phase) {
    constexpr const char* names[] = {"following", "looking", "healing", "rebuilding"};
    return names[static_cast<std::size_t>(phase)];
}

Keeper::Keeper(std::string journal, std::vector<Scope> scopes, StreamPort& stream,
               const Clock& clock)
    : journal_(std::move(journal)),
      stream_(stream),
      clock_(clock),
      poked_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      scopes_(std::move(scopes)),
      thread_([this] { run(); }) {}

Keeper::~Keeper() {
    stop();
    thread_.join();
}

void Keeper::stop() {
    {
        const std::lock_guard hold(mutex_);
        stop_ = true;
    }
    poke();
}

void Keeper::poke() { ::eventfd_write(poked_.get(), 1); }

bool Keeper::stopping() const {
    const std::lock_guard hold(mutex_);
    return stop_;
}

std::vector<Scope> Keeper::scopes() const {
    const std::lock_guard hold(mutex_);
    return scopes_;
}

void Keeper::set_scopes(std::vector<Scope> scopes) {
    {
        const std::lock_guard hold(mutex_);
        const bool same = std::equal(
            scopes.begin(), scopes.end(), scopes_.begin(), scopes_.end(),
            [](const Scope& a, const Scope& b) { return a.same(b); });
        scopes_ = std::move(scopes);
        if (same) {
            return;
        }
    }
    poke();
}

void Keeper::forget_before(std::uint64_t seq) {
    const std::lock_guard hold(mutex_);
    oldest_ = seq;  // the next time that something is written will do
}

void Keeper::rebuild() {
    {
        const std::lock_guard hold(mutex_);
        rebuild_ = true;
        state_.phase = KeeperState::Phase::rebuilding;
    }
    poke();
}

void Keeper::when_current(std::uint64_t seq, std::function<void(const Status&)> done) {
    {
        const std::lock_guard hold(mutex_);
        if (!stop_) {
            waiters_.push_back({seq, round_, std::move(done)});
            done = nullptr;
        }
    }
    if (done) {
        done(Status::error(ECANCELED, "vexfsd ends"));
    }
    poke();
}

KeeperState Keeper::state() const {
    const std::lock_guard hold(mutex_);
    KeeperState state = state_;
    state.directories = progress_.directories;
    state.waiting = progress_.waiting;
    state.told = progress_.told;
    return state;
}

void Keeper::note(KeeperState::Phase phase) {
    const std::lock_guard hold(mutex_);
    state_.phase = rebuild_ || rebuilding_ ? KeeperState::Phase::rebuilding : phase;
    if (follower_ != nullptr) {
        state_.applied_seq = follower_->catalogue().applied_seq();
        state_.pending = follower_->pending().gaps;
    }
}

// Those who wait for what this round has read: a loss of no number may come behind the last one.
// All of them where nothing more will come for the moment.
void Keeper::answer(const Status& problem) {
    std::vector<Waiter> ready;
    {
        const std::lock_guard hold(mutex_);
        if (problem) {
            state_.problem.clear();
        }
        const bool pending = follower_ != nullptr && follower_->pending().any();
        const auto waits = [&](const Waiter& waiter) {
            const bool read = waiter.seq <= state_.applied_seq && waiter.round != round_;
            return problem.ok() && (pending || !read);
        };
        const auto first =
            std::stable_partition(waiters_.begin(), waiters_.end(), waits);
        std::move(first, waiters_.end(), std::back_inserter(ready));
        waiters_.erase(first, waiters_.end());
    }
    for (const Waiter& waiter : ready) {
        waiter.done(problem);
    }
}

void Keeper::run() {
    while (!stopping()) {
        Status status = work();
        if (status || stopping()) {
            continue;
        }
        bool again = false;
        {
            const std::lock_guard hold(mutex_);
            again = std::exchange(state_.problem, status.message()) == status.message();
        }
        if (again) {
            answer(Status::error(EAGAIN, status.message()));
        } else {
            spdlog::warn("the catalogue is behind: {}", status.message());
        }
        if (status.code() != EAGAIN) {
            follower_.reset();  // what it holds is in doubt: begin at the last commit
        }
        pollfd fd{poked_.get(), POLLIN, 0};
        ::poll(&fd, 1, kRetryMs);
        eventfd_t ignored = 0;
        ::eventfd_read(poked_.get(), &ignored);
    }
    answer(Status::error(ECANCELED, "vexfsd ends"));
}

// Everything that is to be done now, then waits for more.
Status Keeper::work() {
    {
        const std::lock_guard hold(mutex_);
        ++round_;
    }
    Status status = follower_ == nullptr ? open() : Status();
    if (status) {
        status = keep();
    }
    if (!status) {
        return status;
    }
    note(KeeperState::Phase::following);
    answer({});
    const int rest = rest_ms();
    return wait(rest != 0 ? rest : -1);
}

Status Keeper::open() {
    Result<std::unique_ptr<Follower>> follower = Follower::open(journal_, clock_);
    if (!follower) {
        return follower.status();
    }
    follower_ = std::move(*follower);
    return {};
}

Status Keeper::begin_anew() {
    {
        const std::lock_guard hold(mutex_);
        if (!rebuild_) {
            return {};
        }
        rebuilding_ = true;
    }
    follower_.reset();
    Status status = Catalogue::remove(journal_);
    if (status) {
        status = open();
    }
    if (status) {
        status = expect_scopes();
    }
    const std::lock_guard hold(mutex_);
    rebuild_ = !status;
    return status;
}

// What the journal tells of them is taken in from its beginning on.
Status Keeper::expect_scopes() {
    const Result<Cursor> earliest = follower_->reader().earliest();
    if (!earliest) {
        return earliest.status();
    }
    return follower_->change([&](Catalogue& catalogue) {
        Status status;
        for (const Scope& scope : scopes()) {
            status = status ? catalogue.add_root(scope.root, scope.path, scope.place,
                                                  earliest->seq) : status;
        }
        return status;
    });
}

Status Keeper::keep() {
    Status status = begin_anew();
    while (status && !stopping()) {
        const Result<bool> more = follower_->turn();
        status = more.status();
        if (status && !*more) {
            break;
        }
        note(KeeperState::Phase::following);
    }
    if (status) {
        status = look_at_new();
    }
    if (status) {
        status = heal();
    }
    if (status) {
        status = forget_old();
    }
    if (status) {
        const std::lock_guard hold(mutex_);
        rebuilding_ = false;
    }
    return status;
}

// Scopes that are not complete in the catalogue; and those that are not wanted any more go.
Status Keeper::look_at_new() {
    const std::vector<Scope> wanted = scopes();
    if (Status status = forget_others(); !status) {
        return status;
    }
    const Result<std::vector<CatalogueRoot>> known = follower_->catalogue().roots();
    if (!known) {
        return known.status();
    }
    for (const Scope& scope : wanted) {
        const bool complete =
            std::any_of(known->begin(), known->end(), [&](const CatalogueRoot& root) {
                return root.object == scope.root && root.complete && root.path == scope.path &&
                       root.place == scope.place;
            });
        if (complete) {
            continue;
        }
        note(KeeperState::Phase::looking);
        const Tools tools{*follower_, stream_, progress_, [this] { return stopping(); }};
        if (Status status = Baseline(tools, scope, rebuilding_).take(); !status) {
            return status;
        }
    }
    return {};
}

Status Keeper::forget_others() {
    const std::vector<Scope> wanted = scopes();
    const Result<std::vector<CatalogueRoot>> known = follower_->catalogue().roots();
    if (!known) {
        return known.status();
    }
    for (const CatalogueRoot& root : *known) {
        const bool kept = std::any_of(wanted.begin(), wanted.end(), [&](const Scope& scope) {
            return scope.root == root.object;
        });
        if (kept) {
            continue;
        }
        const std::uint64_t next = follower_->applied_seq() + 1;
        Status status = follower_->change([&](Catalogue& catalogue) {
            const Status gone = catalogue.remove_root(root.object);
            // What another scope shows as well stays.
            const Result<bool> shown = gone ? catalogue.knows(root.object) : gone;
            return shown && !*shown ? catalogue.forget_below(root.object, next) : shown.status();
        });
        if (!status) {
            return status;
        }
    }
    return {};
}

int Keeper::rest_ms() const {
    const std::uint64_t now = clock_.mono_ns();
    return follower_->pending().everywhere && now < rest_until_ns_
               ? static_cast<int>((rest_until_ns_ - now) / 1'000'000 + 1)
               : 0;
}

Status Keeper::heal() {
    while (follower_->pending().any() && rest_ms() == 0 && !stopping()) {
        note(KeeperState::Phase::healing);
        const std::uint64_t begun = clock_.mono_ns();
        Pending pending = follower_->take_pending();
        const Tools tools{*follower_, stream_, progress_, [this] { return stopping(); }};
        const Status status = Healer(tools).heal(pending, scopes());
        if (!status) {
            follower_->put_back(pending);
            return status;
        }
        rest_until_ns_ = 2 * clock_.mono_ns() - begun;
        {
            const std::lock_guard hold(mutex_);
            state_.healed += pending.gaps;
        }
        if (!follower_->pending().any()) {
            if (Status settled = follower_->settle(); !settled) {
                return settled;
            }
        }
    }
    return {};
}

Status Keeper::forget_old() {
    std::uint64_t oldest = 0;
    {
        const std::lock_guard hold(mutex_);
        oldest = oldest_;
    }
    if (oldest <= forgotten_) {
        return {};
    }
    const Status status = follower_->change(
        [&](Catalogue& catalogue) { return catalogue.forget_before(oldest); });
    forgotten_ = status ? oldest : forgotten_;
    return status;
}

Status Keeper::wait(int timeout_ms) {
    const Result<Reader::Wake> wake = follower_->reader().wait(poked_.get(), timeout_ms);
    if (!wake) {
        return wake.status();
    }
    if (*wake == Reader::Wake::written) {
        pollfd fd{poked_.get(), POLLIN, 0};
        ::poll(&fd, 1, kBatchMs);
    }
    eventfd_t ignored = 0;
    ::eventfd_read(poked_.get(), &ignored);
    return {};
}

}  // namespace vexfs::heal
