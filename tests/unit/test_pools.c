// SPDX-License-Identifier: BSD-2-Clause
/*
 * Thread pools, from looks at them to times and to what people and programs read.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collect.h"
#include "pools.h"
#include "sink/sink.h"

#define MS 1000000ULL

struct look {
	uint64_t before_ms, at_ms;
	uint32_t busy, threads, size, queued, waiting;
	const uint64_t *ids; /* as many as there are, up to WIRE_POOL_ITEMS */
	const char *next;
	uint32_t kind;
	uint16_t last;
	uint32_t full;
};

static struct gw_report *report;
static struct pools *pools;

static void begin(void)
{
	cr_assert_eq(collect_new(&report, 0), 0);
	cr_assert_eq(pools_new(&pools), 0);
	report->threshold_ns = 100 * MS;
}

static void end(void)
{
	pools_free(pools);
	collect_free(report);
}

TestSuite(pools, .init = begin, .fini = end);

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static size_t make_record(const struct look *l, char *bytes)
{
	const char *next = l->next ? l->next : "";
	uint32_t n_queued = least(l->queued, WIRE_POOL_ITEMS);
	uint32_t n_waiting = least(l->waiting, WIRE_POOL_ITEMS);
	size_t at = sizeof(struct wire_pool), ids = 8UL * (n_queued + n_waiting);
	struct wire_pool fixed = {
		.head = { .kind = WIRE_POOL, .flags = l->last, .now_ns = l->at_ms * MS },
		.pid = 7,
		.kind = l->kind,
		.id = 4096,
		.before_ns = l->before_ms * MS,
		.size = l->size,
		.threads = l->threads,
		.busy = l->busy,
		.queued = l->queued,
		.waiting = l->waiting,
		.n_queued = n_queued,
		.n_waiting = n_waiting,
		.full = l->full
	};

	if (ids)
		memcpy(bytes + at, l->ids, ids);
	at += ids;
	at += (size_t)sprintf(bytes + at, "renderer") + 1;
	at += (size_t)sprintf(bytes + at, "%s", next) + 1;
	fixed.head.size = (uint32_t)at;
	memcpy(bytes, &fixed, sizeof(fixed));
	return at;
}

static int feed(const struct look *l)
{
	_Alignas(8) char bytes[4096];
	struct event event;
	int err;

	make_record(l, bytes);
	err = decode((const struct wire_head *)(void *)bytes, &event);
	return err ? err : pools_take(pools, report, &event.pool);
}

static void look(struct look l)
{
	cr_assert_eq(feed(&l), 0);
}

static const struct report_pool *result(uint64_t now_ms)
{
	cr_assert_eq(pools_collect(pools, report, now_ms * MS), 0);
	cr_assert_eq(report->pools.count, 1);
	return report->pools.items;
}

static const uint64_t abc[] = { 0x1000, 0x2000, 0x3000, 0x4000 };

Test(pools, full_from_and_until_half_way_between_two_looks)
{
	look((struct look){ 0, 1000, 1, 3, 3, .ids = abc });
	look((struct look){ 1000, 1100, 3, 3, 3, .ids = abc });
	look((struct look){ 1900, 1920, 2, 3, 3, .ids = abc });
	cr_expect_eq(result(5000)->saturated_ns, (1910 - 1050) * MS);
	cr_expect_eq(result(5000)->busy_max, 3);
	cr_expect_eq(result(5000)->waits, 0);
}

Test(pools, with_room_for_more_threads_it_is_not_full)
{
	look((struct look){ 0, 1000, 2, 2, 6, .ids = abc });
	cr_expect_eq(result(5000)->saturated_ns, 0);
}

Test(pools, full_when_work_waits_and_no_thread_is_begun_for_it)
{
	look((struct look){ 0, 1000, 2, 2, 6, 1, .ids = abc });
	cr_expect_eq(result(1500)->saturated_ns, 500 * MS);
}

