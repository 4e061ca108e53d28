#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A report in the kernel's log must fail the run although the command succeeds.
# vm: --no-module
# expect: 99
set -euo pipefail
echo "vexfs canary WARNING: on purpose" >/dev/kmsg
