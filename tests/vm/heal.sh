#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# After losses, moves from elsewhere and times without a daemon: what vexfsd finds by itself brings
# the catalogue and everyone who follows the stream to what `find` sees.
# vm: --mem 2048 --timeout 1200
# long: --timeout 6000
# pieces: 10 VEXFS_HEALS=10
# kernels: all
# elsewhere: VEXFS_HEALS=2
#
# 4 overruns of the ring unless $VEXFS_HEALS says otherwise; the long form has 100.
exec python3 -B "$VEXFS_ROOT/tests/vm/heal.py"
