/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * invoker.h: who called sudo.
 *
 * Files of root all over a checkout are nobody's wish: commands run as that
 * user, and reports belong to that user.
 */
#ifndef INVOKER_H
#define INVOKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct invoker {
	bool set; /* false: nobody did, or root */
	uid_t uid;
	gid_t gid;
};

/* 0, or -EINVAL with why: SUDO_UID or SUDO_GID are no ids. */
int invoker_find(struct invoker *out, char *why, size_t size);

#endif
