// SPDX-License-Identifier: Apache-2.0
// Every structure of the boundary is pinned, and every byte of it: shared/abi/offsets.h is read as
// data here, its rows become table entries instead of assertions.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "support/catch.hpp"

namespace {

struct Pinned {
    std::size_t size = 0;
    std::size_t size_in_row = 0;
    std::map<std::size_t, std::size_t> fields;  // offset in the row, bytes of the field
};

std::map<std::string, Pinned>& pinned() {
    static std::map<std::string, Pinned> table;
    return table;
}

bool pin_size(const char* type, std::size_t size, std::size_t row) {
    pinned()[type].size = size;
    pinned()[type].size_in_row = row;
    return true;
}

// False: two rows with one offset.
bool pin_field(const char* type, std::size_t bytes, std::size_t row) {
    return pinned()[type].fields.emplace(row, bytes).second;
}

}  // namespace

#define VX_SIZE(type, row) \
    static const bool size_of_##type = pin_size(#type, sizeof(struct type), row)
#define VX_AT(type, field, row) \
    static const bool type##_##field = pin_field(#type, sizeof(type::field), row)
#include "abi/offsets.h"

namespace {

// The structures that the headers of the boundary define.
std::set<std::string> defined() {
    std::set<std::string> names;
    const std::regex definition(R"(^struct (\w+) \{)", std::regex::multiline);
    for (const auto& file :
         std::filesystem::directory_iterator(VEXFS_SOURCE_DIR "/shared/abi")) {
        std::ifstream in(file.path());
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        for (std::sregex_iterator at(text.begin(), text.end(), definition), end; at != end; ++at) {
            names.insert((*at)[1]);
        }
    }
    return names;
}

}  // namespace

TEST_CASE("Every structure of the boundary is pinned") {
    std::set<std::string> names;
    for (const auto& [name, rows] : pinned()) {
        names.insert(name);
    }
    CHECK(names == defined());
}

TEST_CASE("The pinned fields cover every byte once") {
    REQUIRE(!pinned().empty());
    for (const auto& [name, rows] : pinned()) {
        CAPTURE(name);
        CHECK(rows.size == rows.size_in_row);
        std::size_t covered = 0;
        for (const auto& [offset, bytes] : rows.fields) {
            CAPTURE(offset);
            CHECK(offset == covered);
            covered = offset + bytes;
        }
        CHECK(covered == rows.size);
    }
}
