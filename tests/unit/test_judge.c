// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_judge.c: what a verdict is made of: charging, scopes, what spoils a run.
 *
 * The sample: retry blocked for 612 and 300 ms; 187.3 ms of which the program
 * ran 31.2 ms and waited for a CPU the rest. 60 s, one gevent loop.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

static struct sample sample, other;
static struct gw_budget *budget;
static struct gw_suppressions *suppressions;
static struct gw_judge_opts opts;
static struct gw_verdict verdict;
static char why[256];

static void release(struct sample *s)
{
	free(s->judged.budgets.items);
	free(s->judged.suppressed.items);
	free(s->judged.fixed.items);
	arena_free(&s->judged.memory);
}

static void begin(void)
{
	sample_make(&sample);
	sample_make(&other);
	cr_assert_eq(gw_budget_open(&budget), 0);
	opts = (struct gw_judge_opts){ .sz = sizeof(opts), .budget = budget };
}

static void end(void)
{
	release(&sample);
	release(&other);
	gw_budget_close(budget);
	gw_suppressions_close(suppressions);
}

TestSuite(judge, .init = begin, .fini = end);

static void judged(void)
{
	cr_assert_eq(gw_judge(&sample.report, &opts, &verdict), 0);
}

/* Judges one expression alone. */
static const struct report_budget *row_of(const char *expr)
{
	gw_budget_close(budget);
	cr_assert_eq(gw_budget_open(&budget), 0);
	cr_assert_eq(gw_budget_add(budget, expr, why, sizeof(why)), 0, "%s: %s", expr, why);
	opts.budget = budget;
	judged();
	return sample.judged.budgets.items;
}

static double actual(const char *expr)
{
	const struct report_budget *row = row_of(expr);

	cr_assert(row->measured, "%s: %s", expr, row->why);
	return row->actual;
}

static const char *unjudged(const char *expr)
{
	const struct report_budget *row = row_of(expr);

	cr_assert_eq(row->outcome, GW_NO_VERDICT, "%s", expr);
	cr_assert_eq(verdict.outcome, GW_NO_VERDICT);
	cr_assert_not_null(row->why);
	return row->why;
}

Test(judge, time_that_the_machine_took_is_not_charged)
{
	cr_assert_eq(actual("stalls == 0"), 2);
	cr_assert_eq(actual("stalls(>300ms) == 0"), 1);
}

Test(judge, the_machine_is_charged_where_the_expression_names_it)
{
	cr_assert_eq(actual("cause runqueue: stalls == 0"), 1);
	cr_assert_float_eq(actual("cause runqueue: longest < 1ms"), 187.3, 1e-6);
	cr_assert_float_eq(actual("runqueue < 1%"), 0.6, 1e-9);
	cr_assert_eq(row_of("runqueue < 1%")->outcome, GW_PASS);
}

Test(judge, stalled_and_longest_are_charged_time)
{
	cr_assert_float_eq(actual("longest < 100ms"), 611.8, 1e-6);
	cr_assert_float_eq(actual("stalled < 100ms"), 611.8 + 300 + 31.2, 1e-6);
	cr_assert_float_eq(actual("stalled% < 1%"), 943.0 / 60000 * 100, 1e-6);
}

Test(judge, the_worst_site_or_loop_is_named)
{
	cr_assert_str_eq(row_of("stalls == 0")->worst, "gw1-9b502de55a86d314");
	cr_assert_str_eq(row_of("longest < 1ms")->worst, "gw1-9b502de55a86d314");
	cr_assert_str_eq(row_of("lag.max < 1ms")->worst, "4242/4242");
	cr_assert(sample.judged.done);
}

Test(judge, sites_that_break_a_budget_are_blamed_and_others_not)
{
	row_of("stalls == 0");
	cr_assert(sample.sites[0].blamed);
	cr_assert_not(sample.sites[1].blamed);
	row_of("stalls == 0 @warn");
	cr_assert_not(sample.sites[0].blamed);
}

