// SPDX-License-Identifier: Apache-2.0
// InlineFunction: a move-only std::function that never allocates.
//
// The callable lives inside the object; one that does not fit does not compile (capture a pointer
// to what is big). That is what lets the event loop keep a handler in each slot and stay free of
// allocation once it runs.
#pragma once

#include <cassert>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace vexfs {

template <typename Signature, std::size_t kBytes = 48>
class InlineFunction;

template <typename R, typename... Args, std::size_t kBytes>
class InlineFunction<R(Args...), kBytes> {
  public:
    InlineFunction() = default;

    template <typename F, typename D = std::decay_t<F>>
    requires(!std::is_same_v<D, InlineFunction> && std::is_invocable_r_v<R, D&, Args...>)
        InlineFunction(F&& fn) {  // NOLINT: implicit on purpose, as std::function is
        static_assert(sizeof(D) <= kBytes, "callable too big: capture a pointer instead");
        static_assert(alignof(D) <= alignof(std::max_align_t));
        static_assert(std::is_nothrow_move_constructible_v<D>);
        ::new (static_cast<void*>(storage_)) D(std::forward<F>(fn));
        call_ = [](void* self, Args... args) -> R {
            return (*static_cast<D*>(self))(std::forward<Args>(args)...);
        };
        // to == nullptr: destroy only.
        relocate_ = [](void* from, void* to) noexcept {
            D* source = static_cast<D*>(from);
            if (to != nullptr) {
                ::new (to) D(std::move(*source));
            }
            source->~D();
        };
    }

    InlineFunction(InlineFunction&& other) noexcept { take(other); }
    InlineFunction& operator=(InlineFunction&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    InlineFunction(const InlineFunction&) = delete;
    InlineFunction& operator=(const InlineFunction&) = delete;
    ~InlineFunction() { reset(); }

    explicit operator bool() const { return call_ != nullptr; }

    R operator()(Args... args) {
        assert(call_ != nullptr);
        return call_(storage_, std::forward<Args>(args)...);
    }

    void reset() {
        if (call_ != nullptr) {
            relocate_(storage_, nullptr);
            call_ = nullptr;
        }
    }

  private:
    void take(InlineFunction& other) noexcept {
        if (other.call_ != nullptr) {
            other.relocate_(other.storage_, storage_);
            relocate_ = other.relocate_;
            call_ = std::exchange(other.call_, nullptr);
        }
    }

    alignas(std::max_align_t) std::byte storage_[kBytes];
    R (*call_)(void*, Args...) = nullptr;
    void (*relocate_)(void*, void*) noexcept = nullptr;
};

}  // namespace vexfs
