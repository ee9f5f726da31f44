// SPDX-License-Identifier: BSD-2-Clause
/*
 * speedscope.c: the file format of speedscope.app.
 *
 * For each loop that stalled a sampled profile, weighted by stall time, and
 * an evented one, its timeline: when which stall was, on what stack. Frames
 * are those of the report, then one for each reason without a stack, then
 * one for each site.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "sink/weigh.h"

static const char *const reasons[] = { "waiting for a CPU", "CPU quota used up", "stopped",
				       "no stack was seen" };
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

struct scope {
	FILE *to;
	const struct gw_report *report;
	const char *comma; /* before the next element */
	bool weights;      /* the list being written */
	uint64_t sum_ns;
};

static void next(struct scope *scope)
{
	fputs(scope->comma, scope->to);
	scope->comma = ",";
}

static void write_frames(struct scope *scope)
{
	char name[WEIGH_NAME];

	scope->comma = "";
	fputs("  \"shared\": {\"frames\": [", scope->to);
	report_each (scope->report, frames, struct gw_frame, frame) {
		next(scope);
		fputs("\n    {\"name\": ", scope->to);
		weigh_quote(scope->to, weigh_name(name, frame));
		if (frame->file) {
			fputs(", \"file\": ", scope->to);
			weigh_quote(scope->to, frame->file);
		}
		if (frame->line)
			fprintf(scope->to, ", \"line\": %" PRIu32, frame->line);
		fputc('}', scope->to);
	}
	for (size_t i = 0; i < REASONS; i++) {
		next(scope);
		fprintf(scope->to, "\n    {\"name\": \"(%s)\"}", reasons[i]);
	}
	report_each (scope->report, sites, struct report_site, site) {
		next(scope);
		fputs("\n    {\"name\": ", scope->to);
		weigh_quote(scope->to, site->title ? site->title : gw_cause_name(site->cause));
		fputc('}', scope->to);
	}
	fputs("\n  ]},\n", scope->to);
}

static uint32_t reason_frame(const struct scope *scope, const char *why)
{
	for (uint32_t i = 0; i < REASONS; i++) {
		if (!strcmp(reasons[i], why))
			return scope->report->frames.count + i;
	}
	return scope->report->frames.count + REASONS - 1;
}

static int write_sample(void *ctx, const struct weight *weight)
{
	struct scope *scope = ctx;
	const uint32_t *frames = NULL;
	uint32_t depth = 0;
	const char *comma = "";

	next(scope);
	scope->sum_ns += weight->ns;
	if (scope->weights) {
		fprintf(scope->to, "%" PRIu64, weight->ns);
		return 0;
	}
	if (weight->stack != GW_NONE)
		depth = report_stack(scope->report, weight->stack, &frames);
	fputc('[', scope->to);
	for (uint32_t i = depth; i-- > 0; comma = ",")
		fprintf(scope->to, "%s%" PRIu32, comma, frames[i]);
	if (!depth)
		fprintf(scope->to, "%" PRIu32, reason_frame(scope, weight->why ? weight->why : ""));
	fputc(']', scope->to);
	return 0;
}

static void write_list(struct scope *scope, uint32_t loop, bool weights)
{
	scope->weights = weights;
	scope->comma = "";
	scope->sum_ns = 0;
	report_each (scope->report, stalls, struct gw_stall, stall)
		if (stall->loop == loop && weigh_counts(stall))
			weigh(stall, write_sample, scope);
}

static void write_sampled(struct scope *scope, uint32_t loop, const char *name)
{
	fputs("    {\"type\": \"sampled\", \"name\": ", scope->to);
	weigh_quote(scope->to, name);
	fputs(", \"unit\": \"nanoseconds\", \"startValue\": 0,\n     \"samples\": [", scope->to);
	write_list(scope, loop, false);
	fputs("],\n     \"weights\": [", scope->to);
	write_list(scope, loop, true);
	fprintf(scope->to, "],\n     \"endValue\": %" PRIu64 "}", scope->sum_ns);
}

