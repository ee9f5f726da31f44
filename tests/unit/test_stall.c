// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_stall.c: stacks gathered into stalls.
 */
#include <criterion/criterion.h>
#include "stall.h"

#define MS 1000000ULL

static struct stalls *stalls;
static struct stall out;

static void setup(void)
{
	cr_assert_eq(stalls_new(&stalls), 0);
}

static void teardown(void)
{
	stalls_free(stalls);
}

TestSuite(stall, .init = setup, .fini = teardown);

static void sample(uint64_t turn_ms, uint32_t stack)
{
	struct wire_stack s = { .head.kind = WIRE_SAMPLE,
				.serial = 1,
				.turn_ns = turn_ms * MS,
				.weight_ns = 10 * MS,
				.call = -1 };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = stack }), 0);
}

static void blocked(uint64_t turn_ms, uint64_t off_ms, uint64_t len_ms, uint16_t flags)
{
	struct wire_stack s = { .head = { .kind = WIRE_SLICE, .flags = flags },
				.serial = 1,
				.turn_ns = turn_ms * MS,
				.off_ns = off_ms * MS,
				.blocked_ns = len_ms * MS,
				.off = WIRE_BLOCKED,
				.call = 230 };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 7 }), 0);
}

/* A slice whose names tell more than frames. */
static void told(uint64_t turn_ms, bool away)
{
	struct wire_stack s = { .head.kind = WIRE_SLICE,
				.serial = 1,
				.turn_ns = turn_ms * MS,
				.off_ns = turn_ms * MS,
				.off = WIRE_BLOCKED,
				.call = 202 };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 7, .away = away }), 0);
}

static void late(uint64_t began_ms)
{
	struct wire_late l = { .serial = 1, .began_ns = began_ms * MS, .ended_ns = 500 * MS };

	stalls_late(stalls, &l, &out);
}

static void task_sample(uint64_t task, const char *name, uint64_t weight_ms)
{
	struct wire_stack s = { .head.kind = WIRE_SAMPLE,
				.serial = 1,
				.turn_ns = 100 * MS,
				.weight_ns = weight_ms * MS,
				.task = task,
				.call = -1 };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 1, .task = name }), 0);
}

Test(stall, a_task_is_shown_where_it_was_longest)
{
	for (uint32_t i = 1; i < 4; i++) {
		struct wire_stack s = { .head.kind = WIRE_SAMPLE,
					.serial = 1,
					.turn_ns = 100 * MS,
					.weight_ns = (i == 2 ? 9 : 2) * MS,
					.task = 0x10,
					.call = -1 };
		struct named named = { .stack = i, .task = "a", .chain = 10 + i };

		cr_assert_eq(stalls_stack(stalls, &s, &named), 0);
	}
	late(100);
	cr_assert_eq(out.n_tasks, 1);
	cr_expect_eq(out.tasks[0].share_ns, 13 * MS);
	cr_expect_eq(out.tasks[0].named->chain, 12);
}

Test(stall, tasks_are_told_apart_by_address_and_name_and_come_by_share)
{
	task_sample(0x10, "a", 10);
	task_sample(0x20, "b", 30);
	task_sample(0x10, "a", 10);
	task_sample(0x10, "c", 5); /* the address of one that has ended */
	late(100);
	cr_assert_eq(out.n_tasks, 3);
	cr_assert_eq(out.tasks[0].share_ns, 30 * MS);
	cr_assert_eq(out.tasks[1].share_ns, 20 * MS);
	cr_assert_str_eq(out.tasks[2].named->task, "c");
}

static void holder(uint64_t state, uint32_t waker_pid, uint64_t ms)
{
	struct wire_stack s = { .head.kind = WIRE_HOLDER,
				.serial = 1,
				.pid = 10,
				.turn_ns = 100 * MS,
				.blocked_ns = ms * MS,
				.call = WIRE_CALL_GIL,
				.holder = state,
				.waker_pid = waker_pid,
				.waker_tid = waker_pid + 1,
				.waker_comm = "hog" };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 5 }), 0);
}

Test(stall, holders_of_the_gil_are_summed_and_named_by_a_waker_of_the_same_process)
{
	holder(0x1000, 77, 5);
	holder(0x1000, 10, 5);
	late(100);
	cr_assert_eq(out.n_holders, 1);
	cr_assert_eq(out.holders[0].share_ns, 10 * MS);
	cr_assert_eq(out.holders[0].tid, 11);
	cr_assert_str_eq(out.holders[0].comm, "hog");
}

Test(stall, who_held_a_lock_is_found_by_call_and_thread)
{
	struct wire_stack s = { .head.kind = WIRE_HOLDER,
				.serial = 1,
				.pid = 20, /* of another process */
				.turn_ns = 100 * MS,
				.blocked_ns = 7 * MS,
				.call = 202,
				.holder = 21,
				.waker_pid = 20,
				.waker_tid = 21,
				.waker_comm = "keeper" };

	holder(0x1000, 10, 5);
	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 6 }), 0);
	late(100);
	cr_assert_eq(out.n_holders, 2);
	cr_assert_eq(stall_holder(&out, 202, 21)->stack, 6);
	cr_assert_eq(stall_holder(&out, 202, 21)->pid, 20);
	cr_assert_eq(stall_holder(&out, WIRE_CALL_GIL, 0)->stack, 5);
	cr_assert_null(stall_holder(&out, 202, 11));
}

