// SPDX-License-Identifier: BSD-2-Clause
/*
 * check.c: whether every index of a report that was read leads somewhere.
 *
 * Sinks follow indexes without looking: this is where a damaged report stops.
 */
#include <errno.h>

#include "load/load.h"

struct check {
	const struct gw_report *report;
	char *why;
	size_t size;
	const char *table; /* being looked at, and its row */
	uint32_t row;
	bool failed;
};

static void needs(struct check *check, const char *what, uint32_t index, uint32_t count)
{
	if (index == GW_NONE || index < count || check->failed)
		return;
	check->failed = true;
	snprintf(check->why, check->size, "%s[%u] names %s %u, and there are %u", check->table,
		 check->row, what, index, count);
}

static void frame(struct check *check, uint32_t index)
{
	needs(check, "frame", index, check->report->frames.count);
}

static void stack(struct check *check, uint32_t index)
{
	needs(check, "stack", index, check->report->stacks.count);
}

/* A stack is not only named, it is made of frames: none may be missing. */
static void check_stacks(struct check *check)
{
	check->table = "stacks";
	report_each (check->report, stacks, struct report_stack, it) {
		const uint32_t *frames = (const uint32_t *)check->report->indexes.items + it->first;

		for (uint32_t i = 0; i < it->depth; i++) {
			frame(check, frames[i] == GW_NONE ? GW_NONE - 1 : frames[i]);
			if (check->failed)
				return;
		}
		check->row++;
	}
}

static void check_stall(struct check *check, const struct gw_stall *stall)
{
	frame(check, stall->frame);
	stack(check, stall->stack);
	for (uint32_t i = 0; i < stall->n_waits; i++)
		stack(check, stall->waits[i].stack);
	for (uint32_t i = 0; i < stall->n_samples; i++)
		stack(check, stall->samples[i].stack);
	for (uint32_t i = 0; i < stall->n_culprits; i++)
		stack(check, stall->culprits[i].stack);
	for (uint32_t i = 0; i < stall->n_tasks; i++) {
		stack(check, stall->tasks[i].spawned_at);
		stack(check, stall->tasks[i].chain);
		frame(check, stall->tasks[i].frame);
	}
}

static void check_task(struct check *check, const struct report_task *task)
{
	frame(check, task->frame);
	for (uint32_t i = 0; i < task->n_spawns; i++)
		stack(check,
		      task->spawns[i].stack == GW_NONE ? GW_NONE - 1 : task->spawns[i].stack);
}

int load_check(const struct gw_report *report, char *why, size_t size)
{
	struct check check = { .report = report, .why = why, .size = size };

	check_stacks(&check);
	check.table = "sites";
	check.row = 0;
	report_each (report, sites, struct report_site, site) {
		frame(&check, site->frame);
		stack(&check, site->stack);
		check.row++;
	}
	check.table = "stalls";
	check.row = 0;
	report_each (report, stalls, struct gw_stall, stall) {
		check_stall(&check, stall);
		check.row++;
	}
	check.table = "calls";
	check.row = 0;
	report_each (report, calls, struct report_call, call) {
		frame(&check, call->frame);
		stack(&check, call->stack);
		check.row++;
	}
	check.table = "tasks";
	check.row = 0;
	report_each (report, tasks, struct report_task, task) {
		check_task(&check, task);
		check.row++;
	}
	return check.failed ? -EBADMSG : 0;
}
