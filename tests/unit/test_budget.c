// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_budget.c: the grammar of budgets, and what refuses a line.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "judge/budget.h"
#include "judge/suppress.h"

static char why[256];

static struct expr parsed(const char *text)
{
	struct expr expr;

	cr_assert_eq(expr_parse(&expr, text, strlen(text), why, sizeof(why)), 0, "%s: %s", text,
		     why);
	return expr;
}

static const char *refused(const char *text)
{
	struct expr expr;

	why[0] = '\0';
	cr_assert_eq(expr_parse(&expr, text, strlen(text), why, sizeof(why)), -EINVAL, "%s", text);
	return why;
}

Test(budget, a_plain_expression_has_all_its_parts)
{
	struct expr expr = parsed("stalls(>100ms) == 0");

	cr_assert_eq(expr.metric, METRIC_STALLS);
	cr_assert_eq(expr.over_ns, 100000000);
	cr_assert_eq(expr.cmp, CMP_EQ);
	cr_assert_eq(expr.value, 0);
	cr_assert_eq(expr.scope, SCOPE_ALL);
	cr_assert_not(expr.warn);
}

Test(budget, scope_and_level_are_read_and_the_level_is_not_part_of_the_text)
{
	struct expr expr = parsed("  cause gc: longest < 1.5s @warn ");

	cr_assert_eq(expr.scope, SCOPE_CAUSE);
	cr_assert_eq(expr.cause, GW_CAUSE_GC);
	cr_assert_eq(expr.metric, METRIC_LONGEST);
	cr_assert_eq(expr.value, 1.5e9);
	cr_assert(expr.warn);
	cr_assert_str_eq(expr.text, "cause gc: longest < 1.5s");
}

