// SPDX-License-Identifier: BSD-2-Clause
/*
 * invoker.c: see invoker.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "greenwatch.h"
#include "invoker.h"
#include "times.h"

static int parse_id(const char *name, const char *text, uint32_t *out, char *why, size_t size)
{
	char safe[200];
	uint64_t id;

	if (text && !number_parse(text, &id) && id < UINT32_MAX) {
		*out = (uint32_t)id;
		return 0;
	}
	gw_escape(safe, sizeof(safe), text ? text : "");
	snprintf(why, size, "%s \"%s\": not an id; --as-root keeps root for the command", name,
		 safe);
	return -EINVAL;
}

int invoker_find(struct invoker *out, char *why, size_t size)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	int err;

	*out = (struct invoker){ 0 };
	if (geteuid() != 0 || !uid)
		return 0;
	err = parse_id("SUDO_UID", uid, &out->uid, why, size);
	if (!err)
		err = parse_id("SUDO_GID", gid, &out->gid, why, size);
	out->set = !err && out->uid != 0;
	return err;
}
