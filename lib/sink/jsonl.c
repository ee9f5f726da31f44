// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonl.c: one JSON object a line: start, each stall as it comes, summary.
 *
 * Every line is flushed, so that a reader sees a stall when it happens. A
 * stall line carries the frames, stacks and sites that no line before it
 * had; appended to the tables, every index resolves. The summary holds the
 * whole report without the stalls.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "sink/json.h"

struct jsonl {
	uint32_t frames, stacks; /* written so far */
	struct map sites;        /* fingerprints written so far */
};

static int finish(struct gw_sink *sink, struct json *json)
{
	int err;

	json_end(json);
	err = sink_flush(sink);
	return json->err ? json->err : err;
}

static int jsonl_open(struct gw_sink *sink)
{
	sink->state = calloc(1, sizeof(struct jsonl));
	return sink->state ? 0 : -ENOMEM;
}

static int jsonl_start(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to };

	json_begin(&json);
	json_item(&json, "type", cJSON_CreateString("start"));
	json_item(&json, "schema", json_schema(&json));
	json_item(&json, "tool", json_tool(&json, report));
	json_item(&json, "run", json_run(&json, report, false));
	json_array(&json, "targets");
	report_each (report, targets, struct report_target, target)
		json_element(&json, json_target(&json, report, target));
	json_array_end(&json);
	return finish(sink, &json);
}

/* The stall's own keys on the level of the line. */
static void write_stall(struct json *json, cJSON *stall)
{
	if (!stall)
		json->err = -ENOMEM;
	while (stall && stall->child) {
		cJSON *item = cJSON_DetachItemViaPointer(stall, stall->child);

		json_item(json, item->string, item);
	}
	cJSON_Delete(stall);
}

static void write_new(struct json *json, struct jsonl *state, const struct gw_report *report)
{
	json_array(json, "frames");
	for (; state->frames < report->frames.count; state->frames++)
		json_element(json, json_frame(json, report_frame(report, state->frames)));
	json_array_end(json);
	json_array(json, "stacks");
	for (; state->stacks < report->stacks.count; state->stacks++)
		json_element(json, json_stack(json, report, state->stacks));
	json_array_end(json);
}

static void write_site(struct json *json, struct jsonl *state, const struct report_site *site)
{
	uint64_t key = strtoull(site->fingerprint + 4, NULL, 16), seen;

	json_array(json, "sites");
	if (!map_get(&state->sites, key, &seen)) {
		json_element(json, json_site(json, site));
		if (map_put(&state->sites, key, 1) == -ENOMEM)
			json->err = -ENOMEM;
	}
	json_array_end(json);
}

static int jsonl_stall(struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall)
{
	struct json json = { .to = sink->to };

	json_begin(&json);
	json_item(&json, "type", cJSON_CreateString("stall"));
	write_stall(&json, json_stall(&json, report, stall));
	write_new(&json, sink->state, report);
	if (stall->site != GW_NONE)
		write_site(&json, sink->state, report_site(report, stall->site));
	return finish(sink, &json);
}

static int jsonl_end(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to };

	json_begin(&json);
	json_item(&json, "type", cJSON_CreateString("summary"));
	json_report(&json, report, false);
	return finish(sink, &json);
}

static void jsonl_close(struct gw_sink *sink)
{
	struct jsonl *state = sink->state;

	if (!state)
		return;
	map_free(&state->sites);
	free(state);
}

const struct sink_ops sink_jsonl = {
	.name = "jsonl",
	.extension = ".jsonl",
	.help = "one object per stall and a summary",
	.open = jsonl_open,
	.start = jsonl_start,
	.stall = jsonl_stall,
	.end = jsonl_end,
	.close = jsonl_close,
};
