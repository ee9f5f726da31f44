/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auditor.h: one audit of one process, in a namer's process of its own.
 *
 * Nothing here waits: auditor_step() takes what has come. So an audit goes
 * on beside the naming of stacks, and whatever the target does to hold it
 * up ends with its deadline. The records that come out are as little to be
 * trusted as any: decode.c checks them.
 */
#ifndef AUDITOR_H
#define AUDITOR_H

#include "name/namer.h"

#define AUDITOR_BUDGET_MS   450  /* of CPU time, for the look itself */
#define AUDITOR_DEADLINE_MS 6000 /* of all: a busy machine gives little of its CPUs */

struct auditor;

/* The opener is borrowed until the end; descriptors and cwd as in namer_look(). 0 or -errno. */
int auditor_open(struct auditor **out, uint32_t pid, int mem, int maps, const char *cwd,
		 const struct namer_opener *opener);
int auditor_fd(const struct auditor *auditor); /* readable when there is something to take */

/* Takes at most one packet. 0: goes on; 1: done; -errno: it has failed (-ETIME: deadline). */
int auditor_step(struct auditor *auditor,
		 int (*take)(void *ctx, const struct wire_head *record, size_t size), void *ctx);

/* What the first look found; valid once a record has come or it is done. Borrowed. */
void auditor_look(const struct auditor *auditor, struct namer_look *out);
uint64_t auditor_close(struct auditor *auditor); /* CPU time of its process; takes NULL */

#endif
