// SPDX-License-Identifier: BSD-2-Clause
/*
 * html.c: the report as one page that needs nothing else.
 *
 * No network, no font, no image from outside: the policy in the page's head
 * allows one style and one script, by their hashes, and nothing more. Style
 * and script are lib/sink/html/page.css and page.js; the Makefile makes
 * page.h of them. Verdict and tables are HTML; the script draws the
 * timeline and the flame graph out of a JSON object in the page.
 */
#include <errno.h>
#include <stdlib.h>

#include "page.h"
#include "sink/html.h"

static void add_loop(struct html_sum *sum, const struct report_loop *loop)
{
	const struct gw_ledger *t = &loop->time;

	sum->turns += loop->turns;
	sum->stalls += loop->stalls;
	sum->stalled_ns += loop->stalled_ns;
	sum->watched_ns += loop->idle_ns + t->oncpu_ns + t->blocked_ns + t->runqueue_ns +
			   t->throttled_ns + t->stopped_ns + t->unaccounted_ns;
	if (loop->lag_max_ns > sum->lag_max_ns)
		sum->lag_max_ns = loop->lag_max_ns;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		sum->lag[i] += loop->lag[i];
}

static void write_top(FILE *to)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'sha256-" PAGE_CSS_SHA256 "'; script-src 'sha256-" PAGE_JS_SHA256 "'; "
	      "img-src data:; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>greenwatch report</title>\n<style>",
	      to);
	fwrite(page_css, 1, sizeof(page_css) - 1, to);
	fputs("</style>\n</head>\n<body>\n", to);
}

/* Without late turns there is nothing to draw, and the page says so in words. */
static int write_timeline(const struct html *html)
{
	FILE *to = html->to;
	char limit[FORMAT_TIME];
	int err = 0;

	html_section(to, "timeline", "Timeline");
	if (html->report->stalls.count || html->report->lag_step_ns)
		fputs("<noscript><p class=\"dim\">Drawing it needs JavaScript. All figures are in "
		      "the tables.</p></noscript><div id=\"timeline-view\"></div>\n",
		      to);
	if (html->report->stalls.count)
		err = html_longest(html);
	else
		html_say(to, "No turn over %s was seen%s.",
			 format_span(limit, html->report->threshold_ns),
			 report_complete(html->report) ? "" : ", but not all could be");
	html_section_end(to);
	return err;
}

static void write_flame(const struct html *html)
{
	if (!html->report->stalls.count)
		return;
	html_section(html->to, "flame", "Flame graph of the stalls");
	fputs("<noscript><p class=\"dim\">Drawing it needs JavaScript.</p></noscript>"
	      "<div id=\"flame-view\"></div>\n",
	      html->to);
	html_section_end(html->to);
}

static int write_body(const struct html *html)
{
	int err = html_head(html);

	fputs("<main>\n", html->to);
	if (!err)
		err = write_timeline(html);
	html_loops(html);
	html_lag(html);
	if (!err)
		err = html_sites(html);
	write_flame(html);
	if (!err)
		err = html_calls(html);
	if (!err)
		err = html_tasks(html);
	html_pools(html);
	html_patches(html);
	html_unseen(html);
	html_run(html);
	fputs("</main>\n", html->to);
	return err;
}

static int write_page(struct gw_sink *sink, const struct gw_report *report)
{
	struct html *html = calloc(1, sizeof(*html));
	int err, flushed;

	if (!html)
		return -ENOMEM;
	html->to = sink->to;
	html->report = report;
	report_each (report, loops, struct report_loop, loop)
		add_loop(&html->sum, loop);
	write_top(sink->to);
	err = write_body(html);
	fputs("<script type=\"application/json\" id=\"data\">", sink->to);
	if (!err)
		err = html_data(html);
	fputs("</script>\n<script>", sink->to);
	fwrite(page_js, 1, sizeof(page_js) - 1, sink->to);
	fputs("</script>\n</body>\n</html>\n", sink->to);
	free(html);
	flushed = sink_flush(sink);
	return err ? err : flushed;
}

const struct sink_ops sink_html = {
	.name = "html",
	.extension = ".html",
	.help = "one page that needs nothing else, for a browser",
	.end = write_page,
};
