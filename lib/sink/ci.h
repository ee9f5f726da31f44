/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ci.h: what the formats of continuous integration share.
 *
 * They show sites, the worst first, at a file and line, and say how bad each
 * is. A site fails only where it adds to a broken budget: nothing turns red
 * in one format that passes in another.
 */
#ifndef CI_H
#define CI_H

#include "base/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

#define CI_TEXT ESCAPE_SIZE(ESCAPE_NAME)

enum ci_state {
	CI_FAILS,      /* adds to a broken budget */
	CI_SHOWN,      /* seen, and nothing is broken by it */
	CI_SUPPRESSED, /* known and accepted */
	CI_MACHINE,    /* the machine is to blame: not charged */
};

enum ci_state ci_state(const struct gw_report *report, const struct report_site *site);

/* Sites that were seen, worst first: by state, then by weight. Free it; NULL: no memory. */
const struct report_site **ci_sites(const struct gw_report *report, uint32_t *n);

/* Where to show a site: the application's frame, else the innermost one with a file; NULL: none. */
const struct gw_frame *ci_frame(const struct gw_report *report, const struct report_site *site);

/* "poll in get_user (app/db.py): 26 stalls, longest 612 ms, 3.10 s in all". Returns out, escaped.
 */
const char *ci_sentence(char out[2 * CI_TEXT], const struct report_site *site);

/* A number with its unit as people read it: "8.2 ms", "26", "1.2 %". Returns out. */
const char *ci_amount(char out[FORMAT_TIME * 2], double value, const char *unit);

/* "26, limit 0; worst: poll in get_user (app/db.py)", or why there is no verdict. Escaped. */
const char *ci_result(char out[2 * CI_TEXT], const struct gw_report *report,
		      const struct report_budget *row);

const struct report_site *ci_find(const struct gw_report *report, const char *fingerprint);

#endif
