// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_inventory.c: rows of the kernel's calls[] and the stacks that explain them.
 */
#include <asm/unistd_64.h>
#include "inventory.h"
#include "placed.h"

static struct gw_report *report;
static struct inventory *inventory;
static struct wire_calls rows;

static void setup(void)
{
	report = place_report();
	cr_assert_eq(inventory_new(&inventory), 0);
	rows = (struct wire_calls){ .head.kind = WIRE_CALLS };
}

static void teardown(void)
{
	inventory_free(inventory);
	collect_free(report);
}

TestSuite(inventory, .init = setup, .fini = teardown);

static void show(uint64_t site, const char *function, uint64_t took_ns, uint32_t family)
{
	struct wire_stack stack = { .head = { .kind = WIRE_SLICE, .flags = WIRE_STACK_TELLS },
				    .serial = 7,
				    .site = site,
				    .call = __NR_clock_nanosleep,
				    .blocked_ns = took_ns };
	struct named named = { .stack = place_stack(report, function, 12),
			       .spawned = GW_NONE,
			       .class = "sleep" };

	cr_assert_eq(inventory_stack(inventory, report, &stack, &named, family), 0);
}

static void row(uint64_t site, uint64_t calls, uint64_t total_ns, uint64_t max_ns)
{
	rows.rows[rows.n++] = (struct wire_call_row){
		.key = { .serial = 7, .call = __NR_clock_nanosleep, .site = site },
		.sum = { .calls = calls, .total_ns = total_ns, .max_ns = max_ns },
	};
}

static const struct report_call *collected(uint32_t i)
{
	cr_assert_eq(inventory_rows(inventory, &rows), 0);
	cr_assert_eq(inventory_collect(inventory, report), 0);
	cr_assert_lt(i, report->calls.count);
	return (const struct report_call *)report->calls.items + i;
}

Test(inventory, two_ways_to_one_place_are_one_line)
{
	const struct report_call *call;

	show(1, "retry", 3 * MS, 0);
	show(2, "retry", 9 * MS, 0);
	show(3, "other", 1 * MS, 0);
	row(1, 10, 30 * MS, 3 * MS);
	row(2, 2, 18 * MS, 9 * MS);
	row(3, 1, 1 * MS, 1 * MS);
	call = collected(0);
	cr_assert_eq(report->calls.count, 2);
	cr_assert_eq(call->calls, 12);
	cr_assert_eq(call->total_ns, 48 * MS);
	cr_assert_eq(call->max_ns, 9 * MS);
	cr_assert_str_eq(call->call, "clock_nanosleep");
	cr_assert_str_eq(call->class, "sleep");
	cr_assert_eq(call->loop, 0);
}

Test(inventory, rows_told_again_take_the_place_of_those_before)
{
	show(1, "retry", 3 * MS, 0);
	row(1, 10, 30 * MS, 3 * MS);
	collected(0);
	rows.n = 0;
	row(1, 11, 33 * MS, 3 * MS);
	cr_assert_eq(collected(0)->calls, 11);
}

Test(inventory, a_row_whose_stack_never_came_is_counted_by_its_call)
{
	row(5, 3, 6 * MS, 2 * MS);
	row(6, 1, 1 * MS, 1 * MS);
	cr_assert_eq(collected(0)->calls, 4);
	cr_assert_eq(report->calls.count, 1);
	cr_assert_eq(collected(0)->stack, GW_NONE);
}

Test(inventory, a_stack_without_a_row_is_no_line)
{
	show(1, "retry", 3 * MS, 0);
	cr_assert_eq(inventory_collect(inventory, report), 0);
	cr_assert_eq(report->calls.count, 0);
}

