// SPDX-License-Identifier: BSD-2-Clause
/*
 * measure.c: metrics of loops, and the table of who measures what.
 *
 * What sums stalls is in charge.c. An expression over nothing has no value
 * but a reason: no such loop, no turn, a part that was not measured.
 */
#include "judge/measure.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "judge/charge.h"

static int no_value(struct measure *out, const char *why)
{
	snprintf(out->why, sizeof(out->why), "%s", why);
	return 0;
}

bool compare(double value, enum cmp cmp, double limit)
{
	switch (cmp) {
	case CMP_EQ:
		return value == limit;
	case CMP_NE:
		return value != limit;
	case CMP_LT:
		return value < limit;
	case CMP_LE:
		return value <= limit;
	case CMP_GT:
		return value > limit;
	case CMP_GE:
		return value >= limit;
	}
	return false;
}

uint64_t measure_span(const struct gw_report *report)
{
	return report->duration_ns > report->warmup_ns ? report->duration_ns - report->warmup_ns
						       : 0;
}

static void loop_id(char *out, size_t size, const struct report_loop *loop)
{
	snprintf(out, size, "%" PRIu32 "/%" PRIu32, loop->pid, loop->tid);
}

bool measure_has_loop(const struct expr *expr, const struct report_loop *loop)
{
	char id[32];

	if (expr->scope == SCOPE_RUNTIME)
		return !strcmp(loop->runtime, expr->name);
	if (expr->scope != SCOPE_LOOP)
		return true;
	loop_id(id, sizeof(id), loop);
	return !strcmp(id, expr->name) || (loop->comm && !strcmp(loop->comm, expr->name));
}

static uint64_t watched(const struct report_loop *loop)
{
	return loop->idle_ns + loop->time.oncpu_ns + loop->time.blocked_ns +
	       loop->time.runqueue_ns + loop->time.throttled_ns + loop->time.stopped_ns +
	       loop->time.unaccounted_ns;
}

uint64_t measure_watched(const struct subject *subject, const struct expr *expr)
{
	uint64_t sum = 0;

	report_each (subject->report, loops, struct report_loop, loop)
		sum += measure_has_loop(expr, loop) ? watched(loop) : 0;
	return sum;
}

/* The percentile of a loop's turns, or GW_UNKNOWN_NS: a file holds four of them. */
static uint64_t percentile(const struct report_loop *loop, double share)
{
	for (unsigned i = 0; i < REPORT_SHARES; i++) {
		if (fabs(report_shares[i] - share) < 1e-9)
			return report_lag(loop, i);
	}
	if (loop->lag_said.known)
		return GW_UNKNOWN_NS;
	return hist_quantile(loop->lag, share, loop->lag_max_ns);
}

static uint64_t lag(const struct report_loop *loop, const struct expr *expr)
{
	if (expr->metric == METRIC_LAG_MAX)
		return loop->lag_max_ns;
	if (expr->metric == METRIC_LAG_AVG)
		return loop->lag_sum_ns / loop->turns;
	return percentile(loop, expr->share);
}

double compare_far(double value, enum cmp cmp, double limit)
{
	switch (cmp) {
	case CMP_LT:
	case CMP_LE:
		return value - limit;
	case CMP_GT:
	case CMP_GE:
		return limit - value;
	case CMP_EQ:
		return fabs(value - limit);
	case CMP_NE:
		return -fabs(value - limit);
	}
	return 0;
}

/* Each loop has to hold: the one that is farthest from it is told. */
static int measure_lag(const struct subject *subject, const struct expr *expr, struct measure *out)
{
	double farthest = 0;

	report_each (subject->report, loops, struct report_loop, loop) {
		uint64_t ns;
		double far;

		if (!measure_has_loop(expr, loop) || !loop->turns)
			continue;
		ns = lag(loop, expr);
		if (ns == GW_UNKNOWN_NS)
			return no_value(out, "a saved report holds p50, p90, p99 and p99.9 only");
		far = compare_far((double)ns, expr->cmp, expr->value);
		if (out->known && far <= farthest)
			continue;
		farthest = far;
		out->known = true;
		out->value = (double)ns;
		loop_id(out->worst, sizeof(out->worst), loop);
	}
	return out->known ? 0 : no_value(out, "no turn of a loop has ended");
}

static bool is_reported(double share)
{
	for (unsigned i = 0; i < REPORT_SHARES; i++)
		if (fabs(report_shares[i] - share) < 1e-9)
			return true;
	return false;
}

/* Each pool has to hold. Work that did not wait is not counted, so a pool where none did has 0. */
static int measure_poolwait(const struct subject *subject, const struct expr *expr,
			    struct measure *out)
{
	double farthest = 0;

	if (!is_reported(expr->share))
		return no_value(out, "of pools p50, p90, p99 and p99.9 are known only");
	report_each (subject->report, pools, struct report_pool, pool) {
		double ns = (double)hist_quantile(pool->wait, expr->share, pool->wait_max_ns);
		double far = compare_far(ns, expr->cmp, expr->value);

		if (out->known && far <= farthest)
			continue;
		farthest = far;
		out->known = true;
		out->value = ns;
		snprintf(out->worst, sizeof(out->worst), "%.39s", pool->name ? pool->name : "");
	}
	return out->known ? 0 : no_value(out, "no thread pool was seen");
}

