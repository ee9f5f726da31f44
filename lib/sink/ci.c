// SPDX-License-Identifier: BSD-2-Clause
/*
 * ci.c: sites and results in the words of CI formats. See ci.h.
 */
#include "sink/ci.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ci_state ci_state(const struct gw_report *report, const struct report_site *site)
{
	if (site->suppressed_by)
		return CI_SUPPRESSED;
	if (site->blamed && report->judged && report->judged->verdict.outcome == GW_BROKEN)
		return CI_FAILS;
	return format_charged(site->cause) ? CI_SHOWN : CI_MACHINE;
}

struct ranked {
	const struct report_site *site;
	enum ci_state state;
};

static int worse(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->state != y->state)
		return x->state < y->state ? -1 : 1;
	if (x->site->total_ns != y->site->total_ns)
		return x->site->total_ns < y->site->total_ns ? 1 : -1;
	return strcmp(x->site->fingerprint, y->site->fingerprint);
}

const struct report_site **ci_sites(const struct gw_report *report, uint32_t *n)
{
	uint32_t room = report->sites.count + 1;
	const struct report_site **out = calloc(room, sizeof(*out));
	struct ranked *ranked = calloc(room, sizeof(*ranked));

	*n = 0;
	report_each (report, sites, struct report_site, site)
		if (ranked && site->count)
			ranked[(*n)++] = (struct ranked){ site, ci_state(report, site) };
	if (ranked && *n)
		qsort(ranked, *n, sizeof(*ranked), worse);
	for (uint32_t i = 0; out && ranked && i < *n; i++)
		out[i] = ranked[i].site;
	if (!ranked) {
		free(out);
		out = NULL;
	}
	free(ranked);
	return out;
}

const struct gw_frame *ci_frame(const struct gw_report *report, const struct report_site *site)
{
	const uint32_t *frames;
	uint32_t depth;

	if (site->frame != GW_NONE && report_frame(report, site->frame)->file)
		return report_frame(report, site->frame);
	depth = site->stack == GW_NONE ? 0 : report_stack(report, site->stack, &frames);
	for (uint32_t i = 0; i < depth; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (frame->file && !report_is_called(frame))
			return frame;
	}
	return NULL;
}

const char *ci_sentence(char out[2 * CI_TEXT], const struct report_site *site)
{
	char title[CI_TEXT], max[FORMAT_TIME], total[FORMAT_TIME], count[FORMAT_TIME];

	gw_escape(title, sizeof(title), site->title ? site->title : gw_cause_name(site->cause));
	snprintf(out, 2 * CI_TEXT, "%s: %s stall%s, longest %s, %s in all", title,
		 format_count(count, site->count), site->count == 1 ? "" : "s",
		 format_time(max, site->max_ns), format_time(total, site->total_ns));
	return out;
}

static double nanoseconds(const char *unit)
{
	return !strcmp(unit, "ns")   ? 1
	       : !strcmp(unit, "us") ? 1e3
	       : !strcmp(unit, "ms") ? 1e6
	       : !strcmp(unit, "s")  ? 1e9
				     : 0;
}

const char *ci_amount(char out[FORMAT_TIME * 2], double value, const char *unit)
{
	double ns = value * nanoseconds(unit);

	if (ns > 0 && ns < 1e18)
		return format_time(out, (uint64_t)(ns + 0.5));
	if (!strcmp(unit, "count"))
		snprintf(out, FORMAT_TIME * 2, value == floor(value) ? "%.0f" : "%.1f", value);
	else
		snprintf(out, FORMAT_TIME * 2, value && value < 0.1 ? "%.3f %s" : "%.1f %s", value,
			 unit);
	return out;
}

const struct report_site *ci_find(const struct gw_report *report, const char *fingerprint)
{
	report_each (report, sites, struct report_site, site)
		if (!strcmp(site->fingerprint, fingerprint))
			return site;
	return NULL;
}

const char *ci_result(char out[2 * CI_TEXT], const struct gw_report *report,
		      const struct report_budget *row)
{
	const struct report_site *site = row->worst ? ci_find(report, row->worst) : NULL;
	char actual[FORMAT_TIME * 2], limit[FORMAT_TIME * 2], name[CI_TEXT] = "";

	if (row->outcome == GW_NO_VERDICT) {
		gw_escape(name, sizeof(name), row->why ? row->why : "it could not be judged");
		snprintf(out, 2 * CI_TEXT, "no verdict: %s", name);
		return out;
	}
	if (row->worst)
		gw_escape(name, sizeof(name), site && site->title ? site->title : row->worst);
	snprintf(out, 2 * CI_TEXT, "%s, limit %s%s%s%s", ci_amount(actual, row->actual, row->unit),
		 ci_amount(limit, row->limit, row->unit), row->worst ? "; worst: " : "",
		 row->worst && !site ? "loop " : "", name);
	return out;
}
