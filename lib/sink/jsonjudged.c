// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonjudged.c: budgets and suppressions in the report; a baseline of it.
 *
 * Where nothing was judged there is no "budgets": absent is not judged, null
 * is no verdict.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sink/json.h"

/* The shortest that is still the number, as JSON has them. */
static void put_amount(struct json *json, cJSON *object, const char *key, double value)
{
	char text[40];

	if (!isfinite(value))
		return;
	snprintf(text, sizeof(text), value == floor(value) && fabs(value) < 1e15 ? "%.0f" : "%.9g",
		 value);
	json_raw(json, object, key, text);
}

static cJSON *budget(struct json *json, const struct report_budget *row)
{
	cJSON *item = cJSON_CreateObject();

	json_sentence(json, item, "expr", row->expr);
	json_text(json, item, "level", row->warn ? "warn" : "error");
	if (row->outcome == GW_NO_VERDICT)
		json_raw(json, item, "ok", "null");
	else
		json_flag(json, item, "ok", row->outcome == GW_PASS);
	if (row->measured)
		put_amount(json, item, "actual", row->actual);
	if (row->limited)
		put_amount(json, item, "limit", row->limit);
	json_text(json, item, "unit", row->unit);
	json_text(json, item, "worst", row->worst);
	json_sentence(json, item, "why", row->why);
	return item;
}

static cJSON *suppressed(struct json *json, const struct report_suppressed *row)
{
	cJSON *item = cJSON_CreateObject();

	json_sentence(json, item, "known", row->known);
	json_text(json, item, "until", row->until);
	json_text(json, item, "site", row->site);
	json_number(json, item, "count", row->count);
	json_number(json, item, "total_ns", row->total_ns);
	return item;
}

void json_judged(struct json *json, const struct gw_report *report)
{
	const struct report_judged *judged = report->judged;

	if (judged && judged->budgets.count) {
		json_array(json, "budgets");
		report_each (judged, budgets, struct report_budget, row)
			json_element(json, budget(json, row));
		json_array_end(json);
	}
	if (judged && judged->suppressed.count) {
		json_array(json, "suppressed");
		report_each (judged, suppressed, struct report_suppressed, row)
			json_element(json, suppressed(json, row));
		json_array_end(json);
	}
}

static int by_fingerprint(const void *a, const void *b)
{
	return strcmp(((const struct report_site *)a)->fingerprint,
		      ((const struct report_site *)b)->fingerprint);
}

/* What a reviewer reads: one site a line, in an order that a new run does not change. */
static void write_sites(struct json *json, const struct gw_report *report)
{
	uint32_t n = report->sites.count;
	struct report_site *sites = calloc(n + 1, sizeof(*sites));

	if (!sites) {
		json->err = -ENOMEM;
		return;
	}
	if (n)
		memcpy(sites, report->sites.items, n * sizeof(*sites));
	qsort(sites, n, sizeof(*sites), by_fingerprint);
	for (uint32_t i = 0; i < n; i++) {
		if (!sites[i].count)
			continue;
		sites[i].frame = GW_NONE;
		sites[i].stack = GW_NONE;
		sites[i].peer = NULL;
		sites[i].advice.rule = NULL;
		sites[i].change = GW_CHANGE_NONE;
		json_element(json, json_site(json, &sites[i]));
	}
	free(sites);
}

static void write_empty(struct json *json, const char *key)
{
	json_array(json, key);
	json_array_end(json);
}

/* A report all the same: it has what its schema requires, and loops for limits of lag. */
static int write_baseline(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to, .lines = true };
	int err;

	json_begin(&json);
	json_item(&json, "schema", json_schema(&json));
	json_item(&json, "tool", json_tool(&json, report));
	json_item(&json, "run", json_run(&json, report, true));
	write_empty(&json, "targets");
	json_array(&json, "loops");
	report_each (report, loops, struct report_loop, loop)
		json_element(&json, json_loop(&json, loop));
	json_array_end(&json);
	write_empty(&json, "frames");
	write_empty(&json, "stacks");
	json_array(&json, "sites");
	write_sites(&json, report);
	json_array_end(&json);
	write_empty(&json, "stalls");
	write_empty(&json, "calls");
	json_item(&json, "quality", json_quality(&json, report));
	json_end(&json);
	err = sink_flush(sink);
	return json.err ? json.err : err;
}

const struct sink_ops sink_baseline = {
	.name = "baseline",
	.help = "a report stripped to be kept in a repository",
	.end = write_baseline,
};
