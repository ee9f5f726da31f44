// SPDX-License-Identifier: BSD-2-Clause
/*
 * summary.c: the end of the text output.
 *
 *	60.0 s · 182 044 turns · loop lag p50 0.3 ms  p90 1.9 ms  p99 8.2 ms  max 612 ms
 *	time    idle 68.7 %   on CPU 22.2 %   blocked 8.5 %   waiting for a CPU 0.6 %
 *	stalls  41 at 3 sites (9.1 % of the time)
 *	  26×  max 612 ms  Σ 3.10 s  get_user app/db.py:88 → poll()
 *	0 events lost · greenwatch used 0.4 % of one CPU, 21 MB · next: ...
 *
 * When events were lost the first line says so, and no line claims that
 * there was no stall.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hist.h"
#include "sink/text.h"

#define SITES 10 /* lines, unless verbose */
#define LOOPS 8
#define NOTES 6

struct total { /* over all loops */
	uint64_t turns, watched_ns, idle_ns, stalled_ns, stalls, lag_max_ns;
	struct gw_ledger time;
	uint64_t lag[HIST_BUCKETS];
};

static void add_loop(struct total *sum, const struct report_loop *loop)
{
	sum->turns += loop->turns;
	sum->idle_ns += loop->idle_ns;
	if (loop->lag_max_ns > sum->lag_max_ns)
		sum->lag_max_ns = loop->lag_max_ns;
	sum->time.oncpu_ns += loop->time.oncpu_ns;
	sum->time.blocked_ns += loop->time.blocked_ns;
	sum->time.runqueue_ns += loop->time.runqueue_ns;
	sum->time.throttled_ns += loop->time.throttled_ns;
	sum->time.stopped_ns += loop->time.stopped_ns;
	sum->time.unaccounted_ns += loop->time.unaccounted_ns;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		sum->lag[i] += loop->lag[i];
}

static void print_incomplete(const struct gw_sink *sink, const struct gw_report *report)
{
	uint64_t lost = report_lost_total(report);
	const char *comma = " (";
	char n[FORMAT_TIME];

	fprintf(sink->to, "%sINCOMPLETE: ", text_paint(sink, TEXT_ALARM));
	if (lost)
		fprintf(sink->to, "%s event%s lost", format_count(n, lost),
			lost == 1 ? " was" : "s were");
	else
		fputs("not everything could be seen", sink->to);
	for (int i = 0; i < REPORT_LOST; i++) {
		if (!report->lost[i].count || !report->lost[i].reason)
			continue;
		fprintf(sink->to, "%s%s %s", comma, report->lost[i].reason,
			format_count(n, report->lost[i].count));
		comma = ", ";
	}
	fprintf(sink->to, "%s; there may have been more stalls than are listed%s\n",
		comma[0] == ',' ? ")" : "", text_paint(sink, TEXT_PLAIN));
}

static void print_lag(const struct gw_sink *sink, const struct gw_report *report,
		      const struct total *sum)
{
	const char *dot = text_sign(sink, "·", "|");
	char span[FORMAT_TIME], n[FORMAT_TIME], p[4][FORMAT_TIME];

	fprintf(sink->to, "%s %s ", format_time(span, report->duration_ns), dot);
	if (!report->loops.count) {
		fputs("no event loop was seen\n", sink->to);
		return;
	}
	fprintf(sink->to, "%s turn%s", format_count(n, sum->turns), sum->turns == 1 ? "" : "s");
	if (sum->turns)
		fprintf(sink->to, " %s loop lag p50 %s  p90 %s  p99 %s  max %s", dot,
			format_time(p[0], hist_quantile(sum->lag, 0.50, sum->lag_max_ns)),
			format_time(p[1], hist_quantile(sum->lag, 0.90, sum->lag_max_ns)),
			format_time(p[2], hist_quantile(sum->lag, 0.99, sum->lag_max_ns)),
			format_time(p[3], sum->lag_max_ns));
	fputc('\n', sink->to);
}

static void print_time(const struct gw_sink *sink, const struct total *sum)
{
	const struct {
		const char *what;
		uint64_t ns;
		bool always;
	} parts[] = {
		{ "idle", sum->idle_ns, true },
		{ "on CPU", sum->time.oncpu_ns, true },
		{ "blocked", sum->time.blocked_ns, false },
		{ "waiting for a CPU", sum->time.runqueue_ns, false },
		{ "throttled", sum->time.throttled_ns, false },
		{ "stopped", sum->time.stopped_ns, false },
		{ "not accounted for", sum->time.unaccounted_ns, false },
	};
	const char *gap = "time    ";
	char share[FORMAT_TIME];

	if (!sum->watched_ns)
		return;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i].ns && !parts[i].always)
			continue;
		fprintf(sink->to, "%s%s %s", gap, parts[i].what,
			format_share(share, parts[i].ns, sum->watched_ns));
		gap = "   ";
	}
	fputc('\n', sink->to);
}

