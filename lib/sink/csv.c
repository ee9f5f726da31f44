// SPDX-License-Identifier: BSD-2-Clause
/*
 * csv.c: the sites as a table for spreadsheets and scripts (RFC 4180, but
 * for lines that end in \n).
 *
 * One line a site, the most time first. A cell that a spreadsheet would take
 * for a formula gets a ' in front: names are the watched program's.
 */
#include <inttypes.h>
#include <string.h>

#include "peer.h"
#include "base/escape.h"
#include "sink/format.h"
#include "sink/sink.h"

static void put_text(FILE *to, const char *text, char end)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	escape(safe, sizeof(safe), text ? text : "", ESCAPE_SENTENCE);
	if (!safe[0]) {
		fputc(end, to);
		return;
	}
	fputc('"', to);
	if (strchr("=+-@", safe[0]))
		fputc('\'', to);
	for (const char *p = safe; *p; p++) {
		if (*p == '"')
			fputc('"', to);
		fputc(*p, to);
	}
	fprintf(to, "\"%c", end);
}

static void put_number(FILE *to, uint64_t value)
{
	fprintf(to, "%" PRIu64 ",", value);
}

static void put_site(FILE *to, const struct gw_report *report, const struct report_site *site)
{
	const struct gw_frame *frame =
		site->frame == GW_NONE ? NULL : report_frame(report, site->frame);
	char peer[200];

	peer_text(site->peer, peer, sizeof(peer));
	put_text(to, site->fingerprint, ',');
	put_text(to, gw_cause_name(site->cause), ',');
	put_text(to, site->advice.rule, ',');
	put_number(to, site->count);
	put_number(to, site->total_ns);
	put_number(to, site->max_ns);
	put_number(to, report_site_median(site));
	put_text(to, frame ? frame->name : NULL, ',');
	put_text(to, frame ? frame->file : NULL, ',');
	if (frame && frame->line)
		fprintf(to, "%" PRIu32, frame->line);
	fputc(',', to);
	put_text(to, site->call, ',');
	put_text(to, peer, ',');
	fprintf(to, "%s,", format_charged(site->cause) ? "yes" : "no");
	put_text(to, gw_change_name(site->change), ',');
	put_text(to, site->suppressed_by, ',');
	put_text(to, site->title, '\n');
}

static int csv_end(struct gw_sink *sink, const struct gw_report *report)
{
	fputs("fingerprint,cause,rule,count,total_ns,max_ns,p50_ns,function,file,line,call,peer,"
	      "charged,baseline,suppressed_by,title\n",
	      sink->to);
	report_each (report, sites, struct report_site, site)
		if (site->count)
			put_site(sink->to, report, site);
	return sink_flush(sink);
}

const struct sink_ops sink_csv = {
	.name = "csv",
	.extension = ".csv",
	.help = "the sites, one a line, for spreadsheets",
	.end = csv_end,
};
