// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_ci.c: what CI systems are given, against hostile names too.
 *
 * That their own readers take it is shown by tests/e2e/cases_ci.py.
 */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

#define HOSTILE "a</script>\"]]>&'\033[31m%0A::error::x|b,c:d\nE\r\xef\xbf\xbe\xff"

static struct sample sample;
static struct gw_budget *budget;
static struct gw_judge_opts opts;
static char *output;
static size_t size;
static char why[256];

static void begin(void)
{
	sample_make(&sample);
	cr_assert_eq(gw_budget_open(&budget), 0);
	opts = (struct gw_judge_opts){ .sz = sizeof(opts), .budget = budget };
}

static void end(void)
{
	free(sample.judged.budgets.items);
	free(sample.judged.suppressed.items);
	free(sample.judged.fixed.items);
	arena_free(&sample.judged.memory);
	gw_budget_close(budget);
	free(output);
}

TestSuite(ci, .init = begin, .fini = end);

static void judge(const char *expr)
{
	struct gw_verdict verdict;

	cr_assert_eq(gw_budget_add(budget, expr, why, sizeof(why)), 0, "%s", why);
	cr_assert_eq(gw_judge(&sample.report, &opts, &verdict), 0);
}

static const char *render(const char *format)
{
	struct gw_sink_opts sink_opts = { .sz = sizeof(sink_opts), .utf8 = true };
	struct gw_sink *sink;
	FILE *to;

	free(output);
	to = open_memstream(&output, &size);
	cr_assert_eq(gw_sink_open(&sink, format, to, &sink_opts), 0);
	cr_assert_eq(gw_sink_end(sink, &sample.report), 0);
	gw_sink_close(sink);
	fclose(to);
	return output;
}

static void hostile(void)
{
	sample.frames[0].name = HOSTILE;
	sample.frames[0].file = HOSTILE;
	sample.sites[0].title = HOSTILE;
	sample.report.host = HOSTILE;
	sample.targets[0].comm = HOSTILE;
}

