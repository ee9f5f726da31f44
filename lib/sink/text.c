// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c: stalls for people, as they happen, and the summary at the end.
 *
 *	 +1.84s  4242  612 ms  blocked in poll()
 *	         get_user      app/db.py:88
 *	         PQgetResult   libpq.so.5
 *	 +3.02s  4244  240 ms  on CPU in dumps  again x4 in 2.1 s, 1 not shown
 *
 * A site is printed in full the first time, then in one line at its 2nd,
 * 4th, 8th ... occurrence: a program that stalls all the time is not made to
 * scroll all the time. What is left out is counted. A stall is told of while
 * it lasts where its site is new or it is unusually long; it is one stall,
 * however often it was told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sink/text.h"

struct seen { /* what was told of one site */
	uint64_t count, shown, first_ns, longest_ns;
	bool full; /* its frames have been printed */
};

struct text {
	struct map sites; /* fingerprint -> index into seen[] */
	struct map open;  /* loop -> at_ns of its stall told while it lasted */
	struct seen *seen;
	uint32_t count, room;
};

const char *text_paint(const struct gw_sink *sink, enum text_paint paint)
{
	static const char *const codes[] = {
		[TEXT_PLAIN] = "\033[0m",
		[TEXT_BOLD] = "\033[1m",
		[TEXT_DIM] = "\033[2m",
		[TEXT_ALARM] = "\033[1;31m",
	};

	return sink->opts.color ? codes[paint] : "";
}

const char *text_sign(const struct gw_sink *sink, const char *utf8, const char *ascii)
{
	return sink->opts.utf8 ? utf8 : ascii;
}

size_t text_columns(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

const char *text_loop(char out[32], const struct gw_report *report, uint32_t pid, uint32_t tid)
{
	snprintf(out, 32, "%" PRIu32, pid);
	report_each (report, loops, struct report_loop, loop) {
		if (loop->pid == pid && loop->tid != tid) {
			snprintf(out, 32, "%" PRIu32 "/%" PRIu32, pid, tid);
			break;
		}
	}
	return out;
}

/* Where the count of a stall's site is kept; NULL: no memory. */
static struct seen *look_up(struct text *text, const struct gw_report *report,
			    const struct gw_stall *stall)
{
	uint64_t key = 0, at;

	if (stall->site != GW_NONE)
		key = strtoull(report_site(report, stall->site)->fingerprint + 4, NULL, 16);
	if (map_get(&text->sites, key, &at))
		return &text->seen[at];
	if (text->count == text->room) {
		uint32_t room = text->room ? text->room * 2 : 64;
		struct seen *bigger = realloc(text->seen, room * sizeof(*bigger));

		if (!bigger)
			return NULL;
		text->seen = bigger;
		text->room = room;
	}
	if (map_put(&text->sites, key, text->count))
		return NULL;
	text->seen[text->count] = (struct seen){ .first_ns = stall->at_ns };
	return &text->seen[text->count++];
}

static void print_head(const struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall)
{
	char length[FORMAT_TIME], loop[32];
	uint64_t at = stall->at_ns / 10000000;

	fprintf(sink->to, " +%" PRIu64 ".%02us  %s  %s%s%s  ", at / 100, (unsigned)(at % 100),
		text_loop(loop, report, stall->pid, stall->tid), text_paint(sink, TEXT_BOLD),
		format_time(length, stall->duration_ns), text_paint(sink, TEXT_PLAIN));
	text_cause(sink, report, stall);
}

static void print_full(const struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall)
{
	print_head(sink, report, stall);
	fprintf(sink->to, "%s\n", stall->open ? ", still going on" : "");
	text_block(sink, report, stall);
}

static void print_again(const struct gw_sink *sink, const struct gw_report *report,
			const struct gw_stall *stall, const struct seen *seen)
{
	uint64_t hidden = seen->count - seen->shown - 1;
	char times[FORMAT_TIME], span[FORMAT_TIME], left_out[FORMAT_TIME];

	print_head(sink, report, stall);
	fprintf(sink->to, "  %sagain %s%s in %s", text_paint(sink, TEXT_DIM),
		text_sign(sink, "×", "x"), format_count(times, seen->count),
		format_span(span, stall->at_ns + stall->duration_ns - seen->first_ns));
	if (hidden)
		fprintf(sink->to, ", %s not shown", format_count(left_out, hidden));
	fprintf(sink->to, "%s\n", text_paint(sink, TEXT_PLAIN));
}

static void print_line(const struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall, const char *end)
{
	print_head(sink, report, stall);
	fprintf(sink->to, "%s\n", end);
}

/* Of a site known already a stall is news only when it is longer than any before it. */
static int tell_open(struct gw_sink *sink, const struct gw_report *report,
		     const struct gw_stall *stall, struct seen *seen, bool told)
{
	struct text *text = sink->state;

	if (!seen->full)
		print_full(sink, report, stall);
	else if (told || stall->duration_ns > 2 * seen->longest_ns)
		print_line(sink, report, stall, ", still going on");
	else
		return 0;
	seen->full = true;
	return map_put(&text->open, stall->loop, stall->at_ns);
}

static void tell_ended(struct gw_sink *sink, const struct gw_report *report,
		       const struct gw_stall *stall, struct seen *seen, bool told)
{
	seen->count++;
	if (stall->duration_ns > seen->longest_ns)
		seen->longest_ns = stall->duration_ns;
	if (!seen->full)
		print_full(sink, report, stall);
	else if (told)
		print_line(sink, report, stall,
			   stall->cut ? ", cut short: the process ended or executed another image"
				      : ", has ended");
	else if (!(seen->count & (seen->count - 1)))
		print_again(sink, report, stall, seen);
	else
		return;
	seen->full = true;
	seen->shown = seen->count;
}

static int text_stall(struct gw_sink *sink, const struct gw_report *report,
		      const struct gw_stall *stall)
{
	struct text *text = sink->state;
	struct seen *seen;
	uint64_t at;
	bool told;
	int err = 0;

	if (sink->opts.quiet)
		return 0;
	seen = look_up(text, report, stall);
	if (!seen)
		return -ENOMEM;
	told = map_get(&text->open, stall->loop, &at) && at == stall->at_ns;
	if (stall->open)
		err = tell_open(sink, report, stall, seen, told);
	else
		tell_ended(sink, report, stall, seen, told);
	return err ? err : sink_flush(sink);
}

static int text_open(struct gw_sink *sink)
{
	sink->state = calloc(1, sizeof(struct text));
	return sink->state ? 0 : -ENOMEM;
}

static int text_end(struct gw_sink *sink, const struct gw_report *report)
{
	int err = text_summary(sink, report);

	return err ? err : sink_flush(sink);
}

static void text_close(struct gw_sink *sink)
{
	struct text *text = sink->state;

	if (!text)
		return;
	map_free(&text->sites);
	map_free(&text->open);
	free(text->seen);
	free(text);
}

const struct sink_ops sink_text = {
	.name = "text",
	.extension = ".txt",
	.help = "stalls and a summary for people",
	.open = text_open,
	.stall = text_stall,
	.end = text_end,
	.close = text_close,
};
