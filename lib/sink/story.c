// SPDX-License-Identifier: BSD-2-Clause
/*
 * story.c: the lines of a block below its frames: who else had a part in the
 * stall, whose turn it was, who paid for it, and what to change.
 */
#include <inttypes.h>
#include <string.h>

#include "sink/text.h"

#define INDENT      "         "
#define SPAWNERS    3   /* named in a crowd */
#define GROUPS_MAX  16  /* functions and spawn sites told apart in one */
#define CHAIN_SHOWN 5   /* coroutines of a task */
#define READY_MAX   255 /* bpf/ready.bpf.h counts no further */

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

static bool is_asyncio(enum gw_task_kind kind)
{
	return kind == GW_TASK_TASK || kind == GW_TASK_CALLBACK;
}

static const char *nouns(enum gw_task_kind kind)
{
	return is_asyncio(kind) ? "tasks" : "greenlets";
}

static const struct gw_frame *spawner(const struct gw_report *report, const struct gw_task *task)
{
	return frame_of(report, task->spawned_at);
}

/* What it runs. */
static const struct gw_frame *root_of(const struct gw_report *report, const struct gw_task *task)
{
	return task->frame == GW_NONE ? NULL : report_frame(report, task->frame);
}

/* The same function; its lines may differ. Strings are interned. */
static bool alike(const struct gw_frame *a, const struct gw_frame *b)
{
	return a == b || (a && b && a->name == b->name && a->file == b->file);
}

struct group {
	const struct gw_frame *root, *where;
	uint32_t n;
	uint64_t share_ns;
};

/* Those of one function, spawned at one place. Returns their number; by share. */
static uint32_t make_groups(const struct gw_report *report, const struct gw_stall *stall,
			    struct group groups[GROUPS_MAX], uint64_t *total_ns)
{
	uint32_t n = 0;

	*total_ns = 0;
	for (uint32_t i = 0; i < stall->n_tasks; i++) {
		const struct gw_task *task = &stall->tasks[i];
		const struct gw_frame *root = root_of(report, task), *where = spawner(report, task);
		uint32_t k = 0;

		*total_ns += task->share_ns;
		while (k < n && (groups[k].where != where || !alike(groups[k].root, root)))
			k++;
		if (k == GROUPS_MAX)
			continue;
		if (k == n)
			groups[n++] = (struct group){ .root = root, .where = where };
		groups[k].n++;
		groups[k].share_ns += task->share_ns;
	}
	return n;
}

static void take_largest(struct group *groups, uint32_t n, struct group *out)
{
	uint32_t largest = 0;

	for (uint32_t i = 1; i < n; i++)
		if (groups[i].share_ns > groups[largest].share_ns)
			largest = i;
	*out = groups[largest];
	groups[largest].share_ns = 0;
	groups[largest].n = 0;
}

static void print_crowd(const struct gw_sink *sink, const struct gw_report *report,
			const struct gw_stall *stall)
{
	struct group groups[GROUPS_MAX], one;
	uint64_t total_ns;
	uint32_t n = make_groups(report, stall, groups, &total_ns);
	char longest[FORMAT_TIME];

	fprintf(sink->to, INDENT "at least %" PRIu32 " %s, none over %s\n", stall->n_tasks,
		nouns(stall->tasks->kind), format_time(longest, stall->tasks->share_ns));
	for (uint32_t i = 0; i < n && i < SPAWNERS; i++) {
		take_largest(groups, n, &one);
		if (!one.root && !one.where)
			continue;
		fprintf(sink->to, INDENT "%" PRIu32 " of them, %.0f %%", one.n,
			total_ns ? 100.0 * (double)one.share_ns / (double)total_ns : 0.0);
		if (one.root)
			print_where(sink, ": ", one.root);
		if (one.where)
			print_where(sink, ", spawned at ", one.where);
		fputc('\n', sink->to);
	}
}

/* "fetch users (worker)" without what the chain begins with; "" where that is all. */
static void own_name(const struct gw_report *report, const struct gw_task *task, char *out)
{
	const struct gw_frame *root = is_asyncio(task->kind) ? root_of(report, task) : NULL;
	char text[TEXT_NAME], *end;
	size_t n = root ? strlen(root->name) : 0, len = strlen(task->name);

	snprintf(text, sizeof(text), "%s", task->name);
	if (root && !strcmp(task->name, root->name))
		text[0] = '\0';
	else if (n && len < sizeof(text) && len > n + 3 && text[len - 1] == ')' &&
		 !strncmp(text + len - 1 - n, root->name, n)) {
		end = text + len - n - 3;
		if (!strncmp(end, " (", 2))
			*end = '\0';
	}
	gw_escape(out, TEXT_NAME, text);
}

/* ": serve app.py:20 -> fetch app.py:41", outermost first; the middle of a long one is left out. */
static void print_chain(const struct gw_sink *sink, const struct gw_report *report,
			const struct gw_task *task)
{
	const char *arrow = text_sign(sink, " → ", " -> ");
	const uint32_t *frames = NULL;
	uint32_t n = task->chain == GW_NONE ? 0 : report_stack(report, task->chain, &frames);

	if (!n && is_asyncio(task->kind) && root_of(report, task))
		print_where(sink, ": ", root_of(report, task));
	for (uint32_t i = 0; i < n; i++) {
		const struct gw_frame *frame = report_frame(report, frames[n - 1 - i]);

		if (n > CHAIN_SHOWN && i && i < n - (CHAIN_SHOWN - 1)) {
			if (i == 1)
				fprintf(sink->to, "%s%s", arrow, text_sign(sink, "…", "..."));
			continue;
		}
		print_where(sink, i ? arrow : ": ", frame);
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
	own_name(report, task, name);
	where = spawner(report, task);
	fprintf(sink->to, INDENT "in %s%s%s", noun(task->kind), name[0] ? " " : "", name);
	print_chain(sink, report, task);
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
	snprintf(line, sizeof(line), "%s%s%s%s%s", advice->title, advice->fix[0] ? " " : "",
		 advice->fix[0] ? text_sign(sink, "→", "->") : "", advice->fix[0] ? " " : "",
		 advice->fix);
	print_wrapped(sink, line, strlen(INDENT) + strlen(advice->rule));
	fputc('\n', sink->to);
}
