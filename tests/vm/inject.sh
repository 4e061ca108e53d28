#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who watches the mount with inotify sees what is changed behind it, as if it were done there: once,
# with the right names, and not before the mount shows it; and what is done through the mount is not
# told twice.
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/inject.py"
