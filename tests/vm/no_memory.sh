#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each allocation of each call of the device fails once: the call says ENOMEM or does without, what
# was made on the way is taken back, and the next attempt works. It takes a kernel that can make
# allocations fail (scripts/vm --debug); others skip it.
exec python3 -B "$VEXFS_ROOT/tests/vm/no_memory.py"
