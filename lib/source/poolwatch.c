// SPDX-License-Identifier: BSD-2-Clause
/*
 * poolwatch.c: when thread pools are looked at, and what is told of them.
 *
 *	every tick: has the process other threads than before? -> a look
 *	a pool is there: every 100 ms; someone works: 50 ms; full, or work waits: 20 ms
 *
 * A process without a pool costs one stat() a tick, and a look every few
 * seconds if it has several threads. A look that takes long makes the next
 * ones rarer, so that all of them together take 2 % of a CPU at most. A
 * record goes out only when a pool has changed.
 */
#include "source/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#define MS        1000000ULL
#define IDLE_NS   (100 * MS)
#define BUSY_NS   (50 * MS)
#define FULL_NS   (20 * MS)
#define COST      50 /* a look takes its pause divided by this, at most */
#define FAIL_NS   (1000 * MS)
#define FAILS     3
#define SELDOM    64 /* ticks between two looks without a reason */
#define NEW_LOOKS 8  /* after threads have come: they may be about to begin */
#define MISSES    25 /* looks in which a pool was not found, before it is over */
#define UV_LEAST  5  /* threads of a process in which libuv's pool is running */

/* A pool as it was told of last. */
struct pool_told {
	struct namer_pool pool;
	uint64_t seen_ns;
	uint32_t misses;
};

struct poolwatch {
	uint32_t threads, looks, pause;
	uint64_t due_ns, took_ns, cost_ns; /* cost_ns: of a look, as pause_of() sees it */
	uint32_t fails;                    /* looks one after the other */
	bool uv_told;
	uint32_t n;
	struct pool_told told[NAMER_POOLS_MAX];
	struct namer_pools now;
};

union pool_record {
	struct wire_pool fixed;
	char bytes[sizeof(struct wire_pool) + 8 * WIRE_POOL_ITEMS + 2 * WIRE_POOL_NAME];
};

static int tell(struct watch *w, uint32_t pid, const struct namer_pool *pool, uint64_t before_ns,
		uint64_t now_ns, bool last)
{
	union pool_record record = { .fixed = { .head.kind = WIRE_POOL,
						.head.flags = last,
						.head.now_ns = now_ns,
						.pid = pid,
						.kind = pool->kind,
						.id = pool->id,
						.before_ns = before_ns,
						.size = pool->size,
						.threads = pool->threads,
						.busy = pool->busy,
						.queued = pool->queued,
						.waiting = pool->waiting,
						.n_queued = pool->n_queued,
						.n_waiting = pool->n_waiting,
						.full = pool->full } };
	size_t ids = 8UL * (pool->n_queued + pool->n_waiting), size = sizeof(record.fixed) + ids;

	memcpy(record.bytes + sizeof(record.fixed), pool->ids, ids);
	memcpy(record.bytes + size, pool->name, strlen(pool->name) + 1);
	size += strlen(pool->name) + 1;
	memcpy(record.bytes + size, pool->next, strlen(pool->next) + 1);
	record.fixed.head.size = (uint32_t)(size + strlen(pool->next) + 1);
	return watch_hand_out(w, &record);
}

static bool same(const struct namer_pool *a, const struct namer_pool *b)
{
	return a->size == b->size && a->threads == b->threads && a->busy == b->busy &&
	       a->queued == b->queued && a->waiting == b->waiting && a->n_queued == b->n_queued &&
	       a->n_waiting == b->n_waiting && a->full == b->full &&
	       !memcmp(a->ids, b->ids, 8UL * (a->n_queued + a->n_waiting));
}

static struct pool_told *told_of(struct poolwatch *pw, const struct namer_pool *pool)
{
	for (uint32_t i = 0; i < pw->n; i++)
		if (pw->told[i].pool.id == pool->id && pw->told[i].pool.kind == pool->kind)
			return &pw->told[i];
	return NULL;
}

