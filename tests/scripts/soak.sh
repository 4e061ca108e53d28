#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vexfsd at work for long: its memory and its files stay as they are, nothing is lost, and what is
# too old goes. A minute, or $VEXFS_SOAK seconds.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
VEXFS_BUILD=$BUILD python3 -B "$ROOT/tests/scripts/soak.py" "${1:-${VEXFS_SOAK:-60}}"
