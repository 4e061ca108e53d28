// SPDX-License-Identifier: Apache-2.0
#include "heal/lister.hpp"

#include <iterator>
#include <utility>

namespace vexfs::heal {

Lister::Lister(unsigned threads) {
    for (unsigned i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work(); });
    }
}

Lister::~Lister() {
    {
        const std::lock_guard hold(mutex_);
        ending_ = true;
    }
    todo_changed_.notify_all();
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

void Lister::work() {
    std::unique_lock hold(mutex_);
    for (;;) {
        todo_changed_.wait(hold, [this] {
            return ending_ || (!todo_.empty() && done_.size() < kWaitingMax);
        });
        if (ending_) {
            return;
        }
        Directory directory = std::move(todo_.back());
        todo_.pop_back();
        ++under_way_;
        hold.unlock();
        Listing listing = list(std::move(directory));
        hold.lock();
        --under_way_;
        done_.push_back(std::move(listing));
        done_changed_.notify_one();
    }
}

void Lister::add(std::vector<Directory> directories) {
    const std::lock_guard hold(mutex_);
    std::move(directories.begin(), directories.end(), std::back_inserter(todo_));
    todo_changed_.notify_all();
}

std::optional<Listing> Lister::next() {
    std::unique_lock hold(mutex_);
    done_changed_.wait(hold, [this] {
        return !done_.empty() || (todo_.empty() && under_way_ == 0);
    });
    if (done_.empty()) {
        return {};
    }
    Listing listing = std::move(done_.front());
    done_.pop_front();
    todo_changed_.notify_one();
    return listing;
}

std::size_t Lister::left() const {
    const std::lock_guard hold(mutex_);
    return todo_.size() + under_way_ + done_.size();
}

void Lister::forget() {
    const std::lock_guard hold(mutex_);
    todo_.clear();
}

}  // namespace vexfs::heal