Test(stall, equal_stacks_are_one_evidence_with_their_weights_added)
{
	sample(100, 3);
	sample(100, 3);
	sample(100, 4);
	late(100);
	cr_assert_eq(out.n_evidence, 2);
	cr_assert_eq(out.evidence[0].weight_ns, 20 * MS);
	cr_assert_eq(out.evidence[0].times, 2);
}

Test(stall, stacks_of_a_turn_that_was_not_late_are_dropped)
{
	sample(100, 3);
	sample(200, 4);
	late(200);
	cr_assert_eq(out.n_evidence, 1);
	cr_assert_eq(out.evidence[0].named.stack, 4);
}

Test(stall, a_late_turn_without_stacks_is_still_a_stall)
{
	sample(100, 3);
	late(300);
	cr_assert_eq(out.n_evidence, 0);
	cr_assert_eq(out.began_ns, 300 * MS);
}

Test(stall, a_pending_slice_is_replaced_by_the_finished_one)
{
	blocked(100, 110, 50, WIRE_STACK_PENDING);
	blocked(100, 110, 90, WIRE_STACK_PENDING);
	blocked(100, 110, 120, 0);
	late(100);
	cr_assert_eq(out.n_evidence, 1);
	cr_assert_eq(out.evidence[0].weight_ns, 120 * MS);
}

Test(stall, slices_of_the_same_call_and_stack_add_up)
{
	blocked(100, 110, 30, 0);
	blocked(100, 150, 40, 0);
	late(100);
	cr_assert_eq(out.n_evidence, 1);
	cr_assert_eq(out.evidence[0].weight_ns, 70 * MS);
	cr_assert_eq(out.evidence[0].max_ns, 40 * MS);
}

Test(stall, memory_is_bounded_and_the_lightest_gives_way)
{
	blocked(100, 110, 400, 0);
	for (uint32_t i = 0; i < 3 * EVIDENCE_MAX; i++)
		sample(100, 100 + i);
	late(100);
	cr_assert_eq(out.n_evidence, EVIDENCE_MAX);
	cr_assert_eq(out.evidence[0].weight_ns, 400 * MS);
}

Test(stall, an_open_turn_counts_the_call_it_is_in)
{
	struct wire_open open = { .head.now_ns = 400 * MS, .serial = 1 };

	open.turn.began_ns = 100 * MS;
	open.turn.last_ns = open.turn.off_ns = 110 * MS;
	open.turn.off = WIRE_BLOCKED;
	open.turn.call = 230;
	open.turn.ledger.oncpu_ns = 10 * MS;
	stalls_open(stalls, &open, &out);
	cr_assert(out.open);
	cr_assert_eq(out.ledger.blocked_ns, 290 * MS);
	cr_assert_eq(out.ledger.oncpu_ns, 10 * MS);
	cr_assert_eq(out.n_waits, 1);
	cr_assert_eq(out.waits[0].total_ns, 290 * MS);
}

Test(stall, how_many_had_to_wait_is_not_known_before_the_turn_has_ended)
{
	struct wire_open open = { .head.now_ns = 400 * MS, .serial = 1 };
	struct wire_late late = { .serial = 1, .began_ns = 100 * MS, .ready = WIRE_NO_COUNT };

	stalls_open(stalls, &open, &out);
	cr_assert_eq(out.ready, WIRE_NO_COUNT);
	stalls_late(stalls, &late, &out);
	cr_assert_eq(out.ready, WIRE_NO_COUNT);
	late.ready = 0;
	stalls_late(stalls, &late, &out);
	cr_assert_eq(out.ready, 0);
}

Test(stall, the_ledger_of_a_turn_in_progress_adds_up_in_every_state)
{
	for (uint32_t off = WIRE_ON; off <= WIRE_STOPPED; off++) {
		for (uint64_t wake = 0; wake <= 200; wake += 200) {
			struct wire_turn t = { .began_ns = 100 * MS,
					       .last_ns = 150 * MS,
					       .off_ns = 150 * MS,
					       .wake_ns = wake * MS,
					       .off = off };
			struct wire_ledger l;

			t.ledger.oncpu_ns = 50 * MS;
			l = stall_ledger_at(&t, 300 * MS);
			cr_assert_eq(l.oncpu_ns + l.blocked_ns + l.runqueue_ns + l.stopped_ns,
				     200 * MS, "off %u wake %lu", off, wake);
		}
	}
}

Test(stall, a_loop_that_is_gone_leaves_nothing_behind)
{
	sample(100, 3);
	stalls_gone(stalls, 1);
	late(100);
	cr_assert_eq(out.n_evidence, 0);
}

Test(stall, a_turn_in_which_the_thread_had_left_its_loop_is_none_and_the_next_one_is)
{
	told(100, true);
	sample(100, 3);
	late(100);
	cr_assert(out.away);
	told(200, false);
	late(200);
	cr_assert(!out.away);
}

Test(stall, samples_in_the_collector_are_its_time)
{
	struct wire_stack s = { .head.kind = WIRE_SAMPLE,
				.serial = 1,
				.turn_ns = 100 * MS,
				.weight_ns = 10 * MS,
				.call = -1 };

	cr_assert_eq(stalls_stack(stalls, &s, &(struct named){ .stack = 1, .gc = true }), 0);
	late(100);
	cr_assert_eq(out.evidence[0].state, GW_STATE_GC);
}
