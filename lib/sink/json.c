// SPDX-License-Identifier: BSD-2-Clause
/*
 * json.c: the report as one JSON document, and the writer both sinks use.
 *
 * Key order and array order are part of the promise: equal reports give
 * equal bytes. Writes nothing before the end of the run.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/escape.h"
#include "sink/json.h"

void json_begin(struct json *json)
{
	fputc('{', json->to);
	json->more = false;
}

static void write_item(struct json *json, cJSON *item)
{
	char *text = item ? cJSON_PrintUnformatted(item) : NULL;

	if (text)
		fputs(text, json->to);
	else
		json->err = -ENOMEM;
	cJSON_free(text);
	cJSON_Delete(item);
}

static void write_key(struct json *json, const char *key)
{
	fprintf(json->to, "%s%s\"%s\":%s", json->more ? "," : "", json->lines ? "\n  " : "", key,
		json->lines ? " " : "");
	json->more = true;
}

void json_item(struct json *json, const char *key, cJSON *item)
{
	write_key(json, key);
	write_item(json, item);
}

void json_array(struct json *json, const char *key)
{
	write_key(json, key);
	fputc('[', json->to);
	json->more_inner = false;
}

void json_element(struct json *json, cJSON *item)
{
	fprintf(json->to, "%s%s", json->more_inner ? "," : "", json->lines ? "\n    " : "");
	write_item(json, item);
	json->more_inner = true;
}

void json_array_end(struct json *json)
{
	fputs(json->lines && json->more_inner ? "\n  ]" : "]", json->to);
}

void json_end(struct json *json)
{
	fputs(json->lines ? "\n}\n" : "}\n", json->to);
}

static void check(struct json *json, const void *added)
{
	if (!added)
		json->err = -ENOMEM;
}

cJSON *json_number_item(uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	return cJSON_CreateRaw(digits);
}

void json_number(struct json *json, cJSON *object, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	json_raw(json, object, key, digits);
}

void json_raw(struct json *json, cJSON *object, const char *key, const char *value)
{
	check(json, cJSON_AddRawToObject(object, key, value));
}

void json_flag(struct json *json, cJSON *object, const char *key, bool value)
{
	check(json, cJSON_AddBoolToObject(object, key, value));
}

/* NULL is not known, and what is not known is left out. */
void json_text(struct json *json, cJSON *object, const char *key, const char *value)
{
	char safe[ESCAPE_SIZE(ESCAPE_NAME)];

	if (!value)
		return;
	gw_escape(safe, sizeof(safe), value);
	check(json, cJSON_AddStringToObject(object, key, safe));
}

void json_sentence(struct json *json, cJSON *object, const char *key, const char *value)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	if (!value || !value[0])
		return;
	escape(safe, sizeof(safe), value, ESCAPE_SENTENCE);
	check(json, cJSON_AddStringToObject(object, key, safe));
}

cJSON *json_sentence_item(struct json *json, const char *value)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];
	cJSON *item;

	escape(safe, sizeof(safe), value, ESCAPE_SENTENCE);
	item = cJSON_CreateString(safe);
	check(json, item);
	return item;
}

void json_put(struct json *json, cJSON *object, const char *key, cJSON *item)
{
	if (item && cJSON_AddItemToObject(object, key, item))
		return;
	cJSON_Delete(item);
	json->err = -ENOMEM;
}

static void write_diagnosis(struct json *json, const struct gw_report *report)
{
	enum { MAX = DIAGNOSIS_LINES };
	char(*lines)[DIAGNOSIS_SIZE] = calloc(MAX, sizeof(*lines));
	int n = lines ? sink_diagnosis(report, lines, MAX) : 0;

	check(json, lines);
	json_array(json, "diagnosis");
	for (int i = 0; i < n; i++)
		json_element(json, json_sentence_item(json, lines[i]));
	json_array_end(json);
	free(lines);
}

static void write_stacks(struct json *json, const struct gw_report *report)
{
	json_array(json, "stacks");
	for (uint32_t i = 0; i < report->stacks.count; i++)
		json_element(json, json_stack(json, report, i));
	json_array_end(json);
}

static void write_tables(struct json *json, const struct gw_report *report)
{
	json_array(json, "targets");
	report_each (report, targets, struct report_target, target)
		json_element(json, json_target(json, report, target));
	json_array_end(json);
	json_array(json, "loops");
	report_each (report, loops, struct report_loop, loop) {
		cJSON *item = json_loop(json, loop);

		json_lag_trend(json, item, report, loop);
		json_element(json, item);
	}
	json_array_end(json);
	json_array(json, "frames");
	report_each (report, frames, struct gw_frame, frame)
		json_element(json, json_frame(json, frame));
	json_array_end(json);
	write_stacks(json, report);
	json_array(json, "sites");
	report_each (report, sites, struct report_site, site)
		if (site->count || site->warmups) /* else only a stall in progress looked like it */
			json_element(json, json_site(json, site));
	if (report->judged) {
		report_each (report->judged, fixed, struct report_site, site)
			json_element(json, json_site(json, site));
	}
	json_array_end(json);
}

void json_report(struct json *json, const struct gw_report *report, bool stalls)
{
	json_item(json, "schema", json_schema(json));
	json_item(json, "tool", json_tool(json, report));
	json_item(json, "run", json_run(json, report, true));
	write_tables(json, report);
	json_array(json, "stalls");
	if (stalls) {
		report_each (report, stalls, struct gw_stall, stall)
			json_element(json, json_stall(json, report, stall));
	}
	json_array_end(json);
	json_array(json, "calls");
	report_each (report, calls, struct report_call, call)
		json_element(json, json_call(json, report, call));
	json_array_end(json);
	json_array(json, "tasks");
	report_each (report, tasks, struct report_task, task)
		if (task->samples || task->blocked_ns || task->stalls)
			json_element(json, json_task(json, report, task));
	json_array_end(json);
	json_patches(json, report);
	json_pools(json, report);
	write_diagnosis(json, report);
	json_judged(json, report);
	json_item(json, "quality", json_quality(json, report));
}

static int write_document(struct gw_sink *sink, const struct gw_report *report)
{
	struct json json = { .to = sink->to, .lines = true };
	int err;

	json_begin(&json);
	json_item(&json, "$schema", cJSON_CreateString("urn:greenwatch:report:1.0"));
	json_report(&json, report, true);
	json_end(&json);
	err = sink_flush(sink);
	return json.err ? json.err : err;
}

const struct sink_ops sink_json = {
	.name = "json",
	.extension = ".json",
	.help = "the report, to keep and to read again",
	.end = write_document,
};
