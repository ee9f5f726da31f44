// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_usage.c: samples of who runs, gathered into shares and holds.
 */
#include "placed.h"
#include "usage.h"

static struct gw_report *report;
static struct usage *usage;
static uint64_t ran_ns;

static void setup(void)
{
	report = place_report();
	ran_ns = 0;
	cr_assert_eq(usage_new(&usage), 0);
}

static void teardown(void)
{
	usage_free(usage);
	collect_free(report);
}

TestSuite(usage, .init = setup, .fini = teardown);

struct seen {
	uint64_t at_ms, cpu_ms, turn_ms, task;
	const char *function;
	uint32_t spawned;
	uint16_t flags;
};

static void see(struct seen seen)
{
	struct wire_stack stack = { .head = { .kind = WIRE_SAMPLE, .flags = seen.flags },
				    .serial = 7,
				    .turn_ns = seen.turn_ms * MS,
				    .off_ns = seen.at_ms * MS,
				    .task = seen.task,
				    .n_python = 1,
				    .call = -1 };
	struct named named = { .kind = GW_TASK_GREENLET, .spawned = seen.spawned };
	const struct named *known = NULL;

	ran_ns += seen.cpu_ms * MS;
	stack.ran_ns = ran_ns;
	stack.python[0].code = (uintptr_t)seen.function;
	if (!usage_knows(usage, &stack)) {
		named.stack = place_stack(report, seen.function, 12);
		known = &named;
	}
	cr_assert_eq(usage_sample(usage, report, &stack, known), 0);
}

static const struct report_task *collected(uint32_t i)
{
	static const uint64_t none[8];

	cr_assert_leq(usage_families(usage), 8);
	cr_assert_eq(usage_collect(usage, report, none), 0);
	cr_assert_lt(i, report->tasks.count);
	return (const struct report_task *)report->tasks.items + i;
}

static const char hog[] = "hog", mouse[] = "mouse";

Test(usage, time_between_two_samples_is_of_the_later_one)
{
	see((struct seen){ .at_ms = 10, .cpu_ms = 10, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 20, .cpu_ms = 10, .task = 2, .function = mouse });
	see((struct seen){ .at_ms = 50, .cpu_ms = 30, .task = 1, .function = hog });
	cr_assert_str_eq(collected(0)->name, "hog");
	cr_assert_eq(collected(0)->cpu_ns, 40 * MS);
	cr_assert_eq(collected(0)->samples, 2);
	cr_assert_eq(collected(1)->cpu_ns, 10 * MS);
}

Test(usage, one_task_in_one_turn_is_one_hold)
{
	see((struct seen){ .at_ms = 10, .turn_ms = 1, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 20, .turn_ms = 1, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 30, .turn_ms = 1, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 40, .turn_ms = 35, .task = 1, .function = hog });
	cr_assert_eq(collected(0)->longest_ns, 30 * MS);
	cr_assert_eq(collected(0)->instances, 1);
}

Test(usage, another_task_of_the_same_function_is_another_hold_and_instance)
{
	see((struct seen){ .at_ms = 10, .turn_ms = 1, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 20, .turn_ms = 1, .task = 2, .function = hog });
	cr_assert_eq(collected(0)->longest_ns, 10 * MS);
	cr_assert_eq(collected(0)->instances, 2);
	cr_assert_eq(report->tasks.count, 1);
}

Test(usage, a_hold_that_goes_on_counts_so_far)
{
	see((struct seen){ .at_ms = 10, .turn_ms = 1, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 90, .turn_ms = 1, .task = 1, .function = hog });
	cr_assert_eq(collected(0)->longest_ns, 90 * MS);
}

Test(usage, a_hold_is_never_longer_than_its_turn_so_far_twice)
{
	see((struct seen){ .at_ms = 12, .turn_ms = 10, .task = 1, .function = hog });
	see((struct seen){ .at_ms = 40, .turn_ms = 35, .task = 2, .function = mouse });
	cr_assert_eq(collected(0)->longest_ns, 4 * MS);
}

