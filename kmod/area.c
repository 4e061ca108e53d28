// SPDX-License-Identifier: GPL-2.0-only
/* Memory shared with a process. The contract is in area.h. */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "abi/layout.h"
#include "area.h"

int vx_area_init(struct vx_area *area, u64 bytes)
{
	BUILD_BUG_ON(PAGE_SIZE != VX_PAGE);
	*area = (struct vx_area){ .count = bytes >> PAGE_SHIFT };
	area->pages = kvcalloc(area->count, sizeof(*area->pages), GFP_KERNEL_ACCOUNT);
	return area->pages ? 0 : -ENOMEM;
}

int vx_area_add(struct vx_area *area, u64 bytes, unsigned int copies, int node)
{
	const unsigned long n = bytes >> PAGE_SHIFT;
	unsigned long i;
	unsigned int copy;

	if (WARN_ON_ONCE(area->used + n * copies > area->count))
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		/*
		 * No __GFP_NOWARN: a size that the machine cannot give is refused by the caller
		 * beforehand.
		 */
		struct page *page =
			alloc_pages_node(node, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY, 0);

		if (!page)
			return -ENOMEM;
		area->pages[area->used + i] = page;
		for (copy = 1; copy < copies; copy++) {
			get_page(page);
			area->pages[area->used + copy * n + i] = page;
		}
		cond_resched();
	}
	area->used += n * copies;
	return 0;
}

int vx_area_finish(struct vx_area *area)
{
	if (WARN_ON_ONCE(area->used != area->count))
		return -ENOMEM;
	area->base = vmap(area->pages, area->count, VM_MAP, PAGE_KERNEL);
	return area->base ? 0 : -ENOMEM;
}

void vx_area_free(struct vx_area *area)
{
	unsigned long i;

	if (!area->pages)
		return;
	if (area->base)
		vunmap(area->base);
	/* All places: an addition that failed half way has filled some behind used. */
	for (i = 0; i < area->count; i++) {
		if (area->pages[i])
			put_page(area->pages[i]);
		if (!(i & 1023))
			cond_resched();
	}
	kvfree(area->pages);
	*area = (struct vx_area){};
}

int vx_area_mmap(struct vx_area *area, struct vm_area_struct *vma, bool writable)
{
	unsigned long left = area->count;

	if (vma_pages(vma) != area->count || !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (!writable && (vma->vm_flags & VM_WRITE))
		return -EPERM;
	/* Not inherited by a fork: a child that forgets it would keep the channel open. */
	vx_vma_flags(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY,
		     VM_MAYEXEC | (writable ? 0 : VM_MAYWRITE));
	/* All at once: no page fault between the reader and its records. */
	return vm_insert_pages(vma, vma->vm_start, area->pages, &left);
}
