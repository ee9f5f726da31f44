// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_html.c: the HTML page, and the lag of loops over the run that it draws.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "sample.h"

static struct sample sample;

/* Free it. */
static char *page_of(const struct gw_report *report)
{
	struct gw_sink *sink;
	size_t size;
	char *page;
	FILE *to = open_memstream(&page, &size);

	cr_assert_eq(gw_sink_open(&sink, "html", to, NULL), 0);
	cr_assert_eq(gw_sink_end(sink, report), 0);
	gw_sink_close(sink);
	fclose(to);
	return page;
}

static void expect(const char *page, const char *text)
{
	cr_expect(strstr(page, text), "%s is not in the page", text);
}

static void expect_none(const char *page, const char *text)
{
	cr_expect(!strstr(page, text), "%s is in the page", text);
}

Test(html, the_verdict_is_the_heading)
{
	char *page;

	sample_make(&sample);
	page = page_of(&sample.report);
	expect(page, "<h1>1 gevent loop stalled 2 times in 60 s, worst 612 ms; 100 % of it is "
		     "clock_nanosleep in retry (shop.py).</h1>");
	free(page);
}

Test(html, loss_is_said_before_all_else)
{
	char *page;

	sample_make(&sample);
	sample.report.lost[0].count = 12;
	page = page_of(&sample.report);
	expect(page, "<h1 class=\"alarm\">12 events were lost");
	expect_none(page, "No event was lost");
	free(page);
}

Test(html, a_run_without_stalls_says_so_and_draws_no_flame_graph)
{
	char *page;

	sample_make(&sample);
	sample.report.stalls.count = sample.report.sites.count = 0;
	sample.loops[0].stalls = 0;
	page = page_of(&sample.report);
	expect(page, "No turn over 100 ms was seen.");
	expect_none(page, "id=\"flame-view\"");
	expect_none(page, "id=\"sites\"");
	free(page);
}

Test(html, a_report_without_anything_is_a_page)
{
	struct gw_report nothing = { .duration_ns = 3000000000 };
	char *page = page_of(&nothing);

	expect(page, "<h1>No event loop was seen in 3 s.</h1>");
	expect(page, "</html>\n");
	free(page);
}

Test(html, names_of_the_target_are_no_markup)
{
	char *page;

	sample_make(&sample);
	sample.frames[0].name = "</script><img src=x onerror=alert(1)>";
	sample.frames[0].file = "\"'&\x1b[31m\xe2\x80\xae";
	sample.targets[0].argv[1] = "<b>";
	page = page_of(&sample.report);
	expect_none(page, "<img");
	expect_none(page, "<b>.");
	expect_none(page, "\x1b");
	expect_none(page, "\xe2\x80\xae");
	expect(page, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;");
	expect(page, "\\u003c/script\\u003e\\u003cimg");
	expect(page, "&quot;&#39;&amp;\\x1b[31m\\u{202e}");
	free(page);
}

Test(html, a_full_disk_is_an_error)
{
	FILE *to = fopen("/dev/full", "w");
	struct gw_sink *sink;

	sample_make(&sample);
	cr_assert(to);
	cr_assert_eq(gw_sink_open(&sink, "html", to, NULL), 0);
	cr_expect_eq(gw_sink_end(sink, &sample.report), -ENOSPC);
	gw_sink_close(sink);
	fclose(to);
}

static struct gw_report *report;

static void begin(void)
{
	struct wire_hello hello = { .head = { .now_ns = 1000 * SAMPLE_MS } };
	struct wire_found found = { .serial = 7, .pid = 1, .tid = 1 };

	cr_assert_eq(collect_new(&report, 0), 0);
	cr_assert_eq(collect_hello(report, &hello), 0);
	cr_assert_eq(collect_loop(report, &found), 0);
}

static void end(void)
{
	collect_free(report);
}

static void lag(uint64_t at_ms, uint64_t max_ms)
{
	struct wire_lag record = { .head = { .now_ns = (1000 + at_ms) * SAMPLE_MS },
				   .serial = 7,
				   .max_ns = max_ms * SAMPLE_MS };

	collect_lag(report, &record);
}

static uint64_t lag_at(uint32_t i)
{
	return report_loop(report, 0)->lags[i] / SAMPLE_MS;
}

TestSuite(lags, .init = begin, .fini = end);

Test(lags, the_longest_of_a_step_counts)
{
	lag(10, 3);
	lag(100, 8);
	lag(200, 5);
	lag(300, 1);
	cr_expect_eq(report->lag_step_ns, 250 * SAMPLE_MS);
	cr_expect_eq(lag_at(0), 8);
	cr_expect_eq(lag_at(1), 1);
	cr_expect_eq(lag_at(2), 0);
}

Test(lags, steps_double_when_the_run_outgrows_them)
{
	lag(0, 3);
	lag(250, 8);
	lag(63750, 4);
	lag(64000, 9);
	cr_expect_eq(report->lag_step_ns, 500 * SAMPLE_MS);
	cr_expect_eq(lag_at(0), 8);
	cr_expect_eq(lag_at(127), 4);
	cr_expect_eq(lag_at(128), 9);
	cr_expect_eq(lag_at(255), 0);
}

Test(lags, a_time_out_of_all_reason_does_no_harm)
{
	lag(0, 3);
	lag(UINT32_MAX * 1000ULL, 9);
	cr_expect_eq(lag_at(0), 3);
	cr_expect_leq(UINT32_MAX * 1000ULL * SAMPLE_MS / report->lag_step_ns, 255);
}

Test(lags, a_loop_that_is_not_known_is_left_out)
{
	struct wire_lag record = { .head = { .now_ns = 2000 * SAMPLE_MS },
				   .serial = 8,
				   .max_ns = 1 };

	collect_lag(report, &record);
	cr_expect_eq(lag_at(4), 0);
}
