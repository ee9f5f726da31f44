/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.h: what is mapped where, from the text of /proc/PID/maps.
 *
 * Keeps mappings of files and executable ones; heaps and stacks have no
 * names to give. Paths are the target's own words: not trusted, not opened.
 */
#ifndef MAPS_H
#define MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

#define MAPS_MAX  65536 /* mappings kept */
#define MAPS_PATH 1024  /* longer paths are cut, and such a file is only found by its mapping */

struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	uint64_t inode;  /* 0: no file */
	uint32_t device; /* major << 20 | minor */
	bool exec, write;
	const char *path; /* "" if none; "[vdso]" */
};

struct maps {
	struct mapping *list; /* by address */
	size_t n, room;
	struct arena paths;
	size_t bad; /* lines that made no sense */
};

/* Adds the whole lines of text. 0, or -ENOMEM, -E2BIG. */
int maps_parse(struct maps *maps, const char *text, size_t len);

/* Replaces all by what the file says now. -ESRCH when it says nothing; the old ones stay then. */
int maps_read(struct maps *maps, int fd);

const struct mapping *maps_find(const struct maps *maps, uint64_t address); /* NULL: none */
const char *maps_base(const struct mapping *map); /* file name without directory */
void maps_free(struct maps *maps);

#endif
