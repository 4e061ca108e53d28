#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each allocation of each call of the device fails once, and each of loading the module: the call
# says ENOMEM or does without, what was made on the way is taken back, what was there before goes on
# as before, and the next attempt works. The same for operations on watched files: what succeeds is
# told, what fails is not. It takes a kernel that can make allocations fail (scripts/vm --debug);
# others skip it. The module is loaded with two places for each probe: a thousand more allocations
# of the same loop would show nothing more.
# vm: --no-load --timeout 1800
exec python3 -B "$VEXFS_ROOT/tests/vm/no_memory.py"
