/* SPDX-License-Identifier: GPL-2.0-only */
/* /dev/vexfs. */
#ifndef VEXFS_CHARDEV_H
#define VEXFS_CHARDEV_H

int vx_chardev_init(void);
void vx_chardev_exit(void);

#endif