static int take(struct watch *w, struct poolwatch *pw, uint32_t pid, const struct namer_pool *pool,
		uint64_t now_ns)
{
	struct pool_told *told = told_of(pw, pool);
	int err = 0;

	if (!told && pw->n == NAMER_POOLS_MAX)
		return 0;
	if (!told) {
		told = &pw->told[pw->n++];
		*told = (struct pool_told){ .pool = *pool };
		err = tell(w, pid, pool, 0, now_ns, false);
	} else if (!same(&told->pool, pool)) {
		told->pool = *pool;
		err = tell(w, pid, pool, told->seen_ns, now_ns, false);
	}
	told->seen_ns = now_ns;
	told->misses = 0;
	return err;
}

static int end_pool(struct watch *w, struct poolwatch *pw, uint32_t pid, uint32_t i)
{
	const struct pool_told *told = &pw->told[i];
	int err = tell(w, pid, &told->pool, told->seen_ns, told->seen_ns, true);

	pw->told[i] = pw->told[--pw->n];
	return err;
}

static int end_missing(struct watch *w, struct poolwatch *pw, uint32_t pid, uint64_t now_ns)
{
	int err = 0;

	for (uint32_t i = pw->n; !err && i-- > 0;)
		if (pw->told[i].seen_ns != now_ns && ++pw->told[i].misses > MISSES)
			err = end_pool(w, pw, pid, i);
	return err;
}

/* The shorter of two looks is what one costs: some find things anew. Where there is no pool the
 * ticks are the pause, unless looks cost more than that. */
static uint64_t pause_of(const struct watch *w, struct poolwatch *pw, uint64_t own_ns)
{
	uint64_t took = pw->now.cpu_ns + own_ns, pause = pw->n ? IDLE_NS : 0, cost_ns = 0;

	pw->cost_ns = took < pw->took_ns ? took : pw->took_ns;
	pw->took_ns = took;
	for (uint32_t i = 0; i < w->procs.count; i++) {
		const struct poolwatch *other = w->procs.items[i]->pools;

		if (other && other->fails < FAILS)
			cost_ns += COST * other->cost_ns;
	}
	for (uint32_t i = 0; i < pw->n; i++) {
		const struct namer_pool *pool = &pw->told[i].pool;

		if (pool->busy && pause > BUSY_NS)
			pause = BUSY_NS;
		if (pool->queued || pool->waiting || (pool->busy && pool->busy >= pool->threads))
			pause = FULL_NS;
	}
	return pause > cost_ns ? pause : cost_ns;
}

static int note_uv(struct watch *w, struct poolwatch *pw, uint32_t pid)
{
	uint32_t known = 0;
	char what[64];

	for (uint32_t i = 0; i < pw->n; i++)
		known += pw->told[i].pool.threads;
	if (!pw->now.no_uv || pw->uv_told || pw->threads < known + UV_LEAST)
		return 0;
	pw->uv_told = true;
	snprintf(what, sizeof(what), "libuv's thread pool in process %u", pid);
	return watch_note(w, what,
			  "its libuv has no symbols: whether the pool is full cannot be seen", "");
}

/* The namer's time is needed for names. */
static int give_up(struct watch *w, struct poolwatch *pw, uint32_t pid, int err)
{
	char what[64], why[128];

	pw->due_ns = UINT64_MAX;
	snprintf(what, sizeof(what), "thread pools of process %u", pid);
	if (err == -ETIME)
		snprintf(why, sizeof(why), "given up: reading them took too long three times");
	else
		snprintf(why, sizeof(why), "given up: reading them failed three times: %s",
			 strerror(-err));
	return watch_note(w, what, why, "");
}

static int end_pools(struct watch *w, struct poolwatch *pw, uint32_t pid)
{
	int err = 0;

	while (!err && pw->n)
		err = end_pool(w, pw, pid, pw->n - 1);
	return err;
}

