// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_turn.c: the turn machine of bpf/turn.h, compiled natively.
 *
 * Events in every order, also those that the kernel should not produce but
 * does. After each story the ledger must add up to the turn exactly.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "bpf/repair.h"

#define MS 1000000ULL

static struct wire_loop loop;
static struct turn_slice slice;

/* The clock at a time, and the kernel's sums then. */
static const struct turn_clock *at(__u64 now_ns, __u64 run_delay, __u64 exec_ns)
{
	static struct turn_clock clock;

	clock = (struct turn_clock){ now_ns, run_delay, exec_ns };
	return &clock;
}

static void begin_at(__u64 ms)
{
	memset(&loop, 0, sizeof(loop));
	turn_begin(&loop, ms * MS);
}

static __u64 sum(const struct wire_ledger *l)
{
	return l->oncpu_ns + l->blocked_ns + l->runqueue_ns + l->throttled_ns + l->stopped_ns +
	       l->unaccounted_ns;
}

static void check_closed(__u64 ms, __u64 expected_ms)
{
	__u64 len = turn_close(&loop, ms * MS);

	cr_assert_eq(len, expected_ms * MS);
	cr_assert_eq(sum(&loop.turn.ledger), len);
}

Test(turn, all_on_the_cpu)
{
	begin_at(100);
	check_closed(150, 50);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 50 * MS);
	cr_assert_eq(loop.turns, 1);
}

Test(turn, one_that_was_none_is_not_counted_and_its_time_is)
{
	begin_at(100);
	turn_out(&loop, at(110 * MS, 0, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 170 * MS);
	turn_in(&loop, 175 * MS, &slice);
	turn_drop(&loop, 180 * MS);
	cr_assert_eq(loop.turns, 0);
	cr_assert_eq(loop.lag_max_ns, 0);
	cr_assert_eq(sum(&loop.total), 80 * MS);
	check_closed(190, 10);
}

Test(turn, a_sleep_is_blocked_until_woken_and_run_queue_until_running)
{
	begin_at(100);
	turn_out(&loop, at(110 * MS, 0, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 170 * MS);
	turn_in(&loop, 175 * MS, &slice);
	cr_assert_eq(slice.blocked_ns, 60 * MS);
	cr_assert_eq(slice.runqueue_ns, 5 * MS);
	check_closed(180, 80);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 15 * MS);
	cr_assert_eq(loop.turn.ledger.blocked_ns, 60 * MS);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 5 * MS);
}

Test(turn, a_preempted_thread_is_in_the_run_queue_from_the_start)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_RUNNABLE);
	turn_waking(&loop.turn, 20 * MS);
	turn_in(&loop, 40 * MS, &slice);
	check_closed(50, 50);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 30 * MS);
	cr_assert_eq(loop.turn.ledger.blocked_ns, 0);
}

Test(turn, a_stop_is_neither_blocked_nor_on_cpu)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_STOPPED);
	turn_waking(&loop.turn, 310 * MS);
	turn_in(&loop, 311 * MS, &slice);
	check_closed(320, 320);
	cr_assert_eq(loop.turn.ledger.stopped_ns, 300 * MS);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 1 * MS);
}

Test(turn, sleeping_in_its_own_wait_is_idle_and_no_turn)
{
	begin_at(0);
	turn_idle(&loop, at(1 * MS, 0, 0));
	turn_waking(&loop.turn, 500 * MS);
	turn_in(&loop, 502 * MS, &slice);
	cr_assert_eq(slice.off, WIRE_ON, "waking up from the wait is no slice");
	cr_assert_eq(loop.turns, 0);
	cr_assert_eq(loop.idle_ns, 499 * MS);
	cr_assert_eq(loop.delay_sum_ns, 2 * MS);
	check_closed(510, 8);
}

Test(turn, a_wake_up_that_goes_back_to_sleep_in_the_same_call_was_no_turn)
{
	begin_at(0);
	turn_idle(&loop, at(1 * MS, 0, 0));
	turn_waking(&loop.turn, 10 * MS);
	turn_in(&loop, 11 * MS, &slice);
	turn_idle(&loop, at(12 * MS, 0, 0));
	cr_assert_eq(loop.turns, 0);
	cr_assert_eq(loop.total.oncpu_ns, 2 * MS, "its CPU time still counts in the totals");
}

