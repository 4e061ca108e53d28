// SPDX-License-Identifier: Apache-2.0
#include "translate/describe.hpp"

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "support/catch.hpp"
#include "support/records.hpp"
#include "translate/translate.hpp"

using namespace vexfs;  // NOLINT: a test

TEST_CASE("describe: the way back to the kernel is the operation table's, for all 27") {
    // Written out here a second time: a changed table must be noticed.
    const std::map<std::string, std::string> back = {
        {"GraphNodeCreate", "FileCreate"}, {"GraphNodeDelete", "FileDelete"},
        {"GraphNodeUpdate", "FileWrite"},  {"GraphEdgeCreate", "HardlinkCreate"},
        {"GraphEdgeDelete", "FileDelete"}, {"GraphEdgeUpdate", "FileRename"},
        {"GraphPropertySet", "FileChmod"}, {"GraphPropertyDelete", "FileChmod"},
        {"GraphBulkInsert", "Mount"},      {"GraphBulkDelete", "Unmount"},
        {"GraphTransaction", "Sync"},      {"VectorCreate", "FileCreate"},
        {"VectorDelete", "FileDelete"},    {"VectorUpdate", "FileWrite"},
    };
    unsigned none = 0;
    for (const translate::Direction& d : translate::describe()) {
        const auto row = back.find(vx_uop_name(d.uop));
        INFO(vx_uop_name(d.uop));
        if (row == back.end()) {
            CHECK(d.to_kernel == VX_OP_NONE);
            ++none;
        } else {
            CHECK(vx_op_name(d.to_kernel) == row->second);
        }
    }
    CHECK(none == 13);
}

TEST_CASE("describe: the kernel takes back what translation made of its events, and no more") {
    for (const translate::Direction& d : translate::describe()) {
        INFO(vx_uop_name(d.uop));
        const std::uint64_t wanted =
            d.to_kernel == VX_OP_NONE ? VX_OPS_ALL : d.from_kernel | VX_OP_BIT(d.to_kernel);
        CHECK(vx_uop_answers(d.uop) == wanted);
    }
}

TEST_CASE("describe: what it says comes from the kernel is what translation gives") {
    std::map<unsigned, std::uint32_t> seen;
    test::RandomRecords random(11);
    for (unsigned i = 0; i < 18 * 4000; ++i) {
        test::Record record = random.make(i % VX_OP_COUNT);
        record->error = 0;
        record->mode = random.below(2) == 0 ? S_IFREG : S_IFDIR;
        translate::Vectors vectors;
        vectors.object =
            random.below(2) == 0 ? translate::Vector::present : translate::Vector::unknown;
        for (const UserOp& op : translate::operations(record.event(), vectors)) {
            seen[op.op] |= 1U << (i % VX_OP_COUNT);
        }
    }
    unsigned occurring = 0;
    std::uint32_t all = 0;
    for (const translate::Direction& d : translate::describe()) {
        INFO(vx_uop_name(d.uop));
        CHECK(d.from_kernel == seen[d.uop]);
        CHECK(d.occurs() == (d.from_kernel != 0));
        occurring += d.occurs() ? 1 : 0;
        all |= d.from_kernel;
    }
    CHECK(occurring == 17);
    CHECK(all == VX_OPS_ALL);
}

TEST_CASE("describe: docs/events.md has both tables as they are") {
    std::ifstream file(VEXFS_SOURCE_DIR "/docs/events.md");
    REQUIRE(file);
    std::stringstream text;
    text << file.rdbuf();
    CHECK(text.str().find(translate::rules_markdown()) != std::string::npos);
    CHECK(text.str().find(translate::directions_markdown()) != std::string::npos);
}
