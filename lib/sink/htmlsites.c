// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmlsites.c: the sites, each with what it is, what to change and its
 * stack, and the longest stalls one by one.
 *
 * A site is a table body of two rows: its figures, and a part that opens.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sink/html.h"

#define STEPS 60 /* of a sparkline */

struct drawn { /* what the rows need besides the sites themselves */
	uint64_t (*trend)[STEPS];
	uint64_t total_ns;
};

/* "get_user app/db.py:88 → dumps", or the title where no code is to blame. */
static void where(const struct html *html, const struct report_site *site)
{
	FILE *to = html->to;

	if (site->frame == GW_NONE) {
		html_sentence(to, site->title ? site->title : html_cause(site->cause));
		return;
	}
	html_frame(to, report_frame(html->report, site->frame));
	if (site->callee) {
		fputs(" &rarr; <span class=\"fn\">", to);
		html_text(to, site->callee);
		fputs("</span>", to);
	}
	if (site->call) {
		fputs(" &rarr; <span class=\"fn\">", to);
		html_text(to, site->call);
		fputs("()</span>", to);
	}
}

static void open_part(const struct html *html, const struct report_site *site, bool stack)
{
	FILE *to = html->to;
	char n[FORMAT_TIME], p50[FORMAT_TIME], max[FORMAT_TIME];

	fputs("<tr class=\"more\"><td colspan=\"7\"><details><summary>", to);
	fputs(stack && site->stack != GW_NONE ? "Stack" : "More", to);
	fputs(site->advice.rule ? " and what to change</summary>\n" : "</summary>\n", to);
	fputs("<h4>What happens</h4><p>", to);
	html_sentence(to, site->title ? site->title : html_cause(site->cause));
	html_say(to, ": %s time%s, half of them over %s, at most %s.", format_count(n, site->count),
		 site->count == 1 ? "" : "s", format_time(p50, report_site_median(site)),
		 format_time(max, site->max_ns));
	if (!format_charged(site->cause))
		fputs(" The machine's doing: not charged to the program.", to);
	fputs("</p>", to);
	if (site->peer) {
		fputs("<p>On ", to);
		html_peer(to, site->peer);
		fputs("</p>", to);
	}
	html_advice(to, &site->advice);
	if (stack)
		html_stack(html, site->stack, site->frame);
	fputs("<p class=\"dim\">Site <code>", to);
	html_text(to, site->fingerprint);
	fputs("</code></p></details></td></tr>", to);
}

static void site_rows(const struct html *html, const struct report_site *site,
		      const struct drawn *drawn, uint32_t row)
{
	uint32_t i = (uint32_t)(site - report_site(html->report, 0));
	char n[FORMAT_TIME], share[FORMAT_TIME];
	FILE *to = html->to;

	fputs("<tbody id=\"", to);
	html_text(to, site->fingerprint);
	fputs("\"><tr><td>", to);
	where(html, site);
	fputs("</td><td>", to);
	html_swatch(to, site->cause);
	fputs(format_charged(site->cause) ? " " : " <span class=\"dim\">not charged</span> ", to);
	html_rule(to, site->advice.rule);
	if (site->change)
		fprintf(to, " <span class=\"dim\">%s</span>", gw_change_name(site->change));
	if (site->suppressed_by)
		fputs(" <span class=\"dim\">suppressed</span>", to);
	fputs("</td>", to);
	html_number(to, format_count(n, site->count));
	html_number(to, format_time(n, site->max_ns));
	html_number(to, format_time(n, site->total_ns));
	html_number(to, format_share(share, site->total_ns, drawn->total_ns));
	fputs("<td>", to);
	html_spark(to, drawn->trend[i], STEPS);
	fputs("</td></tr>\n", to);
	open_part(html, site, row < HTML_STACKS);
	fputs("</tbody>\n", to);
}

