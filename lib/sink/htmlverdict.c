// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmlverdict.c: budgets held, broken and not judged, and what was suppressed.
 */
#include <inttypes.h>

#include "sink/ci.h"
#include "sink/html.h"

static void outcome(const struct html *html)
{
	const struct gw_verdict *verdict = &html->report->judged->verdict;
	static const char *const words[] = {
		[GW_PASS] = "passed", [GW_BROKEN] = "failed", [GW_NO_VERDICT] = "none"
	};

	fprintf(html->to, "<h2%s>Verdict: %s",
		verdict->outcome == GW_PASS ? "" : " class=\"alarm\"", words[verdict->outcome]);
	if (verdict->why) {
		fputs(": ", html->to);
		html_sentence(html->to, verdict->why);
	}
	fputs("</h2>\n", html->to);
}

static void budget(const struct html *html, const struct report_budget *row)
{
	static const char *const signs[] = { [GW_PASS] = "&#10003; held",
					     [GW_BROKEN] = "&#10007; broken",
					     [GW_NO_VERDICT] = "? not judged" };
	bool alarm = row->outcome == GW_BROKEN && !row->warn;
	char result[2 * CI_TEXT];

	fprintf(html->to, "<li><b%s>%s</b> <code>", alarm ? " class=\"alarm\"" : "",
		signs[row->outcome]);
	html_sentence(html->to, row->expr);
	fputs("</code> ", html->to);
	html_own(html->to, ci_result(result, html->report, row));
	fputs(row->warn ? " <span class=\"dim\">a warning only</span></li>\n" : "</li>\n",
	      html->to);
}

static void suppressed(const struct html *html, const struct report_suppressed *row)
{
	char count[FORMAT_TIME], total[FORMAT_TIME];

	fputs("<li><b>suppressed</b> ", html->to);
	html_sentence(html->to, row->known);
	html_say(html->to, ": %s stall%s, %s in all", format_count(count, row->count),
		 row->count == 1 ? "" : "s", format_time(total, row->total_ns));
	if (row->until) {
		fputs(", until ", html->to);
		html_text(html->to, row->until);
	}
	fputs("</li>\n", html->to);
}

void html_verdict(const struct html *html)
{
	const struct report_judged *judged = html->report->judged;
	uint32_t shown = 0;

	if (!judged || (!judged->budgets.count && !judged->suppressed.count))
		return;
	if (judged->budgets.count)
		outcome(html);
	fputs("<ul class=\"budgets\">\n", html->to);
	report_each (judged, budgets, struct report_budget, row)
		budget(html, row);
	report_each (judged, suppressed, struct report_suppressed, row)
		if (shown++ < HTML_ROWS)
			suppressed(html, row);
	fputs("</ul>\n", html->to);
	html_more(html->to, shown > HTML_ROWS ? shown - HTML_ROWS : 0, "suppressed sites");
}
