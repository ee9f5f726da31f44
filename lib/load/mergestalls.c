// SPDX-License-Identifier: BSD-2-Clause
/*
 * mergestalls.c: the stalls of two reports in order of time; of too many the
 * longest, and the others counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load/merge.h"

static void merge_lists(struct merge *merge, struct gw_stall *stall)
{
	struct gw_wait *waits = merge_copy(merge, stall->waits, stall->n_waits * sizeof(*waits));
	struct gw_sample *samples =
		merge_copy(merge, stall->samples, stall->n_samples * sizeof(*samples));
	struct gw_culprit *culprits =
		merge_copy(merge, stall->culprits, stall->n_culprits * sizeof(*culprits));
	struct gw_task *tasks = merge_copy(merge, stall->tasks, stall->n_tasks * sizeof(*tasks));

	for (uint32_t i = 0; waits && i < stall->n_waits; i++) {
		waits[i].call = merge_string(merge, waits[i].call);
		waits[i].class = merge_string(merge, waits[i].class);
		waits[i].stack = merge_index(merge->stacks, waits[i].stack);
		waits[i].peer = merge_peer(merge, waits[i].peer);
	}
	for (uint32_t i = 0; samples && i < stall->n_samples; i++) {
		samples[i].stack = merge_index(merge->stacks, samples[i].stack);
		samples[i].task = merge_string(merge, samples[i].task);
	}
	for (uint32_t i = 0; culprits && i < stall->n_culprits; i++) {
		culprits[i].role = merge_string(merge, culprits[i].role);
		culprits[i].comm = merge_string(merge, culprits[i].comm);
		culprits[i].stack = merge_index(merge->stacks, culprits[i].stack);
	}
	for (uint32_t i = 0; tasks && i < stall->n_tasks; i++) {
		tasks[i].name = merge_string(merge, tasks[i].name);
		tasks[i].spawned_at = merge_index(merge->stacks, tasks[i].spawned_at);
		tasks[i].frame = merge_index(merge->frames, tasks[i].frame);
		tasks[i].chain = merge_index(merge->stacks, tasks[i].chain);
	}
	stall->waits = waits;
	stall->samples = samples;
	stall->culprits = culprits;
	stall->tasks = tasks;
}

static struct gw_stall stall_of(struct merge *merge, const struct gw_stall *from)
{
	struct gw_stall stall = *from;

	stall.at_ns += merge->shift_ns;
	stall.loop = merge->loops[from->loop];
	stall.why = merge_sentence(merge, from->why);
	stall.site = merge_index(merge->sites, from->site);
	stall.frame = merge_index(merge->frames, from->frame);
	stall.stack = merge_index(merge->stacks, from->stack);
	stall.advice = merge_advice(merge, &from->advice);
	merge_lists(merge, &stall);
	return stall;
}

static int longest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : -(x > y);
}

/* Stalls shorter than this give way; 0: there is room for all. */
static uint64_t shortest_kept(const struct gw_report *a, const struct gw_report *b, int *err)
{
	uint32_t n = a->stalls.count + b->stalls.count, i = 0;
	uint64_t *lengths, cut;

	if (n <= MERGE_STALLS)
		return 0;
	lengths = malloc(n * sizeof(*lengths));
	if (!lengths) {
		*err = -ENOMEM;
		return 0;
	}
	report_each (a, stalls, struct gw_stall, stall)
		lengths[i++] = stall->duration_ns;
	report_each (b, stalls, struct gw_stall, stall)
		lengths[i++] = stall->duration_ns;
	qsort(lengths, n, sizeof(*lengths), longest_first);
	cut = lengths[MERGE_STALLS];
	free(lengths);
	return cut + 1;
}

static bool earlier(const struct gw_stall *a, const struct gw_stall *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->loop < b->loop;
}

/* Both are in order of time, so is the result. */
void merge_stalls(struct merge *merge)
{
	struct gw_report *to = merge->to;
	uint64_t least = shortest_kept(to, merge->from, &merge->err);
	const struct gw_stall *old = to->stalls.items, *old_end = old + to->stalls.count;
	struct report_vec both = { 0 };
	struct gw_stall next, *kept;

	report_each (merge->from, stalls, struct gw_stall, stall) {
		if (stall->duration_ns < least || merge->err) {
			to->stalls_folded++;
			continue;
		}
		next = stall_of(merge, stall);
		for (; old && old < old_end && !earlier(&next, old); old++) {
			kept = old->duration_ns < least ? NULL : tables_add(&both, sizeof(*kept));
			if (kept)
				*kept = *old;
			else
				to->stalls_folded++;
		}
		kept = tables_add(&both, sizeof(*kept));
		if (kept)
			*kept = next;
		else
			merge->err = -ENOMEM;
	}
	for (; old && old < old_end; old++) {
		kept = old->duration_ns < least ? NULL : tables_add(&both, sizeof(*kept));
		if (kept)
			*kept = *old;
		else
			to->stalls_folded++;
	}
	free(to->stalls.items);
	to->stalls = both;
	to->stalls_seen += merge->from->stalls_seen;
	to->stalls_warmup += merge->from->stalls_warmup;
	to->stalls_folded += merge->from->stalls_folded;
}