static int draw(const struct html *html, struct drawn *drawn)
{
	const struct gw_report *report = html->report;
	uint64_t step = report->duration_ns / STEPS + 1;

	drawn->total_ns = 0;
	drawn->trend = calloc(report->sites.count + 1, sizeof(*drawn->trend));
	if (!drawn->trend)
		return -ENOMEM;
	report_each (report, sites, struct report_site, site)
		drawn->total_ns += site->total_ns;
	report_each (report, stalls, struct gw_stall, stall) {
		uint64_t at = stall->at_ns / step;

		if (stall->site != GW_NONE)
			drawn->trend[stall->site][at < STEPS ? at : STEPS - 1] +=
				stall->duration_ns;
	}
	return 0;
}

int html_sites(const struct html *html)
{
	static const char *const heads[] = { "Where",  "Cause",      "#Stalls",     "#Longest",
					     "#Total", "#Of it all", "Over the run" };
	struct drawn drawn;
	uint32_t shown = 0;
	int err = draw(html, &drawn);

	if (err)
		return err;
	report_each (html->report, sites, struct report_site, site)
		shown += site->count > 0;
	if (!shown) {
		free(drawn.trend);
		return 0;
	}
	html_section(html->to, "sites", "Where it stalled");
	html_table(html->to, "Sites of stalls", heads, sizeof(heads) / sizeof(heads[0]));
	shown = 0;
	report_each (html->report, sites, struct report_site, site) {
		if (!site->count)
			continue;
		if (shown < HTML_SITES)
			site_rows(html, site, &drawn, shown);
		shown++;
	}
	html_table_end(html->to);
	html_more(html->to, shown > HTML_SITES ? shown - HTML_SITES : 0, "sites");
	html_section_end(html->to);
	free(drawn.trend);
	return 0;
}

static int longer(const void *a, const void *b)
{
	const struct gw_stall *x = *(const struct gw_stall *const *)a;
	const struct gw_stall *y = *(const struct gw_stall *const *)b;

	if (x->duration_ns != y->duration_ns)
		return x->duration_ns < y->duration_ns ? 1 : -1;
	return x->at_ns != y->at_ns ? (x->at_ns < y->at_ns ? -1 : 1) : 0;
}

static void stall_row(const struct html *html, const struct gw_stall *stall)
{
	FILE *to = html->to;
	char n[FORMAT_TIME];

	fprintf(to, "<tr><td class=\"num\">+%.2f s</td>", (double)stall->at_ns / 1e9);
	html_number(to, format_time(n, stall->duration_ns));
	fputs("<td>", to);
	html_loop(html, stall->pid, stall->tid);
	fputs("</td><td>", to);
	html_swatch(to, stall->cause);
	fputs("</td><td>", to);
	if (stall->site != GW_NONE)
		where(html, report_site(html->report, stall->site));
	fputs("<br><span class=\"dim\">", to);
	html_sentence(to, stall->why);
	if (stall->warmup)
		fputs("; in the warm-up, not judged", to);
	if (stall->open)
		fputs("; had not ended", to);
	if (stall->cut)
		fputs("; cut short: the process ended or executed another image", to);
	if (stall->underway)
		fputs("; began before greenwatch came", to);
	fputs("</span></td></tr>\n", to);
}

int html_longest(const struct html *html)
{
	static const char *const heads[] = { "#Began", "#Took", "Loop", "Cause", "Where" };
	uint32_t n = html->report->stalls.count;
	const struct gw_stall **order = calloc(n + 1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = report_stall(html->report, i);
	qsort(order, n, sizeof(*order), longer);
	fprintf(html->to, "<details class=\"table\"><summary>%s</summary>\n",
		n > HTML_LONGEST ? "The 20 longest stalls as a table" : "The stalls as a table");
	html_table(html->to, "Stalls", heads, 5);
	for (uint32_t i = 0; i < n && i < HTML_LONGEST; i++)
		stall_row(html, order[i]);
	html_table_end(html->to);
	fputs("</details>\n", html->to);
	free(order);
	return 0;
}
