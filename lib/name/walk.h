/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h: the native frames of one stack: from registers and a copy of the
 * stack, innermost first.
 *
 *	registers -> [unwind tables, else frame pointer] -> caller -> ...
 *
 * What lies outside the copy is read from the target's memory, which may
 * have moved on: so each address must be code, and each frame further up the
 * stack than the one before, or the walk ends and says why. Never more than
 * WALK_MAX frames. Names nothing.
 */
#ifndef WALK_H
#define WALK_H

#include <stdbool.h>
#include <stdint.h>
#include "bpf/wire.h"
#include "name/proc.h"

/* Those of the interpreter, three to each Python function, are mostly not shown. */
#define WALK_MAX 1024

enum walk_end {
	WALK_OUTERMOST, /* all of it */
	WALK_BOTTOM,    /* of the greenlet */
	WALK_LEAF,      /* no stack came along: the leaf is all there is */
	WALK_NO_TABLES, /* and no frame pointer that makes sense */
	WALK_NO_CODE,   /* a return address that is none */
	WALK_NO_ORDER,  /* the stack does not grow: a cycle, or torn */
	WALK_NO_MEMORY, /* could not be read */
	WALK_DEEP,      /* WALK_MAX */
};

struct walk_frame {
	uint64_t pc;
	uint64_t sp; /* of the frame: it reaches to the next one's */
	bool exact;  /* where it was interrupted, not a return address */
};

struct walk {
	struct walk_frame frames[WALK_MAX];
	unsigned int n;
	enum walk_end end;
	uint64_t top; /* where the last frame ends; UINT64_MAX: not known */
};

/* memory->n may be 0. */
void walk(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
	  struct walk *out);

/* It ended before the outermost frame: why, a literal. NULL: it did not. */
const char *walk_why(enum walk_end end);

/* An address to look its function up by: return addresses may lie in the next one. */
static inline uint64_t walk_inside(const struct walk_frame *frame)
{
	return frame->exact ? frame->pc : frame->pc - 1;
}

#endif
