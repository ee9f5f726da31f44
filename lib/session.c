// SPDX-License-Identifier: BSD-2-Clause
/*
 * session.c: the pipeline, in order; nobody else knows it.
 *
 *	source -> decode -> name -> assemble -> blame -> collect -> the caller
 *
 * Stacks are named as they come, not when the stall ends: the process may be
 * gone by then, and code objects freed. Does nothing itself but hand on.
 */
#include "greenwatch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collect.h"
#include "inventory.h"
#include "pools.h"
#include "run.h"
#include "usage.h"
#include "warmup.h"
#include "source/source.h"

#define PERIOD_NS   10000000
#define SNAPSHOT_NS 200000000 /* gw_now looks no more often */

struct gw {
	struct gw_opts opts;
	struct source *source;
	struct tape *tape; /* being written; NULL: none */
	struct stalls *stalls;
	struct inventory *inventory;
	struct usage *usage;
	struct pools *pools;
	struct gw_report *report;
	enum gw_ended ended;
	uint64_t now_ns, late_ns; /* of the events; age of the oldest late turn */
	uint64_t late_at_ns;
	int delivered; /* stalls, in this poll */
	bool last;     /* the final totals are being taken */
	bool interim;  /* totals for a look in between: not for the tape */
	uint64_t snapshot_ns;
};

static void say(void *ctx, int level, const char *line)
{
	struct gw *gw = ctx;

	if (gw->opts.log)
		gw->opts.log(gw->opts.ctx, level, line);
}

/* A named stack goes to everybody it is news for. */
static int hand_on(struct gw *gw, const struct wire_stack *stack, const struct named *named)
{
	uint32_t family = GW_NONE;
	int err = 0;

	if (stack->head.kind == WIRE_SAMPLE)
		err = usage_sample(gw->usage, gw->report, stack, named);
	if (!err && stack->head.flags & WIRE_STACK_TELLS)
		err = usage_family(gw->usage, gw->report, stack->serial, named, &family);
	if (!err && stack->head.flags & WIRE_STACK_TELLS)
		err = inventory_stack(gw->inventory, gw->report, stack, named, family);
	if (!err && !(stack->head.flags & WIRE_STACK_LIGHT))
		err = stalls_stack(gw->stalls, stack, named);
	return err;
}

/* Names a stack. */
static int on_stack(struct gw *gw, const struct wire_stack *stack)
{
	const struct wire_names *names = NULL;
	struct named named;
	int err;

	if (stack->head.kind == WIRE_SAMPLE && usage_knows(gw->usage, stack))
		return usage_sample(gw->usage, gw->report, stack, NULL);
	if (stalls_named(gw->stalls, stack, &named))
		return hand_on(gw, stack, &named);
	err = gw->source->ops->names(gw->source, stack, &names);
	if (!names)
		return err;
	if (gw->tape)
		tape_write(gw->tape, &names->head);
	err = collect_names(gw->report, stack, names, &named);
	if (err)
		return err == -EBADMSG ? 0 : err;
	return hand_on(gw, stack, &named);
}

static int on_stall(struct gw *gw, const struct stall *stall)
{
	struct verdict verdict;
	struct gw_stall out;
	int err;

	blame(gw->report, stall, collect_runtime(gw->report, stall->serial), &verdict);
	err = stall->open || !blame_is_on_task(verdict.cause) ||
			      warmup_has(gw->report, stall->began_ns)
		      ? 0
		      : usage_stall(gw->usage, gw->report, stall);
	if (!err)
		err = collect_stall(gw->report, stall, &verdict, gw->last, &out);
	if (err)
		return err == -ENOENT ? 0 : err;
	gw->delivered++;
	if (gw->opts.stall)
		gw->opts.stall(gw->opts.ctx, &out);
	return 0;
}

static int on_late(struct gw *gw, const struct event *event)
{
	struct stall stall;

	stalls_late(gw->stalls, event->late, &stall);
	gw->late_ns = 0;
	return stall.away ? 0 : on_stall(gw, &stall);
}

static int on_open(struct gw *gw, const struct event *event)
{
	struct stall stall;

	stalls_open(gw->stalls, event->open, &stall);
	if (stall.away)
		return 0;
	gw->late_ns = stall.ended_ns - stall.began_ns;
	gw->late_at_ns = stall.ended_ns;
	return on_stall(gw, &stall);
}

/* When it is over every sum begins anew. */
static int on_warmup(struct gw *gw, const struct wire_warmup *record)
{
	if (record->head.flags) {
		inventory_warmup(gw->inventory);
		usage_warmup(gw->usage);
		pools_warmup(gw->pools, record->head.now_ns);
	}
	return warmup_take(gw->report, record);
}

static int on_end(struct gw *gw, const struct wire_end *end)
{
	if (gw->report->warming) {
		inventory_warmup(gw->inventory);
		usage_warmup(gw->usage);
		pools_warmup(gw->pools, end->head.now_ns);
	}
	return collect_end(gw->report, end);
}

