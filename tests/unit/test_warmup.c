// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_warmup.c: what the warm-up leaves in a report, and in its sums.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/hist.h"
#include "collect.h"
#include "run.h"
#include "warmup.h"

#define MS     1000000ULL
#define START  (1000 * MS)
#define SERIAL 7

static struct gw_report *report;

static struct wire_head head(uint16_t kind, uint16_t flags, uint64_t now_ns)
{
	return (struct wire_head){ .kind = kind, .flags = flags, .now_ns = now_ns };
}

static void begin(uint64_t limit_ns)
{
	struct wire_warmup record = { .head = head(WIRE_WARMUP, 0, START), .limit_ns = limit_ns };
	struct wire_found found = {
		.head = head(WIRE_LOOP, 0, START), .serial = SERIAL, .pid = 4242, .tid = 4242
	};

	cr_assert_eq(collect_new(&report, 0), 0);
	report->start_ns = START;
	cr_assert_eq(warmup_take(report, &record), 0);
	cr_assert_eq(collect_loop(report, &found), 0);
}

static void over(uint64_t at_ns)
{
	struct wire_warmup record = { .head = head(WIRE_WARMUP, 1, START + at_ns) };

	cr_assert_eq(warmup_take(report, &record), 0);
}

/* So many turns of that length, blocked all of the time, as the kernel has summed them up. */
static void told(uint64_t turns, uint64_t each_ns, uint64_t longest_ns, uint64_t at_ns)
{
	static struct wire_slot slot;

	slot = (struct wire_slot){ .head = head(WIRE_SLOT, 0, START + at_ns) };
	slot.loop.serial = SERIAL;
	slot.loop.turns = turns;
	slot.loop.lag_sum_ns = turns * each_ns;
	slot.loop.lag_max_ns = longest_ns;
	slot.loop.total.blocked_ns = turns * each_ns;
	slot.loop.lag[hist_bucket(each_ns)] = turns;
	slot.loop.since_ns = START;
	slot.loop.folded_calls = turns;
	collect_slot(report, &slot);
}

static void stalled(uint64_t began_ns, uint64_t length_ns)
{
	struct stall stall = { .serial = SERIAL,
			       .pid = 4242,
			       .began_ns = START + began_ns,
			       .ended_ns = START + began_ns + length_ns };
	struct verdict verdict = { .cause = GW_CAUSE_SYSCALL,
				   .fingerprint = "gw1-0123456789abcdef",
				   .frame = GW_NONE,
				   .stack = GW_NONE };
	struct gw_stall out;

	cr_assert_eq(collect_stall(report, &stall, &verdict, false, &out), 0);
}

Test(warmup, what_a_loop_did_in_it_is_taken_off_its_sums)
{
	begin(2000 * MS);
	told(50, 10 * MS, 150 * MS, 1000 * MS);
	over(1000 * MS);
	cr_assert_eq(report_loop(report, 0)->turns, 0);
	cr_assert_eq(report_loop(report, 0)->lag_max_ns, 0);
	told(80, 10 * MS, 12 * MS, 2000 * MS);
	cr_assert_eq(report_loop(report, 0)->turns, 30);
	cr_assert_eq(report_loop(report, 0)->lag_sum_ns, 300 * MS);
	cr_assert_eq(report_loop(report, 0)->lag[hist_bucket(10 * MS)], 30);
	cr_assert_eq(report_loop(report, 0)->lag_max_ns, 12 * MS);
	cr_assert_eq(report_loop(report, 0)->time.blocked_ns, 300 * MS);
	cr_assert_eq(report_loop(report, 0)->folded_calls, 30);
	cr_assert_eq(report_loop(report, 0)->since_ns, START + 1000 * MS);
	cr_assert_eq(report->warmup_ns, 1000 * MS);
	collect_free(report);
}

Test(warmup, its_stalls_are_listed_and_in_no_sum)
{
	begin(2000 * MS);
	stalled(100 * MS, 150 * MS);
	over(1000 * MS);
	stalled(1500 * MS, 120 * MS);
	cr_assert_eq(report->stalls.count, 2);
	cr_assert(report_stall(report, 0)->warmup);
	cr_assert(!report_stall(report, 1)->warmup);
	cr_assert_eq(report->stalls_warmup, 1);
	cr_assert_eq(report_loop(report, 0)->stalls, 1);
	cr_assert_eq(report_site(report, 0)->count, 1);
	cr_assert_eq(report_site(report, 0)->warmups, 1);
	cr_assert_eq(report_site(report, 0)->total_ns, 120 * MS);
	collect_free(report);
}

