// SPDX-License-Identifier: BSD-2-Clause
/*
 * stalls.c: what happened: stalls with their evidence, calls, tasks, patches.
 */
#include <errno.h>
#include <string.h>

#include "load/load.h"

static void peer(struct load *load, void *out)
{
	load_peer(load, out);
}

static void cause(struct load *load, void *out)
{
	*(enum gw_cause *)out = (enum gw_cause)load_cause(load);
}

static void ledger(struct load *load, void *out)
{
	load_ledger(load, out, NULL);
}

#define WAIT(field) offsetof(struct gw_wait, field)
static void waits(struct load *load, void *stall)
{
	static const struct load_key keys[] = {
		{ "call", LOAD_TEXT, WAIT(call), NULL },
		{ "class", LOAD_TEXT, WAIT(class), NULL },
		{ "calls", LOAD_SMALL, WAIT(calls), NULL },
		{ "total_ns", LOAD_NUMBER, WAIT(total_ns), NULL },
		{ "max_ns", LOAD_NUMBER, WAIT(max_ns), NULL },
		{ "stack", LOAD_SMALL, WAIT(stack), NULL },
		{ "peer", LOAD_PART, WAIT(peer), peer },
		{ NULL, LOAD_PART, 0, NULL },
	};
	static const struct gw_wait absent = { .call = "other", .stack = GW_NONE };
	struct gw_stall *to = stall;

	to->waits = load_list(load, keys, &absent, sizeof(absent), &to->n_waits);
}

/* Stopped has no word. */
static void state(struct load *load, void *out)
{
	static const char *const words[] = {
		[GW_STATE_ONCPU] = "oncpu",
		[GW_STATE_BLOCKED] = "blocked",
		[GW_STATE_RUNQUEUE] = "runqueue",
		[GW_STATE_GIL] = "gil",
		[GW_STATE_GC] = "gc",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum gw_state *)out = i < 0 ? GW_STATE_STOPPED : (enum gw_state)i;
}

