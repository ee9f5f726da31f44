/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h: what the two JSON sinks share; only sink/json*.c knows cJSON.
 *
 * A document is written item by item: each value is built, printed and freed
 * before the next, so that memory does not grow with the number of stalls.
 * Errors stick in struct json and end up as the sink's return value.
 */
#ifndef JSON_H
#define JSON_H

#include <cjson/cJSON.h>

#include "sink/sink.h"

struct json {
	FILE *to;
	bool lines;      /* one item a line; else all in one line */
	bool more;       /* an item was written on this level */
	bool more_inner; /* and inside the open array */
	int err;
};

/* Writing; item is taken, NULL counts as out of memory. */
void json_begin(struct json *json);
void json_item(struct json *json, const char *key, cJSON *item);
void json_array(struct json *json, const char *key);
void json_element(struct json *json, cJSON *item);
void json_array_end(struct json *json);
void json_end(struct json *json);

/* HIST_BOUNDS + 1 counts (jsonpart.c). */
cJSON *json_histogram(struct json *json, const uint64_t *counts, uint64_t sum_ns);

/* Building. Numbers are exact up to 64 bits. */
void json_number(struct json *json, cJSON *object, const char *key, uint64_t value);
void json_flag(struct json *json, cJSON *object, const char *key, bool value);
void json_text(struct json *json, cJSON *object, const char *key, const char *value);
void json_sentence(struct json *json, cJSON *object, const char *key, const char *value);
void json_raw(struct json *json, cJSON *object, const char *key, const char *value);
void json_put(struct json *json, cJSON *object, const char *key, cJSON *item); /* takes it */
cJSON *json_sentence_item(struct json *json, const char *value);
cJSON *json_number_item(uint64_t value);

/* Parts of the document (jsonpart.c). */
cJSON *json_schema(struct json *json);
cJSON *json_tool(struct json *json, const struct gw_report *report);
cJSON *json_run(struct json *json, const struct gw_report *report, bool ended);
cJSON *json_target(struct json *json, const struct gw_report *report,
		   const struct report_target *target);
cJSON *json_loop(struct json *json, const struct report_loop *loop);
/* Adds the lag over the run, if there is one, to what json_loop() made. */
void json_lag_trend(struct json *json, cJSON *loop, const struct gw_report *report,
		    const struct report_loop *from);
cJSON *json_frame(struct json *json, const struct gw_frame *frame);
cJSON *json_stack(struct json *json, const struct gw_report *report, uint32_t stack);
cJSON *json_site(struct json *json, const struct report_site *site);
cJSON *json_quality(struct json *json, const struct gw_report *report);
void json_ledger(struct json *json, cJSON *object, const struct gw_ledger *ledger);

/* What explains a stall or a site (jsonstall.c). Nothing is put where nothing is known. */
void json_peer(struct json *json, cJSON *object, const struct gw_peer *peer);
void json_advice(struct json *json, cJSON *object, const struct gw_advice *advice);

/* "PID/TID" of a loop; nothing for GW_NONE. */
void json_loop_id(struct json *json, cJSON *object, const char *key, const struct gw_report *report,
		  uint32_t loop);

/* Who and what used the loops (jsoncalls.c). */
cJSON *json_call(struct json *json, const struct gw_report *report, const struct report_call *call);
cJSON *json_task(struct json *json, const struct gw_report *report, const struct report_task *task);

/* Audits (jsonpatch.c). */
void json_patching(struct json *json, cJSON *target, const struct gw_report *report, uint32_t pid);
void json_patches(struct json *json, const struct gw_report *report);

/* budgets and suppressed, where something was judged (jsonjudged.c). */
void json_judged(struct json *json, const struct gw_report *report);
void json_pools(struct json *json, const struct gw_report *report); /* jsonpools.c */

/* One stall (jsonstall.c). */
cJSON *json_stall(struct json *json, const struct gw_report *report, const struct gw_stall *stall);

/* The whole report between json_begin and json_end; stalls unless they were streamed. */
void json_report(struct json *json, const struct gw_report *report, bool stalls);

#endif
