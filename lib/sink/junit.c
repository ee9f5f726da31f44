// SPDX-License-Identifier: BSD-2-Clause
/*
 * junit.c: budgets and sites as test cases, for CI systems that read JUnit.
 *
 * There is no standard, only what Jenkins, GitLab and GitHub apps read:
 * testsuites/testsuite/testcase with failure, skipped and system-out. A
 * budget without a verdict is skipped with its reason; a site fails only
 * where it adds to a broken budget.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/ci.h"

#define STACK_FRAMES 40

struct totals {
	uint32_t tests, failures, skipped;
};

/* Escaped text as XML: entities, and nothing that XML 1.0 has no place for. */
static void put(FILE *to, const char *text)
{
	static const char *const entities[] = {
		['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&apos;"
	};

	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < sizeof(entities) / sizeof(entities[0]) && entities[c]) {
			fputs(entities[c], to);
		} else if (!strncmp(p, "\xef\xbf\xbe", 3) || !strncmp(p, "\xef\xbf\xbf", 3)) {
			fputc('?', to); /* U+FFFE, U+FFFF */
			p += 2;
		} else {
			fputc(c, to);
		}
	}
}

static void put_name(FILE *to, const char *text)
{
	char safe[CI_TEXT];

	gw_escape(safe, sizeof(safe), text);
	put(to, safe);
}

static void put_seconds(FILE *to, const char *key, uint64_t ns)
{
	fprintf(to, " %s=\"%" PRIu64 ".%03u\"", key, ns / 1000000000,
		(unsigned)(ns / 1000000 % 1000));
}

static void count_budgets(const struct gw_report *report, struct totals *sum)
{
	if (!report->judged)
		return;
	report_each (report->judged, budgets, struct report_budget, row) {
		sum->tests++;
		sum->failures += row->outcome == GW_BROKEN && !row->warn;
		sum->skipped += row->outcome == GW_NO_VERDICT;
	}
}

static void count_sites(const struct gw_report *report, const struct report_site **sites,
			uint32_t n, struct totals *sum)
{
	for (uint32_t i = 0; i < n; i++) {
		enum ci_state state = ci_state(report, sites[i]);

		sum->tests++;
		sum->failures += state == CI_FAILS;
		sum->skipped += state == CI_SUPPRESSED || state == CI_MACHINE;
	}
}

static void put_start(FILE *to, uint64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / 1000000000);
	char date[32] = "";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	fprintf(to, " timestamp=\"%s\"", date);
}

static void open_suite(FILE *to, const char *name, const struct gw_report *report,
		       const struct totals *sum)
{
	fprintf(to,
		"  <testsuite name=\"%s\" tests=\"%" PRIu32 "\" failures=\"%" PRIu32
		"\" errors=\"0\" skipped=\"%" PRIu32 "\"",
		name, sum->tests, sum->failures, sum->skipped);
	put_seconds(to, "time", report->duration_ns);
	put_start(to, report->wall_ns);
	if (report->host) {
		fputs(" hostname=\"", to);
		put_name(to, report->host);
		fputc('"', to);
	}
	fputs(">\n", to);
}

static void put_budget(FILE *to, const struct gw_report *report, const struct report_budget *row)
{
	char result[2 * CI_TEXT];

	ci_result(result, report, row);
	fputs("    <testcase classname=\"greenwatch.budgets\" name=\"", to);
	put_name(to, row->expr);
	fputs(row->warn ? " @warn\" time=\"0\">\n" : "\" time=\"0\">\n", to);
	if (row->outcome == GW_NO_VERDICT) {
		fputs("      <skipped message=\"", to);
		put(to, result);
		fputs("\"/>\n", to);
	} else if (row->outcome == GW_BROKEN && !row->warn) {
		fputs("      <failure type=\"budget\" message=\"", to);
		put(to, result);
		fputs("\">", to);
		put(to, result);
		fputs("</failure>\n", to);
	} else {
		fputs("      <system-out>", to);
		put(to, result);
		fputs("</system-out>\n", to);
	}
	fputs("    </testcase>\n", to);
}

