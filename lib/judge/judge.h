/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h: one expression judged, and results put together; see judge.c.
 */
#ifndef JUDGE_JUDGE_H
#define JUDGE_JUDGE_H

#include "judge/measure.h"

struct verdict_on {
	struct subject subject;
	const struct gw_report *baseline; /* NULL: none */
	struct report_judged *judged;
};

/* Adds its row to the results. 0 or -ENOMEM. */
int judge_expr(struct verdict_on *on, const struct expr *expr);

/* Forgets the last judgement; the sites of the report lose their marks. */
void judged_clear(const struct gw_report *report);
/* Counts the rows and makes the outcome of them. */
void judged_count(const struct gw_report *report);

#endif
