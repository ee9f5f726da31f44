// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonstall.c: one stall as a JSON value.
 *
 * A sample without a stack, or in a state the format has no word for, says
 * less rather than something untrue.
 */
#include <inttypes.h>
#include <stdio.h>

#include "sink/format.h"
#include "sink/json.h"

static void append(struct json *json, cJSON *list, cJSON *item)
{
	if (!item || !cJSON_AddItemToArray(list, item))
		json_put(json, list, "", NULL);
}

void json_peer(struct json *json, cJSON *object, const struct gw_peer *peer)
{
	cJSON *item;

	if (!peer)
		return;
	item = cJSON_CreateObject();
	if (peer->fd >= 0)
		json_number(json, item, "fd", (uint64_t)peer->fd);
	json_text(json, item, "kind", peer->kind);
	json_text(json, item, "path", peer->path);
	json_text(json, item, "local", peer->local);
	json_text(json, item, "remote", peer->remote);
	json_text(json, item, "fstype", peer->fstype);
	if (peer->fd >= 0)
		json_flag(json, item, "blocking_mode", peer->blocking_mode);
	json_put(json, object, "peer", item);
}

void json_advice(struct json *json, cJSON *object, const struct gw_advice *advice)
{
	static const char *const confidence[] = {
		[GW_CONFIDENCE_LOW] = "low",
		[GW_CONFIDENCE_MEDIUM] = "medium",
		[GW_CONFIDENCE_HIGH] = "high",
	};
	cJSON *list, *item;

	if (!advice->rule)
		return;
	list = cJSON_CreateArray();
	item = cJSON_CreateObject();
	json_text(json, item, "rule", advice->rule);
	json_sentence(json, item, "title", advice->title);
	json_sentence(json, item, "fix", advice->fix);
	json_text(json, item, "confidence", confidence[advice->confidence]);
	append(json, list, item);
	json_put(json, object, "advice", list);
}

static cJSON *waits(struct json *json, const struct gw_stall *stall)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < stall->n_waits; i++) {
		const struct gw_wait *wait = &stall->waits[i];
		cJSON *item = cJSON_CreateObject();

		json_text(json, item, "call", wait->call ? wait->call : "other");
		json_text(json, item, "class", wait->class);
		json_number(json, item, "calls", wait->calls);
		json_number(json, item, "total_ns", wait->total_ns);
		json_number(json, item, "max_ns", wait->max_ns);
		if (wait->stack != GW_NONE)
			json_number(json, item, "stack", wait->stack);
		json_peer(json, item, wait->peer);
		append(json, list, item);
	}
	return list;
}

static const char *state_name(enum gw_state state)
{
	switch (state) {
	case GW_STATE_ONCPU:
		return "oncpu";
	case GW_STATE_BLOCKED:
		return "blocked";
	case GW_STATE_RUNQUEUE:
		return "runqueue";
	case GW_STATE_STOPPED:
		return NULL; /* schema 1.0 has no word for it */
	case GW_STATE_GIL:
		return "gil";
	case GW_STATE_GC:
		return "gc";
	}
	return NULL;
}

static cJSON *samples(struct json *json, const struct gw_stall *stall)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < stall->n_samples; i++) {
		const struct gw_sample *sample = &stall->samples[i];
		cJSON *item;

		if (sample->stack == GW_NONE)
			continue;
		item = cJSON_CreateObject();
		json_number(json, item, "stack", sample->stack);
		json_number(json, item, "weight_ns", sample->weight_ns);
		json_text(json, item, "state", state_name(sample->state));
		json_text(json, item, "task", sample->task);
		append(json, list, item);
	}
	return list;
}

static cJSON *culprits(struct json *json, const struct gw_stall *stall)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < stall->n_culprits; i++) {
		const struct gw_culprit *culprit = &stall->culprits[i];
		cJSON *item = cJSON_CreateObject();

		json_text(json, item, "role", culprit->role ? culprit->role : "preemptor");
		json_number(json, item, "pid", culprit->pid);
		if (culprit->tid)
			json_number(json, item, "tid", culprit->tid);
		json_text(json, item, "comm", culprit->comm ? culprit->comm : "?");
		json_number(json, item, "share_ns", culprit->share_ns);
		if (culprit->stack != GW_NONE)
			json_number(json, item, "stack", culprit->stack);
		append(json, list, item);
	}
	return list;
}

/* The outermost frame of its chain. */
static void task_coroutine(struct json *json, cJSON *item, const struct gw_report *report,
			   uint32_t chain)
{
	const uint32_t *frames;
	uint32_t n = chain == GW_NONE ? 0 : report_stack(report, chain, &frames);

	if (!n)
		return;
	json_text(json, item, "coroutine", report_frame(report, frames[n - 1])->name);
	json_number(json, item, "chain", chain);
}

static cJSON *tasks(struct json *json, const struct gw_report *report, const struct gw_stall *stall)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < stall->n_tasks; i++) {
		const struct gw_task *task = &stall->tasks[i];
		cJSON *item = cJSON_CreateObject();

		json_text(json, item, "name", task->name);
		json_text(json, item, "kind", format_task_kind(task->kind));
		json_number(json, item, "share_ns", task->share_ns);
		if (task->spawned_at != GW_NONE)
			json_number(json, item, "spawned_at", task->spawned_at);
		if (task->frame != GW_NONE)
			json_number(json, item, "frame", task->frame);
		task_coroutine(json, item, report, task->chain);
		append(json, list, item);
	}
	return list;
}

static cJSON *delayed(struct json *json, const struct gw_stall *stall)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "ready", stall->ready);
	if (stall->longest_ns)
		json_number(json, item, "longest_ns", stall->longest_ns);
	return item;
}

static cJSON *ledger(struct json *json, const struct gw_stall *stall)
{
	cJSON *item = cJSON_CreateObject();

	json_ledger(json, item, &stall->ledger);
	return item;
}

cJSON *json_stall(struct json *json, const struct gw_report *report, const struct gw_stall *stall)
{
	cJSON *item = cJSON_CreateObject();
	char id[32];

	snprintf(id, sizeof(id), "%" PRIu32 "/%" PRIu32, stall->pid, stall->tid);
	json_text(json, item, "loop", id);
	json_number(json, item, "at_ns", stall->at_ns);
	json_number(json, item, "duration_ns", stall->duration_ns);
	if (stall->open)
		json_flag(json, item, "open", true);
	if (stall->underway)
		json_flag(json, item, "underway", true);
	if (stall->warmup)
		json_flag(json, item, "warmup", true);
	json_text(json, item, "cause", gw_cause_name(stall->cause));
	json_sentence(json, item, "why", stall->why);
	json_text(json, item, "site",
		  stall->site != GW_NONE ? report_site(report, stall->site)->fingerprint : "");
	if (stall->frame != GW_NONE)
		json_number(json, item, "frame", stall->frame);
	if (stall->stack != GW_NONE)
		json_number(json, item, "stack", stall->stack);
	json_put(json, item, "ledger", ledger(json, stall));
	if (stall->n_waits)
		json_put(json, item, "waits", waits(json, stall));
	if (stall->n_samples)
		json_put(json, item, "samples", samples(json, stall));
	if (stall->n_culprits)
		json_put(json, item, "culprits", culprits(json, stall));
	if (stall->n_tasks)
		json_put(json, item, "tasks", tasks(json, report, stall));
	if (!stall->open && stall->ready != GW_NONE)
		json_put(json, item, "delayed", delayed(json, stall));
	return item;
}
