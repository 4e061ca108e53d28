/* SPDX-License-Identifier: GPL-2.0-only */
/* debugfs vexfs/: stats, channels, watches. Columns are documented in docs/abi.md. */
#ifndef VEXFS_STATS_H
#define VEXFS_STATS_H

void vx_stats_init(void);
void vx_stats_exit(void);

#endif
