// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_suppress.c: what an entry of a suppression file covers.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "judge/measure.h"
#include "judge/suppress.h"
#include "sample.h"

#define DAY (86400ULL * 1000000000)

static struct sample sample;
static char why[256];
static struct gw_suppressions *read;

static void begin(void)
{
	sample_make(&sample);
}

static void end(void)
{
	gw_suppressions_close(read);
	free(sample.judged.suppressed.items);
	arena_free(&sample.judged.memory);
}

TestSuite(suppress, .init = begin, .fini = end);

static void entries(const char *text)
{
	cr_assert_eq(gw_suppressions_open(&read, text, strlen(text), why, sizeof(why)), 0, "%s",
		     why);
}

static const char *refused(const char *text)
{
	why[0] = '\0';
	cr_assert_eq(gw_suppressions_open(&read, text, strlen(text), why, sizeof(why)), -EINVAL);
	return why;
}

/* Does the only entry cover stall 0 (612 ms, blocked in clock_nanosleep, retry in shop.py)? */
static bool covers(const char *lines)
{
	char text[600];
	bool covered;

	snprintf(text, sizeof(text), "{\nknown: x\n%s\n}\n", lines);
	entries(text);
	covered =
		entry_covers(&read->items[0], &sample.report, &sample.sites[0], 0, 612 * SAMPLE_MS);
	gw_suppressions_close(read);
	read = NULL;
	return covered;
}

Test(suppress, a_cause_with_its_call_covers_that_call)
{
	cr_assert(covers("cause: syscall"));
	cr_assert(covers("cause: syscall:clock_nanosleep"));
	cr_assert_not(covers("cause: syscall:poll"));
	cr_assert_not(covers("cause: cpu"));
}

Test(suppress, max_bounds_what_is_accepted)
{
	cr_assert(covers("cause: syscall max 612ms"));
	cr_assert_not(covers("cause: syscall max 611ms"));
}

Test(suppress, frames_match_from_the_innermost_and_machine_code_is_passed_over)
{
	cr_assert(covers("py:retry"));
	cr_assert(covers("py:retry file:shop.py"));
	cr_assert(covers("py:retry\npy:Greenlet.run"));
	cr_assert(covers("file:sh*.py"));
	cr_assert_not(covers("py:retry file:other.py"));
	cr_assert_not(covers("py:Greenlet.run"));
}

Test(suppress, dots_stand_for_any_number_of_frames)
{
	cr_assert(covers("...\npy:Greenlet.run"));
	cr_assert(covers("...\npy:retry\n..."));
	cr_assert(covers("py:retry\n...\npy:run"));
	cr_assert_not(covers("py:retry\n...\npy:main"));
}

Test(suppress, an_entry_that_names_machine_code_meets_it)
{
	cr_assert(covers("fun:clock_nanosleep obj:libc.so.6\n...\npy:retry"));
	cr_assert(covers("fun:clock_*"));
	cr_assert_not(covers("fun:clock_nanosleep\npy:retry"));
	cr_assert_not(covers("obj:libpq*"));
}

Test(suppress, a_name_without_a_dot_is_that_of_the_function_alone)
{
	cr_assert(covers("...\npy:run"));
	cr_assert(covers("...\npy:*.run"));
	cr_assert_not(covers("...\npy:Worker.run"));
}

Test(suppress, a_glob_takes_no_more_time_than_its_lengths_allow, .timeout = 10)
{
	char text[5000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cr_assert_not(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
	cr_assert(glob_match("*a*a", text));
	cr_assert(glob_match("?*", "x"));
	cr_assert_not(glob_match("?", ""));
	cr_assert(glob_match("*", ""));
}

Test(suppress, an_error_names_line_and_column)
{
	cr_assert_str_eq(refused("known: x\n"),
			 "line 1, column 1: an entry begins with { on a line of its own");
	cr_assert(strstr(refused("{\nknown: x\ncause: disk\n}"), "line 3, column 8: \"disk\""));
	cr_assert(strstr(refused("{\ncause: cpu\n}"), "line 3, column 1: the entry that begins in "
						      "line 1 has no reason"));
	cr_assert(strstr(refused("{\nknown: x\n...\n}"), "covers everything"));
	cr_assert(strstr(refused("{\nknown: x\ncause: cpu\n"), "line 1, column 1: the entry is not "
							       "closed"));
	cr_assert(strstr(refused("{\nknown: x\nuntil 2027-02-30\n"), "no such day"));
	cr_assert(strstr(refused("{\nknown: x\nuntil soon\n"), "a date must follow"));
	cr_assert(strstr(refused("{\nknown:\n"), "the reason is missing"));
	cr_assert(strstr(refused("{\nknown: x\npi:foo\n"), "line 3, column 1: expected known:"));
	cr_assert(strstr(refused("{\nknown: x\npy:\n"), "a name must follow py:"));
	cr_assert(strstr(refused("{\nknown: x\ncause: cpu max 5\n"), "a unit must follow"));
}

Test(suppress, an_entry_holds_on_its_last_day_and_not_after)
{
	char line[256];

	entries("{\nknown: export\nuntil 1970-01-11\ncause: cpu\n}\n");
	cr_assert_not(entry_ended(&read->items[0], 10 * DAY));
	cr_assert(entry_ended(&read->items[0], 11 * DAY));
	cr_assert_eq(gw_suppressions_expired(read, 10 * DAY, 0, line, sizeof(line)), -ENOENT);
	cr_assert_eq(gw_suppressions_expired(read, 11 * DAY, 0, line, sizeof(line)), 0);
	cr_assert_str_eq(line,
			 "line 1: \"export\" ended on 1970-01-11 and suppresses nothing any more");
	cr_assert_eq(gw_suppressions_expired(read, 11 * DAY, 1, line, sizeof(line)), -ENOENT);
}

Test(suppress, stalls_are_marked_and_what_was_suppressed_stays_visible)
{
	uint8_t marks[4] = { 0 };
	const struct report_suppressed *row;

	entries("{\nknown: retries\ncause: syscall max 400ms\npy:retry\n}\n");
	cr_assert_eq(suppress(read, &sample.report, 0, marks), 0);
	cr_assert_eq(marks[0], 0); /* 612 ms */
	cr_assert_eq(marks[1], MARK_SUPPRESSED);
	cr_assert_eq(marks[2], 0);
	cr_assert_eq(sample.judged.suppressed.count, 1);
	row = sample.judged.suppressed.items;
	cr_assert_str_eq(row->known, "retries");
	cr_assert_str_eq(row->site, "gw1-9b502de55a86d314");
	cr_assert_eq(row->count, 1);
	cr_assert_eq(row->total_ns, 300 * SAMPLE_MS);
	cr_assert_null(sample.sites[0].suppressed_by); /* not all of it */
}

Test(suppress, a_site_is_suppressed_when_all_of_its_stalls_are)
{
	uint8_t marks[4] = { 0 };

	entries("{\nknown: retries\ncause: syscall\n}\n");
	cr_assert_eq(suppress(read, &sample.report, 0, marks), 0);
	cr_assert_str_eq(sample.sites[0].suppressed_by, "retries");
	cr_assert_null(sample.sites[1].suppressed_by);
}