static void event(struct scope *scope, char type, uint64_t at_ns, uint32_t frame)
{
	next(scope);
	fprintf(scope->to,
		"\n      {\"type\": \"%c\", \"at\": %" PRIu64 ", \"frame\": %" PRIu32 "}", type,
		at_ns, frame);
}

static void write_stall(struct scope *scope, const struct gw_stall *stall, uint64_t from,
			uint64_t to)
{
	uint32_t first = scope->report->frames.count + REASONS, depth = 0;
	const uint32_t *frames = NULL;

	if (stall->stack != GW_NONE)
		depth = report_stack(scope->report, stall->stack, &frames);
	if (stall->site != GW_NONE)
		event(scope, 'O', from, first + stall->site);
	for (uint32_t i = depth; i-- > 0;)
		event(scope, 'O', from, frames[i]);
	for (uint32_t i = 0; i < depth; i++)
		event(scope, 'C', to, frames[i]);
	if (stall->site != GW_NONE)
		event(scope, 'C', to, first + stall->site);
}

/* Stalls of a loop follow each other; where merged reports overlap the later one is cut. */
static void write_evented(struct scope *scope, uint32_t loop, const char *name)
{
	uint64_t last = 0;

	fputs("    {\"type\": \"evented\", \"name\": ", scope->to);
	weigh_quote(scope->to, name);
	fputs(", \"unit\": \"nanoseconds\", \"startValue\": 0,\n     \"events\": [", scope->to);
	scope->comma = "";
	report_each (scope->report, stalls, struct gw_stall, stall) {
		uint64_t from = stall->at_ns > last ? stall->at_ns : last;
		uint64_t to = stall->at_ns + stall->duration_ns;

		if (stall->loop != loop || to <= from)
			continue;
		write_stall(scope, stall, from, to);
		last = to;
	}
	if (last < scope->report->duration_ns)
		last = scope->report->duration_ns;
	fprintf(scope->to, "],\n     \"endValue\": %" PRIu64 "}", last);
}

static bool has_stalled(const struct scope *scope, uint32_t loop)
{
	report_each (scope->report, stalls, struct gw_stall, stall)
		if (stall->loop == loop)
			return true;
	return false;
}

static void write_loops(struct scope *scope)
{
	const char *comma = "";
	char name[128], comm[80];
	uint32_t i = 0;

	report_each (scope->report, loops, struct report_loop, loop) {
		if (has_stalled(scope, i)) {
			gw_escape(comm, sizeof(comm), loop->comm ? loop->comm : loop->runtime);
			snprintf(name, sizeof(name), "%s %" PRIu32 "/%" PRIu32, comm, loop->pid,
				 loop->tid);
			fprintf(scope->to, "%s", comma);
			write_sampled(scope, i, name);
			snprintf(name, sizeof(name), "%s %" PRIu32 "/%" PRIu32 ", timeline", comm,
				 loop->pid, loop->tid);
			fputs(",\n", scope->to);
			write_evented(scope, i, name);
			comma = ",\n";
		}
		i++;
	}
	if (!*comma) /* the viewer wants one */
		write_sampled(scope, GW_NONE, "no stall was seen");
}

static int speedscope_end(struct gw_sink *sink, const struct gw_report *report)
{
	struct scope scope = { .to = sink->to, .report = report };

	fputs("{\n  \"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n"
	      "  \"exporter\": \"greenwatch@",
	      sink->to);
	fprintf(sink->to, "%s\",\n  \"name\": ", gw_version());
	weigh_quote(sink->to, report->id ? report->id : "greenwatch");
	fputs(",\n", sink->to);
	write_frames(&scope);
	fputs("  \"activeProfileIndex\": 0,\n  \"profiles\": [\n", sink->to);
	write_loops(&scope);
	fputs("\n  ]\n}\n", sink->to);
	return sink_flush(sink);
}

const struct sink_ops sink_speedscope = {
	.name = "speedscope",
	.extension = ".speedscope.json",
	.help = "profile and timeline for speedscope.app",
	.end = speedscope_end,
};