Test(pools, a_job_waits_from_its_first_look_to_the_look_in_which_it_is_gone)
{
	look((struct look){ 0, 1000, 3, 3, 3, .ids = abc });
	look((struct look){ 1080, 1100, 3, 3, 3, 1, .ids = abc, .next = "resize" });
	look((struct look){ 1480, 1500, 3, 3, 3, .ids = abc });
	cr_expect_eq(result(5000)->waits, 1);
	cr_expect_eq(result(5000)->wait_max_ns, 400 * MS);
	cr_expect_eq(result(5000)->wait_off_ns, 20 * MS);
	cr_expect_str_eq(result(5000)->next[0], "resize");
}

Test(pools, what_was_full_in_the_warm_up_counts_from_its_end_on)
{
	look((struct look){ 0, 1000, 3, 3, 3, .ids = abc });
	look((struct look){ 1080, 1100, 3, 3, 3, 1, .ids = abc });
	look((struct look){ 1480, 1500, 3, 3, 3, .ids = abc });
	pools_warmup(pools, 2000 * MS);
	cr_expect_eq(result(2600)->saturated_ns, 600 * MS);
	cr_expect_eq(result(2600)->waits, 0);
	cr_expect_eq(result(2600)->busy_max, 3);
}

Test(pools, a_job_that_began_to_wait_in_the_warm_up_is_in_no_figure)
{
	look((struct look){ 0, 1000, 3, 3, 3, 1, .ids = abc });
	pools_warmup(pools, 2000 * MS);
	cr_expect_eq(result(2100)->waits, 0);
	look((struct look){ 2200, 2200, 3, 3, 3, 2, .ids = abc });
	look((struct look){ 2300, 2300, 3, 3, 3, 1, .ids = abc + 1 });
	cr_expect_eq(result(2350)->waits, 1);
	look((struct look){ 2400, 2400, 3, 3, 3, 0, .ids = abc });
	cr_expect_eq(result(2500)->waits, 1);
	cr_expect_eq(result(2500)->wait_sum_ns, 200 * MS);
}

Test(pools, an_address_that_is_used_again_is_another_job)
{
	const uint64_t swapped[] = { 0x2000, 0x1000 };

	look((struct look){ 0, 1000, 3, 3, 3, 2, .ids = abc });
	look((struct look){ 1100, 1100, 3, 3, 3, 2, .ids = swapped });
	cr_expect_eq(result(1300)->waits, 3);
	cr_expect_eq(result(1300)->wait_sum_ns, (100 + 300 + 200) * MS);
}

Test(pools, a_greenlet_that_gets_a_place_in_the_queue_goes_on_waiting)
{
	const uint64_t first[] = { 0x100, 0xa00, 0xb00 }, second[] = { 0x200, 0xb00 },
		       third[] = { 0x300 };

	look((struct look){ 0, 1000, 3, 3, 3, 1, 2, .ids = first });
	look((struct look){ 1100, 1100, 3, 3, 3, 1, 1, .ids = second }); /* 0x100 started */
	cr_expect_eq(pools_collect(pools, report, 1100 * MS), 0);
	look((struct look){ 1200, 1200, 3, 3, 3, 1, 0, .ids = third }); /* 0x200, once 0xa00 */
	look((struct look){ 1300, 1300, 3, 3, 3, 0, 0, .ids = third });
	cr_expect_eq(result(5000)->waits, 3);
	cr_expect_eq(result(5000)->wait_sum_ns, (100 + 200 + 300) * MS);
}

Test(pools, those_beyond_the_ids_are_counted_by_their_number)
{
	uint64_t ids[WIRE_POOL_ITEMS + 10];

	for (uint64_t i = 0; i < WIRE_POOL_ITEMS + 10; i++)
		ids[i] = 0x1000 + 16 * i;
	look((struct look){ 0, 1000, 3, 3, 3, 1000, .ids = ids });
	look((struct look){ 1500, 1500, 3, 3, 3, 995, .ids = ids + 10 });
	cr_expect_eq(result(1500)->queued_max, 1000);
	look((struct look){ 2000, 2000, 3, 3, 3, 0, .ids = ids });
	cr_expect_eq(result(2000)->waits, 1005);
	cr_expect_eq(result(2000)->wait_sum_ns, (10 * 500 + 990 * 1000 + 5 * 500) * MS);
}

