#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# vexctl tail --snapshot while the tree changes: its records and then the events make the true tree.
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
VEXFS_BUILD=$BUILD python3 -B "$ROOT/tests/scripts/snapshot.py" "$@"
