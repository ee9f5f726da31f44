/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * budget.h: a budget as a list of expressions; docs/budgets.md has the grammar.
 *
 *	[scope ":"] metric cmp value ["@" level]
 *
 * Text is read once, in parse.c, and is foreign: bounded, and refused with one
 * line that names the column. Values are kept in base units: ns, percent,
 * counts.
 */
#ifndef JUDGE_BUDGET_H
#define JUDGE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "greenwatch.h"

#define BUDGET_LINE  512 /* bytes of one expression */
#define BUDGET_NAME  128 /* bytes of a name in it */
#define BUDGET_COUNT 256 /* expressions of one budget */
#define BUDGET_FILE  (1 << 20)

enum scope_kind {
	SCOPE_ALL,
	SCOPE_RUNTIME,
	SCOPE_LOOP,
	SCOPE_CAUSE,
	SCOPE_RULE,
	SCOPE_SITE,
};

enum metric_kind {
	METRIC_LAG_SHARE, /* lag.pNN */
	METRIC_LAG_MAX,
	METRIC_LAG_AVG,
	METRIC_STALLS,
	METRIC_STALLED,
	METRIC_STALLED_SHARE, /* stalled% */
	METRIC_LONGEST,
	METRIC_PART, /* of the ledger */
	METRIC_POOLWAIT,
	METRIC_NEW_SITES,
	METRIC_SITES,
	METRIC_LOST,
};

enum part {
	PART_BLOCKED,
	PART_ONCPU,
	PART_RUNQUEUE,
	PART_THROTTLED,
	PART_STOPPED,
	PART_GIL,
	PART_GC,
};

enum cmp {
	CMP_EQ,
	CMP_NE,
	CMP_LT,
	CMP_LE,
	CMP_GT,
	CMP_GE,
};

enum unit {
	UNIT_NONE, /* a bare number */
	UNIT_NS,
	UNIT_US,
	UNIT_MS,
	UNIT_S,
	UNIT_PERCENT,
	UNIT_PER_SECOND,
	UNIT_PER_MINUTE,
	UNIT_GROWTH, /* +N%: over the baseline */
};

struct expr {
	char text[BUDGET_LINE]; /* as written, without its level */
	bool warn;
	enum scope_kind scope;
	char name[BUDGET_NAME]; /* of runtime, loop, rule, site */
	enum gw_cause cause;
	enum metric_kind metric;
	double share;     /* of lag.pNN and poolwait.pNN, 0..1 */
	uint64_t over_ns; /* of stalls(>TIME); 0: the threshold */
	enum part part;
	enum cmp cmp;
	double value; /* in ns, percent or counts; UNIT_GROWTH: percent */
	enum unit unit;
};

struct gw_budget {
	struct expr *items;
	uint32_t count;
};

/* Parses one expression. 0, or -EINVAL and why. */
int expr_parse(struct expr *out, const char *text, size_t len, char *why, size_t size);

/* Base units (ns, percent, counts) that one of unit is. */
double unit_scale(enum unit unit);
const char *unit_name(enum unit unit); /* "count" for a bare number */

#endif
