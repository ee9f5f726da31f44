// SPDX-License-Identifier: BSD-2-Clause
/*
 * mergerows.c: what is put together row by row: calls, tasks, audits, notes,
 * losses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "load/merge.h"

static void *row(struct merge *merge, struct report_vec *table, const void *from, size_t size)
{
	void *to = merge->err || table->count >= LOAD_CALLS ? NULL : tables_add(table, size);

	if (to)
		memcpy(to, from, size);
	else if (table->count < LOAD_CALLS)
		merge->err = -ENOMEM;
	return to;
}

void merge_calls(struct merge *merge)
{
	report_each (merge->from, calls, struct report_call, from) {
		struct report_call *to = row(merge, &merge->to->calls, from, sizeof(*from));

		if (!to) { /* there is room for no more rows, but they count */
			merge->to->calls_rest += from->calls;
			merge->to->calls_rest_ns += from->total_ns;
			continue;
		}
		to->loop = merge_index(merge->loops, from->loop);
		to->call = merge_string(merge, from->call);
		to->class = merge_string(merge, from->class);
		to->peer = merge_peer(merge, from->peer);
		to->frame = merge_index(merge->frames, from->frame);
		to->stack = merge_index(merge->stacks, from->stack);
		to->advice = merge_advice(merge, &from->advice);
	}
	merge->to->calls_rest += merge->from->calls_rest;
	merge->to->calls_rest_ns += merge->from->calls_rest_ns;
}

/* Trends of different runs have different steps, and are left out. */
void merge_tasks(struct merge *merge)
{
	report_each (merge->from, tasks, struct report_task, from) {
		struct report_task *to = row(merge, &merge->to->tasks, from, sizeof(*from));

		if (!to)
			return;
		to->name = merge_string(merge, from->name);
		to->loop = merge_index(merge->loops, from->loop);
		to->frame = merge_index(merge->frames, from->frame);
		to->family = merge->to->tasks.count - 1;
		for (uint32_t i = 0; i < to->n_spawns; i++)
			to->spawns[i].stack = merge_index(merge->stacks, from->spawns[i].stack);
	}
}

void merge_audits(struct merge *merge)
{
	report_each (merge->from, audits, struct report_audit, from) {
		struct report_audit *to = row(merge, &merge->to->audits, from, sizeof(*from));

		if (!to)
			return;
		to->library = merge_string(merge, from->library);
		to->version = merge_string(merge, from->version);
		to->why = merge_string(merge, from->why);
		to->patched =
			merge_copy(merge, from->patched, 2 * from->n_patched * sizeof(char *));
		for (uint32_t i = 0; to->patched && i < 2 * from->n_patched; i++)
			to->patched[i] = merge_string(merge, from->patched[i]);
	}
	report_each (merge->from, patches, struct report_patch, from) {
		struct report_patch *to = row(merge, &merge->to->patches, from, sizeof(*from));

		if (!to)
			return;
		to->kind = merge_string(merge, from->kind);
		to->what = merge_string(merge, from->what);
		to->where = merge_string(merge, from->where);
		to->file = merge_string(merge, from->file);
		to->rule = merge_string(merge, from->rule);
		to->more = merge_string(merge, from->more);
	}
}

void merge_notes(struct merge *merge)
{
	report_each (merge->from, notes, struct report_note, note) {
		struct event_note copy = { .what = note->what,
					   .why = note->why,
					   .fix = note->fix ? note->fix : "" };

		if (!merge->err)
			merge->err = collect_note(merge->to, &copy);
	}
}

void merge_lost(struct merge *merge)
{
	struct report_lost *to = merge->to->lost;

	for (uint32_t i = 0; i < REPORT_LOST; i++) {
		const struct report_lost *from = &merge->from->lost[i];
		uint32_t at = 0;

		if (!from->reason)
			continue;
		while (at < REPORT_LOST - 1 && to[at].reason && strcmp(to[at].reason, from->reason))
			at++;
		if (!to[at].reason)
			to[at].reason = merge_string(merge, from->reason);
		to[at].count += from->count;
	}
	merge->to->said_incomplete |= merge->from->said_incomplete;
}

static int by_total(const void *a, const void *b)
{
	const struct report_call *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return x->loop != y->loop ? (x->loop < y->loop ? -1 : 1) : strcmp(x->call, y->call);
}

static int by_cpu(const void *a, const void *b)
{
	const struct report_task *x = a, *y = b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns < y->cpu_ns ? 1 : -1;
	return x->loop != y->loop ? (x->loop < y->loop ? -1 : 1) : strcmp(x->name, y->name);
}

void merge_sort(struct gw_report *report)
{
	if (report->calls.count)
		qsort(report->calls.items, report->calls.count, sizeof(struct report_call),
		      by_total);
	if (report->tasks.count)
		qsort(report->tasks.items, report->tasks.count, sizeof(struct report_task), by_cpu);
}
