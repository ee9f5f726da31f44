// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmlhead.c: the verdict, four numbers, where the loops' time went, and how
 * long their turns were.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/html.h"

static void figure(FILE *to, const char *what, const char *value, const char *more)
{
	fprintf(to, "<div><dt>%s</dt><dd><b>", what);
	html_own(to, value);
	fputs("</b><span>", to);
	html_own(to, more);
	fputs("</span></dd></div>\n", to);
}

static uint64_t longest(const struct html *html)
{
	uint64_t max = 0;

	report_each (html->report, sites, struct report_site, site)
		max = site->max_ns > max ? site->max_ns : max;
	report_each (html->report, stalls, struct gw_stall, stall)
		max = stall->duration_ns > max ? stall->duration_ns : max;
	return max;
}

/* As budgets have it: each loop has to hold. */
static uint64_t worst_lag(const struct gw_report *report)
{
	uint64_t worst = 0;

	report_each (report, loops, struct report_loop, loop) {
		uint64_t lag = report_lag(loop, 2);

		worst = lag != GW_UNKNOWN_NS && lag > worst ? lag : worst;
	}
	return worst;
}

static void figures(const struct html *html)
{
	const struct html_sum *sum = &html->sum;
	char value[FORMAT_TIME], span[FORMAT_TIME], more[80];
	uint32_t sites = 0;

	report_each (html->report, sites, struct report_site, site)
		sites += site->count > 0;
	fputs("<dl class=\"figures\">\n", html->to);
	snprintf(more, sizeof(more), "turns over %s%s",
		 format_span(span, html->report->threshold_ns),
		 report_complete(html->report) ? "" : ", at least");
	figure(html->to, "Stalls", format_count(value, sum->stalls), more);
	snprintf(more, sizeof(more), "at %" PRIu32 " site%s", sites, sites == 1 ? "" : "s");
	figure(html->to, "Longest stall", sum->stalls ? format_time(value, longest(html)) : "none",
	       sum->stalls ? more : "");
	snprintf(more, sizeof(more), "%s of the loops' time", format_time(span, sum->stalled_ns));
	figure(html->to, "Time stalled",
	       format_share(value, sum->stalled_ns, sum->watched_ns ? sum->watched_ns : 1), more);
	snprintf(more, sizeof(more), "%s%s turns",
		 html->report->loops.count > 1 ? "worst loop; " : "",
		 format_count(span, sum->turns));
	figure(html->to, "Loop lag, p99",
	       sum->turns ? format_time(value, worst_lag(html->report)) : "none", more);
	fputs("</dl>\n", html->to);
}

static void brand(const struct html *html)
{
	time_t seconds = (time_t)(html->report->wall_ns / 1000000000);
	char date[40] = "", span[FORMAT_TIME];
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &utc);
	fputs("<p class=\"brand\"><b>greenwatch</b> ", html->to);
	html_say(html->to, "%s, %s", date, format_span(span, html->report->duration_ns));
	if (html->report->merged > 1)
		fprintf(html->to, ", %" PRIu32 " runs put together", html->report->merged);
	if (html->report->host) {
		fputs(" on ", html->to);
		html_text(html->to, html->report->host);
	}
	fputs("</p>\n", html->to);
}

int html_head(const struct html *html)
{
	char(*lines)[DIAGNOSIS_SIZE] = calloc(DIAGNOSIS_LINES, sizeof(*lines));
	bool complete = report_complete(html->report);
	int n;

	if (!lines)
		return -ENOMEM;
	n = sink_diagnosis(html->report, lines, DIAGNOSIS_LINES);
	fputs("<header>\n", html->to);
	brand(html);
	for (int i = 0; i < n; i++) {
		fputs(i ? "<p>" : complete ? "<h1>" : "<h1 class=\"alarm\">", html->to);
		html_sentence(html->to, lines[i]);
		fputs(i ? "</p>\n" : "</h1>\n", html->to);
	}
	if (!n)
		fputs("<h1>Nothing was watched.</h1>\n", html->to);
	html_verdict(html);
	if (html->report->loops.count)
		figures(html);
	fputs("</header>\n", html->to);
	free(lines);
	return 0;
}

