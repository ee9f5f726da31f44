// SPDX-License-Identifier: BSD-2-Clause
/*
 * diagnosis.c: the run in plain sentences, the most important first.
 *
 * When events were lost the first sentence says so, and none claims that
 * nothing stalled. Time the machine took (run queue, quota, SIGSTOP) is told
 * and never charged.
 */
#include <inttypes.h>
#include <string.h>

#include "sink/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

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
		 format_span(span, report->duration_ns), format_span(worst, sum->max_ns),
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
	snprintf(line, DIAGNOSIS_SIZE, "No stall over %s in %s, %s turn%s, worst %s.",
		 format_span(limit, report->threshold_ns), format_span(span, report->duration_ns),
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

/* Late turns that had not ended are in no site yet, but nobody may read "no stall". */
static uint32_t still_open(const struct gw_report *report)
{
	uint32_t n = 0;

	report_each (report, stalls, struct gw_stall, stall)
		n += stall->open;
	return n;
}

int sink_diagnosis(const struct gw_report *report, char (*lines)[DIAGNOSIS_SIZE], int max)
{
	struct tally own = add_up(report, true), machine = add_up(report, false);
	uint32_t open = still_open(report);
	bool complete = report_complete(report);
	int n = 0;

	if (!complete && n < max)
		say_lost(lines[n++], report);
	if (own.count && own.total_ns && n < max)
		say_stalls(lines[n++], report, &own);
	else if (complete && !machine.count && !open && n < max)
		say_healthy(lines[n++], report);
	if (machine.count && n < max)
		say_machine(lines[n++], &machine, own.count > 0);
	if (open && !own.count && n < max)
		snprintf(lines[n++], DIAGNOSIS_SIZE, "%" PRIu32 " turn%s late and had not ended.",
			 open, open == 1 ? " was" : "s were");
	return n;
}
