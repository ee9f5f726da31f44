// SPDX-License-Identifier: BSD-2-Clause
/*
 * block.c: one stall in words: its cause, its frames, where the time went.
 *
 * Frames run from the application's own code inwards, the way the program
 * got into the stall. Where no code is to blame no frames are printed, and
 * where there should be some and are none, the block says so.
 */
#include <inttypes.h>
#include <string.h>

#include "peer.h"
#include "sink/text.h"

#define SHOWN     12  /* frames of a block */
#define CHOSEN    640 /* that it is made of */
#define NAME_MOST 44  /* columns of the name before the place */
#define INDENT    "         "

const char *text_place(char out[TEXT_PLACE], const struct gw_frame *frame)
{
	char name[TEXT_NAME];

	out[0] = '\0';
	if (frame->file) {
		gw_escape(name, sizeof(name), frame->file);
		if (frame->line)
			snprintf(out, TEXT_PLACE, "%s:%" PRIu32, name, frame->line);
		else
			snprintf(out, TEXT_PLACE, "%s", name);
	} else if (frame->module) {
		gw_escape(out, TEXT_PLACE, frame->module);
	} else if (frame->kind == GW_FRAME_KERNEL) {
		strcpy(out, "kernel");
	}
	return out;
}

/* The innermost frame with a real name; NULL: none. */
static const struct gw_frame *innermost(const struct gw_report *report, uint32_t stack)
{
	const uint32_t *frames;
	uint32_t depth;

	if (stack == GW_NONE)
		return NULL;
	depth = report_stack(report, stack, &frames);
	for (uint32_t i = 0; i < depth; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (!frame->nameless && frame->kind != GW_FRAME_MARKER &&
		    frame->kind != GW_FRAME_KERNEL)
			return frame;
	}
	return NULL;
}

/* The call most time was spent in; NULL: none. */
static const char *main_call(const struct gw_report *report, const struct gw_stall *stall)
{
	const struct gw_wait *most = NULL;

	if (stall->site != GW_NONE && report_site(report, stall->site)->call)
		return report_site(report, stall->site)->call;
	for (uint32_t i = 0; i < stall->n_waits; i++) {
		if (!most || stall->waits[i].total_ns > most->total_ns)
			most = &stall->waits[i];
	}
	return most ? most->call : NULL;
}

static void cause_with(const struct gw_sink *sink, const char *before, const char *name,
		       const char *after)
{
	char safe[TEXT_NAME];

	gw_escape(safe, sizeof(safe), name);
	fprintf(sink->to, "%s%s%s", before, safe, after);
}

/* The application's function and what it called; where there is none, the leaf. */
static void cause_cpu(const struct gw_sink *sink, const struct gw_report *report,
		      const struct gw_stall *stall)
{
	const struct gw_frame *frame = stall->frame == GW_NONE ? innermost(report, stall->stack)
							       : report_frame(report, stall->frame);
	const char *callee = report_site(report, stall->site)->callee;

	if (!frame) {
		fputs("on CPU", sink->to);
		return;
	}
	cause_with(sink, "on CPU in ", frame->name, "");
	if (stall->frame != GW_NONE && callee)
		cause_with(sink, text_sign(sink, " → ", " -> "), callee, "");
}

static void cause_culprits(const struct gw_sink *sink, const struct gw_stall *stall)
{
	char name[TEXT_NAME];

	if (!stall->n_culprits)
		return;
	gw_escape(name, sizeof(name), stall->culprits->comm ? stall->culprits->comm : "?");
	fprintf(sink->to, "; %s (%" PRIu32 ") had it", name, stall->culprits->pid);
}

/* " on tcp 10.0.0.5:5432" */
static void cause_peer(const struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall)
{
	char text[160], safe[ESCAPE_SIZE(160)];

	if (stall->site == GW_NONE)
		return;
	peer_text(report_site(report, stall->site)->peer, text, sizeof(text));
	gw_escape(safe, sizeof(safe), text);
	if (safe[0])
		fprintf(sink->to, " on %s", safe);
}

void text_cause(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall)
{
	static const char *const plain[] = {
		[GW_CAUSE_UNKNOWN] = "cause unknown",
		[GW_CAUSE_CPU] = "on CPU",
		[GW_CAUSE_GC] = "collecting garbage",
		[GW_CAUSE_SYSCALL] = "blocked in a system call",
		[GW_CAUSE_LOCK] = "waiting for a lock",
		[GW_CAUSE_GIL] = "waiting for the GIL",
		[GW_CAUSE_PAGEFAULT] = "page fault",
		[GW_CAUSE_CROWD] = "many short tasks in one turn, none of them long",
		[GW_CAUSE_RUNQUEUE] = "ready, but no CPU was given",
		[GW_CAUSE_THROTTLED] = "ready, but the CPU quota was used up",
		[GW_CAUSE_STOPPED] = "stopped from outside",
	};
	const char *call = main_call(report, stall);

	if (stall->cause == GW_CAUSE_CPU)
		cause_cpu(sink, report, stall);
	else if (stall->cause == GW_CAUSE_SYSCALL && call)
		cause_with(sink, "blocked in ", call, "()");
	else if (stall->cause == GW_CAUSE_LOCK && call)
		cause_with(sink, "waiting for a lock in ", call, "()");
	else
		fputs(plain[stall->cause], sink->to);
	if (stall->cause == GW_CAUSE_RUNQUEUE)
		cause_culprits(sink, stall);
	if (stall->cause == GW_CAUSE_SYSCALL || stall->cause == GW_CAUSE_PAGEFAULT)
		cause_peer(sink, report, stall);
}

