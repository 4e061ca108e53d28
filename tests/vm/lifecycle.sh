#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Load, watch, traffic, unwatch, unload: 10 rounds, or $VEXFS_ROUNDS; kill -9 of the daemon in the
# middle, and recovery by the one command that doctor names. Not every kernel needs as many rounds
# in every run; the long form has 1,000.
# vm: --no-load --timeout 1200
# pieces: 20 VEXFS_ROUNDS=50
# kernels: all
# elsewhere: VEXFS_ROUNDS=5
exec python3 -B "$VEXFS_ROOT/tests/vm/lifecycle.py"