/* What SQLite does when its database is locked: it sleeps, again and again. */
static uint32_t locked_stack(void)
{
	struct event_frame library = { .kind = GW_FRAME_PYTHON,
				       .name = "execute",
				       .file = "sqlite3/dbapi2.py",
				       .module = "",
				       .nameless = "" };
	struct event_frame own = library;
	uint32_t frames[2];

	own.app = 1;
	own.name = "save";
	own.file = "shop.py";
	frames[0] = tables_frame(report, &library);
	frames[1] = tables_frame(report, &own);
	return tables_stack(report, frames, 2);
}

static const char *advice_of(uint64_t calls, uint64_t seconds)
{
	struct wire_stack stack = { .head.flags = WIRE_STACK_TELLS,
				    .serial = 7,
				    .site = 1,
				    .call = __NR_clock_nanosleep,
				    .blocked_ns = MS };
	struct named named = { .stack = locked_stack(), .spawned = GW_NONE, .class = "sleep" };
	const char *rule;

	report_loop(report, 0)->runtime = "gevent";
	report->duration_ns = seconds * 1000 * MS;
	cr_assert_eq(inventory_stack(inventory, report, &stack, &named, GW_NONE), 0);
	row(1, calls, calls * MS, MS);
	rule = collected(0)->advice.rule;
	return rule ? rule : "none";
}

Test(inventory, many_calls_a_second_are_advised_as_many)
{
	cr_assert_str_eq(advice_of(30, 10), "GW1008");
}

Test(inventory, a_call_now_and_then_is_advised_as_one)
{
	cr_assert_str_neq(advice_of(19, 10), "GW1008");
}

Test(inventory, the_stack_shown_is_that_of_the_longest)
{
	uint32_t longest;

	show(1, "retry", 3 * MS, 0);
	longest = place_stack(report, "retry", 99);
	{
		struct wire_stack stack = {
			.serial = 7, .site = 2, .call = __NR_clock_nanosleep, .blocked_ns = 5 * MS
		};
		struct named named = { .stack = longest, .class = "sleep" };

		stack.head.flags = WIRE_STACK_TELLS;
		cr_assert_eq(inventory_stack(inventory, report, &stack, &named, 0), 0);
	}
	row(1, 1, 3 * MS, 3 * MS);
	row(2, 1, 5 * MS, 5 * MS);
	/* another line of the function is another frame, so another line of the table */
	cr_assert_eq(collected(0)->stack, longest);
	cr_assert_eq(report->calls.count, 2);
}

Test(inventory, time_blocked_goes_to_the_family_that_made_the_call)
{
	uint64_t blocked[2] = { 0, 0 };

	show(1, "retry", 3 * MS, 1);
	row(1, 10, 30 * MS, 3 * MS);
	row(2, 10, 50 * MS, 5 * MS);
	collected(0);
	inventory_blocked(inventory, blocked, 2);
	cr_assert_eq(blocked[0], 0);
	cr_assert_eq(blocked[1], 30 * MS);
}

Test(inventory, what_the_kernel_folded_is_in_the_sum)
{
	report_loop(report, 0)->folded_calls = 5;
	report_loop(report, 0)->folded_ns = 7 * MS;
	cr_assert_eq(inventory_collect(inventory, report), 0);
	cr_assert_eq(report->calls_rest, 5);
	cr_assert_eq(report->calls_rest_ns, 7 * MS);
}

Test(inventory, more_rows_than_there_is_room_for_are_summed_at_the_end)
{
	const uint64_t n = 70000; /* over the limit of 65,536 */
	uint64_t calls = 0;

	for (uint64_t site = 0; site < n;) {
		rows.n = 0;
		for (int i = 0; i < WIRE_CALL_ROWS && site < n; i++)
			row(1000 + site++, 1, MS, MS);
		rows.head.flags = 1;
		cr_assert_eq(inventory_rows(inventory, &rows), 0);
	}
	cr_assert_eq(inventory_collect(inventory, report), 0);
	report_each (report, calls, struct report_call, call)
		calls += call->calls;
	cr_assert_eq(calls + report->calls_rest, n);
	cr_assert_gt(report->calls_rest, 0);
}
