/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink.h: what an output format is made of.
 *
 * open gets the zeroed sink with ops, to and opts set; NULL functions have
 * nothing to do. Each returns 0 or -errno. close copes with a half-open sink.
 * A sink writes to sink->to and does nothing else: no files, no sockets, no
 * hidden loss, no order of its own.
 */
#ifndef SINK_H
#define SINK_H

#include "report.h"

struct sink_ops {
	const char *name;
	const char *extension; /* of files; NULL: none picks it */
	const char *help;      /* NULL: left out of lists */
	bool binary;
	int (*open)(struct gw_sink *sink);
	int (*start)(struct gw_sink *sink, const struct gw_report *report);
	int (*stall)(struct gw_sink *sink, const struct gw_report *report,
		     const struct gw_stall *stall);
	int (*end)(struct gw_sink *sink, const struct gw_report *report);
	void (*close)(struct gw_sink *sink);
};

struct gw_sink {
	const struct sink_ops *ops;
	FILE *to;
	struct gw_sink_opts opts;
	void *state; /* the format's own */
};

extern const struct sink_ops sink_text, sink_json, sink_jsonl, sink_audit;
extern const struct sink_ops sink_html, sink_markdown, sink_csv, sink_folded, sink_speedscope,
	sink_pprof, sink_perfetto;
extern const struct sink_ops sink_verdict, sink_junit, sink_sarif, sink_github, sink_gitlab;
extern const struct sink_ops sink_baseline, sink_suppressions;

/* Up to max sentences about the run, the most important first; returns how many. */
#define DIAGNOSIS_SIZE  1400
#define DIAGNOSIS_LINES 6
int sink_diagnosis(const struct gw_report *report, char (*lines)[DIAGNOSIS_SIZE], int max);

/* Thread pools (pools.c): their kind in a word, how long they were watched, the rule they are an
 * instance of (NULL: they made nothing wait), and a sentence about the one that made work wait
 * longest in sum. False: none did. */
const char *pools_kind(const struct report_pool *pool);
uint64_t pools_watched(const struct report_pool *pool);
const char *pools_rule(const struct report_pool *pool);
bool pools_say(const struct gw_report *report, char *line, size_t size);

/* What was written so far reaches the stream's other end: 0 or -errno. */
int sink_flush(const struct gw_sink *sink);

#endif
