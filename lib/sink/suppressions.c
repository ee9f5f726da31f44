// SPDX-License-Identifier: BSD-2-Clause
/*
 * suppressions.c: entries for the stalls that no entry covers yet.
 *
 * Each is ready to be used and easy to be refused: the title is its reason
 * until somebody writes a better one, it ends in 90 days, and a stall half as
 * long again as the longest seen is reported. What the machine is to blame
 * for needs no entry: it is not charged.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/ci.h"

#define DAYS    90
#define STEP_MS 10

static void print_day(FILE *to, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000) + DAYS * 24 * 3600;
	char date[16] = "1970-01-01";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d", &utc);
	fprintf(to, "  until %s\n", date);
}

/* A name as a glob that matches it: blanks and what has a meaning there becomes one of any. */
static void print_glob(FILE *to, const char *key, const char *text)
{
	fputs(key, to);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		fputc(c <= ' ' || c == 0x7f || c == '*' || c == '#' ? '?' : c, to);
	}
}

static bool is_plain(const char *text)
{
	char safe[CI_TEXT];

	gw_escape(safe, sizeof(safe), text);
	return text[0] && strlen(text) < 200 && !strcmp(safe, text);
}

static void print_frame(FILE *to, const struct gw_frame *frame)
{
	const char *key = frame->kind == GW_FRAME_PYTHON       ? "py:"
			  : frame->kind == GW_FRAME_JAVASCRIPT ? "js:"
							       : "fun:";

	if (!is_plain(frame->name) || frame->kind == GW_FRAME_KERNEL ||
	    frame->kind == GW_FRAME_MARKER)
		return;
	fputs("  ...\n  ", to);
	print_glob(to, key, frame->name);
	if (frame->file && is_plain(frame->file))
		print_glob(to, "  file:", frame->file);
	else if (key[0] == 'f' && frame->module && is_plain(frame->module))
		print_glob(to, "  obj:", frame->module);
	fputc('\n', to);
}

static void print_entry(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	uint64_t max_ms = site->max_ns / 1000000 * 3 / 2 / STEP_MS * STEP_MS + STEP_MS;
	char title[CI_TEXT], sentence[2 * CI_TEXT];

	gw_escape(title, sizeof(title), site->title ? site->title : gw_cause_name(site->cause));
	for (char *hash = title; (hash = strchr(hash, '#')); hash++)
		*hash = '.'; /* would begin a comment */
	fprintf(to, "# %s\n{\n  known: %s\n", ci_sentence(sentence, site), title);
	print_day(to, report->wall_ns);
	fprintf(to, "  cause: %s", gw_cause_name(site->cause));
	if (site->call &&
	    strspn(site->call, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(site->call))
		fprintf(to, ":%s", site->call);
	fprintf(to, " max %" PRIu64 "ms\n", max_ms);
	if (site->frame != GW_NONE)
		print_frame(to, report_frame(report, site->frame));
	fputs("}\n", to);
}

static int write_suppressions(struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n, written = 0;
	const struct report_site **sites = ci_sites(report, &n);

	if (!sites)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		if (ci_state(report, sites[i]) > CI_SHOWN)
			continue;
		if (written++)
			fputc('\n', sink->to);
		print_entry(sink->to, report, sites[i]);
	}
	if (!written)
		fputs("# nothing that is charged and not suppressed yet\n", sink->to);
	free(sites);
	return sink_flush(sink);
}

const struct sink_ops sink_suppressions = {
	.name = "suppressions",
	.extension = ".supp",
	.help = "entries for what is not suppressed yet",
	.end = write_suppressions,
};
