#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several channels on one file system, each with a mask of its own: each sees exactly what the
# others see of its operations, to the last field.
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/channels.py"
