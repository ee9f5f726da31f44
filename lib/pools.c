// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools.c: states of pools to times. See pools.h.
 *
 *	queue   q1 q2        those that start next
 *	waiting    w1 w2 w3  greenlets that wait for a place in it (gevent)
 *
 * Both are one line to stand in. Who of the queue is gone has started; who
 * is gone from the waiting is in the queue now, under another name, or has
 * started too.
 */
#include "pools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "collect.h"
#include "tables.h"

#define MAX_POOLS 256
#define MAX_RUNS  65536 /* items that came at different looks */

/* Items that came at the same look. */
struct run {
	uint64_t since_ns, off_ns; /* off_ns: it may be that much sooner or later */
	uint32_t count;
	bool early; /* they came in the warm-up: no time of theirs counts */
};

struct window {
	uint32_t total, n;
	uint64_t ids[WIRE_POOL_ITEMS];
};

struct pool {
	uint32_t pid;
	uint64_t id;
	struct window queued, waiting;
	struct run *line; /* a ring: those that wait, the first to start first */
	uint32_t first, n_runs, room;
	uint32_t busy;    /* at the last look */
	uint64_t full_ns; /* full since; 0: it is not */
	bool over;        /* looked at no more, at over_ns */
	uint64_t over_ns;
	struct report_pool sum; /* of what is over */
};

struct pools {
	struct pool *list[MAX_POOLS];
	uint32_t count;
};

