/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pystack.h: stacks of native and Python frames, in one order; shared by
 * pystack.c and pyentry.c alone.
 */
#ifndef PYSTACK_H
#define PYSTACK_H

#include "name/proc.h"
#include "runtime/merge.h"

/* Fills in where the groups of Python frames end; the native frames are known. */
void pyentry_find(struct proc *proc, const struct wire_stack *stack,
		  const struct wire_memory *memory, struct merge_stacks *stacks);

#endif
