// SPDX-License-Identifier: Apache-2.0
// From the 18 kernel operations to the 27 userspace operations.
//
// One rule table (rules.hpp); no allocation, no state but the set of files that have a vector.
// Total: every record that vx_event_check accepts becomes at least one operation. An operation that
// failed changed nothing, so it is a GraphNodeQuery of its object.
#pragma once

#include <cstdint>

#include "translate/embedded_set.hpp"
#include "vexfs/event.hpp"

namespace vexfs::translate {

// Whether an object has a vector. unknown: a close after a write gives VectorCreate, which replaces
// what may be there; a deletion gives VectorDelete, which does nothing where there is none.
enum class Vector : std::uint8_t { unknown, absent, present };

struct Vectors {
    Vector object = Vector::unknown;
    Vector target = Vector::unknown;  // of the object that a FileRename replaced
};

// The operations of one event record, in the order in which they apply. A pure function.
UserOps operations(const vx_event& event, Vectors vectors = {}) noexcept;

// XXH3-64 over the whole record, every byte that the kernel wrote.
std::uint64_t context_hash(const vx_record& record) noexcept;

// The operation that stands for the whole unit in a push record: the first that maps back to the
// event's own kernel operation, else the first. `ops` must not be empty.
std::uint16_t principal(const UserOps& ops, unsigned kernel_op) noexcept;

// Translation as the pipeline uses it: keeps account of which files have a vector.
class Translator {
  public:
    // Fills in record, boundary, ops, hash and score; leaves the rest alone. `record` is
    // VX_REC_EVENT or VX_REC_USER and stays where it is as long as the view is used. A pushed
    // operation (VX_REC_USER) has itself as its only operation and its own boundary.
    void translate(const vx_record& record, Boundary boundary, EventView& out) noexcept;

  private:
    UserOps translate_event(const vx_event& event) noexcept;

    EmbeddedSet embedded_;
};

}  // namespace vexfs::translate
