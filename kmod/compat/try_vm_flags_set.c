// SPDX-License-Identifier: GPL-2.0-only
/* Compiles where the flags of a mapping are changed by vm_flags_mod(). */
#include <linux/mm.h>

void vx_try(struct vm_area_struct *vma);
void vx_try(struct vm_area_struct *vma)
{
	vm_flags_mod(vma, VM_DONTDUMP, VM_MAYEXEC);
}
