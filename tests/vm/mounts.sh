#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A mount of watched data in a place that nobody watches, and its end: both are told, to those who
# watch the data.
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/mounts.py"
