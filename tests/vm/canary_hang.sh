#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A command that does not end must be ended.
# vm: --no-module --timeout 30
# expect: 124
exec sleep 1000