Test(judge, lag_holds_everything_and_each_loop_has_to_hold)
{
	sample.report.loops.count = 2;
	sample.loops[1] = sample.loops[0];
	sample.loops[1].tid = 4243;
	sample.loops[1].lag_max_ns = 5 * SAMPLE_MS;
	cr_assert_eq(actual("lag.max < 1s"), 0.612);
	cr_assert_float_eq(actual("lag.avg < 1ms"), 18780.0 / 182044, 1e-5);
	cr_assert_float_eq(actual("loop 4242/4243: lag.max < 1s"), 0.005, 1e-9);
}

Test(judge, an_expression_over_nothing_has_no_verdict)
{
	cr_assert(strstr(unjudged("runtime node: stalls == 0"), "no loop of runtime node"));
	cr_assert(strstr(unjudged("loop 1/1: lag.p99 < 1ms"), "no loop 1/1"));
	cr_assert(strstr(unjudged("new_sites == 0"), "no --baseline"));
	cr_assert(strstr(unjudged("lag.p99 < +10%"), "no --baseline"));
	cr_assert(strstr(unjudged("stalls(>50ms) == 0"), "threshold"));
	cr_assert(strstr(unjudged("throttled == 0"), "not told from"));
	cr_assert(strstr(unjudged("cause throttled: stalls == 0"), "not told from"));
	cr_assert(strstr(unjudged("poolwait.p99 < 1ms"), "no thread pool was seen"));
}

Test(judge, each_pool_has_to_hold)
{
	static struct report_pool pools[2] = {
		{ .pid = 4242, .name = "gevent.threadpool", .wait_max_ns = 402 * SAMPLE_MS },
		{ .pid = 4242, .name = "reports" },
	};

	hist_count(pools[0].wait, 300 * SAMPLE_MS, 9);
	hist_count(pools[0].wait, 402 * SAMPLE_MS, 91);
	sample.report.pools = (struct report_vec){ .items = pools, .count = 2 };
	cr_assert_float_eq(actual("poolwait.p99 < 1s"), 0.402, 1e-9);
	cr_assert_str_eq(row_of("poolwait.p99 < 100ms")->worst, "gevent.threadpool");
	cr_assert_eq(row_of("poolwait.p99 < 500ms")->outcome, GW_PASS);
	cr_assert(strstr(unjudged("poolwait.p75 < 1ms"), "p50, p90, p99"));
}

Test(judge, no_stall_of_a_cause_that_could_be_seen_is_a_pass)
{
	cr_assert_eq(row_of("cause gil: stalls == 0")->outcome, GW_PASS);
	cr_assert_eq(verdict.outcome, GW_PASS);
	cr_assert_eq(row_of("site gw1-0000000000000000: stalls == 0")->outcome, GW_PASS);
}

Test(judge, nothing_is_judged_without_an_expression)
{
	judged();
	cr_assert_eq(verdict.outcome, GW_PASS);
	cr_assert_not(sample.judged.done);
	cr_assert_eq(sample.judged.budgets.count, 0);
}

Test(judge, a_broken_budget_of_level_warn_changes_nothing)
{
	row_of("stalls == 0 @warn");
	cr_assert_eq(verdict.outcome, GW_PASS);
	cr_assert_eq(verdict.warned, 1);
	row_of("new_sites == 0 @warn");
	cr_assert_eq(verdict.outcome, GW_PASS);
}

