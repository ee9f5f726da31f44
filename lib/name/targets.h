/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * targets.h: the processes that the namer has been told of, as its parent
 * remembers them to tell the next one.
 */
#ifndef TARGETS_H
#define TARGETS_H

#include <stddef.h>
#include <stdint.h>

struct target {
	uint32_t pid;
	int fds[2]; /* mem, maps */
	unsigned int strikes;
	unsigned int known_to; /* generation of the namer that has been introduced to it */
	uint32_t shim_owner;
	char cwd[256];
};

struct targets {
	struct target **list;
	size_t n, room;
};

struct target *targets_find(const struct targets *targets, uint32_t pid); /* NULL: none */

/* Duplicates the descriptors. 0 or -errno. */
int targets_add(struct targets *targets, uint32_t pid, int mem, int maps, const char *cwd,
		struct target **out);
void targets_drop(struct targets *targets, struct target *target);
void targets_free(struct targets *targets);

#endif
