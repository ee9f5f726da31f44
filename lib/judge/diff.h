/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.h: two sides, site by site; lib/sink/diff*.c prints it.
 */
#ifndef JUDGE_DIFF_H
#define JUDGE_DIFF_H

#include "judge/change.h"

struct diff_row {
	char fingerprint[21];
	const char *title, *rule; /* rule NULL: none. Owned by the reports */
	enum gw_cause cause;
	bool machine; /* the machine is to blame: not counted */
	enum gw_change change;
	struct tally base, now;
};

struct gw_diff {
	struct report_vec rows;   /* struct diff_row; by change, then by weight */
	double scale;             /* of the numbers of the base */
	uint64_t base_ns, now_ns; /* lengths of the runs, the middle ones */
	uint32_t n_base, n_now;
	bool incomplete; /* events were lost in one of the runs */
};

#endif
