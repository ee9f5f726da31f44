/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge.h: what the files of merging share. Everything goes over as a copy;
 * an error sticks in err.
 */
#ifndef LOAD_MERGE_H
#define LOAD_MERGE_H

#include "load/load.h"

#define MERGE_STALLS 10000 /* kept one by one */

struct merge {
	struct gw_report *to;
	const struct gw_report *from;
	uint32_t *frames, *stacks, *loops, *sites; /* index there -> index here */
	uint64_t shift_ns;                         /* of instants, by the earlier start */
	int err;
};

const char *merge_string(struct merge *merge, const char *text);   /* NULL stays NULL */
const char *merge_sentence(struct merge *merge, const char *text); /* that hardly repeats */
void *merge_copy(struct merge *merge, const void *items, size_t size);
struct gw_advice merge_advice(struct merge *merge, const struct gw_advice *from);
const struct gw_peer *merge_peer(struct merge *merge, const struct gw_peer *from);

static inline uint32_t merge_index(const uint32_t *map, uint32_t index)
{
	return index == GW_NONE ? GW_NONE : map[index];
}

/* Steps, each after those before it. */
void merge_stalls(struct merge *merge);
void merge_calls(struct merge *merge);
void merge_tasks(struct merge *merge);
void merge_audits(struct merge *merge);
void merge_notes(struct merge *merge);
void merge_lost(struct merge *merge);
void merge_sort(struct gw_report *report);

#endif
