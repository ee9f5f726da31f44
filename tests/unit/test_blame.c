// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_blame.c: cause, place and identity of a stall, from its figures.
 */
#include <criterion/criterion.h>
#include "base/hash.h"
#include "collect.h"
#include "tables.h"

#define MS 1000000ULL

static struct gw_report *report;
static struct verdict verdict;
static struct evidence evidence[8];
static struct wire_wait waits[2];
static struct wire_rival rival = { .pid = 5120, .tid = 5120, .share_ns = 150 * MS, .comm = "cc1" };

static void setup(void)
{
	cr_assert_eq(collect_new(&report, 0), 0);
	report->threshold_ns = 100 * MS;
}

static void teardown(void)
{
	collect_free(report);
}

TestSuite(blame, .init = setup, .fini = teardown);

static uint32_t frame(uint8_t kind, const char *name, const char *file, const char *module, int app)
{
	struct event_frame f = { .kind = kind,
				 .app = app,
				 .line = 7,
				 .name = name,
				 .file = file,
				 .module = module,
				 .nameless = strstr(name, "+0x") ? "stripped" : "" };

	return tables_frame(report, &f);
}

static uint32_t stack(uint32_t a, uint32_t b, uint32_t c)
{
	return tables_stack(report, (uint32_t[]){ a, b, c }, 3);
}

static uint32_t python_stack(const char *function)
{
	return stack(frame(GW_FRAME_NATIVE, "clock_nanosleep", "", "libc.so.6", 0),
		     frame(GW_FRAME_PYTHON, function, "app.py", "", 1),
		     frame(GW_FRAME_PYTHON, "run", "gevent/greenlet.py", "gevent", 0));
}

static struct stall a_stall(uint64_t oncpu, uint64_t blocked, uint64_t runqueue, uint64_t stopped)
{
	struct stall s = { .began_ns = 1000 * MS,
			   .ended_ns = (1000 + oncpu + blocked + runqueue + stopped) * MS,
			   .waits = waits,
			   .rivals = &rival,
			   .n_rivals = 1,
			   .evidence = evidence };

	s.ledger.oncpu_ns = oncpu * MS;
	s.ledger.blocked_ns = blocked * MS;
	s.ledger.runqueue_ns = runqueue * MS;
	s.ledger.stopped_ns = stopped * MS;
	if (blocked) {
		waits[0] = (struct wire_wait){ 230, 1, blocked * MS, blocked * MS };
		s.n_waits = 1;
	}
	return s;
}

static enum gw_cause cause_of(uint64_t oncpu, uint64_t blocked, uint64_t runqueue, uint64_t stopped)
{
	struct stall s = a_stall(oncpu, blocked, runqueue, stopped);

	blame(report, &s, "gevent", &verdict);
	return verdict.cause;
}

Test(blame, the_largest_part_is_the_cause)
{
	cr_assert_eq(cause_of(200, 10, 5, 0), GW_CAUSE_CPU);
	cr_assert_eq(cause_of(10, 200, 5, 0), GW_CAUSE_SYSCALL);
	cr_assert_eq(cause_of(20, 0, 200, 0), GW_CAUSE_RUNQUEUE);
	cr_assert_eq(cause_of(1, 0, 2, 300), GW_CAUSE_STOPPED);
}

Test(blame, a_noisy_machine_does_not_hide_a_program_that_is_late_by_itself)
{
	cr_assert_eq(cause_of(120, 0, 300, 0), GW_CAUSE_CPU);
	cr_assert_eq(cause_of(20, 150, 300, 0), GW_CAUSE_SYSCALL);
}

Test(blame, a_program_that_would_have_been_in_time_is_not_blamed)
{
	cr_assert_eq(cause_of(60, 20, 90, 0), GW_CAUSE_RUNQUEUE);
	cr_assert_eq(verdict.frame, GW_NONE);
	cr_assert_str_eq(verdict.why, "ready to run for 90.0 of 170.0 ms; cc1 (5120) had the CPU");
}

Test(blame, time_without_evidence_is_unknown)
{
	struct stall s = a_stall(0, 0, 0, 0);

	s.ledger.unaccounted_ns = 200 * MS;
	s.ended_ns = s.began_ns + 200 * MS;
	report->threshold_ns = 300 * MS;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_UNKNOWN);
}

Test(blame, faults_without_a_call_are_page_faults)
{
	struct stall s = a_stall(10, 200, 0, 0);

	waits[0].call = -1;
	waits[0].calls = 1536;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_PAGEFAULT);
	cr_assert(strstr(verdict.why, "1536 page faults"));
}

Test(blame, the_place_is_the_innermost_application_frame_of_the_blocked_stack)
{
	struct stall s = a_stall(1, 200, 0, 0);

	evidence[0] = (struct evidence){ .named.stack = python_stack("retry"),
					 .state = GW_STATE_BLOCKED,
					 .call = 230,
					 .weight_ns = 200 * MS };
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	cr_assert_str_eq(report_frame(report, verdict.frame)->name, "retry");
	cr_assert_str_eq(verdict.title, "clock_nanosleep in retry (app.py)");
	cr_assert_str_eq(verdict.why,
			 "200.0 of 201.0 ms blocked in clock_nanosleep in retry (app.py)");
}

