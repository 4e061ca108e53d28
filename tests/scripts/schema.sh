#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What vexctl tail prints of real work fits the published schemas: docs/event.schema.json, and of
# CloudEvents the rules of its specification (and its own schema, if $CLOUDEVENTS_SCHEMA names a
# copy of cloudevents/formats/cloudevents.json).
set -uo pipefail
# shellcheck source=result.sh
source "$(dirname "${BASH_SOURCE[0]}")/result.sh"
VEXFS_BUILD=$BUILD python3 -B "$ROOT/tests/scripts/schema.py" "$ROOT/docs/event.schema.json"
