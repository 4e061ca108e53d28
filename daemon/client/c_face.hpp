// SPDX-License-Identifier: Apache-2.0
// What the two halves of the C face share.
#pragma once

#include <cstring>

#include "vexfs/reader.hpp"
#include "vexfs/vexfs.h"

struct vexfs_reader {
    vexfs::Reader reader;
    vexfs::Reader::Item item = vexfs::Reader::Item::end;  // what the last next() said
};

namespace vexfs {

// Remembers the message for vexfs_error(); returns the negative errno number.
int c_fail(const Status& status);
int c_fail(int code, const char* message) noexcept;

// Gives the caller's structure of `size` bytes what both sides know of `known`, and zeros for the
// rest.
template <typename T>
int c_give(const T& known, T* out, std::size_t size) {
    std::memcpy(out, &known, size < sizeof(T) ? size : sizeof(T));
    if (size > sizeof(T)) {
        std::memset(reinterpret_cast<char*>(out) + sizeof(T), 0, size - sizeof(T));
    }
    return 0;
}

}  // namespace vexfs
