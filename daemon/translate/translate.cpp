// SPDX-License-Identifier: Apache-2.0
#include "translate/translate.hpp"

#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "translate/rules.hpp"

namespace vexfs::translate {

namespace {

std::uint32_t bit_if(bool holds, std::uint32_t bit) noexcept {
    return holds ? bit : 0;
}

std::uint32_t conditions_of(const vx_event& e, Vectors vectors) noexcept {
    std::uint32_t c = e.flags & VX_F_ALL;
    c |= bit_if(S_ISREG(e.mode), kRegular);
    c |= bit_if(e.nlink == 0 && (e.flags & (VX_F_UNLINKED | VX_F_NO_NAME)) != 0, kGone);
    c |= bit_if(vectors.object == Vector::present, kHasVector);
    c |= bit_if(vectors.object == Vector::absent, kNoVector);
    if (const vx_rename* rename = vx_event_rename_const(&e); rename != nullptr) {
        c |= bit_if(S_ISREG(rename->target_mode), kTargetRegular);
        c |= bit_if(vectors.target == Vector::absent, kTargetNoVector);
    }
    return c;
}

Boundary boundary_of_uop(unsigned uop) noexcept {
    return uop < VX_UOP_VECTOR_CREATE ? Boundary::graph : Boundary::vector;
}

}  // namespace

UserOps operations(const vx_event& event, Vectors vectors) noexcept {
    UserOps ops;
    if (event.error != 0) {
        ops.push(kFailed);
        return ops;
    }
    const std::uint32_t conditions = conditions_of(event, vectors);
    const RuleRange range = kRuleIndex[event.rec.op];
    for (unsigned i = range.first; i < range.last; ++i) {
        if (applies(kRules[i], conditions)) {
            ops.push(kRules[i].gives);
        }
    }
    return ops;
}

std::uint64_t context_hash(const vx_record& record) noexcept {
    return XXH3_64bits(&record, record.len);
}

std::uint16_t principal(const UserOps& ops, unsigned kernel_op) noexcept {
    for (const UserOp& op : ops) {
        if (vx_uop_kernel_op(op.op) == kernel_op) {
            return op.op;
        }
    }
    return ops[0].op;
}

// Only what closes a written file or takes away a last name asks about vectors, and changes them.
UserOps Translator::translate_event(const vx_event& e) noexcept {
    Vectors vectors;
    if (e.rec.op == VX_OP_FILE_CLOSE && (e.flags & VX_F_WROTE) != 0 &&
        embedded_.contains(e.fsid, e.ino, e.gen)) {
        vectors.object = Vector::present;
    }
    const UserOps ops = operations(e, vectors);
    for (const UserOp& op : ops) {
        if (op.op == VX_UOP_VECTOR_CREATE) {
            embedded_.insert(e.fsid, e.ino, e.gen);
        } else if (op.op == VX_UOP_VECTOR_DELETE) {
            const vx_rename* rename = vx_event_rename_const(&e);
            const bool target = op.subject == Subject::target && rename != nullptr;
            embedded_.erase(e.fsid, target ? rename->target_ino : e.ino,
                            target ? rename->target_gen : e.gen);
        }
    }
    return ops;
}

void Translator::translate(const vx_record& record, Boundary boundary, EventView& out) noexcept {
    out.record = &record;
    out.hash = context_hash(record);
    out.score = 1.0F;  // the record itself is passed on
    if (record.type == VX_REC_USER) {
        out.boundary = boundary_of_uop(record.op);
        out.ops = UserOps();
        out.ops.push({record.op, Subject::object, Detail::none});
        return;
    }
    out.boundary = boundary;
    out.ops = translate_event(out.event());
}

}  // namespace vexfs::translate
