// SPDX-License-Identifier: Apache-2.0
/*
 * The reader as the ring's tests link it: with a call between the looks of a snapshot (see
 * snapshot.cpp).
 */
void (*vx_test_between_looks)(void);

#define VX_BETWEEN_LOOKS() (vx_test_between_looks ? vx_test_between_looks() : (void)0)
#include "../../shared/ring_reader.c"
