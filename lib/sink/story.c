// SPDX-License-Identifier: BSD-2-Clause
/*
 * story.c: the lines of a block below its frames: who else had a part in the
 * stall, whose turn it was, who paid for it, and what to change.
 */
#include <inttypes.h>
#include <string.h>

#include "sink/text.h"

#define INDENT    "         "
#define SPAWNERS  3   /* named in a crowd */
#define READY_MAX 255 /* bpf/ready.bpf.h counts no further */

/* The application's frame of a stack, else its innermost with a name; NULL: none. */
static const struct gw_frame *frame_of(const struct gw_report *report, uint32_t stack)
{
	const struct gw_frame *named = NULL;
	const uint32_t *frames = NULL;
	uint32_t depth = stack == GW_NONE ? 0 : report_stack(report, stack, &frames);

	for (uint32_t i = 0; i < depth; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (frame->app)
			return frame;
		if (!named && !frame->nameless && frame->kind != GW_FRAME_MARKER &&
		    frame->kind != GW_FRAME_KERNEL)
			named = frame;
	}
	return named;
}

static void print_where(const struct gw_sink *sink, const char *before,
			const struct gw_frame *frame)
{
	char name[TEXT_NAME], place[TEXT_PLACE];

	gw_escape(name, sizeof(name), frame->name);
	text_place(place, frame);
	fprintf(sink->to, "%s%s%s%s", before, name, place[0] ? " " : "", place);
}

static const char *deed(const char *role)
{
	if (!strcmp(role, "gil-holder"))
		return "held the GIL";
	if (!strcmp(role, "lock-owner"))
		return "held the lock";
	return strcmp(role, "waker") ? "had the CPU" : "ended the wait";
}

void text_culprits(const struct gw_sink *sink, const struct gw_report *report,
		   const struct gw_stall *stall)
{
	for (uint32_t i = 0; i < stall->n_culprits && (i < 2 || sink->opts.verbose); i++) {
		const struct gw_culprit *culprit = &stall->culprits[i];
		const struct gw_frame *frame = frame_of(report, culprit->stack);
		char name[TEXT_NAME], share[FORMAT_TIME];

		/* below a tenth it explains nothing; the headline names the first preemptor */
		if (!sink->opts.verbose && (culprit->share_ns < stall->duration_ns / 10 ||
					    (!i && stall->cause == GW_CAUSE_RUNQUEUE)))
			continue;
		gw_escape(name, sizeof(name), culprit->comm);
		fprintf(sink->to, INDENT "%s %s (%" PRIu32 ") %s for %s",
			culprit->pid == stall->pid ? "thread" : "process", name,
			culprit->pid == stall->pid && culprit->tid ? culprit->tid : culprit->pid,
			deed(culprit->role), format_time(share, culprit->share_ns));
		if (frame)
			print_where(sink, ": ", frame);
		fputc('\n', sink->to);
	}
}

static const char *noun(enum gw_task_kind kind)
{
	switch (kind) {
	case GW_TASK_HUB:
		return "the hub";
	case GW_TASK_MAIN:
		return "the main greenlet";
	case GW_TASK_TASK:
		return "task";
	case GW_TASK_CALLBACK:
		return "callback";
	case GW_TASK_NONE:
	case GW_TASK_GREENLET:
		break;
	}
	return "greenlet";
}

static const struct gw_frame *spawner(const struct gw_report *report, const struct gw_task *task)
{
	return frame_of(report, task->spawned_at);
}

/* How many tasks of the turn were spawned where the i-th was; 0: counted with an earlier one. */
static uint32_t siblings(const struct gw_report *report, const struct gw_stall *stall, uint32_t i)
{
	const struct gw_frame *where = spawner(report, &stall->tasks[i]);
	uint32_t n = 0;

	for (uint32_t k = 0; k < stall->n_tasks; k++) {
		if (spawner(report, &stall->tasks[k]) != where)
			continue;
		if (k < i)
			return 0;
		n++;
	}
	return n;
}

static void print_crowd(const struct gw_sink *sink, const struct gw_report *report,
			const struct gw_stall *stall)
{
	uint32_t shown = 0;

	for (uint32_t i = 0; i < stall->n_tasks && shown < SPAWNERS; i++) {
		uint32_t n = siblings(report, stall, i);
		const struct gw_frame *where = spawner(report, &stall->tasks[i]);

		if (!n || !where)
			continue;
		fprintf(sink->to, INDENT "%" PRIu32 " of them ", n);
		print_where(sink, "spawned at ", where);
		fputc('\n', sink->to);
		shown++;
	}
}

void text_tasks(const struct gw_sink *sink, const struct gw_report *report,
		const struct gw_stall *stall)
{
	const struct gw_task *task = stall->tasks;
	const struct gw_frame *where;
	char name[TEXT_NAME];

	if (!stall->n_tasks)
		return;
	if (stall->cause == GW_CAUSE_CROWD) {
		print_crowd(sink, report, stall);
		return;
	}
	gw_escape(name, sizeof(name), task->name);
	where = spawner(report, task);
	fprintf(sink->to, INDENT "in %s %s", noun(task->kind), name);
	if (where)
		print_where(sink, ", spawned at ", where);
	fputc('\n', sink->to);
}

void text_delayed(const struct gw_sink *sink, const struct gw_stall *stall)
{
	char oldest[FORMAT_TIME];

	if (stall->open || stall->ready == GW_NONE || stall->ready < 2)
		return;
	fprintf(sink->to, INDENT "%" PRIu32 "%s descriptors had to wait for it", stall->ready,
		stall->ready >= READY_MAX ? " or more" : "");
	if (stall->longest_ns)
		fprintf(sink->to, ", one of them %s", format_time(oldest, stall->longest_ns));
	fputc('\n', sink->to);
}

/* Words of text in lines of the sink's width, all but the first indented. */
static void print_wrapped(const struct gw_sink *sink, const char *text, size_t used)
{
	size_t width = sink->opts.width ? sink->opts.width : 80;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (used + len + 1 > width) {
			fputs("\n" INDENT "  ", sink->to);
			used = strlen(INDENT) + 2;
		} else {
			fputc(' ', sink->to);
			used++;
		}
		fprintf(sink->to, "%.*s", (int)len, text);
		used += len;
		text += len + strspn(text + len, " ");
	}
}

void text_advice(const struct gw_sink *sink, const struct gw_advice *advice)
{
	char line[1024];

	if (!advice->rule)
		return;
	fprintf(sink->to, INDENT "%s%s%s", text_paint(sink, TEXT_BOLD), advice->rule,
		text_paint(sink, TEXT_PLAIN));
	snprintf(line, sizeof(line), "%s %s %s", advice->title, text_sign(sink, "→", "->"),
		 advice->fix);
	print_wrapped(sink, line, strlen(INDENT) + strlen(advice->rule));
	fputc('\n', sink->to);
}