static void print_loops(const struct gw_sink *sink, const struct gw_report *report)
{
	char name[TEXT_NAME], id[32], turns[FORMAT_TIME], max[FORMAT_TIME], n[FORMAT_TIME];
	uint32_t i = 0;

	if (report->loops.count < 2)
		return;
	for (; i < report->loops.count && (i < LOOPS || sink->opts.verbose); i++) {
		const struct report_loop *loop = report_loop(report, i);

		gw_escape(name, sizeof(name), loop->comm ? loop->comm : "?");
		fprintf(sink->to, "loop    %s %s (%s): %s turn%s, max %s, %s stall%s\n",
			text_loop(id, report, loop->pid, loop->tid), name, loop->runtime,
			format_count(turns, loop->turns), loop->turns == 1 ? "" : "s",
			format_time(max, loop->lag_max_ns), format_count(n, loop->stalls),
			loop->stalls == 1 ? "" : "s");
	}
	if (i < report->loops.count)
		fprintf(sink->to, "        %" PRIu32 " more loops: -v lists them\n",
			report->loops.count - i);
	if (report->loops_left_out)
		fprintf(sink->to, "        %s loops ended without a stall and are not listed\n",
			format_count(n, report->loops_left_out));
}

/* The sums below leave it out. */
static void print_warmup(const struct gw_sink *sink, const struct gw_report *report)
{
	char span[FORMAT_TIME], n[FORMAT_TIME];

	if (!report->warmup_ns)
		return;
	if (report->warming)
		fputs("warmup  still going on", sink->to);
	else if (report->warmup_ns >= report->duration_ns)
		fputs("warmup  the run has ended in it: nothing is summed up; --warmup 0 begins at "
		      "once",
		      sink->to);
	else
		fprintf(sink->to, "warmup  the first %s are not summed up",
			format_time(span, report->warmup_ns));
	if (report->stalls_warmup)
		fprintf(sink->to, "; %s stall%s there", format_count(n, report->stalls_warmup),
			report->stalls_warmup == 1 ? "" : "s");
	fputc('\n', sink->to);
}

/* "get_user app/db.py:88 → poll()", or the title where there is no frame. */
static void print_where(const struct gw_sink *sink, const struct gw_report *report,
			const struct report_site *site)
{
	const struct gw_frame *frame;
	char name[TEXT_NAME], place[TEXT_PLACE];

	if (site->advice.rule)
		fprintf(sink->to, "%s  ", site->advice.rule);
	if (site->frame == GW_NONE) {
		gw_escape(name, sizeof(name), site->title ? site->title : "unknown");
		fputs(name, sink->to);
	} else {
		frame = report_frame(report, site->frame);
		gw_escape(name, sizeof(name), frame->name);
		fprintf(sink->to, "%s %s", name, text_place(place, frame));
		if (site->callee) {
			gw_escape(name, sizeof(name), site->callee);
			fprintf(sink->to, " %s %s", text_sign(sink, "→", "->"), name);
		}
		if (site->call)
			fprintf(sink->to, " %s %s()", text_sign(sink, "→", "->"), site->call);
		else
			fprintf(sink->to, " (%s)", gw_cause_name(site->cause));
	}
	fprintf(sink->to, "%s\n", format_charged(site->cause) ? "" : " (not charged)");
}

static int heavier(const void *a, const void *b)
{
	const struct report_site *x = *(const struct report_site *const *)a;
	const struct report_site *y = *(const struct report_site *const *)b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return strcmp(x->fingerprint, y->fingerprint);
}