Test(pools, one_that_is_cancelled_in_the_middle_waited_as_well)
{
	const uint64_t rest[] = { 0x1000, 0x3000, 0x4000 };

	look((struct look){ 0, 1000, 3, 3, 3, 4, .ids = abc });
	look((struct look){ 1100, 1100, 3, 3, 3, 3, .ids = rest });
	cr_expect_eq(result(1100)->waits, 4);
}

Test(pools, what_goes_on_at_the_end_counts_up_to_then_and_once)
{
	look((struct look){ 0, 1000, 3, 3, 3, 1, .ids = abc });
	cr_expect_eq(result(1700)->wait_max_ns, 700 * MS);
	look((struct look){ 1900, 1900, .last = 1 });
	cr_expect_eq(result(9000)->wait_max_ns, 900 * MS);
	cr_expect_eq(result(9000)->saturated_ns, 900 * MS);
	cr_expect_eq(result(9000)->waits, 1);
	cr_expect_eq(pools_watched(result(9000)), 900 * MS);
}

Test(pools, a_look_that_goes_back_in_time_counts_nothing)
{
	look((struct look){ 0, 5000, 3, 3, 3, 2, .ids = abc });
	look((struct look){ 1000, 1000, 0, 3, 3, 0, .ids = abc });
	cr_expect_eq(result(5000)->saturated_ns, 0);
	cr_expect_eq(result(5000)->wait_max_ns, 0);
}

Test(pools, records_that_make_no_sense_are_refused)
{
	const struct look wrong[] = {
		{ 0, 1000, 4, 3, 3, .ids = abc },            /* busier than it has threads */
		{ 1001, 1000, 1, 3, 3, .ids = abc },         /* the look before came after */
		{ 0, 1000, 1, 3, 3, .ids = abc, .kind = 9 }, /* no such kind */
		{ 0, 1000, 1, 3, 2000000, .ids = abc },
	};
	_Alignas(8) char bytes[4096];
	struct look many = { 0, 1000, 1, 3, 3, 4, .ids = abc };
	struct event event;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_eq(feed(&wrong[i]), -EBADMSG, "%zu", i);
	make_record(&many, bytes);
	((struct wire_pool *)(void *)bytes)->n_queued = 60;
	cr_expect_eq(decode((const struct wire_head *)(void *)bytes, &event), -EBADMSG);
	make_record(&many, bytes);
	((struct wire_pool *)(void *)bytes)->queued = 500;
	((struct wire_pool *)(void *)bytes)->n_queued = 60; /* beyond its end */
	cr_expect_eq(decode((const struct wire_head *)(void *)bytes, &event), -EBADMSG);
}

static void look_at(uint64_t id, struct look l)
{
	_Alignas(8) char bytes[4096];
	struct event event;

	make_record(&l, bytes);
	((struct wire_pool *)(void *)bytes)->id = id;
	cr_assert_eq(decode((const struct wire_head *)(void *)bytes, &event), 0);
	cr_assert_eq(pools_take(pools, report, &event.pool), 0);
}

Test(pools, four_hundred_pools_are_bounded_and_a_note_says_so)
{
	for (uint64_t i = 0; i < 400; i++)
		look_at(4096 + 8 * i, (struct look){ 0, 1000, 1, 3, 3, .ids = abc });
	cr_expect_eq(pools_collect(pools, report, 2000 * MS), 0);
	cr_expect_eq(report->pools.count, 256);
	cr_assert_eq(report->notes.count, 1);
	cr_expect_str_eq(report_note(report, 0)->what, "thread pools");
}

Test(pools, those_that_have_ended_make_room_and_the_one_that_made_work_wait_stays)
{
	const struct report_pool *all;

	for (uint64_t i = 0; i < 400; i++) {
		uint32_t queued = i == 0 || i == 399;

		look_at(4096 + 8 * i, (struct look){ 0, 1000, 3, 3, 3, queued, .ids = abc });
		look_at(4096 + 8 * i, (struct look){ 1500, 1500, .last = 1 });
	}
	cr_expect_eq(pools_collect(pools, report, 2000 * MS), 0);
	cr_assert_eq(report->pools.count, 256);
	all = report->pools.items;
	cr_expect_eq(all[0].waits, 1);
	cr_expect_eq(all[1].waits, 1);
	cr_expect_eq(all[2].waits, 0);
	cr_expect_eq(report->notes.count, 1);
}

