/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.h: starting, talking to, and getting rid of the namer's process.
 *
 * Nothing here waits longer than its deadline, not even for a death: a
 * killed child that takes its time is reaped later. The caller's SIGCHLD,
 * handlers and mask are left alone.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_DYING 8

struct child {
	int pid, pidfd, sock;   /* 0, -1, -1: none */
	int dying[CHILD_DYING]; /* pidfds still to be reaped; -1: free */
	uint64_t cpu_ns;        /* of those reaped */
};

uint64_t child_now_ns(void);

void child_new(struct child *child);
int child_start(struct child *child); /* -EAGAIN: too many killed ones are still there */
void child_kill(struct child *child);
void child_free(struct child *child);

/* 0; -EPIPE: it is dead; -ETIME: deadline. */
int child_send(const struct child *child, const void *packet, size_t size, const int *fds,
	       unsigned int n_fds, uint64_t deadline_ns);
/* Bytes of one packet; -EPIPE, -ETIME, -EBADMSG: larger than the buffer. */
int child_receive(const struct child *child, void *packet, size_t size, uint64_t deadline_ns);

#endif
