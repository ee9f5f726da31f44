// SPDX-License-Identifier: BSD-2-Clause
/*
 * github.c: workflow commands that show findings beside the code.
 *
 *	::error file=app/db.py,line=88,title=GW1001 poll in get_user::26 stalls ...
 *
 * GitHub shows ten annotations of a kind in a step and drops the rest without
 * a word, so the worst five sites and up to four broken budgets are told;
 * everything else belongs into the step summary, which is Markdown.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sink/ci.h"

#define SITES   5
#define BUDGETS 4

/* A line break would end the command, and what follows could be another one. */
static void put(FILE *to, const char *text, bool property)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '%' || c < 0x20 || (property && (c == ':' || c == ',')))
			fprintf(to, "%%%02X", c);
		else
			fputc(c, to);
	}
}

static void put_property(FILE *to, const char *text)
{
	char safe[CI_TEXT];

	gw_escape(safe, sizeof(safe), text);
	put(to, safe, true);
}

static void put_budget(FILE *to, const struct gw_report *report, const struct report_budget *row)
{
	char result[2 * CI_TEXT];

	fprintf(to, "::%s title=", row->outcome == GW_BROKEN && !row->warn ? "error" : "warning");
	put_property(to, "greenwatch: ");
	put_property(to, row->expr);
	fputs("::", to);
	put(to, ci_result(result, report, row), false);
	fputc('\n', to);
}

static void put_site(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	const struct gw_frame *frame = ci_frame(report, site);
	char sentence[2 * CI_TEXT], fix[CI_TEXT];

	fprintf(to, "::%s ", ci_state(report, site) == CI_FAILS ? "error" : "warning");
	if (frame) {
		fputs("file=", to);
		put_property(to, frame->file);
		if (frame->line)
			fprintf(to, ",line=%" PRIu32, frame->line);
		fputc(',', to);
	}
	fputs("title=", to);
	if (site->advice.rule) {
		put_property(to, site->advice.rule);
		fputc(' ', to);
	}
	put_property(to, site->advice.title ? site->advice.title
			 : site->title      ? site->title
					    : gw_cause_name(site->cause));
	fputs("::", to);
	put(to, ci_sentence(sentence, site), false);
	if (site->advice.fix) {
		gw_escape(fix, sizeof(fix), site->advice.fix);
		fputs("%0A", to);
		put(to, fix, false);
	}
	fputc('\n', to);
}

static int write_github(struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n, told = 0;
	const struct report_site **sites = ci_sites(report, &n);

	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && i < SITES && ci_state(report, sites[i]) <= CI_SHOWN; i++)
		put_site(sink->to, report, sites[i]);
	if (report->judged) {
		report_each (report->judged, budgets, struct report_budget, row)
			if (row->outcome != GW_PASS && told++ < BUDGETS)
				put_budget(sink->to, report, row);
	}
	free(sites);
	return sink_flush(sink);
}

const struct sink_ops sink_github = {
	.name = "github",
	.help = "annotations for workflows of GitHub",
	.end = write_github,
};
