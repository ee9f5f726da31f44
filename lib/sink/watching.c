// SPDX-License-Identifier: BSD-2-Clause
/*
 * watching.c: the line other programs wait for before they start the load.
 *
 * "watching 4 gevent loops: gunicorn 4242 4243 ..." as far as loops are known
 * already, else the processes: "watching python3 4242 (gevent)". It always
 * begins with "watching ".
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/escape.h"
#include "sink/format.h"

#define NAMED 8 /* pids listed one by one */

struct line {
	char *text;
	size_t size, used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->used, line->size - line->used, format, args);
	va_end(args);
	if (n > 0)
		line->used += (size_t)n;
	if (line->used >= line->size)
		line->used = line->size - 1;
}

/* " gunicorn 4242 4243, celery 4250"; comm is said when it changes. */
static void add_process(struct line *line, const char **before, const char *comm, uint32_t pid)
{
	char name[ESCAPE_SIZE(ESCAPE_NAME)];

	if (!comm)
		comm = "?";
	if (!*before || strcmp(*before, comm)) {
		gw_escape(name, sizeof(name), comm);
		add(line, "%s%s", *before ? ", " : " ", name);
		*before = comm;
	}
	add(line, " %" PRIu32, pid);
}

static bool is_first_of_process(const struct gw_report *report, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (report_loop(report, k)->pid == report_loop(report, i)->pid)
			return false;
	return true;
}

/* Processes are named once, however many loops they have. */
static void add_loops(struct line *line, const struct gw_report *report)
{
	const char *before = NULL;
	uint32_t named = 0, more = 0;

	add(line, "watching %" PRIu32 " %s loop%s:", report->loops.count, format_runtime(report),
	    report->loops.count == 1 ? "" : "s");
	for (uint32_t i = 0; i < report->loops.count; i++) {
		const struct report_loop *loop = report_loop(report, i);

		if (!is_first_of_process(report, i))
			continue;
		if (named++ < NAMED)
			add_process(line, &before, loop->comm, loop->pid);
		else
			more++;
	}
	if (more)
		add(line, " and %" PRIu32 " more", more);
}

static void add_targets(struct line *line, const struct gw_report *report)
{
	const char *before = NULL;
	uint32_t i = 0;

	add(line, "watching");
	for (; i < report->targets.count && i < NAMED; i++) {
		const struct report_target *target = report_target(report, i);

		add_process(line, &before, target->comm, target->pid);
		if (target->runtime)
			add(line, " (%s)", target->runtime);
	}
	if (i < report->targets.count)
		add(line, " and %" PRIu32 " more", report->targets.count - i);
}

/* It has not begun yet: what is there is only what is going to be it. */
static void add_command(struct line *line, const struct gw_report *report)
{
	char name[ESCAPE_SIZE(ESCAPE_NAME)];
	const char *first = report->n_command ? report->command[0] : "?";
	const char *slash = strrchr(first, '/');

	gw_escape(name, sizeof(name), slash ? slash + 1 : first);
	add(line, "watching %s", name);
	if (report->targets.count == 1)
		add(line, " %" PRIu32, report_target(report, 0)->pid);
	add(line, " and its children");
}

int gw_watching(const struct gw_report *report, char *line, size_t size)
{
	struct line out = { .text = line, .size = size };
	char threshold[FORMAT_TIME];

	if (!size)
		return 0;
	if (report->loops.count)
		add_loops(&out, report);
	else if (report->command_watched)
		add_command(&out, report);
	else
		add_targets(&out, report);
	add(&out, " · stall = %s · ^C for the summary",
	    format_span(threshold, report->threshold_ns));
	return (int)out.used;
}
