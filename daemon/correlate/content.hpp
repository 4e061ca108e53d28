// SPDX-License-Identifier: Apache-2.0
// Content: what of an event does not depend on the boundary that saw it. Two boundaries that saw
// one request agree on it.
//
// The context hash cannot say that: it covers every byte of the record, also ticket, count and
// time, so that no two events ever have the same. Here are the operation, its object, its arguments
// and the thread that did it. Left out is
//   - what each boundary counts for itself: ticket, count, time, duration, cookie;
//   - the object's state at that moment (size, links, owner, the rest of the mode), which a
//     boundary may take from a cache; but the part that the operation set is an argument;
//   - the name by which an open file is known (open, close, read, write, chmod ...), which each
//     boundary remembers for itself;
//   - process, command and credentials: a boundary may not see a program that has gone, or see the
//     credentials of who serves it. The thread's number is what they all have.
#pragma once

#include <cstdint>

#include "abi/event.h"

namespace vexfs::correlate {

// Whether another boundary could report the same: an operation of a known thread on a known object.
// Not mounts, which each boundary has of its own, and not what a comparison found.
bool comparable(const vx_event& event) noexcept;

// XXH3-64 of the content. `seed` is secret, so that nobody can choose names that collide.
std::uint64_t content_hash(const vx_event& event, std::uint64_t seed) noexcept;

// The bytes that were read or written, as far as the boundary knows them: 0 if it does not. Not in
// the hash, because not every boundary does; known ones must agree all the same.
std::uint32_t range_print(const vx_event& event) noexcept;

}  // namespace vexfs::correlate