uint64_t measure_part(const struct gw_ledger *ledger, enum part part)
{
	switch (part) {
	case PART_BLOCKED:
		return ledger->blocked_ns;
	case PART_ONCPU:
		return ledger->oncpu_ns;
	case PART_RUNQUEUE:
		return ledger->runqueue_ns;
	case PART_THROTTLED:
		return ledger->throttled_ns;
	case PART_STOPPED:
		return ledger->stopped_ns;
	case PART_GIL:
		return ledger->gil_ns;
	case PART_GC:
		return ledger->gc_ns;
	}
	return GW_UNKNOWN_NS;
}

/* A time, or the share of it that the loops were watched. */
void measure_as(const struct subject *subject, const struct expr *expr, double ns,
		struct measure *out)
{
	uint64_t whole = measure_watched(subject, expr);
	bool share = expr->unit == UNIT_PERCENT || expr->metric == METRIC_STALLED_SHARE;

	if (share && !whole) {
		no_value(out, "the loops were not watched for any time");
		return;
	}
	out->known = true;
	out->value = share ? 100 * ns / (double)whole : ns;
}

/* Part of the loops' own ledgers. */
static int measure_ledger(const struct subject *subject, const struct expr *expr,
			  struct measure *out)
{
	uint64_t sum = 0, most = 0;

	report_each (subject->report, loops, struct report_loop, loop) {
		uint64_t ns = measure_part(&loop->time, expr->part);

		if (!measure_has_loop(expr, loop))
			continue;
		if (ns == GW_UNKNOWN_NS)
			return no_value(out,
					"this part is known of stalls only, not of whole loops; "
					"use a scope, as in cause gil: stalled%");
		sum += ns;
		if (ns > most) {
			most = ns;
			loop_id(out->worst, sizeof(out->worst), loop);
		}
	}
	if (expr->part == PART_THROTTLED && !sum)
		return no_value(out, "throttled time is not told from waiting for a CPU");
	measure_as(subject, expr, (double)sum, out);
	return 0;
}

/* Is there a loop of that name, and has it turned at all? */
static bool has_turned(const struct subject *subject, const struct expr *expr, struct measure *out)
{
	bool found = false, turned = false;

	report_each (subject->report, loops, struct report_loop, loop) {
		if (!measure_has_loop(expr, loop))
			continue;
		found = true;
		turned |= loop->turns || loop->stalls;
	}
	if (found && !turned)
		no_value(out, "no turn of a loop has ended");
	else if (!found && expr->scope == SCOPE_RUNTIME)
		snprintf(out->why, sizeof(out->why), "no loop of runtime %.60s was seen",
			 expr->name);
	else if (!found && expr->scope == SCOPE_LOOP)
		snprintf(out->why, sizeof(out->why), "no loop %.60s was seen", expr->name);
	else if (!found)
		no_value(out, "no event loop was seen");
	return turned;
}

static bool runs_python(const struct gw_report *report)
{
	report_each (report, loops, struct report_loop, loop) {
		if (strcmp(loop->runtime, "native") && strcmp(loop->runtime, "node") &&
		    strcmp(loop->runtime, "tokio"))
			return true;
	}
	return false;
}

/* None of a cause is a pass only where it could have been seen. */
static bool could_see(const struct subject *subject, const struct expr *expr, struct measure *out)
{
	const struct gw_rule *rule = expr->scope == SCOPE_RULE ? gw_rule_find(expr->name) : NULL;

	if (rule && !rule->matched)
		snprintf(out->why, sizeof(out->why),
			 "%s is only explained: one stall does not show it", rule->id);
	if (out->why[0] || expr->scope != SCOPE_CAUSE)
		return !out->why[0];
	report_each (subject->report, sites, struct report_site, site) {
		if (site->cause == expr->cause && site->count)
			return true;
	}
	if (expr->cause == GW_CAUSE_THROTTLED)
		no_value(out, "throttled time is not told from waiting for a CPU");
	if (expr->cause == GW_CAUSE_GC && !runs_python(subject->report))
		no_value(out, "garbage collection is seen in Python only");
	return !out->why[0];
}

int measure(const struct subject *subject, const struct expr *expr, bool growth,
	    struct measure *out)
{
	bool of_stalls = expr->scope != SCOPE_ALL && expr->scope != SCOPE_RUNTIME &&
			 expr->scope != SCOPE_LOOP;

	*out = (struct measure){ 0 };
	if (expr->metric == METRIC_LOST) {
		out->known = true;
		out->value = (double)report_lost_events(subject->report);
		return 0;
	}
	if (!has_turned(subject, expr, out) || !could_see(subject, expr, out))
		return 0;
	switch (expr->metric) {
	case METRIC_LAG_SHARE:
	case METRIC_LAG_MAX:
	case METRIC_LAG_AVG:
		return measure_lag(subject, expr, out);
	case METRIC_PART:
		if (!of_stalls)
			return measure_ledger(subject, expr, out);
		break;
	case METRIC_POOLWAIT:
		return measure_poolwait(subject, expr, out);
	case METRIC_NEW_SITES:
		if (!subject->against)
			return no_value(out, "there is no --baseline");
		break;
	case METRIC_STALLS:
	case METRIC_STALLED:
	case METRIC_STALLED_SHARE:
	case METRIC_LONGEST:
	case METRIC_SITES:
	case METRIC_LOST:
		break;
	}
	return charge(subject, expr, growth, out);
}