static unsigned lines_with(const char *begin_of_line)
{
	unsigned n = 0;

	for (const char *p = output; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		n += !strncmp(p, begin_of_line, strlen(begin_of_line));
	return n;
}

Test(ci, verdict_lines_are_the_broken_ones_last)
{
	judge("stalls == 0");
	judge("lag.max < 10s");
	judge("new_sites == 0");
	cr_assert_str_eq(render("verdict"),
			 "✓ lag.max < 10s    612 ms\n"
			 "✓ lost == 0        0\n"
			 "? new_sites == 0   no verdict: there is no --baseline\n"
			 "✗ stalls == 0      2   worst: retry shop.py:17 (612 ms)\n"
			 "verdict: failed (1 of 4 budgets) → exit 3\n");
}

Test(ci, the_verdict_says_which_status_goes_before_it)
{
	opts.status = 7;
	judge("stalls == 0");
	cr_assert(strstr(render("verdict"),
			 "failed (1 of 2 budgets); the command's own status goes "
			 "before → exit 7\n"));
}

Test(ci, a_run_that_is_spoiled_says_why)
{
	sample.report.lost[0].count = 12;
	judge("stalls == 0");
	cr_assert(strstr(render("verdict"), "verdict: none: 12 events were lost → exit 4\n"));
}

Test(ci, github_is_told_of_sites_and_broken_budgets)
{
	judge("stalls == 0");
	render("github");
	cr_assert(strstr(output, "::error file=shop.py,line=17,title=clock_nanosleep in retry "
				 "(shop.py)::clock_nanosleep in retry (shop.py): 2 stalls, "
				 "longest 612 ms, 912 ms in all\n"));
	cr_assert(strstr(output, "::error title=greenwatch%3A stalls == 0::2, limit 0; worst: "));
	cr_assert_eq(lines_with("::"), 2); /* what the machine took is no finding */
}

Test(ci, a_site_that_breaks_nothing_is_a_warning)
{
	judge("stalls < 100");
	cr_assert_eq((render("github"), lines_with("::error")), 0);
	cr_assert_eq(lines_with("::warning"), 1);
}

Test(ci, a_hostile_name_makes_no_command_of_its_own)
{
	hostile();
	judge("stalls == 0");
	render("github");
	cr_assert_eq(lines_with("::"), 2);
	cr_assert_null(strchr(output, '\033'));
	cr_assert_null(strchr(output, '\r'));
	cr_assert(strstr(output, "%250A"));
	cr_assert_null(strstr(output, "\n::error::x"));
}

Test(ci, junit_fails_what_breaks_a_budget_and_skips_what_has_no_verdict)
{
	judge("stalls == 0");
	judge("new_sites == 0");
	render("junit");
	cr_assert(strstr(output, "<testsuites name=\"greenwatch\" tests=\"5\" failures=\"2\" "
				 "errors=\"0\" skipped=\"2\" time=\"60.000\">"));
	cr_assert(strstr(output, "<failure type=\"budget\" message=\"2, limit 0; worst: "));
	cr_assert(strstr(output, "<skipped message=\"no verdict: there is no --baseline\"/>"));
	cr_assert(strstr(output, "<skipped message=\"the machine is to blame: not charged\"/>"));
	cr_assert(strstr(output, "\n  retry  shop.py:17"));
}

Test(ci, junit_holds_no_markup_of_a_hostile_name)
{
	hostile();
	judge("stalls == 0");
	render("junit");
	cr_assert_null(strstr(output, "</script>"));
	cr_assert_null(strstr(output, "]]>"));
	cr_assert_null(strchr(output, '\033'));
	cr_assert_null(strstr(output, "\xef\xbf\xbe"));
	cr_assert(strstr(output, "a&lt;/script&gt;&quot;]]&gt;&amp;&apos;\\x1b[31m"));
}

static cJSON *parsed(const char *format)
{
	cJSON *json = cJSON_Parse(render(format));

	cr_assert_not_null(json, "%s", output);
	return json;
}

static const cJSON *get(const cJSON *from, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, key);

	cr_assert_not_null(item, "no %s", key);
	return item;
}

Test(ci, gitlab_has_one_issue_a_site_with_all_that_it_requires)
{
	cJSON *list;
	const cJSON *issue;

	hostile();
	judge("stalls == 0");
	list = parsed("gitlab");
	cr_assert_eq(cJSON_GetArraySize(list), 1);
	issue = cJSON_GetArrayItem(list, 0);
	cr_assert_str_eq(get(issue, "fingerprint")->valuestring, "gw1-9b502de55a86d314");
	cr_assert_str_eq(get(issue, "severity")->valuestring, "major");
	cr_assert_eq(get(get(get(issue, "location"), "lines"), "begin")->valuedouble, 17);
	cJSON_Delete(list);
}

static const cJSON *result(const cJSON *sarif, int i)
{
	const cJSON *run = cJSON_GetArrayItem(get(sarif, "runs"), 0);

	return cJSON_GetArrayItem(get(run, "results"), i);
}

Test(ci, sarif_has_an_identity_without_a_line_in_it)
{
	cJSON *sarif;

	judge("stalls == 0");
	sarif = parsed("sarif");
	cr_assert_str_eq(
		get(get(result(sarif, 0), "partialFingerprints"), "greenwatch/v1")->valuestring,
		"gw1-9b502de55a86d314");
	cr_assert_str_eq(get(result(sarif, 0), "level")->valuestring, "error");
	cr_assert_str_eq(get(result(sarif, 1), "level")->valuestring, "note");
	cr_assert_null(cJSON_GetObjectItem(result(sarif, 0), "baselineState"));
	cJSON_Delete(sarif);
}