Test(warmup, a_turn_that_began_in_it_and_ends_after_it_belongs_to_it)
{
	begin(2000 * MS);
	told(10, 10 * MS, 10 * MS, 1000 * MS);
	over(1000 * MS);
	stalled(900 * MS, 400 * MS);
	cr_assert(report_stall(report, 0)->warmup);
	/* the kernel has counted it after the warm-up, as the longest */
	told(21, 10 * MS, 400 * MS, 2000 * MS);
	cr_assert_eq(report_loop(report, 0)->turns, 10);
	cr_assert_eq(report_loop(report, 0)->stalls, 0);
	cr_assert_lt(report_loop(report, 0)->lag_max_ns, 11 * MS);
	cr_assert_geq(report_loop(report, 0)->lag_max_ns, 10 * MS);
	collect_free(report);
}

Test(warmup, a_run_that_ends_in_it_has_no_sums)
{
	struct wire_end end = { .head = head(WIRE_END, 0, START + 500 * MS) };

	begin(2000 * MS);
	stalled(100 * MS, 150 * MS);
	told(50, 10 * MS, 150 * MS, 500 * MS);
	cr_assert_eq(report->warmup_ns, 2000 * MS);
	cr_assert_eq(collect_end(report, &end), 0);
	cr_assert_eq(report->warmup_ns, 500 * MS);
	cr_assert_eq(report_loop(report, 0)->turns, 0);
	cr_assert_eq(report_loop(report, 0)->time.blocked_ns, 0);
	collect_free(report);
}

Test(warmup, a_loop_that_comes_after_it_is_summed_up_whole)
{
	begin(2000 * MS);
	over(1000 * MS);
	cr_assert_eq(collect_loop(report, &(struct wire_found){ .serial = SERIAL + 1 }), 0);
	cr_assert_not_null(report_loop(report, 0)->warm);
	cr_assert_null(report_loop(report, 1)->warm);
	collect_free(report);
}

Test(warmup, without_one_no_stall_is_in_it)
{
	cr_assert_eq(collect_new(&report, 0), 0);
	cr_assert(!warmup_has(report, 0));
	collect_free(report);
}

static int take(void *ctx, const struct wire_head *record)
{
	struct event event;
	int err = decode(record, &event);

	if (!err && event.kind == WIRE_COMMAND)
		err = run_command(ctx, &event.command);
	else if (!err && event.kind == WIRE_TAG)
		err = run_tag(ctx, &event.tag);
	return err;
}

Test(run, values_of_the_command_are_redacted_before_anything_keeps_them)
{
	const char *argv[] = { "/usr/bin/python3", "app.py", "--token=secret", "secret", NULL };
	const char *tags[] = { "job=7", "note=a=b", "job=8", "empty=" };
	GW_OPTS(opts, .command = argv, .tags = tags, .n_tags = 4);
	const struct report_tag *kept;

	cr_assert_eq(collect_new(&report, 0), 0);
	cr_assert_eq(run_tell(&opts, START, take, report), 0);
	cr_assert_eq(report->n_command, 4);
	cr_assert_str_eq(report->command[1], "app.py");
	cr_assert_str_eq(report->command[2], "--token=*");
	cr_assert_str_eq(report->command[3], "*");
	cr_assert_eq(report->tags.count, 3);
	kept = report->tags.items;
	cr_assert_str_eq(kept[0].value, "8");
	cr_assert_str_eq(kept[1].value, "a=b");
	cr_assert_str_eq(kept[2].value, "");
	collect_free(report);
}

Test(run, records_that_end_early_are_refused)
{
	char bytes[sizeof(struct wire_command) + 8] __attribute__((aligned(8))) = { 0 };
	struct wire_command *command = (struct wire_command *)bytes;
	struct event event;

	command->head = head(WIRE_COMMAND, 0, 0);
	command->argc = 9;
	command->head.size = sizeof(bytes);
	cr_assert_eq(decode(&command->head, &event), -EBADMSG);
	command->argc = 8;
	cr_assert_eq(decode(&command->head, &event), 0);
	command->head.kind = WIRE_TAG;
	command->head.size = sizeof(struct wire_tag);
	cr_assert_eq(decode(&command->head, &event), -EBADMSG);
	command->head.kind = WIRE_CHILD;
	cr_assert_eq(decode(&command->head, &event), -EBADMSG);
}