static const char *const part_names[HTML_PARTS] = {
	"idle",      "on the CPU", "blocked",          "waiting for a CPU",
	"throttled", "stopped",    "not accounted for"
};
static const char *const part_classes[HTML_PARTS] = { "p-idle",       "c-cpu",       "c-syscall",
						      "c-runqueue",   "c-throttled", "c-stopped",
						      "c-unaccounted" };

static uint64_t parts_of(const struct report_loop *loop, uint64_t parts[HTML_PARTS])
{
	const struct gw_ledger *t = &loop->time;
	const uint64_t from[HTML_PARTS] = { loop->idle_ns,    t->oncpu_ns,     t->blocked_ns,
					    t->runqueue_ns,   t->throttled_ns, t->stopped_ns,
					    t->unaccounted_ns };
	uint64_t sum = 0;

	for (int i = 0; i < HTML_PARTS; i++) {
		parts[i] = from[i];
		sum += from[i];
	}
	return sum;
}

static void ledger_bar(FILE *to, const uint64_t parts[HTML_PARTS], uint64_t sum)
{
	double at = 0;

	fputs("<svg class=\"ledger\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
	      "aria-hidden=\"true\">",
	      to);
	for (int i = 0; i < HTML_PARTS && sum; i++) {
		double width = 1000 * (double)parts[i] / (double)sum;

		if (parts[i])
			fprintf(to, "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" height=\"10\"/>",
				part_classes[i], at, width);
		at += width;
	}
	fputs("</svg>", to);
}

/* Which columns have anything in them: idle and on the CPU always do. */
static void used_parts(const struct html *html, bool used[HTML_PARTS])
{
	uint64_t parts[HTML_PARTS];

	used[0] = used[1] = used[2] = true;
	report_each (html->report, loops, struct report_loop, loop) {
		parts_of(loop, parts);
		for (int i = 3; i < HTML_PARTS; i++)
			used[i] |= parts[i] > 0;
	}
}

/* A percentile that a file does not say is not known. */
static const char *lag_text(char out[FORMAT_TIME], uint64_t ns)
{
	return ns == GW_UNKNOWN_NS ? "?" : format_time(out, ns);
}

static void loop_row(const struct html *html, const struct report_loop *loop,
		     const bool used[HTML_PARTS])
{
	uint64_t parts[HTML_PARTS], sum = parts_of(loop, parts);
	char n[FORMAT_TIME];

	fputs("<tr><th scope=\"row\">", html->to);
	html_loop(html, loop->pid, loop->tid);
	fputs(" <span class=\"at\"><bdi>", html->to);
	html_text(html->to, loop->comm);
	fputs("</bdi>, <bdi>", html->to);
	html_text(html->to, loop->runtime);
	fputs("</bdi></span></th><td class=\"grow\">", html->to);
	ledger_bar(html->to, parts, sum);
	fputs("</td>", html->to);
	for (int i = 0; i < HTML_PARTS; i++)
		if (used[i])
			html_number(html->to, format_share(n, parts[i], sum));
	html_number(html->to, format_count(n, loop->turns));
	html_number(html->to, lag_text(n, report_lag(loop, 0)));
	html_number(html->to, lag_text(n, report_lag(loop, 2)));
	html_number(html->to, format_time(n, loop->lag_max_ns));
	html_number(html->to, format_count(n, loop->stalls));
	fputs("</tr>\n", html->to);
}

static void legend(FILE *to, const bool used[HTML_PARTS])
{
	fputs("<p class=\"legend\">", to);
	for (int i = 0; i < HTML_PARTS; i++)
		if (used[i])
			fprintf(to,
				"<span class=\"cause\"><svg class=\"swatch\" viewBox=\"0 0 8 8\" "
				"aria-hidden=\"true\"><rect class=\"%s\" width=\"8\" height=\"8\"/>"
				"</svg>%s</span> ",
				part_classes[i], part_names[i]);
	fputs("</p>\n", to);
}

