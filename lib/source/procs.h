/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procs.h: the processes being watched: opened by the keeper, looked at by
 * the namer, told of as WIRE_TARGET.
 *
 * One entry a process image: an exec makes a new one. Holds descriptors, so
 * entries without a loop are dropped unless the caller asked for them; a few
 * that held a lock stay until they end.
 */
#ifndef PROCS_H
#define PROCS_H

#include <stdbool.h>
#include "record.h"
#include "name/namer.h"
#include "source/keeper.h"

struct poolwatch;

struct proc {
	struct keeper_proc keeper;
	bool asked;            /* named by the caller */
	uint64_t looked_ns;    /* 0: not yet */
	uint64_t look_wait_ns; /* not again before that much later; doubles */
	bool has_layout;
	uint32_t loops;                 /* alive */
	unsigned int parks;             /* enum namer_parks */
	uint32_t park_wait, park_pause; /* ticks between two looks for workers, and to go */
	struct wire_parks known;        /* how its workers park */
	struct poolwatch *pools;        /* poolwatch.c's; NULL: none yet */
	struct wire_python layout;
	char runtime[32];
	char why[128]; /* there are no Python frames; "": there are, or it is no Python */
};

struct procs {
	struct proc **items;
	uint32_t count, room;
	struct namer *namer; /* borrowed */
};

/* Finds or opens a process; NULL with *err set. */
struct proc *procs_add(struct procs *procs, uint32_t pid, bool asked, int *err);
struct proc *procs_find(const struct procs *procs, uint32_t pid);
void procs_drop(struct procs *procs, struct proc *proc);
void procs_free(struct procs *procs);

/* The process has executed another image since it was opened. */
bool proc_is_stale(const struct proc *proc);
bool proc_has_ended(const struct proc *proc);

/* Why a process could not be opened, in words. */
void procs_refuse(uint32_t pid, int err, char *line, size_t size);

/* The WIRE_TARGET of a process that has been looked at; the caller frees it. NULL: no memory. */
struct wire_target *procs_record(const struct proc *proc, const struct namer_look *look,
				 uint64_t now_ns);

/* Looks at the process (once) and makes its WIRE_TARGET record; the caller frees it. NULL: no
 * memory. */
struct wire_target *procs_look(struct procs *procs, struct proc *proc, uint64_t now_ns);

#endif