static int on_event(struct gw *gw, const struct event *event)
{
	switch (event->kind) {
	case WIRE_HELLO:
		return collect_hello(gw->report, event->hello);
	case WIRE_TARGET:
		return collect_target(gw->report, &event->target);
	case WIRE_LOOP:
		return collect_loop(gw->report, event->found);
	case WIRE_SLICE:
	case WIRE_SAMPLE:
	case WIRE_HOLDER:
		return on_stack(gw, event->stack);
	case WIRE_TURN:
		return on_late(gw, event);
	case WIRE_OPEN:
		return on_open(gw, event);
	case WIRE_SLOT:
		collect_slot(gw->report, event->slot);
		return 0;
	case WIRE_TIMES:
		collect_times(gw->report, event->times);
		return 0;
	case WIRE_LAG:
		collect_lag(gw->report, event->lag);
		return 0;
	case WIRE_GONE:
		collect_gone(gw->report, event->gone);
		stalls_gone(gw->stalls, event->gone->serial);
		return 0;
	case WIRE_LOSS:
		collect_loss(gw->report, event->loss);
		return 0;
	case WIRE_NOTE:
		return collect_note(gw->report, &event->note);
	case WIRE_END:
		return on_end(gw, event->end);
	case WIRE_CALLS:
		return inventory_rows(gw->inventory, event->calls);
	case WIRE_AUDIT:
		return collect_audit(gw->report, &event->audit);
	case WIRE_PATCH:
		return collect_patch(gw->report, &event->patch);
	case WIRE_WARMUP:
		return on_warmup(gw, event->warmup);
	case WIRE_COMMAND:
		return run_command(gw->report, &event->command);
	case WIRE_TAG:
		return run_tag(gw->report, &event->tag);
	case WIRE_CHILD:
		gw->report->child_exit = event->child->status;
		return 0;
	case WIRE_POOL:
		return pools_take(gw->pools, gw->report, &event->pool);
	case WIRE_MEMORY:
	case WIRE_ASLEEP:
	case WIRE_TICK:
	case WIRE_NAMES:
		return 0;
	}
	return 0;
}

/* The last look at open turns comes just before the end; on a tape the flag tells it. */
static int take(void *ctx, const struct wire_head *record)
{
	struct gw *gw = ctx;
	struct event event;

	if (gw->tape && !gw->interim)
		tape_write(gw->tape, record);
	if (record->now_ns > gw->now_ns)
		gw->now_ns = record->now_ns;
	if (decode(record, &event)) {
		if (record->kind == WIRE_HELLO)
			return -EBADMSG;
		collect_malformed(gw->report);
		return 0;
	}
	if (event.kind == WIRE_OPEN)
		gw->last = record->flags != 0;
	return on_event(gw, &event);
}

