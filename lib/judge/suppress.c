// SPDX-License-Identifier: BSD-2-Clause
/*
 * suppress.c: which stalls an entry covers. See suppress.h.
 *
 * Frames are compared innermost first. Those of the kernel and markers are
 * passed over, and machine code too unless the entry names some: what lies
 * under a function of Python differs from build to build.
 */
#include "judge/suppress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "judge/measure.h"

#define DEPTH 512 /* frames of a stack that are looked at */

bool glob_match(const char *glob, const char *text)
{
	const char *star = NULL, *from = NULL;

	while (*text) {
		if (*glob == '*') {
			star = glob++;
			from = text;
		} else if (*glob == '?' || *glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star + 1;
			text = ++from;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

/* A name without a dot in the glob is that of the function alone: load for Price.load. */
static bool name_match(const char *glob, const char *name)
{
	const char *dot = strchr(glob, '.') ? NULL : strrchr(name, '.');

	return glob_match(glob, name) || (dot && glob_match(glob, dot + 1));
}

static bool frame_match(const struct pattern *pattern, const struct gw_frame *frame)
{
	const char *const *globs = pattern->globs;
	bool native = frame->kind == GW_FRAME_NATIVE || frame->kind == GW_FRAME_RUST;

	if (globs[PATTERN_PY] &&
	    (frame->kind != GW_FRAME_PYTHON || !name_match(globs[PATTERN_PY], frame->name)))
		return false;
	if (globs[PATTERN_JS] &&
	    (frame->kind != GW_FRAME_JAVASCRIPT || !name_match(globs[PATTERN_JS], frame->name)))
		return false;
	if (globs[PATTERN_FUN] && (!native || !glob_match(globs[PATTERN_FUN], frame->name)))
		return false;
	if (globs[PATTERN_OBJ] &&
	    (!native || !frame->module || !glob_match(globs[PATTERN_OBJ], frame->module)))
		return false;
	return !globs[PATTERN_FILE] ||
	       (frame->file && glob_match(globs[PATTERN_FILE], frame->file));
}

static uint32_t frames_of(const struct entry *entry, const struct gw_report *report, uint32_t stack,
			  const struct gw_frame *out[DEPTH])
{
	const uint32_t *frames;
	uint32_t depth = report_stack(report, stack, &frames), n = 0;
	bool scripts = false;

	for (uint32_t i = 0; i < depth; i++)
		scripts |= report_is_script(report_frame(report, frames[i]));
	for (uint32_t i = 0; i < depth && n < DEPTH; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (frame->kind == GW_FRAME_KERNEL || frame->kind == GW_FRAME_MARKER)
			continue;
		if (scripts && !entry->native && !report_is_script(frame))
			continue;
		out[n++] = frame;
	}
	return n;
}

/* The patterns match the innermost frames; what lies further out may be anything. */
static bool stack_match(const struct entry *entry, const struct gw_report *report, uint32_t stack)
{
	const struct gw_frame *frames[DEPTH];
	uint32_t n = stack == GW_NONE ? 0 : frames_of(entry, report, stack, frames);
	uint32_t at = 0, from = 0;
	int64_t any = -1; /* the last "..." and where it ended: */

	for (uint32_t i = 0; i < entry->n_patterns;) {
		const struct pattern *pattern = &entry->patterns[i];

		if (pattern->any) {
			any = i++;
			from = at;
		} else if (at < n && frame_match(pattern, frames[at])) {
			i++;
			at++;
		} else if (any >= 0 && from < n) {
			at = ++from;
			i = (uint32_t)any + 1;
		} else {
			return false;
		}
	}
	return true;
}

bool entry_covers(const struct entry *entry, const struct gw_report *report,
		  const struct report_site *site, uint32_t stack, uint64_t charged_ns)
{
	if (entry->has_cause && entry->cause != site->cause)
		return false;
	if (entry->call && (!site->call || strcmp(entry->call, site->call)))
		return false;
	if (entry->max_ns && charged_ns > entry->max_ns)
		return false;
	return stack_match(entry, report, stack);
}

void day_of(char out[11], uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	struct tm utc;

	strcpy(out, "1970-01-01");
	if (gmtime_r(&seconds, &utc))
		strftime(out, 11, "%Y-%m-%d", &utc);
}

bool entry_ended(const struct entry *entry, uint64_t wall_ns)
{
	char today[11];

	day_of(today, wall_ns);
	return entry->until[0] && strcmp(today, entry->until) > 0;
}

int gw_suppressions_expired(const struct gw_suppressions *suppressions, uint64_t wall_ns,
			    uint32_t i, char *line, size_t size)
{
	for (uint32_t k = 0; k < suppressions->count; k++) {
		const struct entry *entry = &suppressions->items[k];

		if (!entry_ended(entry, wall_ns) || i--)
			continue;
		snprintf(line, size,
			 "line %u: \"%.100s\" ended on %s and suppresses nothing any more",
			 entry->line, entry->known, entry->until);
		return 0;
	}
	return -ENOENT;
}

struct marking {
	const struct gw_suppressions *suppressions;
	const struct gw_report *report;
	struct report_judged *judged;
	struct map rows; /* of entry and site: place in judged->suppressed */
	uint64_t wall_ns;
};

static const struct entry *find(const struct marking *marking, const struct report_site *site,
				uint32_t stack, uint64_t charged_ns)
{
	for (uint32_t i = 0; i < marking->suppressions->count; i++) {
		const struct entry *entry = &marking->suppressions->items[i];

		if (!entry_ended(entry, marking->wall_ns) &&
		    entry_covers(entry, marking->report, site, stack, charged_ns))
			return entry;
	}
	return NULL;
}

static int add_row(struct marking *marking, const struct entry *entry,
		   const struct report_site *site, uint64_t key, uint64_t *at)
{
	struct report_judged *judged = marking->judged;
	struct report_suppressed *row = report_vec_add(&judged->suppressed, sizeof(*row));

	if (!row)
		return -ENOMEM;
	*at = judged->suppressed.count - 1;
	row->known = arena_copy(&judged->memory, entry->known, strlen(entry->known));
	row->site = arena_copy(&judged->memory, site->fingerprint, strlen(site->fingerprint));
	if (entry->until[0])
		row->until = arena_copy(&judged->memory, entry->until, 10);
	return row->known && row->site && map_put(&marking->rows, key, *at) != -ENOMEM ? 0
										       : -ENOMEM;
}

static int note(struct marking *marking, const struct entry *entry, uint32_t site, uint64_t count,
		uint64_t total_ns)
{
	uint64_t number = (uint64_t)(entry - marking->suppressions->items);
	uint64_t key = number << 32 | site, at;
	struct report_suppressed *row;
	int err = 0;

	if (!map_get(&marking->rows, key, &at))
		err = add_row(marking, entry, report_site(marking->report, site), key, &at);
	if (err)
		return err;
	row = (struct report_suppressed *)marking->judged->suppressed.items + at;
	row->count += count;
	row->total_ns += total_ns;
	return 0;
}

static int mark_stalls(struct marking *marking, uint8_t *marks)
{
	for (uint32_t i = 0; i < marking->report->stalls.count; i++) {
		const struct gw_stall *stall = report_stall(marking->report, i);
		const struct entry *entry;
		int err;

		if (marks[i] || stall->site == GW_NONE)
			continue;
		entry = find(marking, report_site(marking->report, stall->site), stall->stack,
			     report_charged(stall));
		if (!entry)
			continue;
		marks[i] |= MARK_SUPPRESSED;
		err = note(marking, entry, stall->site, 1, stall->duration_ns);
		if (err)
			return err;
	}
	return 0;
}

static const char *reason(const struct report_judged *judged, const char *fingerprint)
{
	report_each (judged, suppressed, struct report_suppressed, row)
		if (!strcmp(row->site, fingerprint))
			return row->known;
	return NULL;
}

/* A site is suppressed when all of it is. Where no stall of it is listed, by what is known of it.
 */
static int mark_site(struct marking *marking, uint32_t index, uint64_t listed, uint64_t covered)
{
	struct report_site *site = report_site(marking->report, index);
	const struct entry *entry = NULL;
	int err = 0;

	if (site->count && !listed)
		entry = find(marking, site, site->stack, site->max_ns);
	if (entry)
		err = note(marking, entry, index, site->count, site->total_ns);
	if (entry || (covered && covered >= site->count))
		site->suppressed_by = reason(marking->judged, site->fingerprint);
	return err;
}

static int mark_sites(struct marking *marking, const uint8_t *marks)
{
	struct map listed = { 0 }, covered = { 0 };
	uint64_t n, m;
	int err = 0;

	for (uint32_t i = 0; !err && i < marking->report->stalls.count; i++) {
		const struct gw_stall *stall = report_stall(marking->report, i);

		if (stall->site == GW_NONE || marks[i] & MARK_WARMUP)
			continue;
		n = map_get(&listed, stall->site, &n) ? n + 1 : 1;
		m = map_get(&covered, stall->site, &m) ? m : 0;
		m += marks[i] & MARK_SUPPRESSED;
		if (map_put(&listed, stall->site, n) || map_put(&covered, stall->site, m))
			err = -ENOMEM;
	}
	for (uint32_t i = 0; !err && i < marking->report->sites.count; i++) {
		n = map_get(&listed, i, &n) ? n : 0;
		m = map_get(&covered, i, &m) ? m : 0;
		err = mark_site(marking, i, n, m);
	}
	map_free(&listed);
	map_free(&covered);
	return err;
}

int suppress(const struct gw_suppressions *suppressions, const struct gw_report *report,
	     uint64_t wall_ns, uint8_t *marks)
{
	struct marking marking = { .suppressions = suppressions,
				   .report = report,
				   .judged = report->judged,
				   .wall_ns = wall_ns };
	int err = mark_stalls(&marking, marks);

	if (!err)
		err = mark_sites(&marking, marks);
	map_free(&marking.rows);
	return err;
}
