// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Look-ups in the operation table. */
#include "op_table.h"

#define VX_ROW_NAME(symbol, id, name, last) [id] = name,
#define VX_ROW_KERNEL_OP(symbol, id, name, kernel_op) [id] = kernel_op,

static const char *const op_names[VX_OP_SLOTS] = {VX_KERNEL_OPS(VX_ROW_NAME)[VX_OP_USER] = "User"};
static const char *const uop_names[VX_UOP_COUNT] = { VX_USER_OPS(VX_ROW_NAME) };
static const __u16 uop_kernel_ops[VX_UOP_COUNT] = { VX_USER_OPS(VX_ROW_KERNEL_OP) };

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