Test(usage, light_samples_of_a_known_stack_need_no_names)
{
	uint16_t light = WIRE_STACK_LIGHT, fresh = WIRE_STACK_LIGHT | WIRE_STACK_FRESH;

	see((struct seen){ .at_ms = 10,
			   .cpu_ms = 10,
			   .task = 1,
			   .function = hog,
			   .spawned = place_stack(report, "here", 1),
			   .flags = fresh });
	see((struct seen){ .at_ms = 20,
			   .cpu_ms = 10,
			   .task = 2,
			   .function = hog,
			   .spawned = place_stack(report, "there", 2),
			   .flags = light });
	cr_assert_eq(collected(0)->cpu_ns, 20 * MS);
	cr_assert_eq(collected(0)->n_spawns, 1, "one that was not read at once tells no spawn");
	cr_assert_eq(collected(0)->spawns[0].stack, place_stack(report, "here", 1));
}

Test(usage, places_of_spawning_come_by_their_time)
{
	uint32_t here = place_stack(report, "here", 1), there = place_stack(report, "there", 2);

	see((struct seen){
		.at_ms = 10, .cpu_ms = 10, .task = 1, .function = hog, .spawned = here });
	see((struct seen){
		.at_ms = 20, .cpu_ms = 10, .task = 2, .function = hog, .spawned = there });
	see((struct seen){
		.at_ms = 30, .cpu_ms = 10, .task = 3, .function = hog, .spawned = there });
	cr_assert_eq(collected(0)->n_spawns, 2);
	cr_assert_eq(collected(0)->spawns[0].stack, there);
}

Test(usage, a_place_of_spawning_of_which_less_could_be_read_is_the_same_one)
{
	const uint32_t *frames;
	uint32_t line = place_stack(report, "here", 1), whole[2];

	report_stack(report, line, &frames);
	whole[0] = frames[0];
	report_stack(report, place_stack(report, "main", 9), &frames);
	whole[1] = frames[0];
	see((struct seen){
		.at_ms = 10, .cpu_ms = 10, .task = 1, .function = hog, .spawned = line });
	see((struct seen){ .at_ms = 20,
			   .cpu_ms = 10,
			   .task = 2,
			   .function = hog,
			   .spawned = tables_stack(report, whole, 2) });
	cr_assert_eq(collected(0)->n_spawns, 1);
	cr_assert_eq(collected(0)->spawns[0].stack, tables_stack(report, whole, 2));
}

Test(usage, the_trend_keeps_its_sum_when_its_steps_grow)
{
	uint64_t sum = 0;

	for (uint64_t s = 1; s <= 300; s++)
		see((struct seen){ .at_ms = s * 1000, .cpu_ms = 10, .task = 1, .function = hog });
	for (int i = 0; i < REPORT_TREND; i++)
		sum += collected(0)->trend[i];
	cr_assert_eq(sum, 3000 * MS);
	cr_assert_eq(report->trend_step_ns, 8000000000);
}

Test(usage, a_stall_counts_for_the_family_with_most_of_its_turn)
{
	struct named one = { .kind = GW_TASK_GREENLET, .stack = place_stack(report, hog, 1) };
	struct named two = { .kind = GW_TASK_GREENLET, .stack = place_stack(report, mouse, 2) };
	struct stall_task tasks[] = { { .task = 1, .named = &one, .share_ns = 40 * MS },
				      { .task = 2, .named = &two, .share_ns = 30 * MS },
				      { .task = 3, .named = &two, .share_ns = 20 * MS } };
	struct stall stall = { .serial = 7, .tasks = tasks, .n_tasks = 3 };

	cr_assert_eq(usage_stall(usage, report, &stall), 0);
	cr_assert_eq(collected(0)->stalls + collected(1)->stalls, 1);
	report_each (report, tasks, struct report_task, task)
		if (task->stalls)
			cr_assert_str_eq(task->name, "mouse");
}
