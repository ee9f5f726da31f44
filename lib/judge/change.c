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

static bool longer(const struct tally *base, const struct tally *now, uint64_t threshold_ns)
{
	double was = (double)base->total_ns / (double)base->count;
	double is = (double)now->total_ns / (double)now->count;
	double few = (double)(base->count < now->count ? base->count : now->count);
	double least = (double)threshold_ns / 4 > LENGTH_NS ? (double)threshold_ns / 4 : LENGTH_NS;

	return is > was * (MORE + FEW / few) && is - was > least;
}

static bool worse(const struct tally *base, const struct tally *now, double scale,
		  uint64_t threshold_ns)
{
	if ((double)now->total_ns <= MORE * scale * (double)base->total_ns)
		return false;
	return more_often((double)base->count * scale, (double)now->count) ||
	       longer(base, now, threshold_ns);
}

static bool light(const struct tally *tally, uint64_t threshold_ns)
{
	return tally->count == 1 && (double)tally->max_ns < LIGHT * (double)threshold_ns;
}

enum gw_change change_of(const struct tally *base, const struct tally *now, double scale,
			 uint64_t threshold_ns)
{
	if (!base->count && !now->count)
		return GW_CHANGE_UNCHANGED;
	if (!base->count)
		return light(now, threshold_ns) ? GW_CHANGE_UNCHANGED : GW_CHANGE_NEW;
	if (!now->count)
		return light(base, threshold_ns) ? GW_CHANGE_UNCHANGED : GW_CHANGE_FIXED;
	if (worse(base, now, scale, threshold_ns))
		return GW_CHANGE_REGRESSED;
	if (worse(now, base, 1 / scale, threshold_ns))
		return GW_CHANGE_IMPROVED;
	return GW_CHANGE_UNCHANGED;
}

static bool by_clock(const struct gw_report *report)
{
	return report->ended == GW_ENDED_DURATION || report->ended == GW_ENDED_SIGNAL;
}

double change_scale(const struct gw_report *base, const struct gw_report *now)
{
	uint64_t was = measure_span(base), is = measure_span(now);

	return by_clock(base) && by_clock(now) && was && is ? (double)is / (double)was : 1;
}

static struct tally tally(const struct report_site *site)
{
	return (struct tally){ .count = site->count,
			       .total_ns = site->total_ns,
			       .max_ns = site->max_ns };
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
static int find_fixed(const struct gw_report *base, const struct gw_report *report, double scale)
{
	const struct tally none = { 0 };
	struct map seen = { 0 };
	int err = 0;
	uint64_t i;

	report_each (report, sites, struct report_site, site)
		if (site->count && map_put(&seen, change_key(site), 1))
			err = -ENOMEM;
	report_each (base, sites, struct report_site, site) {
		struct tally was = tally(site);

		if (err || map_get(&seen, change_key(site), &i))
			continue;
		if (change_of(&was, &none, scale, report->threshold_ns) == GW_CHANGE_FIXED)
			err = add_fixed(site, report->judged);
	}
	map_free(&seen);
	return err;
}

int change_mark(const struct gw_report *base, const struct gw_report *report)
{
	double scale = change_scale(base, report);
	struct map known = { 0 };
	int err = 0;
	uint64_t at;

	for (uint32_t i = 0; !err && i < base->sites.count; i++)
		err = map_put(&known, change_key(report_site(base, i)), i);
	report_each (report, sites, struct report_site, site) {
		struct tally was = { 0 }, is = tally(site);

		if (map_get(&known, change_key(site), &at))
			was = tally(report_site(base, (uint32_t)at));
		site->change = change_of(&was, &is, scale, report->threshold_ns);
	}
	map_free(&known);
	return err ? err : find_fixed(base, report, scale);
}
