// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading vexfs.ko: what starts in which order. The device, by which all is reached,
 * comes last.
 */
#include <linux/module.h>

#include "abi/version.h"
#include "channel.h"
#include "chardev.h"
#include "mountpoint.h"
#include "op_table.h"
#include "probe.h"
#include "stats.h"
#include "super.h"

static int __init vexfs_init(void)
{
	int err = vx_supers_init();

	if (err)
		return err;
	err = vx_channels_init();
	if (err)
		goto fail_supers;
	vx_mountpoint_check();
	err = vx_probes_init();
	if (err)
		goto fail_channels;
	vx_stats_init();
	err = vx_chardev_init();
	if (err)
		goto fail_stats;
	pr_info("loaded, ABI %d, operations %#llx of %#llx\n", VX_ABI_VERSION, vx_probes_ops(),
		VX_OPS_ALL);
	return 0;

fail_stats:
	vx_stats_exit();
fail_channels:
	vx_channels_exit();
fail_supers:
	vx_supers_exit();
	return err;
}

/* No file is open any more: the module is held by those that are. Channels may linger. */
static void __exit vexfs_exit(void)
{
	vx_chardev_exit();
	vx_stats_exit();
	vx_channels_exit();
	vx_supers_exit();
	pr_info("unloaded\n");
}

module_init(vexfs_init);
module_exit(vexfs_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VexFS: what happens to files, as one ordered stream of events");
MODULE_AUTHOR("The VexFS authors");
MODULE_VERSION(VX_VERSION);
