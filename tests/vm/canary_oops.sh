#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A guest that dies must fail the run, and end it at once.
# vm: --no-module --timeout 120
# expect: 99
set -euo pipefail
echo c >/proc/sysrq-trigger
sleep 1000
