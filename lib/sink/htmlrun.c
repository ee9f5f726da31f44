// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmlrun.c: what could not be seen, and how the report was made.
 */
#include <inttypes.h>
#include <string.h>

#include "sink/html.h"

static void lost(const struct html *html)
{
	char n[FORMAT_TIME];

	fprintf(html->to, "<tr class=\"alarm\"><th scope=\"row\">%s event%s lost</th><td>",
		format_count(n, report_lost_total(html->report)),
		report_lost_total(html->report) == 1 ? "" : "s");
	for (int i = 0; i < REPORT_LOST; i++)
		if (html->report->lost[i].count && html->report->lost[i].reason) {
			html_text(html->to, html->report->lost[i].reason);
			fprintf(html->to, ": %s. ", format_count(n, html->report->lost[i].count));
		}
	fputs("There may have been more stalls than are listed.</td><td></td></tr>\n", html->to);
}

static void row(FILE *to, const char *what, const char *why, const char *fix)
{
	fputs("<tr><th scope=\"row\">", to);
	html_sentence(to, what);
	fputs("</th><td>", to);
	html_sentence(to, why);
	fputs("</td><td>", to);
	html_sentence(to, fix);
	fputs("</td></tr>\n", to);
}

static void nameless(const struct html *html)
{
	char why[200], share[FORMAT_TIME];

	if (!html->report->frames_nameless)
		return;
	snprintf(why, sizeof(why), "%s of the frames have no name: no symbols, or not in time",
		 format_share(share, html->report->frames_nameless, html->report->frames_seen));
	row(html->to, "Names", why, "the frame itself says why, in its stack");
}

static void flaws(const struct html *html)
{
	static const char *const words[WIRE_FLAWS] = {
		[REPORT_CUT] = "deeper than is kept",
		[REPORT_TORN] = "overwritten while they were read",
		[REPORT_UNREADABLE] = "a frame could not be read",
		[REPORT_CIRCLE] = "a frame came round again",
	};
	char what[64], n[FORMAT_TIME];

	for (int i = 0; i < WIRE_FLAWS; i++) {
		if (!html->report->flaws[i])
			continue;
		snprintf(what, sizeof(what), "%s stack%s not whole",
			 format_count(n, html->report->flaws[i]),
			 html->report->flaws[i] == 1 ? "" : "s");
		row(html->to, what, words[i], "");
	}
}

void html_unseen(const struct html *html)
{
	static const char *const heads[] = { "What", "Why", "What helps" };
	const struct gw_report *report = html->report;
	bool complete = report_complete(report), flawed = report->frames_nameless > 0;
	char what[64], n[FORMAT_TIME];

	for (int i = 0; i < WIRE_FLAWS; i++)
		flawed |= report->flaws[i] > 0;
	html_section(html->to, "unseen", "What could not be seen");
	if (complete)
		fputs("<p>No event was lost: every turn of the loops was seen.</p>\n", html->to);
	if (complete && !flawed && !report->notes.count && !report->stalls_folded) {
		html_section_end(html->to);
		return;
	}
	html_table(html->to, "What could not be seen", heads, 3);
	if (!complete)
		lost(html);
	report_each (report, notes, struct report_note, note)
		row(html->to, note->what, note->why, note->fix);
	nameless(html);
	flaws(html);
	if (report->stalls_folded) {
		snprintf(what, sizeof(what), "%s stalls", format_count(n, report->stalls_folded));
		row(html->to, what,
		    "over the number that is kept one by one: in the sites' "
		    "figures, not in the timeline",
		    "--max-stalls");
	}
	html_table_end(html->to);
	html_section_end(html->to);
}

static void words(FILE *to, const char *const *list, uint32_t n)
{
	fputs("<code>", to);
	for (uint32_t i = 0; i < n; i++) {
		fputs(i ? " " : "", to);
		html_sentence(to, list[i]);
	}
	fputs("</code>", to);
}

static void target(const struct html *html, const struct report_target *it)
{
	FILE *to = html->to;

	fprintf(to, "<tr><th scope=\"row\">%" PRIu32 "</th><td>", it->pid);
	html_text(to, it->runtime ? it->runtime : "native");
	if (it->version && it->version[0]) {
		fputs(strcmp(it->runtime ? it->runtime : "", "node") ? ", Python " : " ", to);
		html_text(to, it->version);
	}
	fputs("</td><td>", to);
	if (it->argc)
		words(to, (const char *const *)it->argv, it->argc);
	else
		html_text(to, it->comm);
	fputs("</td></tr>\n", to);
}

static void settings(const struct html *html)
{
	const struct gw_report *r = html->report;
	char n[FORMAT_TIME], period[FORMAT_TIME];
	FILE *to = html->to;

	fputs("<p>", to);
	html_say(to, "A turn counts as late after %s; samples every %s of CPU time",
		 format_span(n, r->threshold_ns), format_span(period, r->period_ns));
	if (r->gate) {
		fputs("; turns seen by ", to);
		html_text(to, r->gate);
	}
	fputs(".", to);
	if (r->cpu_ns)
		html_say(to, " greenwatch itself used %s of one CPU",
			 format_share(n, r->cpu_ns, r->duration_ns ? r->duration_ns : 1));
	if (r->cpu_ns && r->rss_bytes)
		fprintf(to, " and %" PRIu64 " MB", (r->rss_bytes + 500000) / 1000000);
	fputs(r->cpu_ns ? ".</p>\n<p>greenwatch " : "</p>\n<p>greenwatch ", to);
	html_text(to, r->tool ? r->tool : gw_version());
	fputs(", Linux ", to);
	html_text(to, r->kernel);
	fputs(" ", to);
	html_text(to, r->arch);
	fprintf(to, ", %" PRIu32 " CPU%s.</p>\n", r->cpus, r->cpus == 1 ? "" : "s");
}

/* What was started, and what the caller has put on the run. */
static void started(const struct html *html)
{
	const struct gw_report *r = html->report;

	if (r->command) {
		fputs(r->command_watched ? "<p>Started: " : "<p>Started as load: ", html->to);
		words(html->to, (const char *const *)r->command, r->n_command);
		if (r->child_exit != WIRE_STATUS_NONE)
			fprintf(html->to, ", ended with status %d", r->child_exit);
		fputs("</p>\n", html->to);
	}
	report_each (r, tags, struct report_tag, tag) {
		fputs(tag == r->tags.items ? "<p>" : ", ", html->to);
		html_text(html->to, tag->key);
		fputs(" = <b>", html->to);
		html_text(html->to, tag->value);
		fputs("</b>", html->to);
	}
	fputs(r->tags.count ? "</p>\n" : "", html->to);
}

void html_run(const struct html *html)
{
	static const char *const heads[] = { "Process", "Runs", "Command" };
	uint32_t shown = 0;

	html_section(html->to, "run", "How this was measured");
	settings(html);
	started(html);
	if (html->report->targets.count) {
		html_table(html->to, "Processes", heads, 3);
		report_each (html->report, targets, struct report_target, it)
			if (shown++ < HTML_ROWS)
				target(html, it);
		html_table_end(html->to);
		html_more(html->to, shown > HTML_ROWS ? shown - HTML_ROWS : 0, "processes");
	}
	html_section_end(html->to);
}
