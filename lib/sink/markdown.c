// SPDX-License-Identifier: BSD-2-Clause
/*
 * markdown.c: the report for a pull request or a step summary (GitHub's
 * flavour).
 *
 * Verdict, diagnosis, budgets, sites, quality. Whatever could mean something
 * to Markdown, mention somebody or become a link is written as a character
 * reference. A step summary may have 1 MiB: rows end before, and how many
 * were left out is said.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

#define ROWS 50 /* of a table; each below 9 kB */

/* Would it begin a link? */
static bool links(const char *text, const char *p)
{
	return (*p == ':' && p[1] == '/') ||
	       (*p == '.' && p >= text + 3 && !strncmp(p - 3, "www", 3));
}

/* GitHub takes an underscore between two letters for one. */
static bool inside_word(const char *text, const char *p)
{
	return p > text && isalnum((unsigned char)p[-1]) && isalnum((unsigned char)p[1]);
}

static void put_safe(FILE *to, const char *text, size_t chars)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	escape(safe, sizeof(safe), text ? text : "", chars);
	for (const char *p = safe; *p; p++) {
		if (links(safe, p) || strchr("&<|`*[]#@~\\", *p) ||
		    (*p == '_' && !inside_word(safe, p)))
			fprintf(to, "&#%d;", *p);
		else
			fputc(*p, to);
	}
}

static void put(FILE *to, const char *text)
{
	put_safe(to, text, ESCAPE_NAME);
}

static const char *outcome_sign(enum gw_outcome outcome, bool warn)
{
	switch (outcome) {
	case GW_PASS:
		return "✓ held";
	case GW_BROKEN:
		return warn ? "⚠ broken (warning)" : "✗ broken";
	case GW_NO_VERDICT:
		return "? no verdict";
	}
	return "";
}

static void put_verdict(FILE *to, const struct gw_report *report)
{
	const struct gw_verdict *verdict = &report->judged->verdict;
	uint32_t all = verdict->held + verdict->broken + verdict->unjudged + verdict->warned;

	switch (verdict->outcome) {
	case GW_PASS:
		fprintf(to, "**✓ passed:** %" PRIu32 " of %" PRIu32 " budget%s held\n\n",
			verdict->held, all, all == 1 ? "" : "s");
		break;
	case GW_BROKEN:
		fprintf(to, "**✗ failed:** %" PRIu32 " of %" PRIu32 " budget%s broken\n\n",
			verdict->broken, all, all == 1 ? "" : "s");
		break;
	case GW_NO_VERDICT:
		fputs("**? no verdict**", to);
		if (verdict->why) {
			fputs(": ", to);
			put(to, verdict->why);
		}
		fputs("\n\n", to);
		break;
	}
}

static int put_diagnosis(FILE *to, const struct gw_report *report)
{
	char(*lines)[DIAGNOSIS_SIZE] = calloc(DIAGNOSIS_LINES, sizeof(*lines));
	int n = lines ? sink_diagnosis(report, lines, DIAGNOSIS_LINES) : -ENOMEM;

	for (int i = 0; i < n; i++) {
		fputs(i ? "- " : "**", to);
		put_safe(to, lines[i], ESCAPE_SENTENCE);
		fputs(i ? "\n" : "**\n\n", to);
	}
	if (n > 1)
		fputc('\n', to);
	free(lines);
	return n < 0 ? n : 0;
}

static void put_value(FILE *to, bool known, double value, const char *unit)
{
	bool bare = !strcmp(unit, "count");

	if (known)
		fprintf(to, "%.6g%s%s", value, bare || *unit == '/' ? "" : " ", bare ? "" : unit);
}

static void put_budgets(FILE *to, const struct gw_report *report)
{
	uint32_t rows = 0;

	fputs("| budget | verdict | actual | worst |\n|---|---|---:|---|\n", to);
	report_each (report->judged, budgets, struct report_budget, budget) {
		if (rows++ == ROWS)
			break;
		fputs("| ", to);
		put(to, budget->expr);
		fprintf(to, " | %s", outcome_sign(budget->outcome, budget->warn));
		if (budget->why) {
			fputs(": ", to);
			put(to, budget->why);
		}
		fputs(" | ", to);
		put_value(to, budget->measured, budget->actual, budget->unit);
		fputs(" | ", to);
		put(to, budget->worst);
		fputs(" |\n", to);
	}
	if (report->judged->budgets.count > ROWS)
		fprintf(to, "\n%" PRIu32 " more budgets\n", report->judged->budgets.count - ROWS);
	fputc('\n', to);
}

