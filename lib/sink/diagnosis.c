// SPDX-License-Identifier: BSD-2-Clause
/*
 * diagnosis.c: the run in plain sentences, the most important first.
 *
 * When events were lost the first sentence says so, and none claims that
 * nothing stalled. Time the machine took (run queue, quota, SIGSTOP) is told
 * and never charged. What limits the throughput is told whether a turn was
 * late or not: a loop that is blocked in short calls all day stalls nobody
 * and serves few.
 */
#include <inttypes.h>
#include <string.h>

#include "base/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

#define BLOCKED_PERCENT 10 /* of the loops' time: less is not what limits them */
#define BUSY_PERCENT    80

struct tally {
	uint64_t count, total_ns, max_ns;
	const struct report_site *top;
};

static struct tally add_up(const struct gw_report *report, bool charged)
{
	struct tally sum = { 0 };

	report_each (report, sites, struct report_site, site) {
		if (format_charged(site->cause) != charged || !site->count)
			continue;
		sum.count += site->count;
		sum.total_ns += site->total_ns;
		if (site->max_ns > sum.max_ns)
			sum.max_ns = site->max_ns;
		if (!sum.top || site->total_ns > sum.top->total_ns)
			sum.top = site;
	}
	return sum;
}

static void say_lost(char *line, const struct gw_report *report)
{
	uint64_t lost = report_lost_total(report);
	char n[FORMAT_TIME];

	if (lost)
		snprintf(line, DIAGNOSIS_SIZE,
			 "%s event%s lost, so this report is incomplete: there may have been "
			 "more stalls.",
			 format_count(n, lost), lost == 1 ? " was" : "s were");
	else
		snprintf(line, DIAGNOSIS_SIZE,
			 "This report is incomplete: not everything could be seen.");
}

/* What the sums cover. */
static uint64_t covered_ns(const struct gw_report *report)
{
	return report->duration_ns > report->warmup_ns ? report->duration_ns - report->warmup_ns
						       : 0;
}

static void say_stalls(char *line, const struct gw_report *report, const struct tally *sum)
{
	char times[FORMAT_TIME], span[FORMAT_TIME], worst[FORMAT_TIME];
	char title[1024];
	uint32_t loops = report->loops.count;

	gw_escape(title, sizeof(title), sum->top->title ? sum->top->title : "unknown");
	snprintf(line, DIAGNOSIS_SIZE,
		 "%" PRIu32 " %s loop%s stalled %s time%s in %s, worst %s; %u %% of it is %s.",
		 loops, format_runtime(report), loops == 1 ? "" : "s",
		 format_count(times, sum->count), sum->count == 1 ? "" : "s",
		 format_span(span, covered_ns(report)), format_span(worst, sum->max_ns),
		 (unsigned)((double)sum->top->total_ns * 100 / (double)sum->total_ns + 0.5), title);
}

static void say_healthy(char *line, const struct gw_report *report)
{
	char limit[FORMAT_TIME], span[FORMAT_TIME], turns[FORMAT_TIME], worst[FORMAT_TIME];
	uint64_t n = 0, max_ns = 0;

	if (!report->loops.count) {
		snprintf(line, DIAGNOSIS_SIZE, "No event loop was seen in %s.",
			 format_span(span, report->duration_ns));
		return;
	}
	report_each (report, loops, struct report_loop, loop) {
		n += loop->turns;
		if (loop->lag_max_ns > max_ns)
			max_ns = loop->lag_max_ns;
	}
	if (!n && report->warmup_ns) {
		snprintf(line, DIAGNOSIS_SIZE,
			 "No turn of a loop has begun and ended after the "
			 "warm-up: there is nothing to judge.");
		return;
	}
	snprintf(line, DIAGNOSIS_SIZE, "No stall over %s in %s, %s turn%s, worst %s.",
		 format_span(limit, report->threshold_ns), format_span(span, covered_ns(report)),
		 format_count(turns, n), n == 1 ? "" : "s", format_span(worst, max_ns));
}

static void say_machine(char *line, const struct tally *sum, bool others)
{
	static const char *const what[] = {
		[GW_CAUSE_RUNQUEUE] = "ready to run, but no CPU was given",
		[GW_CAUSE_THROTTLED] = "the CPU quota was used up",
		[GW_CAUSE_STOPPED] = "stopped from outside",
	};
	char times[FORMAT_TIME], worst[FORMAT_TIME];

	snprintf(line, DIAGNOSIS_SIZE,
		 "%s%s stall%s up to %s %s the machine's doing, mostly: %s; not charged to the "
		 "program.",
		 format_count(times, sum->count), others ? " more" : "",
		 sum->count == 1 ? " of" : "s of", format_span(worst, sum->max_ns),
		 sum->count == 1 ? "was" : "were", what[sum->top->cause]);
}

/* Where the time of all loops went. */
struct whole {
	uint64_t watched_ns, oncpu_ns, blocked_ns;
};

static struct whole add_loops(const struct gw_report *report)
{
	struct whole sum = { 0 };

	report_each (report, loops, struct report_loop, loop) {
		const struct gw_ledger *t = &loop->time;

		sum.oncpu_ns += t->oncpu_ns;
		sum.blocked_ns += t->blocked_ns;
		sum.watched_ns += loop->idle_ns + t->oncpu_ns + t->blocked_ns + t->runqueue_ns +
				  t->throttled_ns + t->stopped_ns + t->unaccounted_ns;
	}
	return sum;
}

static unsigned percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned)((double)part * 100 / (double)whole + 0.5) : 0;
}