Test(turn, totals_and_idle_add_up_to_the_time_watched)
{
	begin_at(0);
	turn_idle(&loop, at(3 * MS, 0, 0));
	turn_waking(&loop.turn, 20 * MS);
	turn_in(&loop, 21 * MS, &slice);
	turn_out(&loop, at(30 * MS, 0, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 90 * MS);
	turn_in(&loop, 92 * MS, &slice);
	turn_close(&loop, 100 * MS);
	turn_begin(&loop, 100 * MS);
	turn_idle(&loop, at(101 * MS, 0, 0));
	turn_waking(&loop.turn, 200 * MS);
	turn_in(&loop, 200 * MS, &slice);
	turn_close(&loop, 205 * MS);
	cr_assert_eq(sum(&loop.total) + loop.idle_ns, 205 * MS);
}

Test(turn, a_waking_seen_just_before_its_switch_out_counts)
{
	begin_at(0);
	turn_waking(&loop.turn, 10 * MS - 400000);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_in(&loop, 30 * MS, &slice);
	cr_assert_eq(slice.blocked_ns, 0);
	cr_assert_eq(slice.runqueue_ns, 20 * MS);
}

Test(turn, an_old_waking_does_not_count)
{
	begin_at(0);
	turn_waking(&loop.turn, 5 * MS);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_in(&loop, 30 * MS, &slice);
	cr_assert_eq(slice.blocked_ns, 20 * MS);
}

Test(turn, a_second_waking_does_not_move_the_first)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 20 * MS);
	turn_waking(&loop.turn, 25 * MS);
	turn_in(&loop, 30 * MS, &slice);
	cr_assert_eq(slice.blocked_ns, 10 * MS);
}

Test(turn, a_switch_in_never_traced_is_made_good_by_run_delay)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 7 * MS, 0), WIRE_RUNNABLE);
	cr_assert_eq(turn_repair(&loop, at(30 * MS, 11 * MS, 0), &slice), 1);
	cr_assert_eq(slice.off, WIRE_RUNNABLE);
	cr_assert_eq(slice.runqueue_ns, 4 * MS);
	turn_out(&loop, at(30 * MS, 11 * MS, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 40 * MS);
	turn_in(&loop, 40 * MS, &slice);
	check_closed(50, 50);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 4 * MS);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 36 * MS);
	cr_assert_eq(loop.turn.ledger.unaccounted_ns, 0);
}

Test(turn, a_lost_switch_in_after_a_sleep_uses_the_waking)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_waking(&loop.turn, 60 * MS);
	turn_repair(&loop, at(80 * MS, 2 * MS, 0), &slice);
	check_closed(80, 80);
	cr_assert_eq(loop.turn.ledger.blocked_ns, 50 * MS);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 2 * MS);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 28 * MS);
}

Test(turn, a_lost_switch_in_after_an_early_waking_is_made_good_too)
{
	begin_at(0);
	turn_waking(&loop.turn, 10 * MS - 1000);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_repair(&loop, at(60 * MS, 3 * MS, 0), &slice);
	check_closed(70, 70);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 3 * MS);
	cr_assert_eq(loop.turn.ledger.unaccounted_ns, 0);
}

Test(turn, a_sleep_of_which_neither_waking_nor_switch_in_was_seen_is_what_is_left)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 100 * MS), WIRE_BLOCKED);
	cr_assert_eq(turn_repair(&loop, at(60 * MS, 5 * MS, 115 * MS), &slice), 1);
	cr_assert_eq(slice.off, WIRE_BLOCKED, "the slice is told as if it had been seen to end");
	cr_assert_eq(slice.blocked_ns, 30 * MS);
	turn_out(&loop, at(60 * MS, 5 * MS, 115 * MS), WIRE_BLOCKED);
	turn_waking(&loop.turn, 60 * MS);
	turn_in(&loop, 60 * MS, &slice);
	check_closed(70, 70);
	cr_assert_eq(loop.turn.ledger.blocked_ns, 30 * MS);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 5 * MS);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 35 * MS);
	cr_assert_eq(loop.turn.ledger.unaccounted_ns, 0);
}

Test(turn, sums_of_the_kernel_that_are_too_large_never_break_the_ledger)
{
	begin_at(0);
	turn_out(&loop, at(10 * MS, 0, 0), WIRE_BLOCKED);
	turn_repair(&loop, at(60 * MS, 900 * MS, 900 * MS), &slice);
	check_closed(70, 70);
	cr_assert_eq(loop.turn.ledger.blocked_ns, 0);
}

Test(turn, a_lost_switch_in_out_of_the_wait_still_begins_a_turn)
{
	begin_at(0);
	turn_idle(&loop, at(1 * MS, 5 * MS, 0));
	turn_waking(&loop.turn, 50 * MS);
	cr_assert_eq(turn_repair(&loop, at(90 * MS, 8 * MS, 0), &slice), 1);
	cr_assert_eq(slice.off, WIRE_ON, "waking up from the wait is no slice");
	check_closed(90, 37);
}