int pools_new(struct pools **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void pools_free(struct pools *pools)
{
	if (!pools)
		return;
	for (uint32_t i = 0; i < pools->count; i++) {
		free(pools->list[i]->line);
		free(pools->list[i]);
	}
	free(pools);
}

static struct run *run_at(const struct pool *pool, uint32_t i)
{
	return &pool->line[(pool->first + i) % pool->room];
}

static int more_room(struct pool *pool)
{
	uint32_t room = pool->room ? 2 * pool->room : 16;
	struct run *line = malloc(room * sizeof(*line));

	if (!line)
		return -ENOMEM;
	for (uint32_t i = 0; i < pool->n_runs; i++)
		line[i] = *run_at(pool, i);
	free(pool->line);
	pool->line = line;
	pool->first = 0;
	pool->room = room;
	return 0;
}

/* Where there is no room for more times, those that came last share one. */
static int line_up(struct pool *pool, const struct run *run)
{
	if (!run->count)
		return 0;
	if (pool->n_runs == MAX_RUNS) {
		run_at(pool, pool->n_runs - 1)->count += run->count;
		return 0;
	}
	if (pool->n_runs == pool->room && more_room(pool))
		return -ENOMEM;
	pool->n_runs++;
	*run_at(pool, pool->n_runs - 1) = *run;
	return 0;
}

/* count items that began to wait with run have waited up to end_ns. */
static void count_waits(struct report_pool *sum, const struct run *run, uint32_t count,
			uint64_t end_ns, uint64_t off_ns)
{
	uint64_t ns = end_ns > run->since_ns ? end_ns - run->since_ns : 0;

	if (run->early)
		return;
	hist_count(sum->wait, ns, count);
	sum->waits += count;
	sum->wait_sum_ns += ns * count;
	if (ns > sum->wait_max_ns)
		sum->wait_max_ns = ns;
	if (run->off_ns + off_ns > sum->wait_off_ns)
		sum->wait_off_ns = run->off_ns + off_ns;
}

static void start(struct pool *pool, uint32_t count, uint64_t at_ns, uint64_t off_ns)
{
	while (count && pool->n_runs) {
		struct run *run = run_at(pool, 0);
		uint32_t some = count < run->count ? count : run->count;

		count_waits(&pool->sum, run, some, at_ns, off_ns);
		run->count -= some;
		count -= some;
		if (run->count)
			continue;
		pool->first = (pool->first + 1) % pool->room;
		pool->n_runs--;
	}
}

/* Are the items from old[k] on those that new begins with, as far as both are known? */
static bool follows(const struct window *old, uint32_t k, const struct window *new)
{
	uint32_t n = old->n - k < new->n ? old->n - k : new->n;

	return n && !memcmp(old->ids + k, new->ids, n * sizeof(old->ids[0]));
}

/* How many of the old items have left. Addresses are reused, so all that can be compared is; an
 * item may be taken out of the middle, so then the first that is still there tells. */
static uint32_t left(const struct window *old, const struct window *new)
{
	if (!new->n)
		return old->total - (new->total < old->total ? new->total : old->total);
	for (uint32_t k = 0; k < old->n; k++)
		if (follows(old, k, new))
			return k;
	for (uint32_t k = 0; k < old->n; k++)
		for (uint32_t i = 0; i < new->n; i++)
			if (old->ids[k] == new->ids[i])
				return k > i ? k - i : 0;
	return old->n == old->total ? old->total : old->n;
}

/* Of both parts: those that moved from the one to the other have not started. */
static uint32_t started(const struct pool *pool, const struct window *queued,
			const struct window *waiting)
{
	uint32_t gone = left(&pool->queued, queued), moved = left(&pool->waiting, waiting);
	uint32_t stayed = pool->queued.total - gone;
	uint32_t fresh = queued->total > stayed ? queued->total - stayed : 0;

	return gone + (moved > fresh ? moved - fresh : 0);
}

static void copy_window(struct window *to, uint32_t total, uint32_t n, const uint64_t *ids)
{
	to->total = total;
	to->n = n;
	memcpy(to->ids, ids, n * sizeof(*ids));
}

/* Every thread works, and no further one may come, or none comes though there is work. */
static bool is_full(const struct wire_pool *now)
{
	return now->full || (now->threads && now->busy >= now->threads &&
			     (now->threads >= now->size || now->queued || now->waiting));
}

static void account_full(struct pool *pool, bool full, uint64_t at_ns)
{
	if (full && !pool->full_ns)
		pool->full_ns = at_ns;
	if (!full && pool->full_ns) {
		pool->sum.saturated_ns += at_ns > pool->full_ns ? at_ns - pool->full_ns : 0;
		pool->full_ns = 0;
	}
}

static int account_line(struct pool *pool, const struct event_pool *event, uint64_t at_ns,
			uint64_t off_ns)
{
	const struct wire_pool *now = event->fixed;
	struct run run = { .since_ns = at_ns, .off_ns = off_ns };
	struct window queued, waiting;
	uint32_t before = pool->queued.total + pool->waiting.total, gone, stayed;

	copy_window(&queued, now->queued, now->n_queued, event->ids);
	copy_window(&waiting, now->waiting, now->n_waiting, event->ids + now->n_queued);
	gone = started(pool, &queued, &waiting);
	if (gone > before)
		gone = before;
	stayed = before - gone;
	if (stayed > now->queued + now->waiting) /* more have left, from behind */
		gone += stayed - now->queued - now->waiting;
	start(pool, gone, at_ns, off_ns);
	run.count = now->queued + now->waiting - (before - gone);
	pool->queued = queued;
	pool->waiting = waiting;
	if (now->queued + now->waiting > pool->sum.queued_max)
		pool->sum.queued_max = now->queued + now->waiting;
	return line_up(pool, &run);
}

/* What it is that waits, of those that were first in the line. */
static void note_next(struct gw_report *report, struct report_pool *sum, const char *next)
{
	if (!next[0])
		return;
	for (uint32_t i = 0; i < sum->n_next; i++)
		if (!strcmp(sum->next[i], next))
			return;
	if (sum->n_next < REPORT_POOL_NEXT)
		sum->next[sum->n_next] = tables_string(report, next);
	if (sum->n_next < REPORT_POOL_NEXT && sum->next[sum->n_next])
		sum->n_next++;
}

static void add_name(struct gw_report *report, struct pool *pool, const struct event_pool *event)
{
	const struct wire_pool *now = event->fixed;
	struct report_pool *sum = &pool->sum;

	sum->pid = now->pid;
	sum->kind = now->kind;
	if (!sum->name)
		sum->name = tables_string(report, event->name);
	sum->size = now->size;
	if (now->threads > sum->threads)
		sum->threads = now->threads;
	pool->busy = now->busy;
	if (now->busy > sum->busy_max)
		sum->busy_max = now->busy;
	note_next(report, sum, event->next);
}

static struct pool *find(const struct pools *pools, const struct wire_pool *wanted)
{
	for (uint32_t i = 0; i < pools->count; i++)
		if (pools->list[i]->pid == wanted->pid && pools->list[i]->id == wanted->id &&
		    !pools->list[i]->over)
			return pools->list[i];
	return NULL;
}

/* Of those that are over, the one that made work wait least goes. 0 or -ENOMEM; there may be none.
 */
static int make_room(struct pools *pools, struct gw_report *report)
{
	struct event_note note = { .what = "thread pools", .fix = "" };
	struct pool **least = NULL;

	for (struct pool **it = pools->list; it < pools->list + pools->count; it++)
		if ((*it)->over && (!least || (*it)->sum.wait_sum_ns < (*least)->sum.wait_sum_ns))
			least = it;
	note.why = least ? "more than 256: of those that have ended, the ones that made work wait "
			   "least are left out"
			 : "more than 256 at a time: those that came last are left out";
	if (least) {
		free((*least)->line);
		free(*least);
		*least = pools->list[--pools->count];
	}
	return collect_note(report, &note);
}

/* 0 or -ENOMEM; *out is NULL where there is no room. */
static int add(struct pools *pools, struct gw_report *report, const struct wire_pool *wanted,
	       struct pool **out)
{
	int err = pools->count == MAX_POOLS ? make_room(pools, report) : 0;
	struct pool *pool;

	*out = NULL;
	if (err || pools->count == MAX_POOLS)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->pid = wanted->pid;
	pool->id = wanted->id;
	pool->sum.since_ns = wanted->head.now_ns;
	pools->list[pools->count++] = *out = pool;
	return 0;
}

void pools_warmup(struct pools *pools, uint64_t now_ns)
{
	for (uint32_t i = 0; i < pools->count; i++) {
		struct pool *pool = pools->list[i];
		struct report_pool *sum = &pool->sum;

		sum->since_ns = now_ns;
		sum->saturated_ns = sum->waits = sum->wait_sum_ns = sum->wait_max_ns = 0;
		sum->wait_off_ns = 0;
		sum->busy_max = pool->busy;
		sum->queued_max = pool->queued.total + pool->waiting.total;
		memset(sum->wait, 0, sizeof(sum->wait));
		if (pool->full_ns)
			pool->full_ns = now_ns;
		for (uint32_t k = 0; k < pool->n_runs; k++)
			run_at(pool, k)->early = true;
	}
}

/* All that goes on ends here, as far as is known. */
static void finish(struct pool *pool, uint64_t now_ns)
{
	account_full(pool, false, now_ns);
	while (pool->n_runs)
		start(pool, run_at(pool, 0)->count, now_ns, 0);
	pool->over = true;
	pool->over_ns = now_ns;
}

int pools_take(struct pools *pools, struct gw_report *report, const struct event_pool *event)
{
	const struct wire_pool *now = event->fixed;
	struct pool *pool = find(pools, now);
	uint64_t before = now->before_ns ? now->before_ns : now->head.now_ns;
	uint64_t off_ns = (now->head.now_ns - before) / 2;
	int err = pool || now->head.flags ? 0 : add(pools, report, now, &pool);

	if (err || !pool)
		return err;
	if (now->head.flags) {
		finish(pool, now->head.now_ns);
		return 0;
	}
	add_name(report, pool, event);
	account_full(pool, is_full(now), before + off_ns);
	return account_line(pool, event, before + off_ns, off_ns);
}

/* What still goes on counts up to now, on a copy. */
static void settle(const struct pool *pool, struct report_pool *out, uint64_t now_ns)
{
	*out = pool->sum;
	out->until_ns = pool->over ? pool->over_ns : now_ns;
	if (pool->full_ns && now_ns > pool->full_ns)
		out->saturated_ns += now_ns - pool->full_ns;
	for (uint32_t i = 0; i < pool->n_runs; i++)
		count_waits(out, run_at(pool, i), run_at(pool, i)->count, now_ns, 0);
}

static int by_weight(const void *a, const void *b)
{
	const struct report_pool *x = a, *y = b;

	if (x->wait_sum_ns != y->wait_sum_ns)
		return x->wait_sum_ns < y->wait_sum_ns ? 1 : -1;
	if (x->saturated_ns != y->saturated_ns)
		return x->saturated_ns < y->saturated_ns ? 1 : -1;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->since_ns < y->since_ns ? -1 : x->since_ns > y->since_ns;
}

int pools_collect(const struct pools *pools, struct gw_report *report, uint64_t now_ns)
{
	report->pools.count = 0;
	for (uint32_t i = 0; i < pools->count; i++) {
		struct report_pool *out = tables_add(&report->pools, sizeof(*out));

		if (!out)
			return -ENOMEM;
		settle(pools->list[i], out, now_ns);
	}
	if (report->pools.count)
		qsort(report->pools.items, report->pools.count, sizeof(struct report_pool),
		      by_weight);
	return 0;
}
