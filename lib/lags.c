// SPDX-License-Identifier: BSD-2-Clause
/*
 * lags.c: the longest turn of each loop over the run, in a fixed number of
 * steps: when the run outgrows them they become twice as long.
 */
#include "collect.h"

#include <string.h>

#define FIRST_NS 250000000 /* a step at first: 64 s are as fine as the source tells */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void widen(struct gw_report *report)
{
	report_each (report, loops, struct report_loop, loop) {
		for (uint32_t i = 0; i < REPORT_LAGS / 2; i++)
			loop->lags[i] = larger(loop->lags[2 * i], loop->lags[2 * i + 1]);
		memset(loop->lags + REPORT_LAGS / 2, 0, sizeof(loop->lags) / 2);
	}
	report->lag_step_ns *= 2;
}

void collect_lag(struct gw_report *report, const struct wire_lag *lag)
{
	uint32_t i = collect_loop_index(report, lag->serial);
	uint64_t at, step;

	if (i == GW_NONE || lag->head.now_ns < report->start_ns)
		return;
	at = lag->head.now_ns - report->start_ns;
	if (!report->lag_step_ns)
		report->lag_step_ns = FIRST_NS;
	while (at / report->lag_step_ns >= REPORT_LAGS)
		widen(report);
	step = at / report->lag_step_ns;
	report_loop(report, i)->lags[step] =
		larger(report_loop(report, i)->lags[step], lag->max_ns);
}
