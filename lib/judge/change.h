/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * change.h: did a site get worse, and is that more than chance?
 *
 * Two runs of the same program are never equal. What counts as a change was
 * chosen by measuring pairs of equal runs (docs/budgets.md has the figures).
 */
#ifndef JUDGE_CHANGE_H
#define JUDGE_CHANGE_H

#include "report.h"

struct tally { /* of one site in one run; count 0: it was not seen */
	uint64_t count, total_ns, max_ns;
	uint64_t charged_ns; /* what is compared */
};

/*
 * scale: what a number of the base is multiplied with before it is compared, because the runs
 * differ in length. machine: what each run lost to others on the machine. A stall whose time went
 * mostly there is no longer told by its own site, so a site that came, went, or changed by no more
 * than that is not told as a change.
 */
struct change_between {
	double scale;
	uint64_t threshold_ns;
	struct tally base_machine, now_machine;
};

enum gw_change change_of(const struct tally *base, const struct tally *now,
			 const struct change_between *between);

/* Stalls of a run that waited for a CPU or a quota. */
struct tally change_machine(const struct gw_report *report);

/* Runs that ended by the clock and differ in length are compared by the time they took, others as
 * they are. */
double change_scale(const struct gw_report *base, const struct gw_report *now);

struct tally change_tally(const struct report_site *site);
uint64_t change_key(const struct report_site *site); /* of its fingerprint, for a map */

/* Sets the change of every site of the report, and fixed of its judged. 0 or -ENOMEM. */
int change_mark(const struct gw_report *base, const struct gw_report *report);

#endif
