// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_text.c: what people read, against strings.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "sink/format.h"

static struct sample sample;
static char *output;
static size_t output_size;
static FILE *to;
static struct gw_sink *sink;

static void begin(struct gw_sink_opts opts)
{
	opts.sz = sizeof(opts);
	sample_make(&sample);
	to = open_memstream(&output, &output_size);
	cr_assert_eq(gw_sink_open(&sink, "text", to, &opts), 0);
}

static void stall(const struct gw_stall *s)
{
	cr_assert_eq(gw_sink_stall(sink, &sample.report, s), 0);
}

static void end(void)
{
	gw_sink_close(sink);
	fclose(to);
	free(output);
}

static const char *summary(void)
{
	fflush(to);
	size_t before = output_size;

	cr_assert_eq(gw_sink_end(sink, &sample.report), 0);
	return output + before;
}

static const char *time_of(uint64_t ns)
{
	static char out[FORMAT_TIME];

	return format_time(out, ns);
}

static const char *span_of(uint64_t ns)
{
	static char out[FORMAT_TIME];

	return format_span(out, ns);
}

Test(format, times_have_three_digits_at_most)
{
	cr_assert_str_eq(time_of(0), "0 ms");
	cr_assert_str_eq(time_of(1), "<0.1 ms");
	cr_assert_str_eq(time_of(300000), "0.3 ms");
	cr_assert_str_eq(time_of(8200000), "8.2 ms");
	cr_assert_str_eq(time_of(9949999), "9.9 ms");
	cr_assert_str_eq(time_of(9950000), "10 ms");
	cr_assert_str_eq(time_of(612044120), "612 ms");
	cr_assert_str_eq(time_of(999499999), "999 ms");
	cr_assert_str_eq(time_of(999500000), "1.00 s");
	cr_assert_str_eq(time_of(1840000000), "1.84 s");
	cr_assert_str_eq(time_of(60000000000), "60.0 s");
	cr_assert_str_eq(time_of(UINT64_MAX), "18446744073.7 s");
}

Test(format, sentences_leave_trailing_zeroes_out)
{
	cr_assert_str_eq(span_of(60000000000), "60 s");
	cr_assert_str_eq(span_of(1500000000), "1.5 s");
	cr_assert_str_eq(span_of(1000000000), "1 s");
	cr_assert_str_eq(span_of(100000000), "100 ms");
	cr_assert_str_eq(span_of(1000000), "1 ms");
	cr_assert_str_eq(span_of(100000000000), "100 s");
}

Test(format, counts_are_grouped)
{
	char out[FORMAT_TIME];

	cr_assert_str_eq(format_count(out, 0), "0");
	cr_assert_str_eq(format_count(out, 999), "999");
	cr_assert_str_eq(format_count(out, 1000), "1 000");
	cr_assert_str_eq(format_count(out, 182044), "182 044");
	cr_assert_str_eq(format_count(out, 1234567890), "1 234 567 890");
	cr_assert_str_eq(format_count(out, UINT64_MAX), "18446744073709551615");
}

Test(format, a_share_is_never_rounded_to_nothing)
{
	char out[FORMAT_TIME];

	cr_assert_str_eq(format_share(out, 1, 100000), "<0.1 %");
	cr_assert_str_eq(format_share(out, 0, 100), "0.0 %");
	cr_assert_str_eq(format_share(out, 85, 1000), "8.5 %");
	cr_assert_str_eq(format_share(out, 5, 0), "<0.1 %");
	cr_assert_str_eq(format_share(out, 5, 5), "100.0 %");
}

Test(text, a_stall_is_a_block_from_the_application_inwards)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	stall(&sample.stalls[0]);
	cr_assert_str_eq(output, " +1.84s  4242  612 ms  blocked in clock_nanosleep()\n"
				 "         retry            shop.py:17\n"
				 "         clock_nanosleep  libc.so.6\n");
	end();
}

Test(text, time_the_machine_took_is_shown_and_not_charged)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	stall(&sample.stalls[2]);
	cr_assert_str_eq(output,
			 " +17.40s  4242  187 ms  ready, but no CPU was given; hog (123) had it\n"
			 "         31 ms on CPU, 156 ms waiting for a CPU\n"
			 "         the machine's doing: not charged to the program\n");
	end();
}

