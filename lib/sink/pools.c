// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools.c: thread pools in words: a line of the summary, a sentence of the diagnosis.
 *
 *	pool    gevent.threadpool: 10 threads, full 62.0 % of the time, 38 jobs waited, max 402 ms
 *
 * A pool that was never full and never made work wait is in neither.
 */
#include <inttypes.h>
#include <string.h>

#include "base/hist.h"
#include "sink/text.h"

#define POOLS  8 /* lines, unless verbose */
#define TELL   2 /* a wait is told of in the diagnosis from the threshold divided by this on */
#define FREE_N 2 /* and the loop was free if no turn took more than the wait divided by this */

const char *pools_kind(const struct report_pool *pool)
{
	static const char *const kinds[WIRE_POOL_KINDS] = {
		[WIRE_POOL_EXECUTOR] = "executor",
		[WIRE_POOL_ASYNCIO] = "asyncio",
		[WIRE_POOL_GEVENT] = "gevent",
		[WIRE_POOL_UV] = "libuv",
	};

	return kinds[pool->kind];
}

uint64_t pools_watched(const struct report_pool *pool)
{
	return pool->until_ns > pool->since_ns ? pool->until_ns - pool->since_ns : 0;
}

static bool is_lookup(const char *function)
{
	static const char *const names[] = { "getaddrinfo", "getnameinfo", "gethostbyname",
					     "gethostbyname_ex", "gethostbyaddr" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(function, names[i]))
			return true;
	return false;
}

/* Work that waits while a thread is free waits for that thread to get a CPU. */
const char *pools_rule(const struct report_pool *pool)
{
	if (!pool->waits || !pool->saturated_ns)
		return NULL;
	if (pool->kind == WIRE_POOL_UV)
		return "GW8008";
	for (uint32_t i = 0; pool->kind == WIRE_POOL_GEVENT && i < pool->n_next; i++)
		if (is_lookup(pool->next[i]))
			return "GW2012";
	return "GW3008";
}

static void print_pool(const struct gw_sink *sink, const struct report_pool *pool)
{
	char name[TEXT_NAME], share[FORMAT_TIME], n[FORMAT_TIME], p[2][FORMAT_TIME];
	const char *rule = pools_rule(pool);

	gw_escape(name, sizeof(name), pool->name ? pool->name : "?");
	fprintf(sink->to, "pool    %s: %" PRIu32 " thread%s, full %s of the time", name,
		pool->threads, pool->threads == 1 ? "" : "s",
		format_share(share, pool->saturated_ns, pools_watched(pool)));
	if (pool->waits)
		fprintf(sink->to, ", %s job%s waited to start, p50 %s  max %s",
			format_count(n, pool->waits), pool->waits == 1 ? "" : "s",
			format_time(p[0], hist_quantile(pool->wait, 0.5, pool->wait_max_ns)),
			format_time(p[1], pool->wait_max_ns));
	fprintf(sink->to, "%s%s\n", rule ? "  " : "", rule ? rule : "");
}

void text_pools(const struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t shown = 0, more = 0;

	report_each (report, pools, struct report_pool, pool) {
		if (!pool->saturated_ns)
			continue;
		if (shown == POOLS && !sink->opts.verbose) {
			more++;
			continue;
		}
		print_pool(sink, pool);
		shown++;
	}
	if (more)
		fprintf(sink->to, "        %" PRIu32 " more pools: -v lists them\n", more);
}

/* The longest turn of the loops beside the pool. */
static uint64_t longest_turn(const struct gw_report *report, uint32_t pid)
{
	uint64_t ns = 0;

	report_each (report, loops, struct report_loop, loop)
		if (loop->pid == pid && loop->lag_max_ns > ns)
			ns = loop->lag_max_ns;
	return ns;
}

static const char *called(const struct report_pool *pool, char *text, size_t size)
{
	char name[TEXT_NAME];

	gw_escape(name, sizeof(name), pool->name ? pool->name : "?");
	if (pool->kind == WIRE_POOL_EXECUTOR)
		snprintf(text, size, "The thread pool %.200s", name);
	else
		snprintf(text, size, "The thread pool of %s", pools_kind(pool));
	return text;
}

/* ", among them getaddrinfo": what stood first in the line. */
static const char *among(const struct report_pool *pool, char *text, size_t size)
{
	char name[TEXT_NAME];

	text[0] = '\0';
	if (!pool->n_next)
		return text;
	gw_escape(name, sizeof(name), pool->next[0]);
	snprintf(text, size, " (%s%.160s)", pool->n_next > 1 ? "among them " : "", name);
	return text;
}

bool pools_say(const struct gw_report *report, char *line, size_t size)
{
	const struct report_pool *pool = report->pools.items; /* the heaviest comes first */
	char name[256], what[256], share[FORMAT_TIME], n[FORMAT_TIME], p[2][FORMAT_TIME];
	const struct gw_rule *rule;
	uint64_t turn_ns;
	int len;

	if (!report->pools.count || !pools_rule(pool) ||
	    pool->wait_max_ns < report->threshold_ns / TELL)
		return false;
	turn_ns = longest_turn(report, pool->pid);
	len = snprintf(line, size,
		       "%s (%" PRIu32 " thread%s) was full %s of the time: %s job%s%s waited up to "
		       "%s to start",
		       called(pool, name, sizeof(name)), pool->threads,
		       pool->threads == 1 ? "" : "s",
		       format_share(share, pool->saturated_ns, pools_watched(pool)),
		       format_count(n, pool->waits), pool->waits == 1 ? "" : "s",
		       among(pool, what, sizeof(what)), format_span(p[0], pool->wait_max_ns));
	if (len < 0 || (size_t)len >= size)
		return true;
	line += len;
	size -= (size_t)len;
	if (turn_ns < pool->wait_max_ns / FREE_N)
		len = snprintf(line, size, ", though the loop itself was free (worst turn %s)",
			       format_span(p[1], turn_ns));
	else
		len = 0;
	rule = gw_rule_find(pools_rule(pool));
	if (rule && len >= 0 && (size_t)len < size)
		snprintf(line + len, size - (size_t)len, ". %s: %s", rule->id, rule->fix);
	return true;
}
