// SPDX-License-Identifier: BSD-2-Clause
/*
 * diff.c: matches the sites of two sides by fingerprint.
 *
 * A side of several runs has, for each site, the worst or the middle of what
 * the runs say of it; a run that did not see the site says 0. The reports must
 * live as long as the diff.
 */
#include "judge/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "judge/measure.h"

struct side {
	const struct gw_report *const *reports;
	size_t n;
};

struct building {
	struct gw_diff *diff;
	struct map known; /* key of a fingerprint: row */
	struct tally *tallies;
	size_t n; /* runs: those of the base, then those of now */
	uint32_t room;
};

const char *gw_change_name(enum gw_change change)
{
	static const char *const names[] = {
		[GW_CHANGE_NONE] = "",
		[GW_CHANGE_NEW] = "new",
		[GW_CHANGE_REGRESSED] = "regressed",
		[GW_CHANGE_UNCHANGED] = "unchanged",
		[GW_CHANGE_IMPROVED] = "improved",
		[GW_CHANGE_FIXED] = "fixed",
	};

	return (size_t)change < sizeof(names) / sizeof(names[0]) ? names[change] : "";
}

static int grow(struct building *b)
{
	uint32_t room = b->room ? b->room * 2 : 64;
	struct tally *bigger = realloc(b->tallies, room * b->n * sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	memset(bigger + b->room * b->n, 0, (room - b->room) * b->n * sizeof(*bigger));
	b->tallies = bigger;
	b->room = room;
	return 0;
}

static int row_for(struct building *b, const struct report_site *site, uint64_t *at)
{
	struct diff_row *row;
	int err = 0;

	if (map_get(&b->known, change_key(site), at))
		return 0;
	*at = b->diff->rows.count;
	if (*at >= b->room)
		err = grow(b);
	row = err ? NULL : report_vec_add(&b->diff->rows, sizeof(*row));
	if (!row || map_put(&b->known, change_key(site), *at) == -ENOMEM)
		return -ENOMEM;
	memcpy(row->fingerprint, site->fingerprint, sizeof(row->fingerprint));
	row->cause = site->cause;
	row->machine = measure_is_machine(site->cause);
	return 0;
}

static int add_run(struct building *b, const struct gw_report *report, size_t run)
{
	report_each (report, sites, struct report_site, site) {
		struct diff_row *row;
		uint64_t at;
		int err;

		if (!site->count)
			continue;
		err = row_for(b, site, &at);
		if (err)
			return err;
		row = (struct diff_row *)b->diff->rows.items + at;
		row->title = site->title ? site->title : gw_cause_name(site->cause);
		row->rule = site->advice.rule;
		b->tallies[at * b->n + run] = change_tally(site);
	}
	b->diff->incomplete |= !report_complete(report);
	return 0;
}

static int by_total(const void *a, const void *b)
{
	uint64_t x = ((const struct tally *)a)->total_ns, y = ((const struct tally *)b)->total_ns;

	return x < y ? -1 : x > y;
}

static struct tally one_of(struct tally *tallies, size_t n, enum gw_aggregate how)
{
	qsort(tallies, n, sizeof(*tallies), by_total);
	return tallies[how == GW_WORST ? n - 1 : n / 2];
}

static int by_length(const void *a, const void *b)
{
	const struct gw_report *x = *(const struct gw_report *const *)a;
	const struct gw_report *y = *(const struct gw_report *const *)b;
	uint64_t dx = measure_span(x), dy = measure_span(y);

	return dx < dy ? -1 : dx > dy;
}

/* The run of a side whose length is the middle one. */
static const struct gw_report *middle(const struct side *side)
{
	const struct gw_report **copy = calloc(side->n, sizeof(*copy)), *out;

	if (!copy)
		return side->reports[0];
	for (size_t i = 0; i < side->n; i++)
		copy[i] = side->reports[i];
	qsort(copy, side->n, sizeof(*copy), by_length);
	out = copy[side->n / 2];
	free(copy);
	return out;
}

static int heavier(const void *a, const void *b)
{
	const struct diff_row *x = a, *y = b;
	uint64_t wx = x->now.total_ns > x->base.total_ns ? x->now.total_ns : x->base.total_ns;
	uint64_t wy = y->now.total_ns > y->base.total_ns ? y->now.total_ns : y->base.total_ns;

	if (x->machine != y->machine)
		return x->machine ? 1 : -1;
	if (x->change != y->change)
		return x->change < y->change ? -1 : 1;
	if (wx != wy)
		return wx < wy ? 1 : -1;
	return strcmp(x->fingerprint, y->fingerprint);
}

/* What the machine took in the run of a side where it took most. */
static struct tally most_machine(const struct side *side)
{
	struct tally most = { 0 };

	for (size_t i = 0; i < side->n; i++) {
		struct tally one = change_machine(side->reports[i]);

		most.count = one.count > most.count ? one.count : most.count;
		most.max_ns = one.max_ns > most.max_ns ? one.max_ns : most.max_ns;
	}
	return most;
}

static void compare_all(struct building *b, const struct side *base, const struct side *now,
			enum gw_aggregate how)
{
	const struct gw_report *was = middle(base), *is = middle(now);
	struct change_between how_much;
	struct gw_diff *diff = b->diff;

	diff->scale = change_scale(was, is);
	diff->base_ns = measure_span(was);
	diff->now_ns = measure_span(is);
	diff->n_base = (uint32_t)base->n;
	diff->n_now = (uint32_t)now->n;
	how_much = (struct change_between){ .scale = diff->scale,
					    .threshold_ns = is->threshold_ns,
					    .base_machine = most_machine(base),
					    .now_machine = most_machine(now) };
	report_each (diff, rows, struct diff_row, row) {
		size_t at = (size_t)(row - (struct diff_row *)diff->rows.items) * b->n;

		row->base = one_of(b->tallies + at, base->n, how);
		row->now = one_of(b->tallies + at + base->n, now->n, how);
		row->change = change_of(&row->base, &row->now, &how_much);
	}
	if (diff->rows.count)
		qsort(diff->rows.items, diff->rows.count, sizeof(struct diff_row), heavier);
}

static int build(struct building *b, const struct side *base, const struct side *now)
{
	int err = 0;

	for (size_t i = 0; !err && i < base->n; i++)
		err = add_run(b, base->reports[i], i);
	for (size_t i = 0; !err && i < now->n; i++)
		err = add_run(b, now->reports[i], base->n + i);
	return err;
}

int gw_diff_open(struct gw_diff **out, const struct gw_report *const *base, size_t n_base,
		 const struct gw_report *const *now, size_t n_now, enum gw_aggregate how)
{
	struct side was = { base, n_base }, is = { now, n_now };
	struct building b = { .n = n_base + n_now };
	int err;

	if (!n_base || !n_now)
		return -EINVAL;
	b.diff = calloc(1, sizeof(*b.diff));
	if (!b.diff)
		return -ENOMEM;
	err = build(&b, &was, &is);
	if (err) {
		gw_diff_close(b.diff);
	} else {
		compare_all(&b, &was, &is, how);
		*out = b.diff;
	}
	map_free(&b.known);
	free(b.tallies);
	return err;
}

bool gw_diff_complete(const struct gw_diff *diff)
{
	return !diff->incomplete;
}

uint32_t gw_diff_count(const struct gw_diff *diff, enum gw_change change)
{
	uint32_t n = 0;

	report_each (diff, rows, struct diff_row, row)
		n += row->change == change && !row->machine;
	return n;
}

void gw_diff_close(struct gw_diff *diff)
{
	if (!diff)
		return;
	free(diff->rows.items);
	free(diff);
}
