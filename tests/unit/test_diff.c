// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_diff.c: what is a change and what is chance; two sides side by side.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "judge/change.h"
#include "sample.h"

#define MS SAMPLE_MS

static struct change_between between;

static enum gw_change change(uint64_t n, uint64_t each_ms, uint64_t m, uint64_t now_ms)
{
	struct tally base = { n, n * each_ms * MS, each_ms * MS, n * each_ms * MS };
	struct tally now = { m, m * now_ms * MS, now_ms * MS, m * now_ms * MS };

	between.scale = 1;
	between.threshold_ns = 100 * MS;
	return change_of(&base, &now, &between);
}

Test(change, equal_runs_are_unchanged)
{
	cr_assert_eq(change(10, 200, 10, 200), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(0, 0, 0, 0), GW_CHANGE_UNCHANGED);
}

Test(change, time_that_the_machine_took_makes_no_difference)
{
	struct tally base = { 5, 1000 * MS, 250 * MS, 900 * MS };
	struct tally now = { 5, 4000 * MS, 900 * MS, 950 * MS };

	between.scale = 1;
	between.threshold_ns = 100 * MS;
	cr_assert_eq(change_of(&base, &now, &between), GW_CHANGE_UNCHANGED);
}

Test(change, a_quarter_more_is_noise)
{
	cr_assert_eq(change(100, 200, 124, 200), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(100, 200, 100, 248), GW_CHANGE_UNCHANGED);
}

Test(change, more_often_is_worse_when_it_is_more_than_chance)
{
	cr_assert_eq(change(100, 200, 160, 200), GW_CHANGE_REGRESSED);
	cr_assert_eq(change(160, 200, 100, 200), GW_CHANGE_IMPROVED);
	cr_assert_eq(change(1, 200, 4, 200), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(1, 200, 12, 200), GW_CHANGE_REGRESSED);
}

Test(change, longer_is_worse_and_few_stalls_need_a_clearer_difference)
{
	cr_assert_eq(change(10, 200, 10, 300), GW_CHANGE_REGRESSED);
	cr_assert_eq(change(1, 200, 1, 300), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(1, 200, 1, 500), GW_CHANGE_REGRESSED);
	cr_assert_eq(change(10, 300, 10, 200), GW_CHANGE_IMPROVED);
}

Test(change, a_site_that_came_or_went_is_new_or_fixed)
{
	cr_assert_eq(change(0, 0, 1, 160), GW_CHANGE_NEW);
	cr_assert_eq(change(0, 0, 2, 101), GW_CHANGE_NEW);
	cr_assert_eq(change(3, 200, 0, 0), GW_CHANGE_FIXED);
}

Test(change, one_stall_just_over_the_threshold_may_as_well_have_been_none)
{
	cr_assert_eq(change(0, 0, 1, 110), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(1, 110, 0, 0), GW_CHANGE_UNCHANGED);
}

Test(change, what_the_machine_took_may_hide_stalls_of_any_site)
{
	between.base_machine = (struct tally){ 3, 600 * MS, 250 * MS, 0 };
	cr_assert_eq(change(0, 0, 3, 200), GW_CHANGE_UNCHANGED);
	cr_assert_eq(change(0, 0, 4, 200), GW_CHANGE_NEW);
	cr_assert_eq(change(3, 200, 0, 0), GW_CHANGE_FIXED);
	between.now_machine = between.base_machine;
	cr_assert_eq(change(3, 200, 0, 0), GW_CHANGE_UNCHANGED);
}

Test(change, what_is_longer_than_anything_the_machine_took_was_not_hidden)
{
	between.base_machine = (struct tally){ 3, 600 * MS, 250 * MS, 0 };
	cr_assert_eq(change(0, 0, 1, 500), GW_CHANGE_NEW);
}

Test(change, runs_that_end_by_the_clock_are_compared_by_their_length)
{
	struct sample a, b;

	sample_make(&a);
	sample_make(&b);
	b.report.duration_ns *= 2;
	cr_assert_float_eq(change_scale(&a.report, &b.report), 2, 1e-9);
	b.report.duration_ns = a.report.duration_ns / 10 * 9;
	cr_assert_float_eq(change_scale(&a.report, &b.report), 1, 1e-9);
	b.report.duration_ns = a.report.duration_ns * 2;
	b.report.ended = GW_ENDED_TARGET;
	cr_assert_float_eq(change_scale(&a.report, &b.report), 1, 1e-9);
}

static struct sample base, now;
static struct gw_diff *diff;
static char *output;
static size_t size;

static void begin(void)
{
	sample_make(&base);
	sample_make(&now);
}

static void end(void)
{
	gw_diff_close(diff);
	free(output);
}

TestSuite(diff, .init = begin, .fini = end);

static void compare(void)
{
	const struct gw_report *was[] = { &base.report }, *is[] = { &now.report };

	cr_assert_eq(gw_diff_open(&diff, was, 1, is, 1, GW_WORST), 0);
}

static const char *print(const char *format)
{
	struct gw_sink_opts opts = { .sz = sizeof(opts), .utf8 = true, .verbose = true };
	FILE *to = open_memstream(&output, &size);

	cr_assert_eq(gw_diff_print(diff, format, to, &opts), 0);
	fclose(to);
	return output;
}

Test(diff, two_equal_reports_differ_in_nothing)
{
	compare();
	cr_assert_eq(gw_diff_count(diff, GW_CHANGE_UNCHANGED),
		     1); /* the machine's is not counted */
	for (int i = GW_CHANGE_NEW; i <= GW_CHANGE_FIXED; i++)
		cr_assert(i == GW_CHANGE_UNCHANGED || !gw_diff_count(diff, i));
}

Test(diff, a_planted_regression_is_named)
{
	now.sites[0].count = 20;
	now.sites[0].total_ns *= 10;
	compare();
	cr_assert_eq(gw_diff_count(diff, GW_CHANGE_REGRESSED), 1);
	cr_assert(strstr(print("text"), "regressed"));
	cr_assert(strstr(output, "clock_nanosleep in retry (shop.py)"));
	cr_assert(strstr(output, "0 new, 1 regressed, 0 unchanged, 0 improved, 0 fixed"));
}

Test(diff, a_site_the_machine_is_to_blame_for_is_listed_and_not_counted)
{
	base.report.sites.count = 1; /* run-queue time comes in the new run only */
	compare();
	cr_assert_eq(gw_diff_count(diff, GW_CHANGE_NEW), 0);
	cr_assert(strstr(print("text"), "machine"));
}

Test(diff, a_cell_of_the_table_holds_no_markup)
{
	now.sites[0].title = "a|b <script> `x` \033[31m";
	compare();
	cr_assert(strstr(print("markdown"), "a&#124;b &#60;script&#62; &#96;x&#96; "));
	cr_assert_null(strchr(output, '\033'));
}

Test(diff, of_several_runs_the_median_forgives_one)
{
	struct sample worse;
	const struct gw_report *was[] = { &base.report };
	const struct gw_report *is[] = { &now.report, &worse.report, &base.report };

	sample_make(&worse);
	worse.sites[0].count = 20;
	worse.sites[0].total_ns *= 10;
	cr_assert_eq(gw_diff_open(&diff, was, 1, is, 3, GW_MEDIAN), 0);
	cr_assert_eq(gw_diff_count(diff, GW_CHANGE_REGRESSED), 0);
	gw_diff_close(diff);
	cr_assert_eq(gw_diff_open(&diff, was, 1, is, 3, GW_WORST), 0);
	cr_assert_eq(gw_diff_count(diff, GW_CHANGE_REGRESSED), 1);
}