Test(ci, sarif_tells_of_suppressions_and_of_the_baseline)
{
	static const char text[] = "{\nknown: retries\ncause: syscall\n}\n";
	struct gw_suppressions *suppressions;
	struct sample base;
	cJSON *sarif;

	sample_make(&base);
	memcpy(base.sites[1].fingerprint, "gw1-00000000000000aa", 21);
	base.sites[1].cause = GW_CAUSE_CPU;
	cr_assert_eq(gw_suppressions_open(&suppressions, text, strlen(text), why, sizeof(why)), 0);
	opts.suppressions = suppressions;
	opts.baseline = &base.report;
	judge("stalls == 0");
	sarif = parsed("sarif");
	cr_assert_str_eq(get(result(sarif, 0), "baselineState")->valuestring, "unchanged");
	cr_assert_str_eq(
		get(cJSON_GetArrayItem(get(result(sarif, 0), "suppressions"), 0), "justification")
			->valuestring,
		"retries");
	cr_assert_str_eq(get(result(sarif, 1), "baselineState")->valuestring, "new");
	cr_assert_str_eq(get(result(sarif, 2), "baselineState")->valuestring, "absent");
	cJSON_Delete(sarif);
	gw_suppressions_close(suppressions);
}

Test(ci, the_report_holds_budgets_and_what_was_suppressed)
{
	cJSON *json;
	const cJSON *row;

	judge("stalls == 0");
	judge("lag.p99 < 20ms @warn");
	judge("new_sites == 0");
	json = parsed("json");
	cr_assert_eq(cJSON_GetArraySize(get(json, "budgets")), 4);
	row = cJSON_GetArrayItem(get(json, "budgets"), 0);
	cr_assert(cJSON_IsFalse(get(row, "ok")));
	cr_assert_eq(get(row, "actual")->valuedouble, 2);
	cr_assert_str_eq(get(row, "unit")->valuestring, "count");
	row = cJSON_GetArrayItem(get(json, "budgets"), 1);
	cr_assert_str_eq(get(row, "level")->valuestring, "warn");
	cr_assert_str_eq(get(row, "unit")->valuestring, "ms");
	row = cJSON_GetArrayItem(get(json, "budgets"), 2);
	cr_assert(cJSON_IsNull(get(row, "ok")));
	cr_assert_null(cJSON_GetObjectItem(json, "suppressed"));
	cJSON_Delete(json);
}

Test(ci, a_baseline_is_a_report_of_sites_in_an_order_that_stays)
{
	cJSON *json;

	judge("stalls == 0");
	json = parsed("baseline");
	cr_assert_eq(cJSON_GetArraySize(get(json, "sites")), 2);
	cr_assert_eq(cJSON_GetArraySize(get(json, "stalls")), 0);
	cr_assert_eq(cJSON_GetArraySize(get(json, "stacks")), 0);
	cr_assert_eq(cJSON_GetArraySize(get(json, "loops")), 1);
	cr_assert_null(cJSON_GetObjectItem(cJSON_GetArrayItem(get(json, "sites"), 0), "stack"));
	cJSON_Delete(json);
}

/* What was generated covers what it was generated of, whatever the names are. */
static void check_generated(void)
{
	struct gw_suppressions *suppressions;
	struct gw_verdict verdict;

	judge("stalls == 0");
	render("suppressions");
	cr_assert_eq(gw_suppressions_open(&suppressions, output, size, why, sizeof(why)), 0,
		     "%s in:\n%s", why, output);
	opts.suppressions = suppressions;
	cr_assert_eq(gw_judge(&sample.report, &opts, &verdict), 0);
	cr_assert_eq(verdict.outcome, GW_PASS, "%s", output);
	gw_suppressions_close(suppressions);
}

Test(ci, generated_suppressions_cover_what_they_were_made_of)
{
	check_generated();
	cr_assert(strstr(output, "  cause: syscall:clock_nanosleep max 920ms\n  ...\n  py:retry  "
				 "file:shop.py\n}\n"),
		  "%s", output);
	cr_assert_null(strstr(output, "runqueue"));
}

Test(ci, generated_suppressions_of_odd_names_are_read_again)
{
	hostile();
	sample.sites[0].title = "}\n{ # known: x";
	check_generated();
	sample.frames[0].name = "a # b*c d";
	sample.frames[0].file = "dir with blanks/#x.py";
	opts.suppressions = NULL;
	check_generated();
}