static void put_place(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	const struct gw_frame *frame =
		site->frame == GW_NONE ? NULL : report_frame(report, site->frame);

	if (!frame) {
		put(to, site->title ? site->title : gw_cause_name(site->cause));
		return;
	}
	put(to, frame->name);
	if (frame->file) {
		fputc(' ', to);
		put(to, frame->file);
		if (frame->line)
			fprintf(to, ":%" PRIu32, frame->line);
	}
	if (site->callee) {
		fputs(" → ", to);
		put(to, site->callee);
	}
	if (site->call) {
		fputs(" → ", to);
		put(to, site->call);
		fputs("()", to);
	}
}

static void put_site(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	char n[FORMAT_TIME], max[FORMAT_TIME], total[FORMAT_TIME];

	fprintf(to, "| %s | %s | %s | %s%s | ", format_count(n, site->count),
		format_time(max, site->max_ns), format_time(total, site->total_ns),
		gw_cause_name(site->cause), format_charged(site->cause) ? "" : " (not charged)");
	put_place(to, report, site);
	fputs(" | ", to);
	if (site->advice.rule) {
		put(to, site->advice.rule);
		fputs(": ", to);
		put(to, site->advice.fix[0] ? site->advice.fix : site->advice.title);
	}
	if (site->suppressed_by) {
		fputs(site->advice.rule ? "; suppressed: " : "suppressed: ", to);
		put(to, site->suppressed_by);
	}
	fprintf(to, " | %s |\n", gw_change_name(site->change));
}

static void put_sites(FILE *to, const struct gw_report *report)
{
	uint32_t shown = 0, all = 0;

	report_each (report, sites, struct report_site, site)
		all += site->count > 0;
	if (!all)
		return;
	fputs("| stalls | longest | in all | cause | where | what to change | baseline |\n"
	      "|---:|---:|---:|---|---|---|---|\n",
	      to);
	report_each (report, sites, struct report_site, site)
		if (site->count && shown < ROWS) {
			put_site(to, report, site);
			shown++;
		}
	if (all > shown)
		fprintf(to, "\n%" PRIu32 " more sites\n", all - shown);
	fputc('\n', to);
}

/* "- 3 records were lost: ring-full" */
static void put_quality(FILE *to, const struct gw_report *report)
{
	uint32_t rows = 0;
	char n[FORMAT_TIME], span[FORMAT_TIME];

	fprintf(to, "%s over %s, ", report->merged > 1 ? "Several runs" : "One run",
		format_span(span, report->duration_ns));
	if (report_complete(report)) {
		fputs("nothing was lost.\n", to);
	} else {
		fputs("**incomplete**:", to);
		for (int i = 0; i < REPORT_LOST; i++) {
			if (!report->lost[i].reason || !report->lost[i].count)
				continue;
			fprintf(to, " %s ", format_count(n, report->lost[i].count));
			put(to, report->lost[i].reason);
		}
		fputs(" lost; there may have been more stalls.\n", to);
	}
	report_each (report, notes, struct report_note, note) {
		if (rows++ == ROWS)
			break;
		fputs(rows == 1 ? "\n- " : "- ", to);
		put(to, note->what);
		fputs(": ", to);
		put(to, note->why);
		if (note->fix && note->fix[0]) {
			fputs(" → ", to);
			put(to, note->fix);
		}
		fputc('\n', to);
	}
	if (report->notes.count > ROWS)
		fprintf(to, "- %" PRIu32 " more notes\n", report->notes.count - ROWS);
}

static int markdown_end(struct gw_sink *sink, const struct gw_report *report)
{
	int err;

	fputs("### Event loop stalls\n\n", sink->to);
	if (report->judged && report->judged->done)
		put_verdict(sink->to, report);
	err = put_diagnosis(sink->to, report);
	if (report->judged && report->judged->budgets.count)
		put_budgets(sink->to, report);
	put_sites(sink->to, report);
	put_quality(sink->to, report);
	return err ? err : sink_flush(sink);
}

const struct sink_ops sink_markdown = {
	.name = "markdown",
	.extension = ".md",
	.help = "for pull requests and step summaries",
	.end = markdown_end,
};
