/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that the kernel and a process share: pages that the kernel sees in one piece and the
 * process maps whole.
 */
#ifndef VEXFS_AREA_H
#define VEXFS_AREA_H

#include <linux/mm_types.h>

struct vx_area {
	struct page **pages;  /* one reference each; a page that shows up twice has two */
	unsigned long count;  /* pages of the mapping */
	unsigned long used;   /* filled so far */
	void *base;
};

/* Begins an area of @bytes (whole pages). Returns 0 or -ENOMEM. After any error: vx_area_free(). */
int vx_area_init(struct vx_area *area, u64 bytes);
/*
 * Appends @bytes of zeroed memory of NUMA node @node, @copies times in a row. Returns 0 or -ENOMEM.
 */
int vx_area_add(struct vx_area *area, u64 bytes, unsigned int copies, int node);
/* Maps it for the kernel. Returns 0 or -ENOMEM. */
int vx_area_finish(struct vx_area *area);
void vx_area_free(struct vx_area *area);

/*
 * Maps the whole area into a process. Returns 0; -EINVAL for another length or a private mapping;
 * -EPERM for an executable mapping, or a writable one without @writable.
 */
int vx_area_mmap(struct vx_area *area, struct vm_area_struct *vma, bool writable);

#endif
