// SPDX-License-Identifier: BSD-2-Clause
/*
 * perfetto.c: Chrome's trace events, which ui.perfetto.dev opens.
 *
 * A track for each loop: a slice (X) for each stall, in it slices for the
 * frames of its stack, outermost first, so that they nest; a counter (C)
 * with the length of the stall that goes on; names (M). Times are
 * microseconds since the start of the run, exact to the nanosecond.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sink/weigh.h"

#define DEPTH 64 /* frames shown of a stack, the innermost ones */

struct trace {
	FILE *to;
	const struct gw_report *report;
	const char *comma;
};

static void open_event(struct trace *trace, char type, uint32_t pid, uint32_t tid)
{
	fprintf(trace->to, "%s\n{\"ph\":\"%c\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32, trace->comma,
		type, pid, tid);
	trace->comma = ",";
}

static void put_time(struct trace *trace, const char *key, uint64_t ns)
{
	fprintf(trace->to, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void put_text(struct trace *trace, const char *key, const char *text)
{
	fprintf(trace->to, ",\"%s\":", key);
	weigh_quote(trace->to, text);
}

static void write_names(struct trace *trace)
{
	report_each (trace->report, targets, struct report_target, target) {
		open_event(trace, 'M', target->pid, target->pid);
		put_text(trace, "name", "process_name");
		fputs(",\"args\":{\"name\":", trace->to);
		weigh_quote(trace->to, target->comm);
		fputs("}}", trace->to);
	}
	report_each (trace->report, loops, struct report_loop, loop) {
		char name[160], comm[80];

		gw_escape(comm, sizeof(comm), loop->comm ? loop->comm : "loop");
		snprintf(name, sizeof(name), "%s (%.40s)", comm, loop->runtime);
		open_event(trace, 'M', loop->pid, loop->tid);
		put_text(trace, "name", "thread_name");
		fputs(",\"args\":{\"name\":", trace->to);
		weigh_quote(trace->to, name);
		fputs("}}", trace->to);
	}
}

/* A track of counters is one of the process, so the thread is in its name. */
static void write_counter(struct trace *trace, const struct gw_stall *stall, uint64_t at,
			  uint64_t value)
{
	char name[64];

	snprintf(name, sizeof(name), "stall of loop %" PRIu32, stall->tid);
	open_event(trace, 'C', stall->pid, stall->tid);
	put_text(trace, "name", name);
	put_time(trace, "ts", at);
	fprintf(trace->to, ",\"args\":{\"ms\":%" PRIu64 ".%03u}}", value / 1000000,
		(unsigned)(value / 1000 % 1000));
}

static void write_args(struct trace *trace, const struct gw_stall *stall)
{
	fputs(",\"args\":{\"cause\":", trace->to);
	weigh_quote(trace->to, gw_cause_name(stall->cause));
	if (stall->why && stall->why[0])
		put_text(trace, "why", stall->why);
	if (stall->site != GW_NONE)
		put_text(trace, "site", report_site(trace->report, stall->site)->fingerprint);
	if (stall->advice.rule)
		put_text(trace, "rule", stall->advice.rule);
	if (stall->open)
		fputs(",\"open\":true", trace->to);
	if (stall->warmup)
		fputs(",\"warmup\":true", trace->to);
	fputs("}}", trace->to);
}

static void write_frames(struct trace *trace, const struct gw_stall *stall, uint64_t from,
			 uint64_t length)
{
	char name[WEIGH_NAME];
	const uint32_t *frames;
	uint32_t depth;

	if (stall->stack == GW_NONE)
		return;
	depth = report_stack(trace->report, stall->stack, &frames);
	for (uint32_t i = depth < DEPTH ? depth : DEPTH; i-- > 0;) {
		const struct gw_frame *frame = report_frame(trace->report, frames[i]);

		open_event(trace, 'X', stall->pid, stall->tid);
		put_text(trace, "name", weigh_name(name, frame));
		put_text(trace, "cat", "frame");
		put_time(trace, "ts", from);
		put_time(trace, "dur", length);
		if (frame->line)
			fprintf(trace->to, ",\"args\":{\"line\":%" PRIu32 "}", frame->line);
		fputc('}', trace->to);
	}
}

static void write_stall(struct trace *trace, const struct gw_stall *stall, uint64_t from,
			uint64_t to)
{
	const struct report_site *site =
		stall->site == GW_NONE ? NULL : report_site(trace->report, stall->site);

	open_event(trace, 'X', stall->pid, stall->tid);
	put_text(trace, "name", site && site->title ? site->title : gw_cause_name(stall->cause));
	put_text(trace, "cat", "stall");
	put_time(trace, "ts", from);
	put_time(trace, "dur", to - from);
	write_args(trace, stall);
	write_frames(trace, stall, from, to - from);
	write_counter(trace, stall, from, stall->duration_ns);
	write_counter(trace, stall, to, 0);
}

/* Slices of a track must nest: where merged reports overlap the later one is cut. */
static void write_loop(struct trace *trace, uint32_t loop)
{
	uint64_t last = 0;

	report_each (trace->report, stalls, struct gw_stall, stall) {
		uint64_t from = stall->at_ns > last ? stall->at_ns : last;
		uint64_t to = stall->at_ns + stall->duration_ns;

		if (stall->loop != loop || to <= from)
			continue;
		write_stall(trace, stall, from, to);
		last = to;
	}
}

static int perfetto_end(struct gw_sink *sink, const struct gw_report *report)
{
	struct trace trace = { .to = sink->to, .report = report, .comma = "" };

	fputs("{\"displayTimeUnit\":\"ms\",\"otherData\":{\"tool\":\"greenwatch ", sink->to);
	fprintf(sink->to, "%s\",\"run\":", gw_version());
	weigh_quote(sink->to, report->id ? report->id : "");
	fputs("},\"traceEvents\":[", sink->to);
	write_names(&trace);
	for (uint32_t i = 0; i < report->loops.count; i++)
		write_loop(&trace, i);
	fputs("\n]}\n", sink->to);
	return sink_flush(sink);
}

const struct sink_ops sink_perfetto = {
	.name = "perfetto",
	.extension = ".trace.json",
	.help = "trace events for ui.perfetto.dev and chrome://tracing",
	.end = perfetto_end,
};
