// SPDX-License-Identifier: BSD-2-Clause
/*
 * change.c: the rules of new, regressed, unchanged, improved, fixed.
 */
#include "judge/change.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "judge/measure.h"

#define MORE      1.25 /* times: what is less is noise */
#define FEW       0.75 /* more times, over the number of stalls: few say little */
#define SPREAD    2.0  /* deviations of a number of independent events */
#define LIGHT     1.5  /* thresholds: one stall shorter than this may as well have been none */
#define LENGTH_NS 10000000

/* How often it happens: a number of events spreads by its root. */
static bool more_often(double base, double now)
{
	return now > MORE * base && now - base > SPREAD * sqrt(now + base);
}

static double mean(const struct tally *tally)
{
	return (double)tally->charged_ns / (double)tally->count;
}

static bool longer(const struct tally *base, const struct tally *now, uint64_t threshold_ns)
{
	double few = (double)(base->count < now->count ? base->count : now->count);
	double least = (double)threshold_ns / 4 > LENGTH_NS ? (double)threshold_ns / 4 : LENGTH_NS;

	return mean(now) > mean(base) * (MORE + FEW / few) && mean(now) - mean(base) > least;
}

/* Stalls like those of the site that may be among what the machine took in the other run. */
static double hidden(const struct tally *site, const struct tally *machine)
{
	return mean(site) <= MORE * (double)machine->max_ns ? (double)machine->count : 0;
}

static bool worse(const struct tally *base, const struct tally *now, const struct tally *machine,
		  double scale, uint64_t threshold_ns)
{
	double more = hidden(now, machine);
	double count = ((double)base->count + more) * scale;

	if ((double)now->charged_ns <= MORE * count * mean(base))
		return false;
	return more_often(count, (double)now->count) || longer(base, now, threshold_ns);
}

/* Too little to be told as a site that came or went. */
static bool light(const struct tally *site, const struct tally *machine, uint64_t threshold_ns)
{
	if (site->count == 1 && (double)site->max_ns < LIGHT * (double)threshold_ns)
		return true;
	return (double)site->count <= hidden(site, machine);
}

enum gw_change change_of(const struct tally *base, const struct tally *now,
			 const struct change_between *between)
{
	const struct tally *was = &between->base_machine, *is = &between->now_machine;
	uint64_t threshold_ns = between->threshold_ns;

	if (!base->count && !now->count)
		return GW_CHANGE_UNCHANGED;
	if (!base->count)
		return light(now, was, threshold_ns) ? GW_CHANGE_UNCHANGED : GW_CHANGE_NEW;
	if (!now->count)
		return light(base, is, threshold_ns) ? GW_CHANGE_UNCHANGED : GW_CHANGE_FIXED;
	if (worse(base, now, was, between->scale, threshold_ns))
		return GW_CHANGE_REGRESSED;
	if (worse(now, base, is, 1 / between->scale, threshold_ns))
		return GW_CHANGE_IMPROVED;
	return GW_CHANGE_UNCHANGED;
}

struct tally change_machine(const struct gw_report *report)
{
	struct tally sum = { 0 };

	report_each (report, sites, struct report_site, site) {
		if (site->cause != GW_CAUSE_RUNQUEUE && site->cause != GW_CAUSE_THROTTLED)
			continue;
		sum.count += site->count;
		sum.total_ns += site->total_ns;
		if (site->max_ns > sum.max_ns)
			sum.max_ns = site->max_ns;
	}
	return sum;
}

static struct change_between between(const struct gw_report *base, const struct gw_report *report)
{
	return (struct change_between){ .scale = change_scale(base, report),
					.threshold_ns = report->threshold_ns,
					.base_machine = change_machine(base),
					.now_machine = change_machine(report) };
}

static bool by_clock(const struct gw_report *report)
{
	return report->ended == GW_ENDED_DURATION || report->ended == GW_ENDED_SIGNAL;
}

double change_scale(const struct gw_report *base, const struct gw_report *now)
{
	double was = (double)measure_span(base), is = (double)measure_span(now);

	if (!by_clock(base) || !by_clock(now) || was <= 0 || is <= 0)
		return 1;
	return is > was * MORE || was > is * MORE ? is / was : 1;
}

struct tally change_tally(const struct report_site *site)
{
	return (struct tally){ .count = site->count,
			       .total_ns = site->total_ns,
			       .max_ns = site->max_ns,
			       .charged_ns = site->charged_ns ? site->charged_ns : site->total_ns };
}

uint64_t change_key(const struct report_site *site)
{
	return strtoull(site->fingerprint + 4, NULL, 16) & INT64_MAX;
}

static int add_fixed(const struct report_site *site, struct report_judged *judged)
{
	struct report_site *row = report_vec_add(&judged->fixed, sizeof(*row));

	if (!row)
		return -ENOMEM;
	memcpy(row->fingerprint, site->fingerprint, sizeof(row->fingerprint));
	row->cause = site->cause;
	row->title = arena_copy(&judged->memory, site->title ? site->title : "",
				site->title ? strlen(site->title) : 0);
	row->frame = GW_NONE;
	row->stack = GW_NONE;
	row->change = GW_CHANGE_FIXED;
	return row->title ? 0 : -ENOMEM;
}

/* Sites of the base that are not in the report. */
static int find_fixed(const struct gw_report *base, const struct gw_report *report,
		      const struct change_between *how)
{
	const struct tally none = { 0 };
	struct map seen = { 0 };
	int err = 0;
	uint64_t i;

	report_each (report, sites, struct report_site, site)
		if (site->count && map_put(&seen, change_key(site), 1))
			err = -ENOMEM;
	report_each (base, sites, struct report_site, site) {
		struct tally was = change_tally(site);

		if (err || map_get(&seen, change_key(site), &i))
			continue;
		if (change_of(&was, &none, how) == GW_CHANGE_FIXED)
			err = add_fixed(site, report->judged);
	}
	map_free(&seen);
	return err;
}

int change_mark(const struct gw_report *base, const struct gw_report *report)
{
	struct change_between how = between(base, report);
	struct map known = { 0 };
	int err = 0;
	uint64_t at;

	for (uint32_t i = 0; !err && i < base->sites.count; i++)
		err = map_put(&known, change_key(report_site(base, i)), i);
	report_each (report, sites, struct report_site, site) {
		struct tally was = { 0 }, is = change_tally(site);

		if (map_get(&known, change_key(site), &at))
			was = change_tally(report_site(base, (uint32_t)at));
		site->change = change_of(&was, &is, &how);
	}
	map_free(&known);
	return err ? err : find_fixed(base, report, &how);
}
