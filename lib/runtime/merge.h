/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge.h: one order for the native and the Python frames of a stack.
 *
 *	poll  <- libpq <- psycopg2 <- EVAL  <- vectorcall <- EVAL <- main
 *	                              f, g                   <module>
 *
 *	poll, libpq, psycopg2, f, g, <module>
 *
 * Each C-level eval stands for a group of Python frames. From 3.11 on
 * something of each group lies in its eval's native frame, so addresses
 * decide; before, evals and groups are counted. Where they do not fit, the
 * order is not guessed: the leaf's native frames, then all Python frames.
 * Pure: reads nothing, names nothing.
 */
#ifndef MERGE_H
#define MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/wire.h"
#include "name/walk.h"

struct merge_native {
	uint64_t sp, end; /* [sp, end) is the frame */
	bool eval;        /* by its name: runs Python frames */
	bool inner;       /* code of the interpreter */
	bool helper;      /* of that, at the leaf: what calls C functions, and what has no name */
	bool system;      /* code that starts programs and threads */
	bool greenlet;    /* code of the greenlet module */
};

struct merge_python {
	uint64_t frame;  /* address */
	bool last;       /* of its group */
	uint64_t inside; /* last: an address within its eval's native frame; 0: not known */
	bool shim;       /* no frame of the program */
};

struct merge_stacks {
	struct merge_native native[WALK_MAX];
	struct merge_python python[WIRE_FRAMES];
	unsigned int n_native, n_python;
	bool native_whole; /* to the outermost frame, or to the greenlet's bottom */
	bool python_whole;
	bool python_grouped; /* false: where the groups end is not known */
	bool by_address;
};

enum merge_kind { MERGE_NATIVE, MERGE_PYTHON, MERGE_BROKEN /* native frames end here too early */ };

struct merge_step {
	enum merge_kind kind;
	unsigned int i; /* of the native or Python frame */
};

#define MERGE_STEPS (WALK_MAX + WIRE_FRAMES + 1)

/* Is it certain that the innermost Python frame runs in code that its eval has called, and not in
 * the eval itself? *eval: the native frame of the eval. */
bool merge_called(const struct merge_stacks *stacks, unsigned int *eval);

/* Steps made, innermost first. */
size_t merge(const struct merge_stacks *stacks, struct merge_step out[MERGE_STEPS]);

#endif
