/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect.h: audits of processes, one after the other, beside all else.
 *
 * Each process once. What the audit cannot know, for it sees memory alone,
 * is added here out of /proc: the two ends of a socket.
 */
#ifndef INSPECT_H
#define INSPECT_H

#include "name/auditor.h"
#include "source/procs.h"

#define INSPECT_MAX 1024 /* processes */

struct inspect {
	struct auditor *auditor; /* NULL: none under way */
	uint32_t pid;            /* the one it is of */
	uint32_t list[INSPECT_MAX];
	uint32_t n, next; /* asked for, and begun */
	uint64_t cpu_ns;
	struct procs *procs; /* borrowed */
	struct namer_opener opener;
	/* The look of that process, then its records. */
	int (*look)(void *ctx, struct proc *proc, const struct namer_look *look);
	int (*take)(void *ctx, const struct wire_head *record);
	void *ctx;
	bool looked; /* look() has been called for it */
	bool got;    /* its WIRE_AUDIT has come */
	int err;     /* take() has failed */
};

bool inspect_ask(struct inspect *inspect, uint32_t pid); /* true: for the first time */
bool inspect_busy(const struct inspect *inspect);
int inspect_fd(const struct inspect *inspect); /* -1: none under way */
int inspect_step(struct inspect *inspect);     /* never waits; 0 or -errno of take() */
void inspect_end(struct inspect *inspect);

/* What a socket of a process leads to: "tcp 127.0.0.1:40000 -> 127.0.0.1:5432". 0, -ENOENT: the
 * descriptor is no socket (any more). */
int sockets_describe(const struct keeper_proc *proc, int fd, char *out, size_t size);

#endif
