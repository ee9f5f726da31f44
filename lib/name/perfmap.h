/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perfmap.h: names of code that a JIT compiler made, from /tmp/perf-PID.map.
 *
 * The file is the target's own words, written while we read (node
 * --perf-basic-prof, python -X perf, Java agents): lines of start, size and
 * name. Bounded; what makes no sense is skipped. Of two that cover an address
 * the later one counts: code moves.
 */
#ifndef PERFMAP_H
#define PERFMAP_H

#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"

#define PERFMAP_BYTES   (32U << 20) /* read of one file */
#define PERFMAP_ENTRIES 400000
#define PERFMAP_PATH    "[perf-map]" /* what the keeper is asked for */

struct perfmap_entry {
	uint64_t start;
	uint32_t size;
	uint32_t order; /* of its line */
	const char *name;
};

struct perfmap {
	int fd;                     /* -1: not there */
	uint64_t read;              /* bytes of it so far */
	struct perfmap_entry *list; /* by start, then order */
	size_t n, room;
	struct arena names;
};

/* Takes the descriptor; a negative one is a map without entries. */
void perfmap_open(struct perfmap *map, int fd);
void perfmap_close(struct perfmap *map);

/* Name at the address; reads on in the file when there is none. NULL: none. */
const char *perfmap_name(struct perfmap *map, uint64_t address);

#endif
