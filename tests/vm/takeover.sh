#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ring outlives the daemon: one that is killed at any moment is followed by one that goes on,
# nothing lost and nothing twice; how long a channel without an owner is kept, and when not; and an
# owner that dies at each step of making one leaves nothing behind.
#
# At least 4 kills, unless $VEXFS_KILLS says otherwise; the long form has 500.
# vm: --mem 3072 --timeout 1200
# long: --timeout 3600
# pieces: 10 VEXFS_KILLS=50
# kernels: all
# elsewhere: VEXFS_KILLS=3
exec python3 -B "$VEXFS_ROOT/tests/vm/takeover.py"