Test(blame, a_wait_for_the_gil_names_who_held_it)
{
	struct stall s = a_stall(10, 200, 0, 0);
	struct stall_holder holder = { .call = WIRE_CALL_GIL, .pid = 10, .tid = 11, .comm = "hog" };

	holder.stack = python_stack("crunch");
	waits[0].call = WIRE_CALL_GIL;
	s.holders = &holder;
	s.n_holders = 1;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_GIL);
	cr_assert_str_eq(verdict.call_name, "futex");
	cr_assert(strstr(verdict.why, "; thread hog (11) held it in crunch"), "%s", verdict.why);
}

Test(blame, a_sleep_in_the_collector_is_garbage_collection)
{
	struct stall s = a_stall(20, 200, 0, 0);

	waits[0].call = 202;
	evidence[0] = (struct evidence){
		.named = { .stack = python_stack("grow"), .class = "lock", .gc = true },
		.state = GW_STATE_BLOCKED,
		.call = 202,
		.weight_ns = 200 * MS
	};
	s.n_evidence = 1;
	blame(report, &s, "node", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_GC);
	cr_assert_str_eq(verdict.why, "200.0 of 220.0 ms asleep in futex while garbage was "
				      "collected, set off in grow (app.py)");
}

Test(blame, a_futex_that_is_not_the_gil_is_a_lock)
{
	struct stall s = a_stall(10, 200, 0, 0);

	waits[0].call = 202;
	evidence[0] = (struct evidence){ .named = { .stack = python_stack("get"), .class = "lock" },
					 .state = GW_STATE_BLOCKED,
					 .call = 202,
					 .weight_ns = 200 * MS,
					 .waker_pid = 10,
					 .waker_tid = 12,
					 .waker_comm = "worker" };
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_LOCK);
	cr_assert(strstr(verdict.why, "; thread worker (12) ended it"), "%s", verdict.why);
}

Test(blame, a_mutex_names_its_owner_and_what_that_did_and_no_other_thread)
{
	struct stall s = a_stall(10, 200, 0, 0);
	struct stall_holder holders[] = {
		{ .call = WIRE_CALL_GIL, .tid = 12, .stack = python_stack("other") },
		{ .call = 202, .tid = 13, .stack = python_stack("other") },
		{ .call = 202, .tid = 12, .stack = python_stack("keep") },
	};

	waits[0].call = 202;
	evidence[0] = (struct evidence){ .named = { .stack = python_stack("get"), .class = "lock" },
					 .state = GW_STATE_BLOCKED,
					 .call = 202,
					 .weight_ns = 200 * MS,
					 .owner = 12,
					 .waker_pid = 10,
					 .waker_tid = 12,
					 .waker_comm = "worker" };
	s.n_evidence = 1;
	s.holders = holders;
	s.n_holders = 3;
	blame(report, &s, "gevent", &verdict);
	cr_assert(strstr(verdict.why, "; thread worker (12) held it in keep"), "%s", verdict.why);
}

Test(blame, a_page_fault_names_its_file)
{
	struct stall s = a_stall(10, 200, 0, 0);
	struct gw_peer peer = { .kind = "file", .fd = -1, .path = "/srv/big", .fstype = "ext4" };

	waits[0].call = WIRE_CALL_FAULT;
	waits[0].calls = 3;
	evidence[0] = (struct evidence){ .named = { .stack = python_stack("get"), .peer = &peer },
					 .state = GW_STATE_BLOCKED,
					 .call = WIRE_CALL_FAULT,
					 .weight_ns = 200 * MS };
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_PAGEFAULT);
	cr_assert(strstr(verdict.why, "in 3 page faults on file /srv/big (ext4) in get"), "%s",
		  verdict.why);
}

Test(blame, a_poll_of_nothing_sleeps_and_its_class_comes_from_the_evidence)
{
	struct stall s = a_stall(10, 200, 0, 0);

	waits[0].call = 7;
	evidence[0] =
		(struct evidence){ .named = { .stack = python_stack("nap"), .class = "sleep" },
				   .state = GW_STATE_BLOCKED,
				   .call = 7,
				   .weight_ns = 200 * MS };
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.cause, GW_CAUSE_SYSCALL);
}

/* n tasks on the CPU, the first with weight first_ms, the others with 10 ms. */
static enum gw_cause cause_of_tasks(uint32_t n, uint64_t first_ms, enum gw_state state)
{
	static struct stall_task tasks[8];
	struct stall s = a_stall(200, 0, 0, 0);

	for (uint32_t i = 0; i < n; i++) {
		evidence[i] = (struct evidence){ .named = { .stack = python_stack("work"),
							    .task = "Greenlet-1",
							    .kind = GW_TASK_GREENLET },
						 .state = state,
						 .call = -1,
						 .weight_ns = (i ? 10 : first_ms) * MS };
		tasks[i] = (struct stall_task){ .task = i + 1,
						.named = &evidence[i].named,
						.share_ns = evidence[i].weight_ns };
	}
	s.n_evidence = n;
	s.tasks = tasks;
	s.n_tasks = n;
	blame(report, &s, "gevent", &verdict);
	return verdict.cause;
}

