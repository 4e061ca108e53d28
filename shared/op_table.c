// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Look-ups in the operation table. */
#include "op_table.h"

VX_STATIC_ASSERT(VX_OP_COUNT == 18, "the kernel operations are 18");
VX_STATIC_ASSERT(VX_UOP_COUNT == 27, "the userspace operations are 27");

#define VX_CASE_NAME(symbol, id, name, last) \
	case id:                             \
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

#define VX_CASE_KERNEL_OP(symbol, id, name, kernel_op) \
	case id:                                       \
		return kernel_op;

unsigned int vx_uop_kernel_op(unsigned int uop)
{
	switch (uop) {
		VX_USER_OPS(VX_CASE_KERNEL_OP)
	}
	return VX_OP_NONE;
}
