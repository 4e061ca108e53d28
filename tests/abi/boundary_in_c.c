// SPDX-License-Identifier: Apache-2.0
/* Builds every header of the boundary as C11, and says what it found. */
#include "boundary_in_c.h"

#include "abi/command.h"
#include "abi/event.h"
#include "abi/ioctl.h"
#include "abi/layout.h"
#include "record.h"

#define ROW(expression) { #expression, (unsigned long long)(expression) },

const struct boundary_number *boundary_in_c(size_t *count)
{
	const struct boundary_number found[] = { BOUNDARY_NUMBERS(ROW) };
	static struct boundary_number numbers[sizeof(found) / sizeof(found[0])];

	memcpy(numbers, found, sizeof(found));
	*count = sizeof(found) / sizeof(found[0]);
	return numbers;
}