Test(text, repeats_are_told_at_powers_of_two)
{
	int lines = 0;

	begin((struct gw_sink_opts){ .utf8 = true });
	for (int i = 0; i < 9; i++) {
		struct gw_stall s = sample.stalls[1];

		s.at_ns = (uint64_t)i * 1000 * SAMPLE_MS;
		stall(&s);
	}
	for (const char *p = output; *p; p++)
		lines += *p == '\n';
	cr_assert_eq(lines, 3 + 3);
	cr_assert(strstr(output, "blocked in clock_nanosleep()  again ×2 in 1.3 s\n"));
	cr_assert(strstr(output, "  again ×4 in 3.3 s, 1 not shown\n"));
	cr_assert(strstr(output, "  again ×8 in 7.3 s, 3 not shown\n"));
	end();
}

Test(text, a_stall_told_while_it_lasts_is_one_stall)
{
	struct gw_stall s;

	begin((struct gw_sink_opts){ .utf8 = true });
	s = sample.stalls[0];
	s.open = true;
	stall(&s);
	cr_assert(strstr(output, "612 ms  blocked in clock_nanosleep(), still going on\n"));
	s.duration_ns *= 2;
	stall(&s);
	cr_assert(strstr(output, "1.22 s  blocked in clock_nanosleep(), still going on\n"));
	s.open = false;
	stall(&s);
	cr_assert_null(strstr(output, "again"));
	s.at_ns += 5000 * SAMPLE_MS;
	stall(&s);
	cr_assert(strstr(output, "again ×2"));
	end();
}

Test(text, loops_of_one_process_are_told_apart)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	sample.loops[1] = sample.loops[0];
	sample.loops[1].tid = 4250;
	sample.report.loops.count = 2;
	stall(&sample.stalls[1]);
	cr_assert(strstr(output, "  4242/4242  300 ms  "));
	cr_assert(
		strstr(summary(), "loop    4242/4250 python3 (gevent): 182 044 turns, max 612 ms"));
	end();
}

Test(text, foreign_names_cannot_drive_the_terminal)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	sample.frames[0].name = "ev\033[2Jil";
	sample.frames[0].file = "a\nb.py";
	stall(&sample.stalls[1]);
	summary();
	cr_assert_null(strchr(output, '\033'));
	cr_assert(strstr(output, "ev\\x1b[2Jil"));
	cr_assert(strstr(output, "a\\x0ab.py:17"));
	end();
}

Test(text, ascii_and_no_colour_where_nothing_else_is_understood)
{
	begin((struct gw_sink_opts){ .utf8 = false });
	stall(&sample.stalls[0]);
	stall(&sample.stalls[1]);
	sample.report.notes.count = 1;
	sample.notes[0] = (struct report_note){ "names", "no symbols", "install them" };
	sample.report.notes.items = sample.notes;
	summary();
	for (const char *p = output; *p; p++)
		cr_assert((*p >= ' ' && *p < 0x7f) || *p == '\n', "%s", p);
	cr_assert(strstr(output, "note    names: no symbols -> install them\n"));
	end();
}

Test(text, the_summary_counts_and_ends_with_the_next_command)
{
	begin((struct gw_sink_opts){ .utf8 = true, .next = "greenwatch -h" });
	cr_assert_str_eq(
		summary(),
		"\n1 gevent loop stalled 2 times in 60 s, worst 612 ms; 100 % of it is "
		"clock_nanosleep in retry (shop.py).\n"
		"1 more stall of up to 187 ms was the machine's doing, mostly: ready to run, but "
		"no CPU was given; not charged to the program.\n"
		"60.0 s · 182 044 turns · loop lag p50 0.3 ms  p90 0.3 ms  p99 0.3 ms  max 612 "
		"ms\n"
		"time    idle 68.7 %   on CPU 22.2 %   blocked 8.5 %   waiting for a CPU 0.6 %\n"
		"stalls  3 at 2 sites (1.8 % of the time)\n"
		"   2×  max 612 ms  Σ 912 ms  retry shop.py:17 → clock_nanosleep()\n"
		"   1×  max 187 ms  Σ 187 ms  ready to run, but no CPU was given (not charged)\n"
		"0 events lost · greenwatch used 0.4 % of one CPU, 21 MB · next: greenwatch -h\n");
	end();
}

static struct report_call calls[] = {
	{ .call = "recvfrom",
	  .class = "network",
	  .peer = &(struct gw_peer){ .kind = "tcp", .remote = "10.0.0.5:6379" },
	  .stack = GW_NONE,
	  .calls = 4012,
	  .total_ns = 9100 * SAMPLE_MS,
	  .max_ns = 212 * SAMPLE_MS,
	  .advice.rule = "GW1002" },
	{ .call = "fsync",
	  .class = "file",
	  .frame = GW_NONE,
	  .stack = GW_NONE,
	  .calls = 9,
	  .total_ns = 20 * SAMPLE_MS,
	  .max_ns = 3 * SAMPLE_MS },
};

