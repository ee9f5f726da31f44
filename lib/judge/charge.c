// SPDX-License-Identifier: BSD-2-Clause
/*
 * charge.c: stalls counted and summed, by what of them is charged.
 *
 * Left out are stalls of the warm-up, suppressed ones and, with a baseline,
 * sites that are neither new nor regressed. A stripped baseline lists no
 * stalls: its sites are summed instead, those the machine is to blame for
 * left out. Where stalls were only counted, a sum is the least it can be.
 */
#include "judge/charge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sums {
	uint64_t count, total_ns, longest_ns, part_ns, parts_known;
	uint32_t longest_site;
	uint64_t *weights; /* of each site: what it adds to the metric */
	uint32_t *over;    /* of each site: stalls over the limit */
};

bool measure_is_machine(enum gw_cause cause)
{
	return cause == GW_CAUSE_RUNQUEUE || cause == GW_CAUSE_THROTTLED ||
	       cause == GW_CAUSE_STOPPED;
}

static uint64_t charged(const struct expr *expr, const struct gw_stall *stall)
{
	if (expr->scope == SCOPE_CAUSE && measure_is_machine(expr->cause))
		return stall->duration_ns;
	return report_charged(stall);
}

static bool has_site(const struct expr *expr, const struct report_site *site)
{
	switch (expr->scope) {
	case SCOPE_CAUSE:
		return site->cause == expr->cause;
	case SCOPE_RULE:
		return site->advice.rule && !strcmp(site->advice.rule, expr->name);
	case SCOPE_SITE:
		return !strcmp(site->fingerprint, expr->name);
	case SCOPE_ALL:
	case SCOPE_RUNTIME:
	case SCOPE_LOOP:
		break;
	}
	return true;
}

/* Of a baseline, which was judged when it was made. */
static bool left_out(const struct gw_report *report, const struct gw_stall *stall)
{
	return stall->warmup || (stall->site != GW_NONE && report->sites.items &&
				 report_site(report, stall->site)->suppressed_by);
}

static bool counts(const struct subject *subject, const struct expr *expr, bool growth,
		   uint32_t index)
{
	const struct gw_stall *stall = report_stall(subject->report, index);
	const struct report_site *site;

	if (subject->marks ? subject->marks[index] : left_out(subject->report, stall))
		return false;
	if (expr->scope == SCOPE_RUNTIME || expr->scope == SCOPE_LOOP) {
		if (stall->loop == GW_NONE ||
		    !measure_has_loop(expr, report_loop(subject->report, stall->loop)))
			return false;
	}
	if (stall->site == GW_NONE || !subject->report->sites.items)
		return expr->scope <= SCOPE_LOOP;
	site = report_site(subject->report, stall->site);
	if (subject->against && !growth && site->change != GW_CHANGE_NEW &&
	    site->change != GW_CHANGE_REGRESSED)
		return false;
	return has_site(expr, site);
}

static uint64_t limit_of(const struct subject *subject, const struct expr *expr)
{
	return expr->over_ns ? expr->over_ns : subject->report->threshold_ns;
}

static void add(const struct subject *subject, const struct expr *expr,
		const struct gw_stall *stall, struct sums *sums)
{
	uint64_t ns = charged(expr, stall);
	uint64_t part = expr->metric == METRIC_PART ? measure_part(&stall->ledger, expr->part) : 0;
	bool over = ns > limit_of(subject, expr), known = part != GW_UNKNOWN_NS;
	bool counted = expr->metric == METRIC_STALLS || expr->metric == METRIC_SITES ||
		       expr->metric == METRIC_NEW_SITES;

	sums->count += over;
	sums->total_ns += ns;
	sums->part_ns += known ? part : 0;
	sums->parts_known += known;
	if (ns > sums->longest_ns) {
		sums->longest_ns = ns;
		sums->longest_site = stall->site;
	}
	if (stall->site == GW_NONE)
		return;
	sums->over[stall->site] += over;
	if (expr->metric == METRIC_PART)
		sums->weights[stall->site] += known ? part : 0;
	else if (over || !counted)
		sums->weights[stall->site] += ns;
}

static uint32_t sites_over(const struct subject *subject, const struct sums *sums, bool new_only)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < subject->report->sites.count; i++) {
		const struct report_site *site = report_site(subject->report, i);

		n += sums->over[i] && (!new_only || site->change == GW_CHANGE_NEW);
	}
	return n;
}

static void name_worst(const struct subject *subject, const struct expr *expr,
		       const struct sums *sums, struct measure *out)
{
	uint32_t worst = expr->metric == METRIC_LONGEST ? sums->longest_site : GW_NONE;
	uint64_t most = 0;

	for (uint32_t i = 0; expr->metric != METRIC_LONGEST && i < subject->report->sites.count;
	     i++) {
		if (sums->weights[i] > most) {
			most = sums->weights[i];
			worst = i;
		}
	}
	if (worst != GW_NONE)
		snprintf(out->worst, sizeof(out->worst), "%s",
			 report_site(subject->report, worst)->fingerprint);
}

/* A number of stalls, or how many of them there were in a second or minute. */
static void as_count(const struct subject *subject, const struct expr *expr, uint64_t count,
		     struct measure *out)
{
	double seconds = (double)measure_span(subject->report) / 1e9;

	out->known = true;
	out->value = (double)count;
	if (expr->unit != UNIT_PER_SECOND && expr->unit != UNIT_PER_MINUTE)
		return;
	out->known = seconds > 0;
	if (!out->known)
		snprintf(out->why, sizeof(out->why), "the run has no length yet");
	else
		out->value = out->value / seconds * (expr->unit == UNIT_PER_MINUTE ? 60 : 1);
}

