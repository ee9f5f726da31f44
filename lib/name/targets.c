// SPDX-License-Identifier: BSD-2-Clause
/*
 * targets.c: a short list, searched from the front: a few processes is the
 * rule, a thousand the bound.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "name/protocol.h"
#include "name/targets.h"

struct target *targets_find(const struct targets *targets, uint32_t pid)
{
	for (size_t i = 0; i < targets->n; i++) {
		if (targets->list[i]->pid == pid)
			return targets->list[i];
	}
	return NULL;
}

static void free_target(struct target *target)
{
	for (unsigned int i = 0; i < 2; i++) {
		if (target->fds[i] >= 0)
			close(target->fds[i]);
	}
	free(target);
}

static int grow(struct targets *targets)
{
	size_t room = targets->room ? targets->room * 2 : 16;
	struct target **list;

	if (targets->n < targets->room)
		return 0;
	if (targets->n >= NAMER_PROCS)
		return -ENOSPC;
	list = realloc(targets->list, room * sizeof(struct target *));
	if (!list)
		return -ENOMEM;
	targets->list = list;
	targets->room = room;
	return 0;
}

int targets_add(struct targets *targets, uint32_t pid, int mem, int maps, const char *cwd,
		struct target **out)
{
	struct target *target;
	int err = grow(targets);

	if (err)
		return err;
	target = calloc(1, sizeof(*target));
	if (!target)
		return -ENOMEM;
	target->pid = pid;
	target->fds[0] = fcntl(mem, F_DUPFD_CLOEXEC, 3);
	target->fds[1] = fcntl(maps, F_DUPFD_CLOEXEC, 3);
	if (target->fds[0] < 0 || target->fds[1] < 0) {
		err = -errno;
		free_target(target);
		return err;
	}
	snprintf(target->cwd, sizeof(target->cwd), "%s", cwd ? cwd : "");
	targets->list[targets->n++] = target;
	*out = target;
	return 0;
}

void targets_drop(struct targets *targets, struct target *target)
{
	for (size_t i = 0; i < targets->n; i++) {
		if (targets->list[i] == target) {
			targets->list[i] = targets->list[--targets->n];
			free_target(target);
			return;
		}
	}
}

void targets_free(struct targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		free_target(targets->list[i]);
	free(targets->list);
	*targets = (struct targets){ 0 };
}