/* Of a process that has ended nothing is left, not even proc->pools. */
static int look(struct watch *w, struct proc *proc, struct poolwatch *pw)
{
	uint64_t began = watch_clock(CLOCK_MONOTONIC), own = watch_clock(CLOCK_THREAD_CPUTIME_ID);
	int err;

	if (proc_has_ended(proc))
		return poolwatch_forget(w, proc);
	err = namer_pools(w->namer, proc->keeper.pid, pw->threads, &pw->now);
	pw->due_ns = began + FAIL_NS;
	if (err == -ESRCH) /* it is ending, or another program by now */
		return end_pools(w, pw, proc->keeper.pid);
	if (err)
		return ++pw->fails == FAILS ? give_up(w, pw, proc->keeper.pid, err) : 0;
	pw->fails = 0;
	for (uint32_t i = 0; !err && i < pw->now.n; i++)
		err = take(w, pw, proc->keeper.pid, &pw->now.list[i], began);
	if (!err)
		err = end_missing(w, pw, proc->keeper.pid, began);
	if (!err)
		err = note_uv(w, pw, proc->keeper.pid);
	if (!pw->now.pending)
		pw->looks = 0;
	pw->pause = SELDOM;
	pw->due_ns = watch_clock(CLOCK_MONOTONIC) +
		     pause_of(w, pw, watch_clock(CLOCK_THREAD_CPUTIME_ID) - own);
	return err;
}

/* At every tick: are there other threads, or some that may begin to work for a pool? */
static int look_for_new(struct watch *w, struct proc *proc)
{
	uint32_t threads = keeper_threads(&proc->keeper);
	struct poolwatch *pw = proc->pools;

	if (threads < 2 && !pw)
		return 0;
	if (!pw)
		pw = proc->pools = calloc(1, sizeof(*pw));
	if (!pw)
		return -ENOMEM;
	if (threads != pw->threads)
		pw->looks = NEW_LOOKS;
	pw->threads = threads;
	if (pw->pause)
		pw->pause--;
	if (watch_clock(CLOCK_MONOTONIC) < pw->due_ns || (!pw->looks && (pw->pause || threads < 2)))
		return 0;
	pw->looks -= pw->looks > 0;
	return look(w, proc, pw);
}

/* When the next look is due; the timer is silent when there is no pool. */
static int set_timer(const struct watch *w)
{
	struct itimerspec at = { 0 };
	uint64_t due = UINT64_MAX;

	for (uint32_t i = 0; i < w->procs.count; i++) {
		const struct poolwatch *pw = w->procs.items[i]->pools;

		if (pw && pw->n && pw->due_ns < due)
			due = pw->due_ns;
	}
	if (due != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(due / 1000000000);
		at.it_value.tv_nsec = (long)(due % 1000000000);
	}
	return timerfd_settime(w->pool_timer, TFD_TIMER_ABSTIME, &at, NULL) ? -errno : 0;
}

static bool is_watched(const struct proc *proc)
{
	return proc->loops && strcmp(proc->runtime, "tokio");
}

int poolwatch_tick(struct watch *w)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < w->procs.count; i++)
		if (is_watched(w->procs.items[i]))
			err = look_for_new(w, w->procs.items[i]);
	return err ? err : set_timer(w);
}

int poolwatch_due(struct watch *w)
{
	uint64_t now = watch_clock(CLOCK_MONOTONIC);
	int err = 0;

	for (uint32_t i = 0; !err && i < w->procs.count; i++) {
		struct proc *proc = w->procs.items[i];

		if (proc->pools && proc->pools->n && proc->pools->due_ns <= now &&
		    proc->pools->fails < FAILS)
			err = look(w, proc, proc->pools);
	}
	return err ? err : set_timer(w);
}

int poolwatch_forget(struct watch *w, struct proc *proc)
{
	struct poolwatch *pw = proc->pools;
	int err = pw ? end_pools(w, pw, proc->keeper.pid) : 0;

	free(pw);
	proc->pools = NULL;
	return err;
}

int poolwatch_end(struct watch *w)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < w->procs.count; i++) {
		struct proc *proc = w->procs.items[i];

		if (proc->pools && proc->pools->n && proc->pools->fails < FAILS &&
		    !proc_has_ended(proc))
			err = look(w, proc, proc->pools);
		if (!err)
			err = poolwatch_forget(w, proc);
	}
	return err;
}