static int check_opts(struct gw *gw, const struct gw_opts *opts)
{
	const char *bytes = (const char *)opts;

	if (!opts->sz)
		return -EINVAL;
	for (size_t i = sizeof(gw->opts); i < opts->sz; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(&gw->opts, opts, opts->sz < sizeof(gw->opts) ? opts->sz : sizeof(gw->opts));
	if (!gw->opts.threshold_ns)
		gw->opts.threshold_ns = GW_THRESHOLD_NS;
	if (!gw->opts.period_ns)
		gw->opts.period_ns = PERIOD_NS;
	return gw->opts.replay || (gw->opts.pids && gw->opts.n_pids) ? 0 : -EINVAL;
}

static int open_tape(struct gw *gw)
{
	char line[512];
	int err;

	if (!gw->opts.record)
		return 0;
	err = tape_create(&gw->tape, gw->opts.record);
	if (err) {
		snprintf(line, sizeof(line), "cannot create tape %.400s: %s", gw->opts.record,
			 strerror(-err));
		say(gw, GW_WARN, line);
	}
	return err;
}

static int open_source(struct gw *gw)
{
	struct source_sink sink = { .take = take, .log = say, .ctx = gw };
	struct watch_opts watch = { .pids = gw->opts.pids,
				    .n_pids = gw->opts.n_pids,
				    .follow = !gw->opts.no_follow,
				    .late_ns = gw->opts.threshold_ns,
				    .period_ns = gw->opts.period_ns,
				    .calls_all = gw->opts.calls_all,
				    .warmup_ns = gw->opts.warmup_ns,
				    .warmup_ready = gw->opts.warmup_ready };

	if (gw->opts.replay)
		return tape_open(&gw->source, gw->opts.replay, &sink);
	if (gw->opts.audit)
		return audit_open(&gw->source, &watch, &sink);
	return watch_open(&gw->source, &watch, &sink);
}

int gw_open(struct gw **out, const struct gw_opts *opts)
{
	struct gw *gw = calloc(1, sizeof(*gw));
	int err;

	if (!gw)
		return -ENOMEM;
	err = check_opts(gw, opts);
	if (!err)
		err = collect_new(&gw->report, gw->opts.max_stalls);
	if (!err)
		err = stalls_new(&gw->stalls);
	if (!err)
		err = inventory_new(&gw->inventory);
	if (!err)
		err = usage_new(&gw->usage);
	if (!err)
		err = pools_new(&gw->pools);
	if (!err)
		err = open_tape(gw);
	if (!err)
		err = open_source(gw);
	if (!err && !gw->opts.replay)
		err = run_tell(&gw->opts, gw->now_ns, take, gw);
	if (err) {
		gw_close(gw);
		return err;
	}
	*out = gw;
	return 0;
}

int gw_fd(struct gw *gw)
{
	return gw->source->ops->fd(gw->source);
}

int gw_poll(struct gw *gw, int timeout_ms)
{
	int n;

	if (gw->ended != GW_ENDED_NOT)
		return 0;
	gw->delivered = 0;
	n = gw->source->ops->poll(gw->source, timeout_ms);
	if (n < 0)
		return n;
	if (n)
		gw->ended = gw->report->ended == GW_ENDED_NOT ? GW_ENDED_TARGET : gw->report->ended;
	return gw->delivered;
}

enum gw_ended gw_ended(const struct gw *gw)
{
	return gw->ended;
}

static enum wire_ended wire_why(enum gw_ended why)
{
	switch (why) {
	case GW_ENDED_DURATION:
		return WIRE_ENDED_DURATION;
	case GW_ENDED_SIGNAL:
		return WIRE_ENDED_SIGNAL;
	case GW_ENDED_TARGET:
		return WIRE_ENDED_TARGET;
	case GW_ENDED_CHILD:
		return WIRE_ENDED_CHILD;
	case GW_ENDED_FAIL_FAST:
		return WIRE_ENDED_FAIL_FAST;
	case GW_ENDED_NOT:
	case GW_ENDED_ERROR:
		break;
	}
	return WIRE_ENDED_ERROR;
}

static int bring_up_to_date(struct gw *gw)
{
	uint32_t n = usage_families(gw->usage);
	uint64_t *blocked = calloc(n + 1, sizeof(*blocked));
	int err = -ENOMEM;

	collect_sort(gw->report, gw->now_ns); /* the length of the run too, which the others need */
	if (blocked)
		err = inventory_collect(gw->inventory, gw->report);
	if (!err)
		inventory_blocked(gw->inventory, blocked, n);
	if (!err)
		err = usage_collect(gw->usage, gw->report, blocked);
	if (!err)
		err = pools_collect(gw->pools, gw->report, gw->now_ns);
	free(blocked);
	return err;
}

int gw_end(struct gw *gw, enum gw_ended why)
{
	int err = gw->source->ops->end(gw->source, wire_why(why)), tape_err;

	gw->ended = why;
	if (!err)
		err = bring_up_to_date(gw);
	tape_err = tape_finish(gw->tape);
	if (tape_err)
		say(gw, GW_WARN, "the tape could not be written");
	gw->tape = NULL;
	return err ? err : tape_err;
}

int gw_child_exit(struct gw *gw, int status)
{
	return run_tell_child(status, gw->now_ns, take, gw);
}

int gw_note(struct gw *gw, const char *what, const char *why, const char *fix)
{
	return run_tell_note(what, why, fix, gw->now_ns, take, gw);
}

/* The totals as they stand, unless they were taken just now or are final. */
static int snapshot(struct gw *gw, uint64_t older_than_ns)
{
	int err;

	if (gw->ended != GW_ENDED_NOT || gw->now_ns < gw->snapshot_ns + older_than_ns)
		return 0;
	gw->interim = true;
	err = gw->source->ops->snapshot(gw->source);
	gw->interim = false;
	gw->snapshot_ns = gw->now_ns;
	return err;
}

const struct gw_report *gw_report(struct gw *gw)
{
	if (gw->ended == GW_ENDED_NOT) {
		snapshot(gw, 0);
		gw->interim = true;
		gw->source->ops->calls(gw->source);
		gw->interim = false;
		bring_up_to_date(gw);
	}
	return gw->report;
}

int gw_now(struct gw *gw, struct gw_now *out)
{
	int err = snapshot(gw, SNAPSHOT_NS);

	memset(out, 0, sizeof(*out));
	out->targets = gw->report->targets.count;
	out->elapsed_ns = gw->now_ns - gw->report->start_ns;
	out->stalls = gw->report->stalls_seen - gw->report->stalls_warmup;
	out->lost = report_lost_total(gw->report);
	if (gw->late_ns)
		out->late_ns = gw->late_ns + (gw->now_ns - gw->late_at_ns);
	report_each (gw->report, loops, struct report_loop, loop) {
		out->loops += !loop->ended;
		out->turns += loop->turns;
		if (loop->lag_max_ns > out->lag_max_ns)
			out->lag_max_ns = loop->lag_max_ns;
	}
	return err;
}

int gw_describe(struct gw *gw, char *line, size_t size)
{
	return gw->source->ops->describe(gw->source, line, size);
}

void gw_close(struct gw *gw)
{
	if (!gw)
		return;
	if (gw->source)
		gw->source->ops->close(gw->source);
	tape_finish(gw->tape);
	stalls_free(gw->stalls);
	inventory_free(gw->inventory);
	usage_free(gw->usage);
	pools_free(gw->pools);
	if (gw->report)
		collect_free(gw->report);
	free(gw);
}