void html_loops(const struct html *html)
{
	static const char *const short_names[HTML_PARTS] = { "#Idle",       "#On CPU",
							     "#Blocked",    "#CPU wait",
							     "#Throttled",  "#Stopped",
							     "#Unaccounted" };
	const char *heads[HTML_PARTS + 7] = { "Loop", "Where its time went" };
	bool used[HTML_PARTS] = { 0 };
	uint32_t n = 2, shown = 0;

	if (!html->report->loops.count)
		return;
	used_parts(html, used);
	for (int i = 0; i < HTML_PARTS; i++)
		if (used[i])
			heads[n++] = short_names[i];
	heads[n++] = "#Turns";
	heads[n++] = "#Lag p50";
	heads[n++] = "#p99";
	heads[n++] = "#max";
	heads[n++] = "#Stalls";
	html_section(html->to, "loops", "Where the time of each loop went");
	legend(html->to, used);
	html_table(html->to, "Loops and their time", heads, n);
	report_each (html->report, loops, struct report_loop, loop)
		if (shown++ < HTML_LOOPS)
			loop_row(html, loop, used);
	html_table_end(html->to);
	if (shown > HTML_LOOPS)
		html_more(html->to, shown - HTML_LOOPS, "loops");
	if (html->report->loops_left_out)
		fprintf(html->to,
			"<p class=\"dim\">%" PRIu64 " more ended without a stall and are not "
			"listed.</p>\n",
			html->report->loops_left_out);
	html_section_end(html->to);
}

static void lag_row(FILE *to, uint32_t i, uint64_t count, double part)
{
	char bound[FORMAT_TIME], n[FORMAT_TIME];

	fprintf(to, "<tr><th scope=\"row\">%s %s</th>", i < HIST_BOUNDS ? "up to" : "over",
		format_span(bound, hist_bounds_ns[i < HIST_BOUNDS ? i : HIST_BOUNDS - 1]));
	html_number(to, format_count(n, count));
	fputs("<td class=\"grow\">", to);
	html_bar(to, part, "lag");
	fputs("</td></tr>\n", to);
}

/* Bars by the logarithm of the count: one turn in a million is the one that matters. */
static void lag_rows(const struct html *html, const uint64_t counts[HIST_BOUNDS + 1])
{
	uint32_t first = 0, last = HIST_BOUNDS, i;
	uint64_t most = 1, late = html->report->threshold_ns;
	char limit[FORMAT_TIME];
	bool told = false;

	while (first < last && !counts[first])
		first++;
	while (last > first && !counts[last])
		last--;
	for (i = first; i <= last; i++)
		most = counts[i] > most ? counts[i] : most;
	for (i = first; i <= last; i++) {
		if (!told && i && hist_bounds_ns[i - 1] >= late) {
			told = true;
			fputs("<tr class=\"limit\"><td colspan=\"3\">", html->to);
			html_say(html->to, "over the threshold of %s: stalls",
				 format_span(limit, late));
			fputs("</td></tr>\n", html->to);
		}
		lag_row(html->to, i, counts[i],
			counts[i] ? log2(1 + (double)counts[i]) / log2(1 + (double)most) : 0);
	}
}

void html_lag(const struct html *html)
{
	static const char *const heads[] = { "Turn took", "#Turns", "On a logarithmic scale" };
	uint64_t counts[HIST_BOUNDS + 1];

	if (!html->sum.turns)
		return;
	hist_fold(html->sum.lag, counts);
	html_section(html->to, "lag", "How long the turns were");
	fprintf(html->to,
		"<p class=\"dim\">%s together. What is ready has to wait as long as the "
		"turn before it lasts.</p>\n",
		html->report->loops.count == 1 ? "All turns" : "All loops");
	html_table(html->to, "Turns by length", heads, 3);
	fputs("<tbody>", html->to);
	lag_rows(html, counts);
	fputs("</tbody>", html->to);
	html_table_end(html->to);
	html_section_end(html->to);
}