static void evaluate(const struct subject *subject, const struct expr *expr,
		     const struct sums *sums, struct measure *out)
{
	switch (expr->metric) {
	case METRIC_STALLS:
		as_count(subject, expr, sums->count, out);
		break;
	case METRIC_STALLED:
	case METRIC_STALLED_SHARE:
		measure_as(subject, expr, (double)sums->total_ns, out);
		break;
	case METRIC_LONGEST:
		out->known = true;
		out->value = (double)sums->longest_ns;
		break;
	case METRIC_PART:
		measure_as(subject, expr, (double)sums->part_ns, out);
		break;
	case METRIC_SITES:
	case METRIC_NEW_SITES:
		out->known = true;
		out->value = sites_over(subject, sums, expr->metric == METRIC_NEW_SITES);
		break;
	case METRIC_LAG_SHARE:
	case METRIC_LAG_MAX:
	case METRIC_LAG_AVG:
	case METRIC_POOLWAIT:
	case METRIC_LOST:
		break;
	}
}

/* Sites summed as if each stall were an average one of them, all of it charged. */
static int from_sites(const struct subject *subject, const struct expr *expr, struct sums *sums,
		      struct measure *out)
{
	if (expr->over_ns > subject->report->threshold_ns || expr->metric == METRIC_PART ||
	    expr->scope == SCOPE_RUNTIME || expr->scope == SCOPE_LOOP) {
		snprintf(out->why, sizeof(out->why), "the report lists sites only, no stalls");
		return 0;
	}
	for (uint32_t i = 0; i < subject->report->sites.count; i++) {
		const struct report_site *site = report_site(subject->report, i);

		if (!has_site(expr, site) || site->suppressed_by ||
		    (measure_is_machine(site->cause) && expr->scope != SCOPE_CAUSE))
			continue;
		sums->count += site->count;
		sums->total_ns += site->total_ns;
		sums->over[i] = site->count > 0;
		sums->weights[i] = site->total_ns;
		if (site->max_ns > sums->longest_ns) {
			sums->longest_ns = site->max_ns;
			sums->longest_site = i;
		}
	}
	evaluate(subject, expr, sums, out);
	return 0;
}

/* Stalls that are in the sites and not in the list. */
static uint64_t unlisted(const struct subject *subject)
{
	uint64_t in_sites = 0, listed = 0;

	report_each (subject->report, sites, struct report_site, site)
		in_sites += site->suppressed_by ? 0 : site->count;
	report_each (subject->report, stalls, struct gw_stall, stall)
		listed += !stall->warmup && stall->site != GW_NONE &&
			  !report_site(subject->report, stall->site)->suppressed_by;
	return in_sites > listed ? in_sites - listed : 0;
}

static int sum(const struct subject *subject, const struct expr *expr, bool growth,
	       struct sums *sums, struct measure *out)
{
	const struct gw_report *report = subject->report;
	uint64_t missing = unlisted(subject), n = 0;

	if (expr->over_ns && expr->over_ns < report->threshold_ns) {
		snprintf(out->why, sizeof(out->why),
			 "stalls under the threshold of %g ms (-T) were not seen",
			 (double)report->threshold_ns / 1e6);
		return 0;
	}
	if (!report->stalls.count && missing && growth)
		return from_sites(subject, expr, sums, out);
	for (uint32_t i = 0; i < report->stalls.count; i++) {
		if (!counts(subject, expr, growth, i))
			continue;
		add(subject, expr, report_stall(report, i), sums);
		n++;
	}
	if (expr->metric == METRIC_PART && n && !sums->parts_known) {
		snprintf(out->why, sizeof(out->why), "this part of the stalls was not measured");
		return 0;
	}
	out->least = missing > 0;
	out->of_sites = true;
	evaluate(subject, expr, sums, out);
	if (out->value > 0)
		name_worst(subject, expr, sums, out);
	return 0;
}

static int sums_open(const struct subject *subject, struct sums *sums)
{
	size_t n = subject->report->sites.count + 1;

	*sums = (struct sums){ .longest_site = GW_NONE };
	sums->weights = calloc(n, sizeof(*sums->weights));
	sums->over = calloc(n, sizeof(*sums->over));
	return sums->weights && sums->over ? 0 : -ENOMEM;
}

static void sums_close(struct sums *sums)
{
	free(sums->weights);
	free(sums->over);
}

int charge(const struct subject *subject, const struct expr *expr, bool growth, struct measure *out)
{
	struct sums sums;
	int err = sums_open(subject, &sums);

	if (!err)
		err = sum(subject, expr, growth, &sums, out);
	sums_close(&sums);
	return err;
}

int measure_blame(const struct subject *subject, const struct expr *expr, double limit)
{
	struct measure out = { 0 };
	struct sums sums;
	int err = sums_open(subject, &sums);

	if (!err)
		err = sum(subject, expr, expr->unit == UNIT_GROWTH, &sums, &out);
	for (uint32_t i = 0; !err && i < subject->report->sites.count; i++) {
		struct report_site *site = report_site(subject->report, i);

		if (!sums.weights[i] ||
		    (expr->metric == METRIC_LONGEST && (double)site->max_ns <= limit) ||
		    (expr->metric == METRIC_NEW_SITES && site->change != GW_CHANGE_NEW))
			continue;
		site->blamed = true;
	}
	sums_close(&sums);
	return err;
}
