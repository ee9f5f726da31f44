/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.h: the command of run: held until the probes are on, then let go.
 *
 * It stays in the process group of greenwatch, has its descriptors, its
 * terminal and the signal mask that greenwatch was started with. It is not
 * traced: when greenwatch is killed it goes on, as under strace. Killed
 * before it was let go, it ends without having begun.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "invoker.h"

struct child {
	char *const *argv;
	pid_t pid; /* 0: none */
	int pidfd; /* readable when it has ended; -1: none */
	int go;    /* it begins when this is written to */
	int said;  /* why it could not */
	bool ended;
	int status; /* exit status; 128 + n: killed by signal n */
	int signo;  /* that killed it; 0: none did */
};

/* Before any signal is blocked or ignored. argv ends with NULL and is kept. 0 or -errno. */
int child_hold(struct child *out, char *const *argv, const struct invoker *user);

/* Lets it begin. 0; or the exit code 125, 126 or 127, with why: it has ended then. */
int child_begin(struct child *child, char *why, size_t size);

/* Has it ended? Also reaps what is left to greenwatch where that is the init of a container. */
bool child_look(struct child *child);

void child_signal(struct child *child, int signo);

/* Before it was let go: it ends, and is reaped. */
void child_drop(struct child *child);
void child_close(struct child *child);

/* Ends greenwatch the way the child ended; returns its status where that cannot be. */
int child_end_alike(const struct child *child);

#endif