Test(blame, many_tasks_none_of_them_long_are_a_crowd)
{
	cr_assert_eq(cause_of_tasks(8, 10, GW_STATE_ONCPU), GW_CAUSE_CROWD);
	cr_assert(strstr(verdict.why, "8 greenlets in one turn"), "%s", verdict.why);
	cr_assert_eq(cause_of_tasks(3, 10, GW_STATE_ONCPU), GW_CAUSE_CPU);
}

Test(blame, one_long_task_among_short_ones_held_the_loop)
{
	cr_assert_eq(cause_of_tasks(8, 90, GW_STATE_ONCPU), GW_CAUSE_CPU);
	cr_assert(strstr(verdict.why, "Greenlet-1 held the loop"), "%s", verdict.why);
}

Test(blame, garbage_collection_is_told_from_other_work)
{
	cr_assert_eq(cause_of_tasks(1, 180, GW_STATE_GC), GW_CAUSE_GC);
}

Test(blame, samples_of_one_function_count_together)
{
	struct stall s = a_stall(200, 0, 0, 0);
	uint32_t hot = frame(GW_FRAME_PYTHON, "hot", "app.py", "", 1);
	uint32_t cold = frame(GW_FRAME_PYTHON, "cold", "app.py", "", 1);
	uint32_t root = frame(GW_FRAME_PYTHON, "run", "gevent/greenlet.py", "gevent", 0);
	uint32_t leaf[] = { frame(GW_FRAME_NATIVE, "PyDict_GetItem", "", "python3.11", 0),
			    frame(GW_FRAME_NATIVE, "PyLong_Add", "", "python3.11", 0) };

	evidence[0] =
		(struct evidence){ .named.stack = stack(leaf[0], cold, root), .weight_ns = 80 };
	evidence[1] =
		(struct evidence){ .named.stack = stack(leaf[0], hot, root), .weight_ns = 60 };
	evidence[2] =
		(struct evidence){ .named.stack = stack(leaf[1], hot, root), .weight_ns = 60 };
	for (int i = 0; i < 3; i++)
		evidence[i].state = GW_STATE_ONCPU;
	s.n_evidence = 3;
	blame(report, &s, "gevent", &verdict);
	cr_assert_eq(verdict.frame, hot);
}

static const char *fingerprint_with_leaf(const char *leaf)
{
	struct stall s = a_stall(200, 0, 0, 0);

	evidence[0] = (struct evidence){
		.named.stack =
			stack(frame(GW_FRAME_NATIVE, leaf, "", "python3.11", 0),
			      frame(GW_FRAME_PYTHON, "render_cart", "app/views.py", "", 1),
			      frame(GW_FRAME_PYTHON, "run", "gevent/greenlet.py", "gevent", 0)),
		.state = GW_STATE_ONCPU,
		.weight_ns = 1
	};
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	return verdict.fingerprint;
}

Test(blame, what_the_interpreter_did_in_a_sample_is_no_part_of_the_identity)
{
	char first[21];

	strcpy(first, fingerprint_with_leaf("python3.11+0x1234"));
	cr_assert_str_eq(first, fingerprint_with_leaf("PyObject_Call"));
}

Test(blame, the_fingerprint_follows_the_written_recipe)
{
	static const char recipe[] = "syscall\nclock_nanosleep\nretry\tapp.py\n"
				     "clock_nanosleep\tlibc.so.6\n";
	struct stall s = a_stall(1, 200, 0, 0);
	char expected[21];

	evidence[0] = (struct evidence){ .named.stack = python_stack("retry"),
					 .state = GW_STATE_BLOCKED,
					 .call = 230,
					 .weight_ns = 1 };
	s.n_evidence = 1;
	blame(report, &s, "gevent", &verdict);
	snprintf(expected, sizeof(expected), "gw1-%016lx",
		 hash_add(HASH_START, recipe, sizeof(recipe) - 1));
	cr_assert_str_eq(verdict.fingerprint, expected);
}

Test(blame, the_line_number_is_no_part_of_the_identity)
{
	struct stall s = a_stall(1, 200, 0, 0);
	struct event_frame f = { .kind = GW_FRAME_PYTHON,
				 .app = 1,
				 .name = "retry",
				 .file = "app.py",
				 .module = "",
				 .nameless = "" };
	char first[21];

	for (int line = 10; line < 12; line++) {
		f.line = line;
		evidence[0] = (struct evidence){
			.named.stack =
				tables_stack(report, (uint32_t[]){ tables_frame(report, &f) }, 1),
			.state = GW_STATE_BLOCKED,
			.call = 230,
			.weight_ns = 1
		};
		s.n_evidence = 1;
		blame(report, &s, "gevent", &verdict);
		if (line == 10)
			strcpy(first, verdict.fingerprint);
	}
	cr_assert_str_eq(first, verdict.fingerprint);
}
