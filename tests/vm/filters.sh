#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The filters of a watch, each and together: who, which process, not the one that watches, and what
# a subtree is when its edge is crossed or moves.
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/filters.py"
