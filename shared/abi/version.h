/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Version of VexFS, of the boundary between vexfs.ko and its users, and its feature bits.
 *
 * Changelog
 *   1  first version
 */
#ifndef VEXFS_ABI_VERSION_H
#define VEXFS_ABI_VERSION_H

/* Of module and programs alike: modinfo vexfs, vexfsd --version. CMakeLists.txt reads it here. */
#define VX_VERSION "0.1.0"

#define VX_ABI_VERSION 1

/* Page 0 of a ring begins with this: "VXRING01" in memory on a little-endian machine. */
#define VX_RING_MAGIC 0x3130474e49525856ull

#define VX_FEATURE_PUSH (1ull << 0)          /* VX_IOC_PUSH and the push mapping */
/* FileChmod, FileChown, FileTruncate can be observed */
#define VX_FEATURE_ATTR_PROBE (1ull << 1)
#define VX_FEATURE_MOUNT_PROBE (1ull << 2)   /* Mount, Unmount can be observed */
#define VX_FEATURE_SYNC_PROBE (1ull << 3)    /* Sync can be observed */
/* FileRename names a replaced target and an exchange */
#define VX_FEATURE_RENAME_PROBE (1ull << 4)
#define VX_FEATURE_INJECT (1ull << 5)        /* pushed events can be injected as fsnotify events */

#endif
