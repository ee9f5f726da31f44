/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.h: what the metric of an expression is in a report.
 *
 * Pure: reads a report and says a number, or why there is none. Judges
 * nothing. Charged time is the length of a stall without the time the machine
 * took: waiting for a CPU, throttled, stopped; all of it where the scope of
 * the expression names one of these as the cause.
 */
#ifndef JUDGE_MEASURE_H
#define JUDGE_MEASURE_H

#include "judge/budget.h"
#include "report.h"

enum mark { /* of a stall or a site */
	    MARK_SUPPRESSED = 1,
	    MARK_WARMUP = 2,
};

struct subject {
	const struct gw_report *report;
	const uint8_t *marks; /* of each stall; not 0: it does not count */
	bool against;         /* there is a baseline: sites have a change */
};

struct measure {
	bool known;    /* else why says why not */
	bool least;    /* there may be more of it: stalls that were only counted */
	double value;  /* ns, percent, counts or counts a time */
	bool of_sites; /* a sum over stalls: measure_blame() knows what adds to it */
	char worst[40];
	char why[160];
};

/* 0 or -ENOMEM. growth: for a limit of +N%, so all sites count, whatever the baseline says. */
int measure(const struct subject *subject, const struct expr *expr, bool growth,
	    struct measure *out);

/* Sets blamed of the sites that add to a value over the limit. 0 or -ENOMEM. */
int measure_blame(const struct subject *subject, const struct expr *expr, double limit);

bool measure_is_machine(enum gw_cause cause);
/* Length of the run that is judged, in ns. */
uint64_t measure_span(const struct gw_report *report);
bool compare(double value, enum cmp cmp, double limit);
/* How far a value is from holding: the larger, the worse. */
double compare_far(double value, enum cmp cmp, double limit);

#endif