Test(judge, what_is_broken_comes_before_what_could_not_be_judged)
{
	cr_assert_eq(gw_budget_add(budget, "new_sites == 0", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_add(budget, "stalls == 0", why, sizeof(why)), 0);
	judged();
	cr_assert_eq(verdict.outcome, GW_BROKEN);
	cr_assert_eq(verdict.unjudged, 1);
	cr_assert_eq(verdict.broken, 1);
}

Test(judge, lost_events_spoil_the_run_whatever_it_shows)
{
	sample.report.lost[0].count = 3;
	row_of("stalls == 0");
	cr_assert_eq(verdict.outcome, GW_NO_VERDICT);
	cr_assert_str_eq(verdict.why, "3 events were lost");
	cr_assert_eq(verdict.broken, 1); /* lost == 0, which is implied */
	row_of("lag.max < 10s");
	cr_assert_eq(verdict.outcome, GW_NO_VERDICT);
}

Test(judge, a_limit_of_its_own_allows_loss)
{
	sample.report.lost[0].count = 3;
	cr_assert_eq(gw_budget_add(budget, "lost < 10", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_add(budget, "lag.max < 10s", why, sizeof(why)), 0);
	judged();
	cr_assert_eq(verdict.outcome, GW_PASS);
}

Test(judge, a_run_that_was_too_short_or_hardly_turned_has_no_verdict)
{
	opts.asked_ns = 121 * 1000 * SAMPLE_MS;
	row_of("stalls == 0");
	cr_assert_eq(verdict.outcome, GW_NO_VERDICT);
	cr_assert(strstr(verdict.why, "less than half"));
	sample.report.ended = GW_ENDED_NOT; /* it may still become long enough */
	row_of("stalls == 0");
	cr_assert_eq(verdict.outcome, GW_BROKEN);
	opts.asked_ns = 0;
	opts.min_turns = 200000;
	row_of("stalls == 0");
	cr_assert(strstr(verdict.why, "fewer than 200000"));
	opts.min_turns = 0;
	sample.report.loops.count = 0;
	row_of("stalls == 0");
	cr_assert_str_eq(verdict.why, "no event loop was seen");
}

Test(judge, of_two_turns_one_may_still_have_been_late)
{
	sample.loops[0].turns = 2;
	row_of("stalls == 0");
	cr_assert_eq(verdict.outcome, GW_BROKEN);
	row_of("lag.max < 10s");
	cr_assert_eq(verdict.outcome, GW_NO_VERDICT);
}

Test(judge, stalls_of_the_warm_up_do_not_count)
{
	sample.stalls[0].warmup = true;
	sample.sites[0].count = 1;
	cr_assert_eq(actual("stalls == 0"), 1);
}

Test(judge, suppressed_stalls_do_not_count)
{
	static const char text[] = "{\nknown: retries\ncause: syscall max 400ms\n}\n";

	cr_assert_eq(gw_suppressions_open(&suppressions, text, strlen(text), why, sizeof(why)), 0);
	opts.suppressions = suppressions;
	cr_assert_eq(actual("stalls == 0"), 1);
	cr_assert_eq(sample.judged.suppressed.count, 1);
}

Test(judge, stalls_that_were_only_counted_can_break_a_budget_and_not_hold_it)
{
	sample.sites[0].count = 50; /* two of them are listed */
	cr_assert_eq(row_of("stalls == 0")->outcome, GW_BROKEN);
	cr_assert_eq(row_of("stalls < 10")->outcome, GW_NO_VERDICT);
	cr_assert(strstr(row_of("stalls < 10")->why, "--max-stalls"));
	cr_assert_eq(row_of("stalls >= 1")->outcome, GW_PASS);
}

Test(judge, with_a_baseline_only_new_and_regressed_sites_count)
{
	opts.baseline = &other.report;
	cr_assert_eq(actual("stalls == 0"), 0);
	cr_assert_eq(sample.sites[0].change, GW_CHANGE_UNCHANGED);
	other.report.sites.count = 0;
	cr_assert_eq(actual("stalls == 0"), 2);
	cr_assert_eq(actual("new_sites == 0"), 1);
	cr_assert_eq(sample.sites[0].change, GW_CHANGE_NEW);
}

Test(judge, growth_is_measured_against_the_baseline)
{
	opts.baseline = &other.report;
	other.loops[0].lag_max_ns = 600 * SAMPLE_MS;
	cr_assert_eq(row_of("lag.max < +10%")->outcome, GW_PASS);
	cr_assert_float_eq(row_of("lag.max < +10%")->limit, 660, 1e-6);
	other.loops[0].lag_max_ns = 500 * SAMPLE_MS;
	cr_assert_eq(row_of("lag.max < +10%")->outcome, GW_BROKEN);
	cr_assert_eq(row_of("stalls <= +0%")->outcome, GW_PASS);
	cr_assert_eq(row_of("stalls <= +0%")->actual, 2);
}

Test(judge, a_baseline_without_its_stalls_serves_too)
{
	opts.baseline = &other.report;
	other.report.stalls.count = 0;
	cr_assert_eq(row_of("stalls <= +0%")->outcome, GW_PASS);
	cr_assert_eq(row_of("longest <= +0%")->outcome, GW_PASS);
	cr_assert(strstr(unjudged("runtime gevent: stalls <= +0%"), "the baseline: "));
}

Test(judge, rates_are_by_the_time_that_was_watched)
{
	cr_assert_float_eq(actual("stalls < 1/min"), 2, 1e-9);
	sample.report.warmup_ns = 30 * 1000 * SAMPLE_MS;
	cr_assert_float_eq(actual("stalls < 1/min"), 4, 1e-9);
}

Test(judge, broken_for_good_is_what_more_time_cannot_mend)
{
	row_of("stalls == 0");
	cr_assert(verdict.for_good);
	row_of("stalled% < 0.1%");
	cr_assert_eq(verdict.outcome, GW_BROKEN);
	cr_assert_not(verdict.for_good);
	row_of("stalls > 5");
	cr_assert_not(verdict.for_good);
}

Test(judge, judging_again_starts_anew)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(actual("stalls == 0"), 2);
	cr_assert_eq(sample.judged.budgets.count, 2);
}

Test(judge, options_of_a_newer_caller_are_refused_where_they_are_used)
{
	struct {
		struct gw_judge_opts opts;
		int more;
	} newer = { .opts = { .sz = sizeof(newer) }, .more = 1 };

	cr_assert_eq(gw_judge(&sample.report, &newer.opts, &verdict), -E2BIG);
}

/* Several runs. */

static struct sample third, merged;

static enum gw_outcome of_three(enum gw_aggregate how, const char *expr)
{
	const struct gw_report *reports[] = { &sample.report, &other.report, &third.report };

	sample_make(&third);
	sample_make(&merged);
	third.report.stalls.count = 0;
	third.sites[0].count = third.sites[1].count = 0;
	cr_assert_eq(gw_budget_add(budget, expr, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(gw_judge_all(reports, 3, how, &opts, &merged.report, &verdict), 0);
	release(&third);
	return verdict.outcome;
}

Test(judge, the_worst_of_several_runs_speaks_for_all)
{
	sample.report.stalls.count = 0;
	sample.sites[0].count = sample.sites[1].count = 0;
	cr_assert_eq(of_three(GW_WORST, "stalls == 0"), GW_BROKEN);
	cr_assert_eq(((struct report_budget *)merged.judged.budgets.items)->actual, 2);
	release(&merged);
}

Test(judge, the_median_lets_one_bad_run_pass)
{
	sample.report.stalls.count = 0;
	sample.sites[0].count = sample.sites[1].count = 0;
	cr_assert_eq(of_three(GW_MEDIAN, "stalls == 0"), GW_PASS);
	release(&merged);
}

Test(judge, the_median_of_two_bad_runs_is_bad)
{
	cr_assert_eq(of_three(GW_MEDIAN, "stalls == 0"), GW_BROKEN);
	release(&merged);
}

Test(judge, a_run_that_is_spoiled_spoils_them_all)
{
	other.report.lost[0].count = 1;
	cr_assert_eq(of_three(GW_WORST, "lag.max < 10s"), GW_NO_VERDICT);
	cr_assert_str_eq(verdict.why, "1 event was lost");
	release(&merged);
}
