// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Look-ups in the operation table. */
#include "op_table.h"

VX_STATIC_ASSERT(VX_OP_COUNT == 18, "the kernel operations are 18");
VX_STATIC_ASSERT(VX_UOP_COUNT == 27, "the userspace operations are 27");

#define VX_CASE_NAME(symbol, id, name, ...) \
	case id:                            \
		return name;

const char *vx_op_name(unsigned int op)
{
	switch (op) {
		VX_KERNEL_OPS(VX_CASE_NAME)
	case VX_OP_USER:
		return "User";
	}
	return (const char *)0;
}

const char *vx_uop_name(unsigned int uop)
{
	switch (uop) {
		VX_USER_OPS(VX_CASE_NAME)
	}
	return (const char *)0;
}

#define VX_CASE_KERNEL_OP(symbol, id, name, kernel_op, answers) \
	case id:                                                \
		return kernel_op;

unsigned int vx_uop_kernel_op(unsigned int uop)
{
	switch (uop) {
		VX_USER_OPS(VX_CASE_KERNEL_OP)
	}
	return VX_OP_NONE;
}

#define VX_CASE_ANSWERS(symbol, id, name, kernel_op, answers) \
	case id:                                              \
		return answers;

__u32 vx_uop_answers(unsigned int uop)
{
	switch (uop) {
		VX_USER_OPS(VX_CASE_ANSWERS)
	}
	return 0;
}

int vx_uops_answer(__u32 uop_mask, unsigned int op)
{
	unsigned int uop;

	for (uop = 0; uop_mask; uop++, uop_mask >>= 1)
		if ((uop_mask & 1) && !(op < VX_OP_COUNT && ((vx_uop_answers(uop) >> op) & 1)))
			return 0;
	return 1;
}
