/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * views.h: everything a run is shown on: text, JSON on stdout, -o files.
 */
#ifndef VIEWS_H
#define VIEWS_H

#include "output.h"
#include "status.h"

#define VIEWS_MAX 18

struct view {
	struct gw_sink *sink;
	FILE *to;
	struct output file; /* where it is an -o file */
	bool is_file;
	int err; /* writing failed, nothing more is written */
};

struct views {
	struct status *status;
	FILE *text;         /* where text goes */
	const char *format; /* of it */
	struct gw_sink_opts opts;
	struct view items[VIEWS_MAX];
	int count;
	bool closed; /* the reader of stdout has gone */
	bool failed; /* something could not be written, and was said */
};

/* text: the format for people, shown beside what was asked for; NULL: only then when nothing else
 * was. 0, 1 (said why) or 2 (usage, said why). */
int views_open(struct views *views, const struct options *options, struct status *status,
	       const char *text, const char *next);
/* The line that begins with "watching ", on stderr. */
void views_watching(struct views *views, const struct gw_report *report);
void views_start(struct views *views, const struct gw_report *report);
void views_stall(struct views *views, const struct gw_report *report, const struct gw_stall *stall);
void views_interim(struct views *views, const struct gw_report *report);
void views_end(struct views *views, const struct gw_report *report);
void views_close(struct views *views, bool keep); /* keep: the -o files take their names */

#endif
