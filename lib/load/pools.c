// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools.c: thread pools of a report that is read. What a sink derives (the
 * rule, how long it was watched) comes out again of what is kept.
 */
#include <errno.h>
#include <string.h>

#include "base/hist.h"
#include "load/load.h"

#define POOL(field) offsetof(struct report_pool, field)

struct pool_read {
	struct report_pool pool;
	uint64_t counts[HIST_BOUNDS + 1];
	uint64_t ns[REPORT_SHARES];
	uint64_t watched_ns;
};

static void kind(struct load *load, void *out)
{
	static const char *const words[WIRE_POOL_KINDS] = {
		[WIRE_POOL_EXECUTOR] = "executor",
		[WIRE_POOL_ASYNCIO] = "asyncio",
		[WIRE_POOL_GEVENT] = "gevent",
		[WIRE_POOL_UV] = "libuv",
	};
	int i = load_word(load, words, WIRE_POOL_KINDS);

	*(enum wire_pool_kind *)out = i < 0 ? WIRE_POOL_EXECUTOR : (enum wire_pool_kind)i;
}

static void histogram(struct load *load, void *object)
{
	struct pool_read *read = object;

	load_histogram(load, read->counts, &read->pool.wait_sum_ns);
}

static void wait(struct load *load, void *object)
{
#define SHARE(name, i)                                                                             \
	{                                                                                          \
		name, LOAD_NUMBER, offsetof(struct pool_read, ns) + (i) * sizeof(uint64_t), NULL   \
	}
	static const struct load_key keys[] = {
		{ "max_ns", LOAD_NUMBER, POOL(wait_max_ns), NULL },
		SHARE("p50_ns", 0),
		SHARE("p90_ns", 1),
		SHARE("p99_ns", 2),
		{ "histogram", LOAD_PART, 0, histogram },
		{ NULL, LOAD_PART, 0, NULL },
	};
#undef SHARE
	load_object(load, keys, object);
}

static void waiting(struct load *load, void *object)
{
	struct report_pool *pool = object;
	const uint32_t most = sizeof(pool->next) / sizeof(pool->next[0]);
	const char **names = NULL;
	uint32_t n = load_texts(load, &names);

	pool->n_next = 0; /* the key may come again */
	for (uint32_t i = 0; i < n && i < most; i++)
		pool->next[pool->n_next++] = names[i];
}

static void keep(struct load *load, struct pool_read *read)
{
	struct gw_report *report = load->report;
	struct report_pool *row =
		load_row(load, &report->pools, sizeof(*row), LOAD_TARGETS, "pools");

	if (!row)
		return;
	hist_rebuild(read->pool.wait, read->counts, report_shares, read->ns, REPORT_SHARES,
		     read->pool.wait_max_ns);
	read->pool.until_ns = read->watched_ns;
	*row = read->pool;
}

void load_pools(struct load *load, void *unused)
{
	static const struct load_key keys[] = {
		{ "pid", LOAD_SMALL, POOL(pid), NULL },
		{ "kind", LOAD_PART, POOL(kind), kind },
		{ "name", LOAD_TEXT, POOL(name), NULL },
		{ "size", LOAD_SMALL, POOL(size), NULL },
		{ "threads", LOAD_SMALL, POOL(threads), NULL },
		{ "busy_max", LOAD_SMALL, POOL(busy_max), NULL },
		{ "queued_max", LOAD_SMALL, POOL(queued_max), NULL },
		{ "watched_ns", LOAD_NUMBER, offsetof(struct pool_read, watched_ns), NULL },
		{ "saturated_ns", LOAD_NUMBER, POOL(saturated_ns), NULL },
		{ "waits", LOAD_NUMBER, POOL(waits), NULL },
		{ "wait", LOAD_PART, 0, wait },
		{ "wait_off_ns", LOAD_NUMBER, POOL(wait_off_ns), NULL },
		{ "waiting", LOAD_PART, 0, waiting },
		{ NULL, LOAD_PART, 0, NULL },
	};
	struct pool_read read;

	(void)unused;
	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		memset(&read, 0, sizeof(read));
		for (int i = 0; i < REPORT_SHARES; i++)
			read.ns[i] = GW_UNKNOWN_NS;
		load_object(load, keys, &read);
		keep(load, &read);
	}
}
