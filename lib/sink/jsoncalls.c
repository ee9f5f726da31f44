// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsoncalls.c: the inventory of calls, and who used the loops, as JSON values.
 */
#include "sink/format.h"
#include "sink/json.h"

cJSON *json_call(struct json *json, const struct gw_report *report, const struct report_call *call)
{
	cJSON *item = cJSON_CreateObject();

	json_loop_id(json, item, "loop", report, call->loop);
	json_text(json, item, "call", call->call);
	json_text(json, item, "class", call->class);
	json_peer(json, item, call->peer);
	json_number(json, item, "calls", call->calls);
	json_number(json, item, "total_ns", call->total_ns);
	json_number(json, item, "max_ns", call->max_ns);
	if (call->frame != GW_NONE)
		json_number(json, item, "frame", call->frame);
	if (call->stack != GW_NONE)
		json_number(json, item, "stack", call->stack);
	json_advice(json, item, &call->advice);
	return item;
}

static cJSON *spawned(struct json *json, const struct report_task *task)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < task->n_spawns; i++) {
		cJSON *item = cJSON_CreateObject();

		json_number(json, item, "stack", task->spawns[i].stack);
		json_number(json, item, "oncpu_ns", task->spawns[i].cpu_ns);
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

/* CPU time by steps of the run, up to where the run has come. */
static cJSON *trend(struct json *json, const struct gw_report *report,
		    const struct report_task *task)
{
	cJSON *item = cJSON_CreateObject(), *list;
	uint64_t steps = report->duration_ns / report->trend_step_ns + 1;

	json_number(json, item, "step_ns", report->trend_step_ns);
	list = cJSON_AddArrayToObject(item, "oncpu_ns");
	for (uint64_t i = 0; i < steps && i < REPORT_TREND; i++)
		cJSON_AddItemToArray(list, json_number_item(task->trend[i]));
	return item;
}

cJSON *json_task(struct json *json, const struct gw_report *report, const struct report_task *task)
{
	cJSON *item = cJSON_CreateObject();

	json_text(json, item, "name", task->name);
	json_text(json, item, "kind",
		  task->kind == GW_TASK_NONE || task->kind == GW_TASK_MAIN
			  ? "main"
			  : format_task_kind(task->kind));
	json_loop_id(json, item, "loop", report, task->loop);
	if (task->frame != GW_NONE)
		json_number(json, item, "frame", task->frame);
	if (task->n_spawns) {
		json_number(json, item, "spawned_at", task->spawns[0].stack);
		json_put(json, item, "spawned", spawned(json, task));
	}
	json_number(json, item, "instances", task->instances);
	json_number(json, item, "samples", task->samples);
	json_number(json, item, "oncpu_ns", task->cpu_ns);
	json_number(json, item, "blocked_ns", task->blocked_ns);
	json_number(json, item, "longest_hold_ns", task->longest_ns);
	json_put(json, item, "holds", json_histogram(json, task->holds, task->holds_ns));
	json_number(json, item, "stalls", task->stalls);
	if (report->trend_step_ns)
		json_put(json, item, "trend", trend(json, report, task));
	return item;
}
