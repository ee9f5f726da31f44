// SPDX-License-Identifier: BSD-2-Clause
/*
 * several.c: one verdict on several runs of the same thing.
 *
 * Each run is judged by itself. The worst is the run farthest from holding;
 * the median is the run in the middle, of an even number the worse of the
 * two. A run without a verdict leaves the whole without one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge/judge.h"

struct several {
	const struct gw_report *const *reports;
	size_t n;
	enum gw_aggregate how;
	const struct gw_judge_opts *opts;
};

static const struct report_budget *row_of(const struct gw_report *report, uint32_t i)
{
	return (const struct report_budget *)report->judged->budgets.items + i;
}

static int rank(enum gw_outcome outcome)
{
	return outcome == GW_BROKEN ? 2 : outcome == GW_NO_VERDICT ? 1 : 0;
}

static int farther(const void *a, const void *b)
{
	const struct report_budget *x = *(const struct report_budget *const *)a;
	const struct report_budget *y = *(const struct report_budget *const *)b;

	if (rank(x->outcome) != rank(y->outcome))
		return rank(x->outcome) < rank(y->outcome) ? -1 : 1;
	return x->far < y->far ? -1 : x->far > y->far;
}

/* The row that speaks for all; rows end up in order. */
static const struct report_budget *choose(const struct report_budget **rows, size_t n,
					  enum gw_aggregate how)
{
	qsort(rows, n, sizeof(*rows), farther);
	if (how == GW_WORST)
		return rows[n - 1];
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->outcome == GW_NO_VERDICT)
			return rows[i];
	}
	return rows[n / 2];
}

static const char *keep(struct report_judged *judged, const char *text)
{
	return text ? arena_copy(&judged->memory, text, strlen(text)) : NULL;
}

static int put_together(const struct several *all, const struct gw_report *into)
{
	struct report_judged *judged = into->judged;
	const struct report_budget **rows = calloc(all->n, sizeof(*rows));
	uint32_t n = all->reports[0]->judged->budgets.count;
	int err = rows ? 0 : -ENOMEM;

	judged->budgets.count = 0;
	for (uint32_t i = 0; !err && i < n; i++) {
		struct report_budget *row = report_vec_add(&judged->budgets, sizeof(*row));

		for (size_t k = 0; k < all->n; k++)
			rows[k] = row_of(all->reports[k], i);
		if (!row) {
			err = -ENOMEM;
			break;
		}
		*row = *choose(rows, all->n, all->how);
		row->expr = keep(judged, row->expr);
		row->worst = keep(judged, row->worst);
		row->why = keep(judged, row->why);
		err = row->expr ? 0 : -ENOMEM;
	}
	free(rows);
	return err;
}

/* A site is what it is in the run where it is worst. */
static void change_sites(const struct several *all, const struct gw_report *into)
{
	report_each (into, sites, struct report_site, site) {
		site->change = GW_CHANGE_NONE;
		for (size_t k = 0; k < all->n; k++) {
			report_each (all->reports[k], sites, struct report_site, it) {
				if (strcmp(it->fingerprint, site->fingerprint) || !it->change)
					continue;
				if (!site->change || it->change < site->change)
					site->change = it->change;
			}
		}
	}
}

static int judge_each(const struct several *all, struct gw_verdict *verdict)
{
	*verdict = (struct gw_verdict){ 0 };
	for (size_t i = 0; i < all->n; i++) {
		struct gw_verdict one;
		int err = gw_judge(all->reports[i], all->opts, &one);

		if (err)
			return err;
		if (!verdict->why && one.why)
			verdict->why = one.why;
	}
	return 0;
}

int gw_judge_all(const struct gw_report *const *reports, size_t n, enum gw_aggregate how,
		 const struct gw_judge_opts *opts, const struct gw_report *into,
		 struct gw_verdict *out)
{
	struct several all = { .reports = reports, .n = n, .how = how, .opts = opts };
	struct gw_verdict verdict;
	int err;

	if (!n || !into->judged)
		return -EINVAL;
	err = gw_judge(into, opts, &verdict);
	if (err || (n == 1 && into == reports[0])) {
		*out = verdict;
		return err;
	}
	err = judge_each(&all, &verdict);
	if (!err && into->judged->done)
		err = put_together(&all, into);
	if (err)
		return err;
	if (opts->baseline)
		change_sites(&all, into);
	into->judged->verdict = (struct gw_verdict){ .why = keep(into->judged, verdict.why) };
	judged_count(into);
	*out = into->judged->verdict;
	return 0;
}