Test(budget, every_metric_of_the_manual_is_read)
{
	static const char *const lines[] = {
		"lag.p50 < 5ms",
		"lag.p99.9 < 5ms",
		"lag.p999 < 5ms",
		"lag.max <= 1s",
		"lag.avg < 500us",
		"stalls == 0",
		"stalls<2/min",
		"stalls > 3",
		"stalls < 1/s",
		"stalled < 2s",
		"stalled% < 1%",
		"stalled < 1%",
		"longest < 150ms",
		"blocked < 5%",
		"oncpu >= 1%",
		"runqueue < 1%",
		"throttled == 0",
		"stopped == 0ms",
		"gil < 5%",
		"gc < 200ms",
		"poolwait.p99 < 50ms",
		"new_sites == 0",
		"sites <= 3",
		"lost == 0",
		"lag.p99 < +10%",
		"stalls < +25%",
		"rule GW1001: stalls == 0",
		"runtime gevent: lag.p99 < 20ms",
		"loop 42/43: stalls == 0",
		"site gw1-0123456789abcdef: longest < 1s",
		"cause runqueue: stalls != 7",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		parsed(lines[i]);
}

Test(budget, limits_are_kept_in_base_units)
{
	cr_assert_eq(parsed("lag.p99 < 20ms").value, 20e6);
	cr_assert_eq(parsed("lag.p99 < 20us").value, 20e3);
	cr_assert_eq(parsed("stalled% < 1.5%").value, 1.5);
	cr_assert_eq(parsed("lag.p99 < +10%").value, 10);
	cr_assert_eq(parsed("lag.p99 < +10%").unit, UNIT_GROWTH);
}

Test(budget, an_error_names_the_column_of_what_is_wrong)
{
	static const struct {
		const char *text, *begin;
	} lines[] = {
		{ "stals == 0", "column 1: \"stals\" is no metric" },
		{ "", "column 1: a metric is missing" },
		{ "stalls", "column 7: a comparison is missing" },
		{ "stalls ==", "column 10: a number is missing" },
		{ "stalls == x", "column 11: a number is missing" },
		{ "stalls == 0 junk", "column 13: nothing may follow here" },
		{ "stalls == 0 @bad", "column 13: the level is" },
		{ "stalls == 0 @warn x", "column 19: nothing may follow the level" },
		{ "stalls(100ms) == 0", "column 8: \">\" must follow" },
		{ "stalls(>100) == 0", "column 12: a unit must follow" },
		{ "stalls(>100ms == 0", "column 15: \")\" is missing" },
		{ "lag.p99 < 20", "column 11: the limit must be a time" },
		{ "lag.p0 < 20ms", "column 6: a percentile is from" },
		{ "lag.p100 < 20ms", "column 6: a percentile is from" },
		{ "lag.pxx < 20ms", "column 6: a number is missing" },
		{ "stalls < 5ms", "column 10: the limit must be a number or a rate" },
		{ "stalled% < 5ms", "column 12: the limit must be a share" },
		{ "stalled% < 120%", "column 12: a share is at most" },
		{ "lost < +10%", "column 8: the limit must be a number" },
		{ "lag.p99 < +10ms", "column 11: growth is in percent" },
		{ "cause typo: stalls == 0", "column 7: \"typo\" is no cause" },
		{ "cause gc stalls == 0", "column 21: \":\" is missing" },
		{ "rule GW9999: stalls == 0", "column 6: \"GW9999\" is no rule" },
		{ "site 12: stalls == 0", "column 6: \"12\" is no fingerprint" },
		{ "cause gc: lag.p99 < 1ms", "column 11: this has no part" },
		{ "loop x: lost == 0", "column 9: this has no scope" },
		{ "stalls == 1.", "column 13: a digit must follow" },
		{ "stalls == 1234567890123456", "column 11: the number has more" },
		{ "stalls =\001 0", "column 9: a control character" },
		{ "loop \xc3\xbc: stalls == x", "column 19: a number is missing" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *got = refused(lines[i].text);

		cr_assert_eq(strncmp(got, lines[i].begin, strlen(lines[i].begin)), 0,
			     "%s: %s, not %s", lines[i].text, got, lines[i].begin);
	}
}

Test(budget, a_line_too_long_is_refused)
{
	char text[1000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert(strstr(refused(text), "longer than 511 bytes"));
}

static struct gw_budget *opened(void)
{
	struct gw_budget *budget;

	cr_assert_eq(gw_budget_open(&budget), 0);
	return budget;
}

Test(budget, presets_stand_for_their_lines)
{
	struct gw_budget *budget = opened();

	cr_assert_eq(gw_budget_add(budget, "none", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_add(budget, "@report", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_count(budget), 0);
	cr_assert_eq(gw_budget_add(budget, "@default", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_count(budget), 1);
	cr_assert_eq(gw_budget_add(budget, "@strict", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_count(budget), 3);
	cr_assert_eq(gw_budget_add(budget, "@nope", why, sizeof(why)), -EINVAL);
	cr_assert(strstr(why, "no such preset"));
	gw_budget_close(budget);
}

static int add_text(struct gw_budget *budget, const char *text)
{
	return gw_budget_add_file(budget, text, strlen(text), why, sizeof(why));
}

Test(budget, a_file_has_comments_blank_lines_and_presets)
{
	struct gw_budget *budget = opened();

	cr_assert_eq(add_text(budget, "# greenwatch.budget\n\nstalls(>100ms) == 0\r\n"
				      "\tlag.p99 < 20ms # why\n@default\nlost == 0"),
		     0, "%s", why);
	cr_assert_eq(gw_budget_count(budget), 4);
	gw_budget_close(budget);
}

Test(budget, one_bad_line_refuses_the_file_and_is_named)
{
	struct gw_budget *budget = opened();

	cr_assert_eq(add_text(budget, "stalls == 0\n\n  lag.p99 < 20\n"), -EINVAL);
	cr_assert_str_eq(why, "line 3, column 13: the limit must be a time, as in 20ms");
	cr_assert_eq(gw_budget_count(budget), 0);
	gw_budget_close(budget);
}

Test(budget, a_time_under_the_threshold_cannot_be_judged_live)
{
	struct gw_budget *budget = opened();

	cr_assert_eq(gw_budget_add(budget, "stalls(>50ms) == 0", why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_check(budget, 50000000, why, sizeof(why)), 0);
	cr_assert_eq(gw_budget_check(budget, 100000000, why, sizeof(why)), -EINVAL);
	cr_assert(strstr(why, "-T 50ms"), "%s", why);
	gw_budget_close(budget);
}

/* Damage: always the same, so that what fails once fails again. */

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static size_t damage(char *out, size_t room, const char *text, uint32_t seed)
{
	static const char spice[] = "{}:@#<>=!%+.\n\t \"'\\*?()\377\200\033\0019eE-_/";
	size_t len = strlen(text);
	uint32_t times = 1 + next(&seed) % 8;

	memcpy(out, text, len);
	for (; times--; seed = next(&seed)) {
		size_t at = len ? next(&seed) % len : 0, n = next(&seed) % 20;

		switch (next(&seed) % 5) {
		case 0:
			out[at] = spice[next(&seed) % (sizeof(spice) - 1)];
			break;
		case 1: /* cut out */
			n = n < len - at ? n : len - at;
			memmove(out + at, out + at + n, len - at - n);
			len -= n;
			break;
		case 2: /* repeat */
			n = n < len - at ? n : len - at;
			n = n < room - len ? n : room - len;
			memmove(out + at + n, out + at, len - at);
			len += n;
			break;
		case 3:
			out[at] = (char)next(&seed);
			break;
		case 4:
			len = at ? at : len;
			break;
		}
	}
	return len;
}

static void check_line(const char *text)
{
	cr_assert_neq(text[0], '\0');
	cr_assert_null(strchr(text, '\n'), "%s", text);
	cr_assert_lt(strlen(text), sizeof(why));
}

#define DAMAGED 10000

Test(budget, ten_thousand_damaged_files_are_read_or_refused_in_one_line, .timeout = 60)
{
	static const char good[] =
		"# greenwatch.budget\nstalls(>100ms) == 0\nlag.p99 < 20ms\n"
		"cause syscall: stalls(>150ms) == 0 @warn\nstalled% < 1%\n"
		"runtime gevent: lag.p99.9 < +10%\nrule GW1001: stalls < 2/min\n"
		"site gw1-0123456789abcdef: longest < 1.5s\n@strict\nlost == 0\n";
	static char text[4096];
	unsigned refusals = 0;

	for (uint32_t i = 0; i < DAMAGED; i++) {
		struct gw_budget *budget = opened();
		size_t len = damage(text, sizeof(text), good, i);
		int err;

		memset(why, 0, sizeof(why));
		err = gw_budget_add_file(budget, text, len, why, sizeof(why));
		cr_assert(!err || err == -EINVAL);
		if (err) {
			refusals++;
			check_line(why);
			cr_assert_eq(strncmp(why, "line ", 5), 0, "%s", why);
		}
		gw_budget_close(budget);
	}
	cr_assert_gt(refusals, DAMAGED / 3);
	cr_assert_lt(refusals, DAMAGED);
}

Test(suppressions, ten_thousand_damaged_files_are_read_or_refused_in_one_line, .timeout = 60)
{
	static const char good[] =
		"# known\n{\n  known: nightly export reads a file on the loop\n"
		"  until 2027-03-01\n  cause: syscall:read max 400ms\n"
		"  py:export_csv  file:app/reports/n*.py\n  ...\n}\n"
		"{\n  known: libpq\n  ...\n  fun:PQ*  obj:libpq.so.5\n  ...\n  py:get_user\n}\n";
	static char text[4096];
	unsigned refusals = 0;

	for (uint32_t i = 0; i < DAMAGED; i++) {
		struct gw_suppressions *read = NULL;
		size_t len = damage(text, sizeof(text), good, i);
		int err;

		memset(why, 0, sizeof(why));
		err = gw_suppressions_open(&read, text, len, why, sizeof(why));
		cr_assert(!err || err == -EINVAL);
		if (err) {
			refusals++;
			check_line(why);
		}
		gw_suppressions_close(read);
	}
	cr_assert_gt(refusals, DAMAGED / 3);
	cr_assert_lt(refusals, DAMAGED);
}