static struct report_task users[] = {
	{ .name = "retry",
	  .kind = GW_TASK_GREENLET,
	  .samples = 750,
	  .cpu_ns = 7500 * SAMPLE_MS,
	  .longest_ns = 61 * SAMPLE_MS,
	  .stalls = 4 },
	{ .name = "hub",
	  .kind = GW_TASK_HUB,
	  .frame = GW_NONE,
	  .family = 1,
	  .samples = 250,
	  .cpu_ns = 2500 * SAMPLE_MS,
	  .longest_ns = 9 * SAMPLE_MS },
};

static void use_the_loop(void)
{
	sample.report.calls = (struct report_vec)VEC(calls, 2);
	sample.report.tasks = (struct report_vec)VEC(users, 2);
}

Test(text, calls_and_users_are_tables_of_the_summary)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	use_the_loop();
	sample.report.calls_rest = 3;
	summary();
	cr_assert(strstr(output,
			 "calls   4 024 in all took 9.12 s of the loops' time; 3 of them in no "
			 "line: too many different places\n"
			 " 4 012×  max 212 ms  Σ 9.10 s  retry shop.py:17 → recvfrom()  tcp "
			 "10.0.0.5:6379  GW1002\n"
			 "     9×  max 3.0 ms  Σ 20 ms  fsync()\n"
			 "users   of 10.0 s on the CPU, by 1 000 samples\n"
			 "   75.0 ± 2.7 %  retry shop.py:17 (greenlet)  longest hold 61 ms  4 "
			 "stalls\n"
			 "   25.0 ± 2.7 %  hub  longest hold 9.0 ms\n"),
		  "%s", output);
	end();
}

Test(text, a_loop_limited_by_blocking_calls_is_told_so)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	use_the_loop();
	sample.loops[0].time.blocked_ns = 18000 * SAMPLE_MS;
	sample.loops[0].idle_ns = 28680 * SAMPLE_MS;
	cr_assert(strstr(summary(),
			 "The loop was blocked 30 % of the time while busy 22 %: throughput is "
			 "limited by blocking calls, not by CPU. 51 % of it is recvfrom in "
			 "retry (shop.py:17) (GW1002).\n"),
		  "%s", output);
	end();
}

Test(text, a_loop_limited_by_the_cpu_is_told_who_has_it)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	use_the_loop();
	sample.loops[0].time.oncpu_ns = 54000 * SAMPLE_MS;
	sample.loops[0].idle_ns = 600 * SAMPLE_MS;
	cr_assert(strstr(summary(),
			 "% of the time: throughput is limited by CPU. 75 % of it is retry "
			 "(shop.py:17), which held the loop for up to 61 ms at a time.\n"),
		  "%s", output);
	end();
}

static void nothing_stalled(void)
{
	sample.report.sites.count = sample.report.stalls.count = 0;
	sample.loops[0].stalls = sample.loops[0].stalled_ns = 0;
}

Test(text, a_healthy_loop_is_called_healthy)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	nothing_stalled();
	cr_assert(strstr(summary(), "stalls  none over 100 ms\n"));
	end();
}

Test(text, with_loss_the_summary_says_so_first_and_never_that_there_was_no_stall)
{
	begin((struct gw_sink_opts){ .utf8 = true });
	nothing_stalled();
	sample.report.lost[0].count = 12;
	cr_assert_eq(strncmp(summary(), "\nINCOMPLETE: 12 events were lost (ring_full 12); ", 49),
		     0);
	cr_assert_null(strstr(output, "none over"));
	cr_assert(strstr(output, "stalls  0 seen"));
	cr_assert(strstr(output, "12 events lost"));
	end();
}

Test(text, no_loop_is_not_the_same_as_no_stall)
{
	begin((struct gw_sink_opts){ .utf8 = true, .next = "x" });
	nothing_stalled();
	sample.report.loops.count = 0;
	cr_assert(strstr(summary(), "60.0 s · no event loop was seen\n"));
	cr_assert_null(strstr(output, "none over"));
	cr_assert_null(strstr(output, "next"));
	end();
}

Test(text, quiet_leaves_stalls_out)
{
	begin((struct gw_sink_opts){ .quiet = true });
	stall(&sample.stalls[0]);
	fflush(to);
	cr_assert_eq(output_size, 0);
	end();
}

