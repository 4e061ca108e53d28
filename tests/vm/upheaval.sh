#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the machine does to a watched file system and to a channel: frozen, made read-only, unmounted
# while files in it are open, its device failing; CPUs that go offline with events and unreported
# losses in their sub-rings; an owner that may have no more memory. Events stay right, calls answer,
# nothing hangs.
# kernels: all
exec python3 -B "$VEXFS_ROOT/tests/vm/upheaval.py"
