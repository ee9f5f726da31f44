// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonstall.c: one stall as a JSON value.
 *
 * A sample without a stack, or in a state the format has no word for, says
 * less rather than something untrue.
 */
#include <inttypes.h>
#include <stdio.h>

#include "sink/json.h"

static void append(struct json *json, cJSON *list, cJSON *item)
{
	if (!item || !cJSON_AddItemToArray(list, item))
		json_put(json, list, "", NULL);
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
		json_number(json, item, "tid", culprit->tid);
		json_text(json, item, "comm", culprit->comm ? culprit->comm : "?");
		json_number(json, item, "share_ns", culprit->share_ns);
		append(json, list, item);
	}
	return list;
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
	return item;
}