Test(watching, names_the_loops_or_the_processes)
{
	char line[512];

	sample_make(&sample);
	gw_watching(&sample.report, line, sizeof(line));
	cr_assert_str_eq(line, "watching 1 gevent loop: python3 4242 · stall = 100 ms · "
			       "^C for the summary");
	sample.report.loops.count = 0;
	gw_watching(&sample.report, line, sizeof(line));
	cr_assert_str_eq(line, "watching python3 4242 (gevent) · stall = 100 ms · "
			       "^C for the summary");
	for (size_t size = 1; size < 40; size++) {
		gw_watching(&sample.report, line, size);
		cr_assert_lt(strlen(line), size);
	}
}

Test(sink, an_unknown_format_is_refused)
{
	struct gw_sink *none = NULL;

	cr_assert_lt(gw_sink_open(&none, "xml", stdout, NULL), 0);
	cr_assert_null(none);
	gw_sink_close(NULL);
}

/* Coroutine serve awaits retry. */
static void add_chain(void)
{
	sample.frames[4] = (struct gw_frame){
		.kind = GW_FRAME_PYTHON, .app = true, .line = 20, .name = "serve", .file = "app.py"
	};
	sample.indexes[4] = 0;
	sample.indexes[5] = 4;
	sample.stacks[1] = (struct report_stack){ .first = 4, .depth = 2 };
	sample.report.frames.count = 5;
	sample.report.indexes.count = 6;
	sample.report.stacks.count = 2;
}

static const char *told_of(const struct gw_task *tasks, uint32_t n, enum gw_cause cause)
{
	struct gw_stall s = sample.stalls[0];

	s.tasks = tasks;
	s.n_tasks = n;
	s.cause = cause;
	stall(&s);
	fflush(to);
	return output;
}

Test(text, a_task_is_told_with_its_coroutines)
{
	struct gw_task task = { .name = "client-7 (serve)",
				.kind = GW_TASK_TASK,
				.share_ns = 600,
				.spawned_at = GW_NONE,
				.frame = 4,
				.chain = 1 };
	const char *told;

	begin((struct gw_sink_opts){ .width = 80 });
	add_chain();
	told = told_of(&task, 1, GW_CAUSE_SYSCALL);
	cr_expect(strstr(told, "in task client-7: serve app.py:20 -> retry shop.py:17\n") ||
			  strstr(told, "in task client-7: serve app.py:20 → retry shop.py:17\n"),
		  "%s", told);
	end();
}

Test(text, a_task_without_a_name_is_told_by_its_coroutine_once)
{
	struct gw_task task = {
		.name = "serve", .kind = GW_TASK_TASK, .spawned_at = GW_NONE, .frame = 4, .chain = 1
	};

	begin((struct gw_sink_opts){ .width = 80 });
	add_chain();
	cr_expect_not_null(strstr(told_of(&task, 1, GW_CAUSE_SYSCALL), "in task: serve app.py:20 "),
			   "%s", output);
	end();
}

Test(text, a_callback_is_told_by_its_function)
{
	struct gw_task task = { .name = "retry",
				.kind = GW_TASK_CALLBACK,
				.spawned_at = GW_NONE,
				.frame = 0,
				.chain = GW_NONE };

	begin((struct gw_sink_opts){ .width = 80 });
	cr_expect_not_null(
		strstr(told_of(&task, 1, GW_CAUSE_SYSCALL), "in callback: retry shop.py:17\n"),
		"%s", output);
	end();
}

Test(text, a_crowd_is_told_by_what_its_tasks_run)
{
	struct gw_task tasks[5];

	for (unsigned int i = 0; i < 5; i++)
		tasks[i] = (struct gw_task){ .name = "x",
					     .kind = GW_TASK_TASK,
					     .share_ns = i == 0 ? 4000000 : 1000000,
					     .spawned_at = GW_NONE,
					     .frame = i % 2 ? 0 : 4,
					     .chain = i % 2 ? GW_NONE : 1 };
	begin((struct gw_sink_opts){ .width = 80 });
	add_chain();
	cr_expect_not_null(strstr(told_of(tasks, 5, GW_CAUSE_CROWD),
				  "         at least 5 tasks, none over 4.0 ms\n"
				  "         3 of them, 75 %: serve app.py:20\n"
				  "         2 of them, 25 %: retry shop.py:17\n"),
			   "%s", output);
	end();
}