static void put_loop(uint64_t lag_ms)
{
	struct wire_found found = { .serial = 1, .pid = 7, .tid = 7 };
	struct report_loop *loop;

	cr_assert_eq(collect_loop(report, &found), 0);
	loop = report->loops.items;
	loop->lag_max_ns = lag_ms * MS;
}

static void three_wait(uint32_t kind, const char *next)
{
	look((struct look){ 0, 1000, 3, 3, 3, 3, .ids = abc, .next = next, .kind = kind });
	look((struct look){ 1400, 1400, 0, 3, 3, .ids = abc, .kind = kind });
	result(2000);
}

Test(pools, the_sentence_tells_the_pool_the_share_the_wait_and_what_to_do)
{
	char line[DIAGNOSIS_SIZE];

	put_loop(59);
	three_wait(WIRE_POOL_EXECUTOR, "resize");
	cr_assert(pools_say(report, line, sizeof(line)));
	cr_expect_str_eq(line,
			 "The thread pool renderer (3 threads) was full 40.0 % of the time: 3 jobs "
			 "(resize) waited up to 400 ms to start, though the loop itself was free "
			 "(worst turn 59 ms). GW3008: Make the pools large enough, and split "
			 "them.");
}

Test(pools, of_a_loop_that_stalled_too_nobody_says_that_it_was_free)
{
	char line[DIAGNOSIS_SIZE];

	put_loop(390);
	three_wait(WIRE_POOL_GEVENT, "work");
	cr_assert(pools_say(report, line, sizeof(line)));
	cr_expect_null(strstr(line, "free"));
	cr_expect_not_null(strstr(line, "The thread pool of gevent (3 threads)"));
}

Test(pools, look_ups_of_names_in_gevents_pool_have_a_rule_of_their_own)
{
	three_wait(WIRE_POOL_GEVENT, "getaddrinfo");
	cr_expect_str_eq(pools_rule(report->pools.items), "GW2012");
}

Test(pools, libuvs_pool_has_a_rule_of_its_own)
{
	three_wait(WIRE_POOL_UV, "");
	cr_expect_str_eq(pools_rule(report->pools.items), "GW8008");
}

Test(pools, a_pool_that_was_never_full_is_in_no_sentence_and_no_line)
{
	char line[DIAGNOSIS_SIZE];

	look((struct look){ 0, 1000, 1, 3, 3, .ids = abc });
	look((struct look){ 1100, 1200, 2, 3, 3, .ids = abc });
	result(2000);
	cr_expect_not(pools_say(report, line, sizeof(line)));
	cr_expect_null(pools_rule(report->pools.items));
}

Test(pools, work_that_waits_while_a_thread_is_free_is_no_finding)
{
	look((struct look){ 0, 1000, 1, 1, 3, .ids = abc });
	look((struct look){ 1000, 1100, 1, 2, 3, 1, .ids = abc });
	look((struct look){ 1500, 1600, 2, 2, 3, .ids = abc });
	cr_expect_eq(result(2000)->waits, 1);
	cr_expect_null(pools_rule(report->pools.items));
}

Test(pools, look_ups_that_wait_for_their_half_of_libuvs_threads_are_a_finding)
{
	look((struct look){ 0, 1000, 2, 4, 4, 3, .ids = abc, .kind = WIRE_POOL_UV, .full = 1 });
	cr_expect_eq(result(1400)->saturated_ns, 400 * MS);
	cr_expect_str_eq(pools_rule(report->pools.items), "GW8008");
}

Test(pools, hostile_names_come_out_escaped)
{
	char line[DIAGNOSIS_SIZE];

	three_wait(WIRE_POOL_GEVENT, "evil\x1b[2J\nline");
	cr_assert(pools_say(report, line, sizeof(line)));
	cr_expect_null(strchr(line, '\n'));
	cr_expect_null(strchr(line, '\x1b'));
}
