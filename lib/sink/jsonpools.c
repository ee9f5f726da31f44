// SPDX-License-Identifier: BSD-2-Clause
/*
 * jsonpools.c: thread pools as JSON; no list where no pool was seen.
 */
#include "base/hist.h"
#include "sink/json.h"

static cJSON *wait_of(struct json *json, const struct report_pool *pool)
{
	cJSON *item = cJSON_CreateObject();
	uint64_t counts[HIST_BOUNDS + 1];

	hist_fold(pool->wait, counts);
	json_number(json, item, "max_ns", pool->wait_max_ns);
	json_number(json, item, "p50_ns", hist_quantile(pool->wait, 0.5, pool->wait_max_ns));
	json_number(json, item, "p90_ns", hist_quantile(pool->wait, 0.9, pool->wait_max_ns));
	json_number(json, item, "p99_ns", hist_quantile(pool->wait, 0.99, pool->wait_max_ns));
	json_put(json, item, "histogram", json_histogram(json, counts, pool->wait_sum_ns));
	return item;
}

static cJSON *waiting(struct json *json, const struct report_pool *pool)
{
	cJSON *list = cJSON_CreateArray();

	for (uint32_t i = 0; i < pool->n_next; i++)
		cJSON_AddItemToArray(list, json_sentence_item(json, pool->next[i]));
	return list;
}

static cJSON *pool_item(struct json *json, const struct report_pool *pool)
{
	cJSON *item = cJSON_CreateObject();

	json_number(json, item, "pid", pool->pid);
	json_text(json, item, "kind", pools_kind(pool));
	json_text(json, item, "name", pool->name ? pool->name : "?");
	json_number(json, item, "size", pool->size);
	json_number(json, item, "threads", pool->threads);
	json_number(json, item, "busy_max", pool->busy_max);
	json_number(json, item, "queued_max", pool->queued_max);
	json_number(json, item, "watched_ns", pools_watched(pool));
	json_number(json, item, "saturated_ns", pool->saturated_ns);
	if (pool->waits) {
		json_number(json, item, "waits", pool->waits);
		json_put(json, item, "wait", wait_of(json, pool));
		json_number(json, item, "wait_off_ns", pool->wait_off_ns);
	}
	if (pool->n_next)
		json_put(json, item, "waiting", waiting(json, pool));
	json_text(json, item, "rule", pools_rule(pool));
	return item;
}

void json_pools(struct json *json, const struct gw_report *report)
{
	if (!report->pools.count)
		return;
	json_array(json, "pools");
	report_each (report, pools, struct report_pool, pool)
		json_element(json, pool_item(json, pool));
	json_array_end(json);
}
