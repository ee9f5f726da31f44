// SPDX-License-Identifier: BSD-2-Clause
/*
 * folded.c: stacks in one line each, for flame graphs.
 *
 *	main (app.py);get_user (app/db.py);poll (libc.so.6) 600812
 *
 * Outermost first; the number is microseconds of stall. Read by
 * flamegraph.pl, inferno and speedscope. A ";" in a name is written as ":",
 * since it would end the name. The loop's own wait is never in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sink/weigh.h"

struct line {
	char *text;
	uint64_t ns;
};

struct folded {
	const struct gw_report *report;
	struct map known; /* hash of a text -> index into lines */
	struct line *lines;
	uint32_t count, room;
	uint64_t *by_stack; /* ns */
};

static void put_frame(FILE *to, const char *name, bool more)
{
	for (const char *p = name; *p; p++)
		fputc(*p == ';' ? ':' : *p, to);
	if (more)
		fputc(';', to);
}

/* The stack as text; NULL: no memory. */
static char *text_of(const struct gw_report *report, const struct weight *weight)
{
	char name[WEIGH_NAME], *text = NULL;
	const uint32_t *frames;
	uint32_t depth;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	if (weight->stack == GW_NONE) {
		fprintf(to, "(%s)", weight->why);
	} else {
		depth = report_stack(report, weight->stack, &frames);
		for (uint32_t i = depth; i-- > 0;)
			put_frame(to, weigh_name(name, report_frame(report, frames[i])), i > 0);
		if (!depth)
			fputs("(no stack was seen)", to);
	}
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}

/* Takes text. */
static int add_line(struct folded *folded, uint64_t key, char *text, uint64_t ns)
{
	if (folded->count == folded->room) {
		uint32_t room = folded->room ? 2 * folded->room : 256;
		struct line *more = realloc(folded->lines, room * sizeof(*more));

		if (!more) {
			free(text);
			return -ENOMEM;
		}
		folded->lines = more;
		folded->room = room;
	}
	folded->lines[folded->count] = (struct line){ text, ns };
	return map_put(&folded->known, key, folded->count++);
}

static int add(struct folded *folded, const struct weight *weight)
{
	char *text = text_of(folded->report, weight);
	uint64_t key, at;

	if (!text)
		return -ENOMEM;
	key = hash_add(HASH_START, text, strlen(text)) & INT64_MAX;
	if (!map_get(&folded->known, key, &at))
		return add_line(folded, key, text, weight->ns);
	folded->lines[at].ns += weight->ns;
	free(text);
	return 0;
}

/* Stacks are summed up by number first: there are fewer of them than samples. */
static int sum_up(void *ctx, const struct weight *weight)
{
	struct folded *folded = ctx;

	if (weight->stack == GW_NONE)
		return add(folded, weight);
	folded->by_stack[weight->stack] += weight->ns;
	return 0;
}

static int gather(struct folded *folded)
{
	const struct gw_report *report = folded->report;
	int err = 0;

	folded->by_stack = calloc(report->stacks.count + 1, sizeof(*folded->by_stack));
	if (!folded->by_stack)
		return -ENOMEM;
	report_each (report, stalls, struct gw_stall, stall)
		if (!err && weigh_counts(stall))
			err = weigh(stall, sum_up, folded);
	for (uint32_t i = 0; i < report->stacks.count && !err; i++) {
		struct weight whole = { .stack = i, .ns = folded->by_stack[i] };

		if (whole.ns)
			err = add(folded, &whole);
	}
	free(folded->by_stack);
	return err;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static int folded_end(struct gw_sink *sink, const struct gw_report *report)
{
	struct folded folded = { .report = report };
	struct line *lines;
	int err = gather(&folded);

	lines = folded.lines;
	if (lines)
		qsort(lines, folded.count, sizeof(*lines), by_text);
	for (uint32_t i = 0; lines && i < folded.count; i++) {
		if (!err && lines[i].ns >= 1000)
			fprintf(sink->to, "%s %" PRIu64 "\n", lines[i].text, lines[i].ns / 1000);
		free(lines[i].text);
	}
	free(lines);
	map_free(&folded.known);
	return err ? err : sink_flush(sink);
}

const struct sink_ops sink_folded = {
	.name = "folded",
	.extension = ".folded",
	.help = "stacks in one line each, for flame graphs",
	.end = folded_end,
};