static void put_stack(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	const uint32_t *frames;
	uint32_t depth = site->stack == GW_NONE ? 0 : report_stack(report, site->stack, &frames);

	for (uint32_t i = 0; i < depth && i < STACK_FRAMES; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);
		const char *where = frame->file ? frame->file : frame->module;

		fputs("\n  ", to);
		put_name(to, frame->name);
		if (where) {
			fputs("  ", to);
			put_name(to, where);
		}
		if (frame->line)
			fprintf(to, ":%" PRIu32, frame->line);
	}
	if (depth > STACK_FRAMES)
		fprintf(to, "\n  %" PRIu32 " more", depth - STACK_FRAMES);
}

static void put_text(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	char sentence[2 * CI_TEXT];

	put(to, ci_sentence(sentence, site));
	if (site->advice.rule) {
		fputc('\n', to);
		put_name(to, site->advice.rule);
		fputc(' ', to);
		put_name(to, site->advice.title ? site->advice.title : "");
	}
	if (site->advice.fix) {
		fputs("\n", to);
		put_name(to, site->advice.fix);
	}
	put_stack(to, report, site);
}

static void put_site(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	const struct gw_frame *frame = ci_frame(report, site);
	enum ci_state state = ci_state(report, site);
	char sentence[2 * CI_TEXT];

	fputs("    <testcase classname=\"greenwatch.sites\" name=\"", to);
	put_name(to, site->title ? site->title : gw_cause_name(site->cause));
	fprintf(to, " [%s]\"", site->fingerprint);
	if (frame) {
		fputs(" file=\"", to);
		put_name(to, frame->file);
		fputc('"', to);
	}
	put_seconds(to, "time", site->total_ns);
	fputs(">\n      ", to);
	if (state == CI_SUPPRESSED || state == CI_MACHINE) {
		fputs("<skipped message=\"", to);
		put_name(to, state == CI_MACHINE ? "the machine is to blame: not charged"
						 : site->suppressed_by);
		fputs("\"/>\n", to);
	} else if (state == CI_FAILS) {
		fprintf(to, "<failure type=\"%s\" message=\"", gw_cause_name(site->cause));
		put(to, ci_sentence(sentence, site));
		fputs("\">", to);
		put_text(to, report, site);
		fputs("</failure>\n", to);
	} else {
		fputs("<system-out>", to);
		put_text(to, report, site);
		fputs("</system-out>\n", to);
	}
	fputs("    </testcase>\n", to);
}

static void write_suites(FILE *to, const struct gw_report *report, const struct report_site **sites,
			 uint32_t n)
{
	struct totals budgets = { 0 }, of_sites = { 0 };

	count_budgets(report, &budgets);
	count_sites(report, sites, n, &of_sites);
	fprintf(to,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"greenwatch\" tests=\"%" PRIu32 "\" failures=\"%" PRIu32
		"\" errors=\"0\" skipped=\"%" PRIu32 "\"",
		budgets.tests + of_sites.tests, budgets.failures + of_sites.failures,
		budgets.skipped + of_sites.skipped);
	put_seconds(to, "time", report->duration_ns);
	fputs(">\n", to);
	open_suite(to, "greenwatch.budgets", report, &budgets);
	if (report->judged) {
		report_each (report->judged, budgets, struct report_budget, row)
			put_budget(to, report, row);
	}
	fputs("  </testsuite>\n", to);
	open_suite(to, "greenwatch.sites", report, &of_sites);
	for (uint32_t i = 0; i < n; i++)
		put_site(to, report, sites[i]);
	fputs("  </testsuite>\n</testsuites>\n", to);
}

static int write_junit(struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n;
	const struct report_site **sites = ci_sites(report, &n);

	if (!sites)
		return -ENOMEM;
	write_suites(sink->to, report, sites, n);
	free(sites);
	return sink_flush(sink);
}

const struct sink_ops sink_junit = {
	.name = "junit",
	.extension = ".xml",
	.help = "a test case for each budget and site, for CI",
	.end = write_junit,
};