/* Sorted here as well: an interim summary meets a report that is not closed yet. */
static int print_sites(const struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t n = report->sites.count, i = 0;
	const struct report_site **order;
	char count[FORMAT_TIME], max[FORMAT_TIME], total[FORMAT_TIME];

	order = calloc(n ? n : 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (uint32_t k = 0; k < n; k++)
		order[k] = report_site(report, k);
	qsort(order, n, sizeof(*order), heavier);
	for (; i < n && order[i]->count && (i < SITES || sink->opts.verbose); i++) {
		fprintf(sink->to, "%4s%s  max %s  %s %s  ", format_count(count, order[i]->count),
			text_sign(sink, "×", "x"), format_time(max, order[i]->max_ns),
			text_sign(sink, "Σ", "total"), format_time(total, order[i]->total_ns));
		print_where(sink, report, order[i]);
	}
	if (i < n && order[i]->count)
		fprintf(sink->to, "       %" PRIu32 " more sites: -v lists them\n", n - i);
	free(order);
	return 0;
}

static void print_stalls(const struct gw_sink *sink, const struct gw_report *report,
			 const struct total *sum)
{
	char n[FORMAT_TIME], limit[FORMAT_TIME], share[FORMAT_TIME];
	uint32_t sites = 0, open = 0;

	report_each (report, sites, struct report_site, site)
		sites += site->count > 0;
	report_each (report, stalls, struct gw_stall, stall)
		open += stall->open && !stall->warmup;
	if (!sites && !open && !sum->stalls && report_complete(report)) {
		if (report->loops.count)
			fprintf(sink->to, "stalls  none over %s\n",
				format_span(limit, report->threshold_ns));
		return;
	}
	fprintf(sink->to, "stalls  %s%s", format_count(n, sum->stalls),
		report_complete(report) ? "" : " seen");
	if (sites)
		fprintf(sink->to, " at %" PRIu32 " site%s (%s of the time)", sites,
			sites == 1 ? "" : "s",
			format_share(share, sum->stalled_ns, sum->watched_ns));
	if (open)
		fprintf(sink->to, ", %" PRIu32 " still going on", open);
	if (report->stalls_folded)
		fprintf(sink->to, ", %s only counted: over the limit of %" PRIu32,
			format_count(n, report->stalls_folded), report->max_stalls);
	fputc('\n', sink->to);
}

static void print_part(const struct gw_sink *sink, const char *before, const char *part)
{
	char text[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	if (!part || !part[0])
		return;
	escape(text, sizeof(text), part, ESCAPE_SENTENCE);
	fprintf(sink->to, "%s%s", before, text);
}

static void print_notes(const struct gw_sink *sink, const struct gw_report *report)
{
	uint32_t i = 0;

	for (; i < report->notes.count && (i < NOTES || sink->opts.verbose); i++) {
		const struct report_note *note = report_note(report, i);

		print_part(sink, "note    ", note->what);
		print_part(sink, ": ", note->why);
		print_part(sink, text_sign(sink, " → ", " -> "), note->fix);
		fputc('\n', sink->to);
	}
	if (i < report->notes.count)
		fprintf(sink->to, "        %" PRIu32 " more notes: -v lists them\n",
			report->notes.count - i);
}

static void print_last(const struct gw_sink *sink, const struct gw_report *report)
{
	const char *dot = text_sign(sink, "·", "|");
	char n[FORMAT_TIME], share[FORMAT_TIME];
	uint64_t lost = report_lost_total(report);

	fprintf(sink->to, "%s event%s lost", format_count(n, lost), lost == 1 ? "" : "s");
	if (report->cpu_ns) /* known at the end only */
		fprintf(sink->to, " %s greenwatch used %s of one CPU", dot,
			format_share(share, report->cpu_ns, report->duration_ns));
	if (report->rss_bytes)
		fprintf(sink->to, ", %" PRIu64 " MB", (report->rss_bytes + 500000) / 1000000);
	if (sink->opts.next && report->loops.count)
		fprintf(sink->to, " %s next: %s", dot, sink->opts.next);
	fputc('\n', sink->to);
}

/* The run in plain sentences, before its figures. */
static int print_diagnosis(const struct gw_sink *sink, const struct gw_report *report)
{
	char(*lines)[DIAGNOSIS_SIZE] = calloc(DIAGNOSIS_LINES, sizeof(*lines));
	int n = lines ? sink_diagnosis(report, lines, DIAGNOSIS_LINES) : -ENOMEM;

	for (int i = 0; i < n; i++)
		fprintf(sink->to, "%s%s%s\n", text_paint(sink, i ? TEXT_PLAIN : TEXT_BOLD),
			lines[i], text_paint(sink, TEXT_PLAIN));
	free(lines);
	return n < 0 ? n : 0;
}

int text_summary(const struct gw_sink *sink, const struct gw_report *report)
{
	struct total *sum = calloc(1, sizeof(*sum));
	int err;

	if (!sum)
		return -ENOMEM;
	report_each (report, loops, struct report_loop, loop)
		add_loop(sum, loop);
	report_each (report, sites, struct report_site, site) {
		sum->stalls += site->count;
		sum->stalled_ns += site->total_ns;
	}
	sum->watched_ns = sum->idle_ns + sum->time.oncpu_ns + sum->time.blocked_ns +
			  sum->time.runqueue_ns + sum->time.throttled_ns + sum->time.stopped_ns +
			  sum->time.unaccounted_ns;
	if (!sink->opts.quiet)
		fputc('\n', sink->to);
	if (!report_complete(report))
		print_incomplete(sink, report);
	err = print_diagnosis(sink, report);
	print_warmup(sink, report);
	print_lag(sink, report, sum);
	print_time(sink, sum);
	print_loops(sink, report);
	print_stalls(sink, report, sum);
	if (!err)
		err = print_sites(sink, report);
	if (!err)
		err = text_calls(sink, report);
	if (!err)
		err = text_users(sink, report);
	text_pools(sink, report);
	text_patches(sink, report);
	print_notes(sink, report);
	if (sink->opts.verbose && report->repaired)
		fprintf(sink->to,
			"note    %" PRIu64 " switch-ins were not traced and made good "
			"from run_delay\n",
			report->repaired);
	print_last(sink, report);
	text_verdict(sink, report);
	free(sum);
	return err;
}
