// SPDX-License-Identifier: BSD-2-Clause
/*
 * diff.c: two sides beside each other, for people and for pull requests.
 *
 *	regressed   26× Σ 3.10 s  →  61× Σ 9.84 s   poll in get_user (app/db.py)  GW1001
 *	1 regressed, 0 new, 3 unchanged, 0 improved, 0 fixed
 *
 * Unchanged sites are listed with -v only. Those the machine is to blame for
 * come last and are not counted.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "judge/diff.h"
#include "sink/ci.h"
#include "sink/text.h"

static void print_side(char *out, size_t size, const struct gw_sink *sink,
		       const struct tally *tally)
{
	char count[FORMAT_TIME], total[FORMAT_TIME];

	if (!tally->count)
		snprintf(out, size, "none");
	else
		snprintf(out, size, "%s%s %s %s", format_count(count, tally->count),
			 text_sign(sink, "×", "x"), text_sign(sink, "Σ", "total"),
			 format_time(total, tally->total_ns));
}

static void print_row(const struct gw_sink *sink, const struct diff_row *row)
{
	char was[80], is[80], title[CI_TEXT];
	enum text_paint paint =
		!row->machine && row->change <= GW_CHANGE_REGRESSED ? TEXT_ALARM : TEXT_PLAIN;

	print_side(was, sizeof(was), sink, &row->base);
	print_side(is, sizeof(is), sink, &row->now);
	gw_escape(title, sizeof(title), row->title);
	fprintf(sink->to, "%s%-10s%s %*s%s %s %s%*s  %s", text_paint(sink, paint),
		row->machine ? "machine" : gw_change_name(row->change),
		text_paint(sink, TEXT_PLAIN), 18 - (int)text_columns(was), "", was,
		text_sign(sink, "→", "->"), is, 18 - (int)text_columns(is), "", title);
	fprintf(sink->to, "%s%s\n", row->rule ? "  " : "", row->rule ? row->rule : "");
}

static void print_counts(FILE *to, const struct gw_diff *diff)
{
	const char *comma = "";

	for (int i = GW_CHANGE_NEW; i <= GW_CHANGE_FIXED; i++) {
		fprintf(to, "%s%" PRIu32 " %s", comma, gw_diff_count(diff, (enum gw_change)i),
			gw_change_name((enum gw_change)i));
		comma = ", ";
	}
}

static void print_text(const struct gw_sink *sink, const struct gw_diff *diff)
{
	char was[FORMAT_TIME], is[FORMAT_TIME];

	report_each (diff, rows, struct diff_row, row)
		if (row->change != GW_CHANGE_UNCHANGED || sink->opts.verbose)
			print_row(sink, row);
	if (diff->incomplete)
		fputs("INCOMPLETE: events were lost in one of the runs\n", sink->to);
	print_counts(sink->to, diff);
	fprintf(sink->to, " (%s and %s", format_span(was, diff->base_ns),
		format_span(is, diff->now_ns));
	if (diff->n_base > 1 || diff->n_now > 1)
		fprintf(sink->to, "; %" PRIu32 " and %" PRIu32 " runs", diff->n_base, diff->n_now);
	fputs(")\n", sink->to);
}

/* Text inside a cell of a table: no bar, no tag, no emphasis. */
static void print_cell(FILE *to, const char *text)
{
	char safe[CI_TEXT];

	gw_escape(safe, sizeof(safe), text);
	for (const char *p = safe; *p; p++) {
		if (strchr("|\\`*_[]<>#@~", *p))
			fprintf(to, "&#%d;", *p);
		else if (*p == '&')
			fputs("&amp;", to);
		else
			fputc(*p, to);
	}
}

static void print_markdown(const struct gw_sink *sink, const struct gw_diff *diff)
{
	char was[80], is[80];

	fputs("**greenwatch**: ", sink->to);
	print_counts(sink->to, diff);
	fputs(diff->incomplete ? " (events were lost)\n" : "\n", sink->to);
	if (!diff->rows.count)
		return;
	fputs("\n| | before | after | site | rule |\n|---|---:|---:|---|---|\n", sink->to);
	report_each (diff, rows, struct diff_row, row) {
		if (row->change == GW_CHANGE_UNCHANGED && !sink->opts.verbose)
			continue;
		print_side(was, sizeof(was), sink, &row->base);
		print_side(is, sizeof(is), sink, &row->now);
		fprintf(sink->to, "| %s | %s | %s | ",
			row->machine ? "machine" : gw_change_name(row->change), was, is);
		print_cell(sink->to, row->title);
		fprintf(sink->to, " | %s |\n", row->rule ? row->rule : "");
	}
}

int gw_diff_print(const struct gw_diff *diff, const char *format, FILE *to,
		  const struct gw_sink_opts *opts)
{
	struct gw_sink sink = { .to = to };

	if (opts)
		memcpy(&sink.opts, opts,
		       opts->sz < sizeof(sink.opts) ? opts->sz : sizeof(sink.opts));
	if (!strcmp(format, "text"))
		print_text(&sink, diff);
	else if (!strcmp(format, "markdown"))
		print_markdown(&sink, diff);
	else
		return -EINVAL;
	return sink_flush(&sink);
}