#define SAMPLE(field) offsetof(struct gw_sample, field)
static void samples(struct load *load, void *stall)
{
	static const struct load_key keys[] = {
		{ "stack", LOAD_SMALL, SAMPLE(stack), NULL },
		{ "weight_ns", LOAD_NUMBER, SAMPLE(weight_ns), NULL },
		{ "state", LOAD_PART, SAMPLE(state), state },
		{ "task", LOAD_TEXT, SAMPLE(task), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	static const struct gw_sample absent = { .stack = GW_NONE, .state = GW_STATE_STOPPED };
	struct gw_stall *to = stall;

	to->samples = load_list(load, keys, &absent, sizeof(absent), &to->n_samples);
}

#define CULPRIT(field) offsetof(struct gw_culprit, field)
static void culprits(struct load *load, void *stall)
{
	static const struct load_key keys[] = {
		{ "role", LOAD_TEXT, CULPRIT(role), NULL },
		{ "pid", LOAD_SMALL, CULPRIT(pid), NULL },
		{ "tid", LOAD_SMALL, CULPRIT(tid), NULL },
		{ "comm", LOAD_TEXT, CULPRIT(comm), NULL },
		{ "share_ns", LOAD_NUMBER, CULPRIT(share_ns), NULL },
		{ "stack", LOAD_SMALL, CULPRIT(stack), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	static const struct gw_culprit absent = { .role = "preemptor",
						  .comm = "?",
						  .stack = GW_NONE };
	struct gw_stall *to = stall;

	to->culprits = load_list(load, keys, &absent, sizeof(absent), &to->n_culprits);
}

static void task_kind(struct load *load, void *out)
{
	static const char *const words[] = {
		[GW_TASK_GREENLET] = "greenlet", [GW_TASK_HUB] = "hub",
		[GW_TASK_MAIN] = "main",         [GW_TASK_TASK] = "task",
		[GW_TASK_CALLBACK] = "callback",
	};
	int i = load_word(load, words, sizeof(words) / sizeof(words[0]));

	*(enum gw_task_kind *)out = i < 0 ? GW_TASK_NONE : (enum gw_task_kind)i;
}

#define TASK(field) offsetof(struct gw_task, field)
static void stall_tasks(struct load *load, void *stall)
{
	static const struct load_key keys[] = {
		{ "name", LOAD_TEXT, TASK(name), NULL },
		{ "kind", LOAD_PART, TASK(kind), task_kind },
		{ "share_ns", LOAD_NUMBER, TASK(share_ns), NULL },
		{ "spawned_at", LOAD_SMALL, TASK(spawned_at), NULL },
		{ "frame", LOAD_SMALL, TASK(frame), NULL },
		{ "chain", LOAD_SMALL, TASK(chain), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	static const struct gw_task absent = {
		.name = "?", .spawned_at = GW_NONE, .frame = GW_NONE, .chain = GW_NONE
	};
	struct gw_stall *to = stall;

	to->tasks = load_list(load, keys, &absent, sizeof(absent), &to->n_tasks);
}

#define STALL(field) offsetof(struct gw_stall, field)
static void delayed(struct load *load, void *stall)
{
	static const struct load_key keys[] = {
		{ "ready", LOAD_SMALL, STALL(ready), NULL },
		{ "longest_ns", LOAD_NUMBER, STALL(longest_ns), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, stall);
}

static void stall_loop(struct load *load, void *object)
{
	struct gw_stall *stall = object;

	stall->loop = load_loop_id(load, &stall->pid, &stall->tid);
}

static void site(struct load *load, void *out)
{
	*(uint32_t *)out = load_site_id(load);
}

void load_stalls(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "loop", LOAD_PART, 0, stall_loop },
		{ "at_ns", LOAD_NUMBER, STALL(at_ns), NULL },
		{ "duration_ns", LOAD_NUMBER, STALL(duration_ns), NULL },
		{ "open", LOAD_FLAG, STALL(open), NULL },
		{ "underway", LOAD_FLAG, STALL(underway), NULL },
		{ "warmup", LOAD_FLAG, STALL(warmup), NULL },
		{ "cause", LOAD_PART, STALL(cause), cause },
		{ "why", LOAD_SENTENCE, STALL(why), NULL },
		{ "site", LOAD_PART, STALL(site), site },
		{ "frame", LOAD_SMALL, STALL(frame), NULL },
		{ "stack", LOAD_SMALL, STALL(stack), NULL },
		{ "ledger", LOAD_PART, STALL(ledger), ledger },
		{ "waits", LOAD_PART, 0, waits },
		{ "samples", LOAD_PART, 0, samples },
		{ "culprits", LOAD_PART, 0, culprits },
		{ "tasks", LOAD_PART, 0, stall_tasks },
		{ "delayed", LOAD_PART, 0, delayed },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct gw_stall *stall =
			load_row(load, &to->stalls, sizeof(*stall), LOAD_STALLS, "stalls");

		if (!stall)
			return;
		stall->loop = stall->site = stall->frame = stall->stack = GW_NONE;
		stall->ready = GW_NONE;
		stall->why = "";
		stall->ledger = load_no_ledger();
		load_object(load, keys, stall);
		if (stall->loop == GW_NONE)
			text_fail(&load->in, -EBADMSG, "has no \"loop\"");
	}
}

static void loop_id(struct load *load, void *out)
{
	uint32_t pid, tid;

	*(uint32_t *)out = load_loop_id(load, &pid, &tid);
}

static void advice(struct load *load, void *out)
{
	load_advice(load, out);
}

#define CALL(field) offsetof(struct report_call, field)
void load_calls(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "loop", LOAD_PART, CALL(loop), loop_id },
		{ "call", LOAD_TEXT, CALL(call), NULL },
		{ "class", LOAD_TEXT, CALL(class), NULL },
		{ "peer", LOAD_PART, CALL(peer), peer },
		{ "calls", LOAD_NUMBER, CALL(calls), NULL },
		{ "total_ns", LOAD_NUMBER, CALL(total_ns), NULL },
		{ "max_ns", LOAD_NUMBER, CALL(max_ns), NULL },
		{ "frame", LOAD_SMALL, CALL(frame), NULL },
		{ "stack", LOAD_SMALL, CALL(stack), NULL },
		{ "advice", LOAD_PART, CALL(advice), advice },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_call *call =
			load_row(load, &to->calls, sizeof(*call), LOAD_CALLS, "calls");

		if (!call)
			return;
		call->loop = call->frame = call->stack = GW_NONE;
		call->call = call->class = load_intern(load, "other");
		load_object(load, keys, call);
	}
}

static void holds(struct load *load, void *object)
{
	struct report_task *task = object;

	load_histogram(load, task->holds, &task->holds_ns);
}

static void spawned(struct load *load, void *object)
{
	static const struct load_key keys[] = {
		{ "stack", LOAD_SMALL, offsetof(struct report_spawn, stack), NULL },
		{ "oncpu_ns", LOAD_NUMBER, offsetof(struct report_spawn, cpu_ns), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	static const struct report_spawn absent = { .stack = GW_NONE };
	struct report_task *task = object;
	uint32_t n;
	const struct report_spawn *read = load_list(load, keys, &absent, sizeof(absent), &n);

	task->n_spawns = n < REPORT_SPAWNS ? n : REPORT_SPAWNS;
	if (task->n_spawns)
		memcpy(task->spawns, read, task->n_spawns * sizeof(*read));
}

static void spawned_at(struct load *load, void *object)
{
	struct report_task *task = object;
	uint64_t stack = text_number(&load->in);

	if (task->n_spawns)
		return;
	task->spawns[0] = (struct report_spawn){ stack < GW_NONE ? (uint32_t)stack : GW_NONE, 0 };
	task->n_spawns = 1;
}

static void trend_steps(struct load *load, void *object)
{
	struct report_task *task = object;
	uint32_t n = 0;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		uint64_t value = text_number(&load->in);

		if (n < REPORT_TREND)
			task->trend[n++] = value;
	}
}

static void trend_step(struct load *load, void *unused)
{
	(void)unused;
	load->report->trend_step_ns = text_number(&load->in);
}

static void trend(struct load *load, void *task)
{
	static const struct load_key keys[] = {
		{ "step_ns", LOAD_PART, 0, trend_step },
		{ "oncpu_ns", LOAD_PART, 0, trend_steps },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, task);
}

#define USER(field) offsetof(struct report_task, field)
void load_tasks(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "name", LOAD_TEXT, USER(name), NULL },
		{ "kind", LOAD_PART, USER(kind), task_kind },
		{ "loop", LOAD_PART, USER(loop), loop_id },
		{ "frame", LOAD_SMALL, USER(frame), NULL },
		{ "spawned_at", LOAD_PART, 0, spawned_at },
		{ "spawned", LOAD_PART, 0, spawned },
		{ "instances", LOAD_NUMBER, USER(instances), NULL },
		{ "samples", LOAD_NUMBER, USER(samples), NULL },
		{ "oncpu_ns", LOAD_NUMBER, USER(cpu_ns), NULL },
		{ "blocked_ns", LOAD_NUMBER, USER(blocked_ns), NULL },
		{ "longest_hold_ns", LOAD_NUMBER, USER(longest_ns), NULL },
		{ "holds", LOAD_PART, 0, holds },
		{ "stalls", LOAD_NUMBER, USER(stalls), NULL },
		{ "trend", LOAD_PART, 0, trend },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_task *task =
			load_row(load, &to->tasks, sizeof(*task), LOAD_CALLS, "tasks");

		if (!task)
			return;
		task->loop = task->frame = GW_NONE;
		task->name = "?";
		task->family = to->tasks.count - 1;
		load_object(load, keys, task);
	}
}

static void patch_fd(struct load *load, void *out)
{
	uint64_t fd = text_number(&load->in);

	*(int32_t *)out = fd <= INT32_MAX ? (int32_t)fd : -1;
}

#define PATCH(field) offsetof(struct report_patch, field)
void load_patches(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "pid", LOAD_SMALL, PATCH(pid), NULL },
		{ "kind", LOAD_TEXT, PATCH(kind), NULL },
		{ "what", LOAD_TEXT, PATCH(what), NULL },
		{ "where", LOAD_TEXT, PATCH(where), NULL },
		{ "file", LOAD_TEXT, PATCH(file), NULL },
		{ "line", LOAD_SMALL, PATCH(line), NULL },
		{ "count", LOAD_SMALL, PATCH(count), NULL },
		{ "fd", LOAD_PART, PATCH(fd), patch_fd },
		{ "detail", LOAD_TEXT, PATCH(more), NULL },
		{ "rule", LOAD_TEXT, PATCH(rule), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		struct report_patch *patch =
			load_row(load, &to->patches, sizeof(*patch), LOAD_CALLS, "patches");

		if (!patch)
			return;
		patch->kind = "other";
		patch->count = 1;
		patch->fd = -1;
		load_object(load, keys, patch);
	}
}
