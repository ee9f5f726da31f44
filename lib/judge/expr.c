// SPDX-License-Identifier: BSD-2-Clause
/*
 * expr.c: one expression: measured, its limit found, compared, written down.
 */
#include <errno.h>
#include <stdio.h>

#include "judge/change.h"
#include "judge/judge.h"

/* Whether a run that goes on can only add to it. */
static bool only_grows(const struct expr *expr)
{
	if (expr->unit == UNIT_PERCENT || expr->unit == UNIT_PER_SECOND ||
	    expr->unit == UNIT_PER_MINUTE)
		return false;
	switch (expr->metric) {
	case METRIC_LAG_MAX:
	case METRIC_STALLS:
	case METRIC_STALLED:
	case METRIC_LONGEST:
	case METRIC_PART:
	case METRIC_SITES:
		return true;
	case METRIC_LAG_SHARE:
	case METRIC_LAG_AVG:
	case METRIC_STALLED_SHARE:
	case METRIC_POOLWAIT:
	case METRIC_NEW_SITES:
	case METRIC_LOST:
		break;
	}
	return false;
}

/* Broken, and still so if the value were larger. */
static bool beyond(double value, enum cmp cmp, double limit)
{
	return !compare(value, cmp, limit) &&
	       (cmp == CMP_LT || cmp == CMP_LE || (cmp == CMP_EQ && value > limit));
}

static bool is_sum(const struct expr *expr)
{
	return expr->metric == METRIC_STALLS || expr->metric == METRIC_STALLED ||
	       expr->metric == METRIC_PART;
}

/* The limit in base units. false: there is none, and why. */
static bool limit_of(const struct verdict_on *on, const struct expr *expr, double *limit,
		     struct measure *base, int *err)
{
	struct subject subject = { .report = on->baseline };
	double scale;

	*limit = expr->value;
	if (expr->unit != UNIT_GROWTH)
		return true;
	*base = (struct measure){ 0 };
	if (!on->baseline) {
		snprintf(base->why, sizeof(base->why), "there is no --baseline");
		return false;
	}
	*err = measure(&subject, expr, true, base);
	if (*err || !base->known) {
		char why[sizeof(base->why)];

		snprintf(why, sizeof(why), "%s", base->why);
		snprintf(base->why, sizeof(base->why), "the baseline: %.140s", why);
		return false;
	}
	scale = is_sum(expr) ? change_scale(on->baseline, on->subject.report) : 1;
	*limit = base->value * scale * (1 + expr->value / 100);
	return true;
}

static enum unit shown_unit(const struct expr *expr)
{
	if (expr->unit != UNIT_GROWTH)
		return expr->unit;
	switch (expr->metric) {
	case METRIC_STALLS:
	case METRIC_SITES:
	case METRIC_NEW_SITES:
	case METRIC_LOST:
		return UNIT_NONE;
	case METRIC_STALLED_SHARE:
		return UNIT_PERCENT;
	case METRIC_LAG_SHARE:
	case METRIC_LAG_MAX:
	case METRIC_LAG_AVG:
	case METRIC_STALLED:
	case METRIC_LONGEST:
	case METRIC_PART:
	case METRIC_POOLWAIT:
		break;
	}
	return UNIT_MS;
}

static int keep(struct report_judged *judged, struct report_budget *row, const struct expr *expr,
		const struct measure *m, const char *why)
{
	row->expr = arena_copy(&judged->memory, expr->text, strlen(expr->text));
	if (m->worst[0])
		row->worst = arena_copy(&judged->memory, m->worst, strlen(m->worst));
	if (why && why[0])
		row->why = arena_copy(&judged->memory, why, strlen(why));
	return row->expr ? 0 : -ENOMEM;
}

static void decide(struct report_budget *row, struct verdict_on *on, const struct expr *expr,
		   const struct measure *m, double limit)
{
	/* of nothing no percentage is more: what stays nothing holds */
	bool nothing = expr->unit == UNIT_GROWTH && limit == 0 && expr->cmp == CMP_LT;
	bool held = compare(m->value, nothing ? CMP_LE : expr->cmp, limit);
	bool sure = !m->least || (held ? expr->cmp == CMP_GT || expr->cmp == CMP_GE
				       : beyond(m->value, expr->cmp, limit));

	row->far = compare_far(m->value, expr->cmp, limit);
	row->outcome = !sure ? GW_NO_VERDICT : held ? GW_PASS : GW_BROKEN;
	if (row->outcome == GW_BROKEN && !row->warn && only_grows(expr) &&
	    expr->unit != UNIT_GROWTH && beyond(m->value, expr->cmp, limit))
		on->judged->verdict.for_good = true;
}

int judge_expr(struct verdict_on *on, const struct expr *expr)
{
	struct report_budget *row = report_vec_add(&on->judged->budgets, sizeof(*row));
	double limit = 0, scale = unit_scale(shown_unit(expr));
	const char *why = NULL;
	struct measure m, base;
	int err;

	if (!row)
		return -ENOMEM;
	row->warn = expr->warn;
	row->outcome = GW_NO_VERDICT;
	row->unit = unit_name(shown_unit(expr));
	err = measure(&on->subject, expr, expr->unit == UNIT_GROWTH, &m);
	if (err)
		return err;
	row->limited = limit_of(on, expr, &limit, &base, &err);
	row->measured = m.known;
	row->actual = m.value / scale;
	row->limit = limit / scale;
	if (m.known && row->limited)
		decide(row, on, expr, &m, limit);
	if (row->outcome == GW_BROKEN && !row->warn && m.of_sites)
		err = measure_blame(&on->subject, expr, limit);
	if (row->outcome == GW_NO_VERDICT)
		why = !m.known        ? m.why
		      : !row->limited ? base.why
				      : "some stalls were only counted; "
					"raise --max-stalls";
	return err ? err : keep(on->judged, row, expr, &m, why);
}
