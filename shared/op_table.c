// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Look-ups in the operation table. */
#include "op_table.h"

#define VX_ROW_NAME(symbol, id, name, ...) [id] = name,
#define VX_ROW_KERNEL_OP(symbol, id, name, kernel_op, answers) [id] = kernel_op,
#define VX_ROW_ANSWERS(symbol, id, name, kernel_op, answers) [id] = answers,

static const char *const op_names[VX_OP_SLOTS] = {VX_KERNEL_OPS(VX_ROW_NAME)[VX_OP_USER] = "User"};
static const char *const uop_names[VX_UOP_COUNT] = { VX_USER_OPS(VX_ROW_NAME) };
static const __u16 uop_kernel_ops[VX_UOP_COUNT] = { VX_USER_OPS(VX_ROW_KERNEL_OP) };
static const __u32 uop_answers[VX_UOP_COUNT] = { VX_USER_OPS(VX_ROW_ANSWERS) };

_Static_assert(VX_OP_COUNT == 18, "the kernel operations are 18");
_Static_assert(VX_UOP_COUNT == 27, "the userspace operations are 27");

const char *vx_op_name(unsigned int op)
{
	return op < VX_OP_SLOTS ? op_names[op] : (const char *)0;
}

const char *vx_uop_name(unsigned int uop)
{
	return uop < VX_UOP_COUNT ? uop_names[uop] : (const char *)0;
}

unsigned int vx_uop_kernel_op(unsigned int uop)
{
	return uop < VX_UOP_COUNT ? uop_kernel_ops[uop] : VX_OP_NONE;
}

__u32 vx_uop_answers(unsigned int uop)
{
	return uop < VX_UOP_COUNT ? uop_answers[uop] : 0;
}

int vx_uops_answer(__u32 uop_mask, unsigned int op)
{
	unsigned int uop;

	for (uop = 0; uop_mask; uop++, uop_mask >>= 1)
		if ((uop_mask & 1) && !(op < VX_OP_COUNT && ((vx_uop_answers(uop) >> op) & 1)))
			return 0;
	return 1;
}