static void print_frame(const struct gw_sink *sink, const struct gw_frame *frame, int width)
{
	char name[TEXT_NAME], place[TEXT_PLACE], why[TEXT_NAME];
	int gap;

	gw_escape(name, sizeof(name), frame->name);
	text_place(place, frame);
	gap = width - (int)text_columns(name);
	fprintf(sink->to, INDENT "%s", name);
	if (frame->nameless) {
		gw_escape(why, sizeof(why), frame->nameless);
		fprintf(sink->to, "%*s  (%s)", gap > 0 ? gap : 0, "", why);
	} else if (place[0]) {
		fprintf(sink->to, "%*s  %s", gap > 0 ? gap : 0, "", place);
	}
	fputc('\n', sink->to);
}

static int name_width(const struct gw_report *report, const uint32_t *frames, uint32_t n)
{
	char name[TEXT_NAME];
	size_t width = 12;

	for (uint32_t i = 0; i < n; i++) {
		size_t columns;

		gw_escape(name, sizeof(name), report_frame(report, frames[i])->name);
		columns = text_columns(name);
		if (columns > width && columns <= NAME_MOST)
			width = columns;
	}
	return (int)width;
}

/* Functions of the interpreter and of libc that have no name say nothing; of an extension module
 * they say at least which one it is. */
static bool is_noise(const struct gw_sink *sink, const struct gw_frame *frame, uint32_t i)
{
	const char *module = frame->module ? frame->module : "";

	if (sink->opts.verbose || !i || !frame->nameless || frame->kind != GW_FRAME_NATIVE)
		return false;
	return !strncmp(module, "python", 6) || !strncmp(module, "libpython", 9) ||
	       !strncmp(module, "libc.so", 7) || !strncmp(module, "libc-", 5);
}

/* The frames to be shown, innermost first: from the application's frame to the leaf; without one,
 * what of the stack fits. */
static uint32_t choose_frames(const struct gw_sink *sink, const struct gw_report *report,
			      const struct gw_stall *stall, uint32_t *out)
{
	const uint32_t *frames;
	uint32_t depth = report_stack(report, stall->stack, &frames), n = 0;

	for (uint32_t i = 0; i < depth && n < CHOSEN; i++) {
		if (!is_noise(sink, report_frame(report, frames[i]), i))
			out[n++] = frames[i];
		if (stall->frame != GW_NONE && frames[i] == stall->frame)
			return n;
	}
	return n < SHOWN ? n : SHOWN;
}

static void print_frames(const struct gw_sink *sink, const struct gw_report *report,
			 const struct gw_stall *stall)
{
	uint32_t frames[CHOSEN];
	uint32_t from = choose_frames(sink, report, stall, frames), skip = 0;
	int width = name_width(report, frames, from);

	if (from > SHOWN)
		skip = from - SHOWN;
	for (uint32_t i = from; i-- > 0;) {
		if (skip && i + 4 < from && i + 4 + skip >= from) {
			if (i + 5 == from)
				fprintf(sink->to, INDENT "(%" PRIu32 " more)\n", skip);
			continue;
		}
		print_frame(sink, report_frame(report, frames[i]), width);
	}
}

/* "3 ms on CPU, 40 ms blocked": only where no part tells the story alone. */
static void print_parts(const struct gw_sink *sink, const struct gw_stall *stall)
{
	const struct {
		uint64_t ns;
		const char *what;
	} parts[] = {
		{ stall->ledger.oncpu_ns, "on CPU" },
		{ stall->ledger.blocked_ns, "blocked" },
		{ stall->ledger.runqueue_ns, "waiting for a CPU" },
		{ stall->ledger.throttled_ns, "throttled" },
		{ stall->ledger.stopped_ns, "stopped" },
		{ stall->ledger.unaccounted_ns, "not accounted for" },
	};
	const char *comma = INDENT;
	char time[FORMAT_TIME];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].ns > stall->duration_ns / 20 * 19 && !sink->opts.verbose)
			return;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].ns < 50000)
			continue;
		fprintf(sink->to, "%s%s %s", comma, format_time(time, parts[i].ns), parts[i].what);
		comma = ", ";
	}
	if (strcmp(comma, INDENT))
		fputc('\n', sink->to);
}

static void print_waits(const struct gw_sink *sink, const struct gw_stall *stall)
{
	char total[FORMAT_TIME], max[FORMAT_TIME], calls[FORMAT_TIME];

	for (uint32_t i = 0; i < stall->n_waits; i++) {
		const struct gw_wait *wait = &stall->waits[i];

		fprintf(sink->to, INDENT "%s %s%s, %s in all, longest %s\n",
			wait->call ? wait->call : "?", text_sign(sink, "×", "x"),
			format_count(calls, wait->calls), format_time(total, wait->total_ns),
			format_time(max, wait->max_ns));
	}
}

void text_block(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall)
{
	if (stall->stack != GW_NONE)
		print_frames(sink, report, stall);
	else if (stall->frame != GW_NONE)
		print_frame(sink, report_frame(report, stall->frame), 12);
	else if (format_charged(stall->cause))
		fputs(INDENT "no stack was taken\n", sink->to);
	text_tasks(sink, report, stall);
	text_culprits(sink, report, stall);
	print_parts(sink, stall);
	text_delayed(sink, stall);
	if (sink->opts.verbose)
		print_waits(sink, stall);
	if (!format_charged(stall->cause))
		fputs(INDENT "the machine's doing: not charged to the program\n", sink->to);
	if (stall->warmup)
		fputs(INDENT "in the warm-up: listed, not judged\n", sink->to);
	if (stall->underway)
		fputs(INDENT "began before greenwatch: how long before is an estimate\n", sink->to);
	if (stall->cut)
		fputs(INDENT "cut short: the process ended or executed another image\n", sink->to);
	text_advice(sink, &stall->advice);
}
