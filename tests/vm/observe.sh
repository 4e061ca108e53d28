#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an administrator can see of the module without a program of its own is true: debugfs, the
# tracepoints and the lines in the kernel's log.
# vm: --no-load
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/observe.py"
