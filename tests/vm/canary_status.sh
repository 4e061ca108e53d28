#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command's exit status is that of the run.
# vm: --no-module
# expect: 7
exit 7
