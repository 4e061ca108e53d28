// SPDX-License-Identifier: Apache-2.0
#include "base/status.hpp"

#include <memory>

#include "support/catch.hpp"

using vexfs::Result;
using vexfs::Status;

TEST_CASE("status: success has no code, no message, and gains none from context") {
    const Status ok = Status().with_context("open journal");
    CHECK(ok.ok());
    CHECK(ok.code() == 0);
    CHECK(ok.message().empty());
}

TEST_CASE("status: an errno of either sign reads as cause, and context goes in front") {
    for (const int err : {ENOENT, -ENOENT}) {
        const Status s = Status::from_errno(err, "open /x").with_context("read state");
        CHECK_FALSE(s.ok());
        CHECK(s.code() == ENOENT);
        CHECK(s.message() == "read state: open /x: No such file or directory");
    }
}

TEST_CASE("status: an error cannot carry a code that says success") {
    CHECK(Status::error(0, "x").code() == EIO);
    CHECK(Status::error(-5, "x").code() == EIO);
}

TEST_CASE("result: holds a move-only value or the reason") {
    Result<std::unique_ptr<int>> good(std::make_unique<int>(7));
    REQUIRE(good.ok());
    CHECK(**good == 7);
    const std::unique_ptr<int> taken = *std::move(good);
    CHECK(*taken == 7);

    const Result<int> bad(Status::error(EBUSY, "taken"));
    CHECK_FALSE(bad.ok());
    CHECK(bad.status().code() == EBUSY);
    CHECK(bad.with_context("lock").message() == "lock: taken");
    CHECK(bad.value_or(3) == 3);
}
