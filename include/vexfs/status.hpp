// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
// Status and Result<T>: errors by value. No exception crosses a module; nothing calls exit.
//
// An error has a code (a positive errno number) and a message that a user can act on. Each layer
// may put what it was doing in front of it: "open journal: /var/lib/vexfs: Permission denied".
//
//   Result<UniqueFd> fd = open_file(path);
//   if (!fd) return fd.status().with_context("read state");
//   use(*fd);
#pragma once

#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vexfs {

class [[nodiscard]] Status {
  public:
    // Success.
    Status() = default;

    // `code` is a positive errno number; a code that says "no error" would be a lie and becomes
    // EIO.
    static Status error(int code, std::string message) {
        Status s;
        s.code_ = code > 0 ? code : EIO;
        s.message_ = std::move(message);
        return s;
    }

    // For a failed system call: `what` is what was tried, on what. Takes errno or a kernel-style
    // -errno.
    static Status from_errno(int err, std::string_view what) {
        const int code = err < 0 ? -err : err;
        std::string message(what);
        message += ": ";
        message += describe(code);
        return error(code, std::move(message));
    }

    [[nodiscard]] bool ok() const { return code_ == 0; }
    explicit operator bool() const { return ok(); }

    // 0, or a positive errno number.
    [[nodiscard]] int code() const { return code_; }
    // Empty when ok.
    [[nodiscard]] const std::string& message() const { return message_; }

    // The same error with "context: " in front. Success stays success.
    [[nodiscard]] Status with_context(std::string_view context) const& {
        return Status(*this).with_context_in_place(context);
    }
    [[nodiscard]] Status with_context(std::string_view context) && {
        return std::move(with_context_in_place(context));
    }

    // States that the outcome is of no interest (say why beside it).
    void ignore() const {}

    // The system's text for a positive errno number; thread-safe.
    static const char* describe(int code) {
        const char* text = ::strerrordesc_np(code);
        return text != nullptr ? text : "unknown error";
    }

  private:
    Status& with_context_in_place(std::string_view context) {
        if (code_ != 0) {
            message_.insert(0, ": ");
            message_.insert(0, context);
        }
        return *this;
    }

    int code_ = 0;
    std::string message_;
};

// A value or the reason why there is none. Reading the value of an error is a bug (assertion).
template <typename T>
class [[nodiscard]] Result {
  public:
    using value_type = T;

    Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit on purpose
    // `status` must be an error.
    Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit on purpose
        assert(!status_.ok());
        if (status_.ok()) {
            status_ = Status::error(EINVAL, "internal: Result made of a Status that is ok");
        }
    }

    [[nodiscard]] bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }

    [[nodiscard]] const Status& status() const& { return status_; }
    [[nodiscard]] Status status() && { return std::move(status_); }
    [[nodiscard]] Status with_context(std::string_view context) const {
        return status_.with_context(context);
    }

    T& value() & {
        assert(ok());
        return *value_;
    }
    const T& value() const& {
        assert(ok());
        return *value_;
    }
    T value() && {
        assert(ok());
        return std::move(*value_);
    }
    [[nodiscard]] T value_or(T other) const& { return ok() ? *value_ : std::move(other); }

    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

  private:
    Status status_;
    std::optional<T> value_;
};

}  // namespace vexfs
