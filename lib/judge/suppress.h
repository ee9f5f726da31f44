/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suppress.h: known stalls, by cause and frames; docs/budgets.md has the form.
 *
 * A file is a list of entries in braces. Reading it is supparse.c, deciding
 * what an entry covers is suppress.c. Globs know * and ? and take time that
 * grows with the product of the lengths, never faster.
 */
#ifndef JUDGE_SUPPRESS_H
#define JUDGE_SUPPRESS_H

#include "report.h"

#define SUPPRESS_FILE    (1 << 20)
#define SUPPRESS_LINE    1024 /* bytes */
#define SUPPRESS_ENTRIES 1000
#define SUPPRESS_FRAMES  32 /* lines of frames of an entry */

enum pattern_key { /* of one frame */
		   PATTERN_PY,
		   PATTERN_JS,
		   PATTERN_FUN,
		   PATTERN_OBJ,
		   PATTERN_FILE,
		   PATTERN_KEYS,
};

struct pattern {
	bool any;                        /* "...": any number of frames */
	const char *globs[PATTERN_KEYS]; /* NULL: not asked for */
};

struct entry {
	const char *known, *call; /* call NULL: any */
	char until[11];           /* "2027-03-01"; "": always */
	bool has_cause, native;   /* native: names machine code, so those frames are looked at */
	enum gw_cause cause;
	uint64_t max_ns; /* 0: any length */
	uint32_t line;   /* where it begins */
	struct pattern *patterns;
	uint32_t n_patterns;
};

struct gw_suppressions {
	struct arena memory;
	struct entry *items;
	uint32_t count;
};

bool glob_match(const char *glob, const char *text);
/* Covers a stall of this site, stack (GW_NONE: none) and charged length? */
bool entry_covers(const struct entry *entry, const struct gw_report *report,
		  const struct report_site *site, uint32_t stack, uint64_t charged_ns);
/* "2027-03-01" of a wall clock; ended: the day after the last has begun. */
void day_of(char out[11], uint64_t wall_ns);
bool entry_ended(const struct entry *entry, uint64_t wall_ns);

/*
 * Marks (MARK_SUPPRESSED) the stalls that are covered, fills suppressed of the report's judged and
 * suppressed_by of its sites. 0 or -ENOMEM.
 */
int suppress(const struct gw_suppressions *suppressions, const struct gw_report *report,
	     uint64_t wall_ns, uint8_t *marks);

#endif