Test(turn, a_switch_in_without_a_switch_out_changes_nothing)
{
	begin_at(0);
	turn_in(&loop, 20 * MS, &slice);
	cr_assert_eq(slice.off, WIRE_ON);
	check_closed(50, 50);
}

Test(turn, nothing_is_closed_before_a_turn_began)
{
	memset(&loop, 0, sizeof(loop));
	cr_assert_eq(turn_close(&loop, 50 * MS), 0);
	cr_assert_eq(loop.turns, 0);
}

Test(turn, a_clock_that_goes_back_gives_no_negative_time)
{
	begin_at(100);
	turn_out(&loop, at(90 * MS, 0, 0), WIRE_BLOCKED);
	turn_in(&loop, 80 * MS, &slice);
	cr_assert_eq(turn_close(&loop, 70 * MS), 0);
	cr_assert_leq(sum(&loop.turn.ledger), 20 * MS);
}

Test(turn, preemption_inside_the_gate_belongs_to_the_next_turn)
{
	begin_at(0);
	turn_gate_begin(&loop.turn);
	check_closed(50, 50);
	turn_begin(&loop, 50 * MS);
	loop.turn.gap_ns = 20 * MS;
	turn_gate_end(&loop.turn);
	check_closed(80, 30);
	cr_assert_eq(loop.turn.ledger.runqueue_ns, 20 * MS);
	cr_assert_eq(loop.turn.ledger.oncpu_ns, 10 * MS);
}

Test(turn, a_sample_stands_for_the_cpu_time_since_the_one_before)
{
	begin_at(0);
	cr_assert_eq(turn_sample(&loop.turn, 50 * MS, 4 * MS), 4 * MS,
		     "what came before it is not known");
	cr_assert_eq(turn_sample(&loop.turn, 51 * MS, 4 * MS), 0, "not due");
	cr_assert_eq(turn_sample(&loop.turn, 54 * MS, 4 * MS), 4 * MS);
	turn_out(&loop, at(55 * MS, 0, 0), WIRE_BLOCKED);
	turn_in(&loop, 95 * MS, &slice);
	cr_assert_eq(turn_sample(&loop.turn, 96 * MS, 4 * MS), 0, "asleep it ran nothing");
	cr_assert_eq(turn_sample(&loop.turn, 105 * MS, 4 * MS), 11 * MS, "ticks may be far apart");
}

Test(turn, samples_of_a_very_long_turn_are_taken_more_rarely_and_weigh_more)
{
	__u64 now = 0, total = 0;

	begin_at(0);
	while (now < 10000 * MS)
		total += turn_sample(&loop.turn, now += MS, 4 * MS);
	cr_assert_eq(loop.turn.samples, TURN_DENSE + (10000 - TURN_DENSE * 4) / 64);
	cr_assert_leq(10000 * MS - total, 64 * MS);
}

Test(turn, the_longest_turn_and_the_histogram_are_kept)
{
	begin_at(0);
	turn_close(&loop, 30 * MS);
	turn_begin(&loop, 30 * MS);
	turn_close(&loop, 40 * MS);
	cr_assert_eq(loop.lag_max_ns, 30 * MS);
	cr_assert_eq(loop.lag_sum_ns, 40 * MS);
	cr_assert_eq(loop.lag[hist_index(30 * MS)], 1);
	cr_assert_eq(loop.lag[hist_index(10 * MS)], 1);
}

/* One event of a random story; time moves on by up to 3 ms. */
static void random_event(__u64 *now, __u64 *delay)
{
	*now += rand() % (3 * MS);
	*delay += rand() % 1000;
	switch (rand() % 6) {
	case 0:
		turn_repair(&loop, at(*now, *delay, 0), &slice);
		turn_out(&loop, at(*now, *delay, 0), WIRE_RUNNABLE + rand() % 3);
		break;
	case 1:
		turn_in(&loop, *now, &slice);
		break;
	case 2:
		turn_waking(&loop.turn, *now);
		break;
	case 3:
		turn_repair(&loop, at(*now, *delay, 0), &slice);
		turn_idle(&loop, at(*now, *delay, 0));
		break;
	default:
		turn_repair(&loop, at(*now, *delay, 0), &slice);
		turn_close(&loop, *now);
		turn_begin(&loop, *now);
	}
}

Test(turn, no_order_of_events_breaks_the_ledger)
{
	srand(1);
	for (int story = 0; story < 2000; story++) {
		__u64 now = 5 * MS, delay = 0, began = now;

		begin_at(5);
		for (int i = 0; i < 50; i++)
			random_event(&now, &delay);
		turn_repair(&loop, at(now, delay, 0), &slice);
		turn_close(&loop, now);
		cr_assert_eq(sum(&loop.total) + loop.idle_ns, now - began, "story %d", story);
	}
}
