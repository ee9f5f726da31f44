// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdict.c: budgets for people, the broken ones last.
 *
 *	✓ lag.p99 < 20ms               8.2 ms
 *	✗ stalls(>100ms) == 0          26   worst: get_user app/db.py:88 (612 ms)  GW1001
 *	verdict: failed (1 of 2 budgets) → exit 3
 *
 * Also a format of its own, which is all that check prints.
 */
#include <inttypes.h>
#include <string.h>

#include "sink/ci.h"
#include "sink/text.h"

#define WIDTH_MAX  60
#define SUPPRESSED 10 /* lines, unless verbose */

enum order { ORDER_HELD, ORDER_UNJUDGED, ORDER_WARNED, ORDER_BROKEN, ORDERS };

static enum order order_of(const struct report_budget *row)
{
	if (row->outcome == GW_PASS)
		return ORDER_HELD;
	if (row->outcome == GW_NO_VERDICT)
		return ORDER_UNJUDGED;
	return row->warn ? ORDER_WARNED : ORDER_BROKEN;
}

/* "get_user app/db.py:88 (612 ms)  GW1001" */
static void print_worst(const struct gw_sink *sink, const struct gw_report *report,
			const struct report_budget *row)
{
	const struct report_site *site = ci_find(report, row->worst);
	char name[TEXT_NAME], place[TEXT_PLACE], max[FORMAT_TIME];

	if (!site) {
		gw_escape(name, sizeof(name), row->worst);
		fprintf(sink->to, "   worst: loop %s", name);
		return;
	}
	if (site->frame == GW_NONE) {
		gw_escape(name, sizeof(name), site->title ? site->title : site->fingerprint);
		fprintf(sink->to, "   worst: %s", name);
	} else {
		const struct gw_frame *frame = report_frame(report, site->frame);

		gw_escape(name, sizeof(name), frame->name);
		fprintf(sink->to, "   worst: %s %s", name, text_place(place, frame));
	}
	fprintf(sink->to, " (%s)", format_time(max, site->max_ns));
	if (site->advice.rule)
		fprintf(sink->to, "  %s", site->advice.rule);
}

static void print_row(const struct gw_sink *sink, const struct gw_report *report,
		      const struct report_budget *row, int width)
{
	enum order order = order_of(row);
	static const char *const signs[][2] = { [ORDER_HELD] = { "✓", "ok  " },
						[ORDER_UNJUDGED] = { "?", "?   " },
						[ORDER_WARNED] = { "!", "warn" },
						[ORDER_BROKEN] = { "✗", "FAIL" } };
	char expr[TEXT_NAME], why[TEXT_NAME], actual[FORMAT_TIME * 2];

	gw_escape(expr, sizeof(expr), row->expr);
	fprintf(sink->to, "%s%s %s%-*s ",
		text_paint(sink, order == ORDER_BROKEN ? TEXT_ALARM : TEXT_PLAIN),
		text_sign(sink, signs[order][0], signs[order][1]), expr,
		width - (int)text_columns(expr) + 2, "");
	if (order == ORDER_UNJUDGED) {
		gw_escape(why, sizeof(why), row->why ? row->why : "it could not be judged");
		fprintf(sink->to, "no verdict: %s", why);
	} else {
		fputs(ci_amount(actual, row->actual, row->unit), sink->to);
		if (order != ORDER_HELD && row->worst)
			print_worst(sink, report, row);
	}
	fprintf(sink->to, "%s%s\n", row->warn ? "   @warn" : "",
		order == ORDER_BROKEN ? text_paint(sink, TEXT_PLAIN) : "");
}

static void print_suppressed(const struct gw_sink *sink, const struct gw_report *report)
{
	const struct report_judged *judged = report->judged;
	char known[TEXT_NAME], total[FORMAT_TIME], count[FORMAT_TIME];
	uint32_t i = 0;

	report_each (judged, suppressed, struct report_suppressed, row) {
		if (i++ >= SUPPRESSED && !sink->opts.verbose)
			continue;
		gw_escape(known, sizeof(known), row->known);
		fprintf(sink->to, "suppressed  %s%s  %s %s  %s", format_count(count, row->count),
			text_sign(sink, "×", "x"), text_sign(sink, "Σ", "total"),
			format_time(total, row->total_ns), known);
		fprintf(sink->to, "%s%s\n", row->until ? " until " : "",
			row->until ? row->until : "");
	}
	if (i > SUPPRESSED && !sink->opts.verbose)
		fprintf(sink->to, "            %" PRIu32 " more: -v lists them\n", i - SUPPRESSED);
}

/* "failed (1 of 2 budgets)" */
static void print_outcome(const struct gw_sink *sink, const struct report_judged *judged)
{
	const struct gw_verdict *verdict = &judged->verdict;
	uint32_t n = 0;
	char why[TEXT_NAME];

	report_each (judged, budgets, struct report_budget, row)
		n += !row->warn;
	fputs("verdict: ", sink->to);
	if (verdict->why) {
		gw_escape(why, sizeof(why), verdict->why);
		fprintf(sink->to, "none: %s", why);
	} else if (verdict->outcome == GW_BROKEN) {
		fprintf(sink->to, "failed (%" PRIu32 " of %" PRIu32 " budgets)", verdict->broken,
			n);
	} else if (verdict->outcome == GW_NO_VERDICT) {
		fprintf(sink->to, "none (%" PRIu32 " of %" PRIu32 " budgets could not be judged)",
			verdict->unjudged, n);
	} else {
		fprintf(sink->to, "passed (%" PRIu32 " budget%s)", n, n == 1 ? "" : "s");
	}
}

static void print_exit(const struct gw_sink *sink, const struct report_judged *judged)
{
	static const int codes[] = { [GW_PASS] = 0, [GW_BROKEN] = 3, [GW_NO_VERDICT] = 4 };
	const char *arrow = text_sign(sink, " → ", " -> ");

	if (judged->status)
		fprintf(sink->to, "; the command's own status goes before%sexit %d", arrow,
			judged->status);
	else
		fprintf(sink->to, "%sexit %d", arrow, codes[judged->verdict.outcome]);
}

void text_verdict(const struct gw_sink *sink, const struct gw_report *report)
{
	const struct report_judged *judged = report->judged;
	int width = 0;

	if (!judged)
		return;
	print_suppressed(sink, report);
	if (!judged->budgets.count)
		return;
	report_each (judged, budgets, struct report_budget, row) {
		int columns = (int)text_columns(row->expr);

		width = columns > width ? columns : width;
	}
	width = width < WIDTH_MAX ? width : WIDTH_MAX;
	for (int order = ORDER_HELD; order < ORDERS; order++) {
		report_each (judged, budgets, struct report_budget, row)
			if ((int)order_of(row) == order)
				print_row(sink, report, row, width);
	}
	fputs(text_paint(sink, judged->verdict.outcome ? TEXT_ALARM : TEXT_BOLD), sink->to);
	print_outcome(sink, judged);
	print_exit(sink, judged);
	fprintf(sink->to, "%s\n", text_paint(sink, TEXT_PLAIN));
}

static int verdict_end(struct gw_sink *sink, const struct gw_report *report)
{
	text_verdict(sink, report);
	return sink_flush(sink);
}

const struct sink_ops sink_verdict = {
	.name = "verdict",
	.end = verdict_end,
};
