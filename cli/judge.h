/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.h: what a verdict is made with, read before anything is watched.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include "command.h"
#include "greenwatch.h"
#include "status.h"

struct judge {
	struct gw_budget *budget;
	struct gw_suppressions *suppressions; /* NULL: none */
	struct gw_report *baseline;           /* NULL: none */
	struct gw_judge_opts opts;            /* asked_ns, status: the caller's to change */
};

/*
 * Reads budgets, suppressions and baseline, or says what is wrong. fallback: the budget when
 * none is given; NULL: nothing is judged then. threshold_ns: of the run to come; 0: it is over.
 * 0, EXIT_ERROR or EXIT_USAGE. Close it in any case.
 */
int judge_open(struct judge *judge, const struct options *options, struct status *status,
	       const char *fallback, uint64_t threshold_ns);
void judge_close(struct judge *judge);

/* Is there anything to judge? */
bool judge_wanted(const struct judge *judge);

/* Judges, or says why not: 0, or EXIT_ERROR. */
int judge_report(struct judge *judge, const struct gw_report *report, struct status *status,
		 struct gw_verdict *out);
int judge_exit(const struct gw_verdict *verdict);

/* In a workflow of GitHub: annotations to the stream, unless it is NULL. */
void judge_annotate(const struct judge *judge, const struct gw_report *report, FILE *to);

/* A saved report, - is stdin; NULL: said why not. */
struct gw_report *judge_load(const char *path);

#endif
