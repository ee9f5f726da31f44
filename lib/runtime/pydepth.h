/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pydepth.h: where on its value stack a frame has what it is calling.
 *
 * Pure, and certain or silent: code that is not understood from its first
 * instruction to that one gives no answer.
 */
#ifndef PYDEPTH_H
#define PYDEPTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "runtime/pyopcodes.h"

#define PYDEPTH_CODE (64 * 1024) /* bytes of bytecode, at most */

struct pydepth_code {
	uint32_t minor;
	const uint8_t *bytes;
	size_t n;                /* bytes */
	const uint8_t *handlers; /* co_exceptiontable, 3.11+ */
	size_t n_handlers;
};

struct pydepth_call {
	uint32_t slot; /* of the callable, from the bottom of the value stack */
	bool paired;   /* or in the next one, where this one holds NULL */
	bool spread;   /* the arguments lie in a tuple, not on the stack */
	struct pydepth_load {
		enum pyop_load load; /* what the callable was loaded by, as far as it can be told */
		uint32_t arg;
	} load[2]; /* of that slot, and where paired of the next */
};

/* at: offset of the instruction, in bytes. 0; -ENOENT: it calls nothing, or it cannot be told;
 * -ENOMEM. */
int pydepth_find(const struct pydepth_code *code, size_t at, struct pydepth_call *out);

#endif