/* "get_user (app/db.py:88)"; "" when no frame is known. */
static const char *place_of(const struct gw_report *report, uint32_t frame, char *text, size_t size)
{
	char name[ESCAPE_SIZE(ESCAPE_NAME)], file[ESCAPE_SIZE(ESCAPE_NAME)];
	const struct gw_frame *f = frame == GW_NONE ? NULL : report_frame(report, frame);

	text[0] = '\0';
	if (!f)
		return text;
	gw_escape(name, sizeof(name), f->name);
	gw_escape(file, sizeof(file), f->file ? f->file : "");
	if (f->file && f->line)
		snprintf(text, size, "%.160s (%.160s:%" PRIu32 ")", name, file, f->line);
	else
		snprintf(text, size, "%.160s", name);
	return text;
}

/* The calls of one place, in all loops, that took the most. */
static const struct report_call *top_call(const struct gw_report *report, uint64_t *total_ns)
{
	const struct report_call *top = NULL;

	*total_ns = 0;
	report_each (report, calls, struct report_call, call) {
		uint64_t ns = 0;

		report_each (report, calls, struct report_call, other)
			if (other->frame == call->frame && other->call == call->call)
				ns += other->total_ns;
		if (ns <= *total_ns)
			continue;
		*total_ns = ns;
		top = call;
	}
	return top;
}

static void say_blocked(char *line, const struct gw_report *report, const struct whole *sum)
{
	char place[512];
	uint64_t ns;
	const struct report_call *top = top_call(report, &ns);
	int n = snprintf(line, DIAGNOSIS_SIZE,
			 "The loop%s blocked %u %% of the time while busy %u %%: throughput is "
			 "limited by blocking calls, not by CPU.",
			 report->loops.count == 1 ? " was" : "s were",
			 percent(sum->blocked_ns, sum->watched_ns),
			 percent(sum->oncpu_ns, sum->watched_ns));

	if (!top || n < 0 || n >= DIAGNOSIS_SIZE)
		return;
	place_of(report, top->frame, place, sizeof(place));
	snprintf(line + n, (size_t)(DIAGNOSIS_SIZE - n), " %u %% of it is %s%s%s%s%s%s.",
		 percent(ns, sum->blocked_ns > ns ? sum->blocked_ns : ns),
		 strcmp(top->class, "gil") ? top->call : "waiting for the GIL",
		 place[0] ? " in " : "", place, top->advice.rule ? " (" : "",
		 top->advice.rule ? top->advice.rule : "", top->advice.rule ? ")" : "");
}

static void say_busy(char *line, const struct gw_report *report, const struct whole *sum)
{
	const struct report_task *top = NULL;
	char place[512], hold[FORMAT_TIME];
	uint64_t cpu_ns = 0;
	int n = snprintf(line, DIAGNOSIS_SIZE,
			 "The loop%s on the CPU %u %% of the time: throughput is limited by CPU.",
			 report->loops.count == 1 ? " was" : "s were",
			 percent(sum->oncpu_ns, sum->watched_ns));

	report_each (report, tasks, struct report_task, task) {
		cpu_ns += task->cpu_ns;
		if (!top || task->cpu_ns > top->cpu_ns)
			top = task;
	}
	if (!top || top->frame == GW_NONE || n < 0 || n >= DIAGNOSIS_SIZE)
		return;
	snprintf(line + n, (size_t)(DIAGNOSIS_SIZE - n),
		 " %u %% of it is %s, which held the loop for up to %s at a time.",
		 percent(top->cpu_ns, cpu_ns), place_of(report, top->frame, place, sizeof(place)),
		 format_span(hold, top->longest_ns));
}

/* What limits the throughput, if anything does. */
static bool say_limit(char *line, const struct gw_report *report)
{
	struct whole sum = add_loops(report);

	if (percent(sum.blocked_ns, sum.watched_ns) >= BLOCKED_PERCENT &&
	    sum.blocked_ns > sum.oncpu_ns / 2)
		say_blocked(line, report, &sum);
	else if (percent(sum.oncpu_ns, sum.watched_ns) >= BUSY_PERCENT)
		say_busy(line, report, &sum);
	else
		return false;
	return true;
}

/* Late turns that had not ended are in no site yet, but nobody may read "no stall". */
static uint32_t still_open(const struct gw_report *report)
{
	uint32_t n = 0;

	report_each (report, stalls, struct gw_stall, stall)
		n += stall->open;
	return n;
}

/* What a report says that was read: made by those who saw the run. */
static int said(const struct gw_report *report, char (*lines)[DIAGNOSIS_SIZE], int max)
{
	int n = 0;

	report_each (report, diagnosis, const char *, line)
		if (n < max)
			escape(lines[n++], DIAGNOSIS_SIZE, *line, ESCAPE_SENTENCE);
	return n;
}

int sink_diagnosis(const struct gw_report *report, char (*lines)[DIAGNOSIS_SIZE], int max)
{
	struct tally own = add_up(report, true), machine = add_up(report, false);
	uint32_t open = still_open(report);
	bool complete = report_complete(report);
	int n = said(report, lines, max);

	if (n)
		return n;
	if (!complete && n < max)
		say_lost(lines[n++], report);
	if (own.count && own.total_ns && n < max)
		say_stalls(lines[n++], report, &own);
	else if (complete && !machine.count && !open && n < max)
		say_healthy(lines[n++], report);
	if (n < max && say_limit(lines[n], report))
		n++;
	if (n < max && pools_say(report, lines[n], DIAGNOSIS_SIZE))
		n++;
	if (machine.count && n < max)
		say_machine(lines[n++], &machine, own.count > 0);
	if (open && !own.count && n < max)
		snprintf(lines[n++], DIAGNOSIS_SIZE, "%" PRIu32 " turn%s late and had not ended.",
			 open, open == 1 ? " was" : "s were");
	return n;
}
