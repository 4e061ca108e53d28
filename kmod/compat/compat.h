/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that differs between the supported kernels, and nothing else. Included before every source of
 * the module. VX_HAVE_* come from the trial compiles in Kbuild.
 */
#ifndef VEXFS_COMPAT_H
#define VEXFS_COMPAT_H

#include <linux/kconfig.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(8, 0, 0)
#error "vexfs supports Linux 6.1 to 7.x"
#endif

#if !IS_ENABLED(CONFIG_FSNOTIFY) || !IS_ENABLED(CONFIG_KPROBES) || !IS_ENABLED(CONFIG_KRETPROBES)
#error "vexfs needs CONFIG_FSNOTIFY, CONFIG_KPROBES and CONFIG_KRETPROBES"
#endif

#if !IS_ENABLED(CONFIG_64BIT)
#error "vexfs needs a 64-bit kernel"
#endif

#define pr_fmt(fmt) "vexfs: " fmt

#include <linux/fsnotify_backend.h>
#include <linux/mm.h>

/*
 * For locals of the hot path that are filled before they are read: hardened kernels zero every
 * local otherwise, and a name's buffer costs more to zero than the rest of the record to write.
 */
#if __has_attribute(__uninitialized__)
#define VX_UNINIT __attribute__((__uninitialized__))
#else
#define VX_UNINIT
#endif

/* Puts @mark on @sb. Newer kernels take the object itself, older ones where its connector hangs. */
static inline int vx_add_sb_mark(struct fsnotify_mark *mark, struct super_block *sb)
{
#ifdef VX_HAVE_MARK_ON_OBJECT
	return fsnotify_add_mark(mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0);
#else
	return fsnotify_add_mark(mark, &sb->s_fsnotify_marks, FSNOTIFY_OBJ_TYPE_SB, 0, NULL);
#endif
}

/* Flags of a mapping became write-protected with the per-VMA lock. */
static inline void vx_vma_flags(struct vm_area_struct *vma, unsigned long set, unsigned long clear)
{
#ifdef VX_HAVE_VM_FLAGS_SET
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/* The directory that vfs_rename() takes the name from. */
static inline const struct inode *vx_rename_dir(const struct renamedata *rd)
{
#ifdef VX_HAVE_RENAME_PARENT
	return rd->old_parent->d_inode;
#else
	return rd->old_dir;
#endif
}

/* The member of struct dentry by which it is in the list of its inode's names. */
#ifdef VX_HAVE_ALIAS_NAMED
#define VX_D_ALIAS d_alias
#else
#define VX_D_ALIAS d_u.d_alias
#endif

#endif
