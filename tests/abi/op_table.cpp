// SPDX-License-Identifier: Apache-2.0
// The operation table is append only: what stands here literally has been published.
#include "op_table.h"

#include <cstring>
#include <string_view>

#include "support/catch.hpp"

namespace {

struct KernelOp {
    unsigned id;
    std::string_view name;
    vx_class cls;
};

constexpr KernelOp kKernelOps[] = {
    {0, "FileOpen", VX_CLASS_D},        {1, "FileClose", VX_CLASS_D},
    {2, "FileRead", VX_CLASS_D},        {3, "FileWrite", VX_CLASS_D},
    {4, "FileCreate", VX_CLASS_M},      {5, "FileDelete", VX_CLASS_M},
    {6, "FileRename", VX_CLASS_M},      {7, "FileChmod", VX_CLASS_M},
    {8, "FileChown", VX_CLASS_M},       {9, "FileTruncate", VX_CLASS_M},
    {10, "DirCreate", VX_CLASS_M},      {11, "DirDelete", VX_CLASS_M},
    {12, "DirRead", VX_CLASS_D},        {13, "SymlinkCreate", VX_CLASS_M},
    {14, "HardlinkCreate", VX_CLASS_M}, {15, "Mount", VX_CLASS_M},
    {16, "Unmount", VX_CLASS_M},        {17, "Sync", VX_CLASS_M},
};

struct UserOp {
    unsigned id;
    std::string_view name;
    unsigned kernel_op;  // what it stands for when it is pushed; 0xffff: nothing
};

constexpr unsigned kNone = 0xffff;
constexpr UserOp kUserOps[] = {
    {0, "GraphNodeCreate", 4},         {1, "GraphNodeDelete", 5},
    {2, "GraphNodeUpdate", 3},         {3, "GraphNodeQuery", kNone},
    {4, "GraphEdgeCreate", 14},        {5, "GraphEdgeDelete", 5},
    {6, "GraphEdgeUpdate", 6},         {7, "GraphEdgeQuery", kNone},
    {8, "GraphPropertySet", 7},        {9, "GraphPropertyDelete", 7},
    {10, "GraphPropertyQuery", kNone}, {11, "GraphTraverse", kNone},
    {12, "GraphBulkInsert", 15},       {13, "GraphBulkDelete", 16},
    {14, "GraphTransaction", 17},      {15, "VectorCreate", 4},
    {16, "VectorDelete", 5},           {17, "VectorUpdate", 3},
    {18, "VectorQuery", kNone},        {19, "VectorSearch", kNone},
    {20, "VectorIndex", kNone},        {21, "VectorSimilarity", kNone},
    {22, "VectorCluster", kNone},      {23, "VectorEmbed", kNone},
    {24, "VectorBulkInsert", kNone},   {25, "VectorBulkDelete", kNone},
    {26, "VectorIndexRebuild", kNone},
};

}  // namespace

TEST_CASE("The 18 kernel operations have the ids, names and classes that were published") {
    REQUIRE(VX_OP_COUNT == 18);
    REQUIRE(std::size(kKernelOps) == 18);
    for (const KernelOp& op : kKernelOps) {
        CAPTURE(op.id);
        REQUIRE(op.id == static_cast<unsigned>(&op - kKernelOps));
        CHECK(vx_op_name(op.id) == op.name);
        CHECK(vx_op_class(op.id) == op.cls);
    }
}

TEST_CASE("The 27 userspace operations have the ids, names and kernel operations published") {
    REQUIRE(VX_UOP_COUNT == 27);
    REQUIRE(std::size(kUserOps) == 27);
    for (const UserOp& op : kUserOps) {
        CAPTURE(op.id);
        REQUIRE(op.id == static_cast<unsigned>(&op - kUserOps));
        CHECK(vx_uop_name(op.id) == op.name);
        CHECK(vx_uop_kernel_op(op.id) == op.kernel_op);
    }
}

TEST_CASE(
    "An operation answers what it stands for; what stands for nothing can be about any event") {
    for (unsigned uop = 0; uop < VX_UOP_COUNT; uop++) {
        CAPTURE(uop);
        const unsigned stands_for = vx_uop_kernel_op(uop);
        CHECK((vx_uop_answers(uop) & ~VX_OPS_ALL) == 0);
        if (stands_for == VX_OP_NONE) {
            CHECK(vx_uop_answers(uop) == VX_OPS_ALL);
        } else {
            CHECK((vx_uop_answers(uop) >> stands_for & 1) == 1);
            CHECK(vx_uop_answers(uop) != VX_OPS_ALL);
        }
    }
}

TEST_CASE("A unit answers an event only if all of its operations do") {
    const unsigned create = 1u << VX_UOP_GRAPH_NODE_CREATE | 1u << VX_UOP_GRAPH_EDGE_CREATE;
    CHECK(vx_uops_answer(create, VX_OP_DIR_CREATE) == 1);
    CHECK(vx_uops_answer(create, VX_OP_HARDLINK_CREATE) == 0);
    CHECK(vx_uops_answer(1u << VX_UOP_GRAPH_EDGE_CREATE, VX_OP_HARDLINK_CREATE) == 1);
    CHECK(vx_uops_answer(create | 1u << VX_UOP_VECTOR_SEARCH, VX_OP_FILE_CREATE) == 1);
    CHECK(vx_uops_answer(create, VX_OP_SYNC) == 0);
    CHECK(vx_uops_answer(create, VX_OP_COUNT) == 0);
    CHECK(vx_uops_answer(create, 64) == 0);
    CHECK(vx_uops_answer(1u << VX_UOP_COUNT, VX_OP_SYNC) == 0);
    CHECK(vx_uops_answer(0, VX_OP_SYNC) == 1);
}

TEST_CASE("Beyond the table there is nothing but the slot of re-emitted operations") {
    CHECK(VX_OP_USER == 18);
    CHECK(VX_OP_SLOTS == 19);
    CHECK(VX_OP_NONE == kNone);
    CHECK(std::string_view(vx_op_name(VX_OP_USER)) == "User");
    CHECK(vx_op_class(VX_OP_USER) == VX_CLASS_M);
    for (const unsigned op : {19u, 63u, 64u, 0xffffu, ~0u}) {
        CAPTURE(op);
        CHECK(vx_op_name(op) == nullptr);
    }
    for (const unsigned uop : {27u, 32u, 0xffffu, ~0u}) {
        CAPTURE(uop);
        CHECK(vx_uop_name(uop) == nullptr);
        CHECK(vx_uop_kernel_op(uop) == kNone);
        CHECK(vx_uop_answers(uop) == 0);
    }
}

TEST_CASE("Masks: all operations, and the default without opens and reads") {
    CHECK(VX_OPS_ALL == 0x3ffff);
    CHECK(VX_OPS_DEFAULT == (0x3ffff & ~(1u << 0 | 1u << 2 | 1u << 12)));
    CHECK(VX_OPS_M == (0x3ffff & ~(1u << 0 | 1u << 1 | 1u << 2 | 1u << 3 | 1u << 12)));
}
