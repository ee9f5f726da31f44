/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html.h: what the parts of the HTML page share.
 *
 * Text of the watched program reaches the page through html_text,
 * html_sentence and, as JSON, htmldata.c; nothing else may print it. Tables are
 * real HTML, so that a page without its script still says everything.
 */
#ifndef HTML_H
#define HTML_H

#include "base/hist.h"
#include "bpf/hist.h"
#include "sink/text.h"

#define HTML_SITES   500 /* rows of a table */
#define HTML_STACKS  60  /* of them with their stacks */
#define HTML_ROWS    100 /* of the other tables */
#define HTML_LOOPS   64  /* told of one by one */
#define HTML_LONGEST 20  /* stalls in the table under the timeline */
#define HTML_CAUSES  (GW_CAUSE_STOPPED + 1)
#define HTML_PARTS   7 /* idle, and the six parts of a ledger */

struct html_sum { /* over all loops */
	uint64_t turns, watched_ns, stalled_ns, stalls, lag_max_ns;
	uint64_t lag[HIST_BUCKETS];
};

struct html {
	FILE *to;
	const struct gw_report *report;
	struct html_sum sum;
};

/* Foreign text: made visible, cut to a name or a sentence, and no markup. */
void html_text(FILE *to, const char *text);
void html_sentence(FILE *to, const char *text);
void html_own(FILE *to, const char *text); /* our words, whole; no markup either */
void html_say(FILE *to, const char *format, ...)
	__attribute__((format(printf, 2, 3))); /* the same */

/* Words and small figures (htmlword.c). */
const char *html_cause(enum gw_cause cause); /* "blocked in a call" */
void html_swatch(FILE *to, enum gw_cause cause);
void html_frame(FILE *to, const struct gw_frame *frame);             /* name and place */
void html_loop(const struct html *html, uint32_t pid, uint32_t tid); /* "4242", "4242/4243" */
void html_peer(FILE *to, const struct gw_peer *peer);
void html_advice(FILE *to, const struct gw_advice *advice);
void html_rule(FILE *to, const char *rule); /* "GW1001", or a dash */
/* Outermost first; here: the frame that is pointed at, GW_NONE: none. */
void html_stack(const struct html *html, uint32_t stack, uint32_t here);
/* n values as small bars over the run. */
void html_spark(FILE *to, const uint64_t *values, uint32_t n);
/* A bar of part of whole, on a scale of its own if log. */
void html_bar(FILE *to, double part, const char *class);
/* A table that may be wider than its place; label is for those who cannot see it. */
void html_table(FILE *to, const char *label, const char *const *heads, size_t n);
void html_table_end(FILE *to);
void html_number(FILE *to, const char *value); /* a cell */
void html_section(FILE *to, const char *id, const char *title);
void html_section_end(FILE *to);
void html_more(FILE *to, uint64_t n, const char *what); /* "12 more sites are in the JSON report" */

/* The sections, in the page's order. 0 or -ENOMEM. */
int html_head(const struct html *html);     /* htmlhead.c */
void html_verdict(const struct html *html); /* htmlverdict.c */
void html_loops(const struct html *html);
void html_lag(const struct html *html);
int html_sites(const struct html *html); /* htmlsites.c */
int html_longest(const struct html *html);
int html_calls(const struct html *html); /* htmllists.c */
int html_tasks(const struct html *html);
void html_pools(const struct html *html);
void html_patches(const struct html *html);
void html_unseen(const struct html *html); /* htmlrun.c */
void html_run(const struct html *html);

/* What the page's script draws, as one JSON object (htmldata.c). 0 or -ENOMEM. */
int html_data(const struct html *html);

#endif
