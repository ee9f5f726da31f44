// SPDX-License-Identifier: BSD-2-Clause
/*
 * report.c: questions a finished report answers. It grows in collect.c.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

uint64_t report_charged(const struct gw_stall *stall)
{
	uint64_t machine =
		stall->ledger.runqueue_ns + stall->ledger.throttled_ns + stall->ledger.stopped_ns;

	return machine < stall->duration_ns ? stall->duration_ns - machine : 0;
}

uint64_t report_lost_total(const struct gw_report *report)
{
	uint64_t total = 0;

	for (size_t i = 0; i < REPORT_LOST; i++)
		total += report->lost[i].count;
	return total;
}

uint64_t report_lost_names(const struct gw_report *report)
{
	for (size_t i = 0; i < REPORT_LOST; i++)
		if (report->lost[i].reason && !strcmp(report->lost[i].reason, "names-lost"))
			return report->lost[i].count;
	return 0;
}

uint64_t report_lost_events(const struct gw_report *report)
{
	return report_lost_total(report) - report_lost_names(report);
}

bool report_complete(const struct gw_report *report)
{
	return report_lost_total(report) == 0 && !report->said_incomplete;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_length(const void *a, const void *b)
{
	const struct report_median *x = a, *y = b;

	return x->ns < y->ns ? -1 : x->ns > y->ns;
}

/* The median at which half of the stalls of all reports is reached. */
static uint64_t median_of_medians(const struct report_site *site)
{
	struct report_median *sorted = malloc(site->n_medians * sizeof(*sorted));
	uint64_t total = 0, seen = 0, ns = site->medians[0].ns;

	if (!sorted)
		return ns;
	memcpy(sorted, site->medians, site->n_medians * sizeof(*sorted));
	qsort(sorted, site->n_medians, sizeof(*sorted), by_length);
	for (uint32_t i = 0; i < site->n_medians; i++)
		total += sorted[i].count;
	for (uint32_t i = 0; i < site->n_medians && seen <= total / 2; i++) {
		seen += sorted[i].count;
		ns = sorted[i].ns;
	}
	free(sorted);
	return ns;
}

uint64_t report_site_median(const struct report_site *site)
{
	uint64_t copy[1024];
	uint32_t n = site->n_lengths < 1024 ? site->n_lengths : 1024;

	if (site->n_medians)
		return median_of_medians(site);
	if (!n)
		return 0;
	memcpy(copy, site->lengths, n * sizeof(copy[0]));
	qsort(copy, n, sizeof(copy[0]), by_value);
	return copy[n / 2];
}

const double report_shares[REPORT_SHARES] = { 0.5, 0.9, 0.99, 0.999 };

static uint64_t share_of(const uint64_t *buckets, const struct report_said *said,
			 unsigned int share, uint64_t max_ns)
{
	return said->known ? said->ns[share] : hist_quantile(buckets, report_shares[share], max_ns);
}

uint64_t report_lag(const struct report_loop *loop, unsigned int share)
{
	return share_of(loop->lag, &loop->lag_said, share, loop->lag_max_ns);
}

uint64_t report_delay(const struct report_loop *loop, unsigned int share)
{
	return share_of(loop->delay, &loop->delay_said, share, loop->delay_max_ns);
}

struct report_judged *report_judged_new(void)
{
	return calloc(1, sizeof(struct report_judged));
}

void report_judged_free(struct report_judged *judged)
{
	if (!judged)
		return;
	free(judged->budgets.items);
	free(judged->suppressed.items);
	free(judged->fixed.items);
	arena_free(&judged->memory);
	free(judged);
}

void *report_vec_add(struct report_vec *vec, size_t size)
{
	char *item;

	if (vec->count == vec->room) {
		uint32_t room = vec->room ? vec->room * 2 : 16;
		void *items = realloc(vec->items, room * size);

		if (!items)
			return NULL;
		vec->items = items;
		vec->room = room;
	}
	item = (char *)vec->items + vec->count++ * size;
	memset(item, 0, size);
	return item;
}
