// SPDX-License-Identifier: BSD-2-Clause
/*
 * parse.c: one line of a budget becomes a struct expr, or one error.
 *
 * A reader by descent, one function a rule of the grammar, from left to
 * right without going back. What makes no sense is refused here, not met
 * while judging: a percentile of a site, a limit without a unit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "judge/budget.h"
#include "judge/scan.h"

#define MORE "greenwatch help budgets has the grammar"

static const struct {
	const char *name;
	double scale;
} units[] = {
	[UNIT_NONE] = { "count", 1 },    [UNIT_NS] = { "ns", 1 },
	[UNIT_US] = { "us", 1e3 },       [UNIT_MS] = { "ms", 1e6 },
	[UNIT_S] = { "s", 1e9 },         [UNIT_PERCENT] = { "%", 1 },
	[UNIT_PER_SECOND] = { "/s", 1 }, [UNIT_PER_MINUTE] = { "/min", 1 },
	[UNIT_GROWTH] = { "%", 1 },
};

double unit_scale(enum unit unit)
{
	return units[unit].scale;
}

const char *unit_name(enum unit unit)
{
	return units[unit].name;
}

enum takes { /* which limits a metric can have */
	     TAKES_TIME = 1,
	     TAKES_COUNT = 2,
	     TAKES_RATE = 4,
	     TAKES_SHARE = 8,
	     TAKES_GROWTH = 16,
	     TAKES_SITE_SCOPE = 32, /* a scope that picks stalls */
	     TAKES_LOOP_SCOPE = 64,
	     TAKES_SCOPES = TAKES_SITE_SCOPE | TAKES_LOOP_SCOPE,
};

static const struct {
	const char *name;
	enum metric_kind metric;
	enum part part;
	int takes;
} metrics[] = {
	{ "lag.max", METRIC_LAG_MAX, 0, TAKES_TIME | TAKES_GROWTH | TAKES_LOOP_SCOPE },
	{ "lag.avg", METRIC_LAG_AVG, 0, TAKES_TIME | TAKES_GROWTH | TAKES_LOOP_SCOPE },
	{ "lag.p", METRIC_LAG_SHARE, 0, TAKES_TIME | TAKES_GROWTH | TAKES_LOOP_SCOPE },
	{ "poolwait.p", METRIC_POOLWAIT, 0, TAKES_TIME | TAKES_GROWTH },
	{ "stalls", METRIC_STALLS, 0, TAKES_COUNT | TAKES_RATE | TAKES_GROWTH | TAKES_SCOPES },
	{ "stalled%", METRIC_STALLED_SHARE, 0, TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "stalled", METRIC_STALLED, 0, TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "longest", METRIC_LONGEST, 0, TAKES_TIME | TAKES_GROWTH | TAKES_SCOPES },
	{ "blocked", METRIC_PART, PART_BLOCKED,
	  TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "oncpu", METRIC_PART, PART_ONCPU,
	  TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "runqueue", METRIC_PART, PART_RUNQUEUE,
	  TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "throttled", METRIC_PART, PART_THROTTLED,
	  TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "stopped", METRIC_PART, PART_STOPPED,
	  TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "gil", METRIC_PART, PART_GIL, TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "gc", METRIC_PART, PART_GC, TAKES_TIME | TAKES_SHARE | TAKES_GROWTH | TAKES_SCOPES },
	{ "new_sites", METRIC_NEW_SITES, 0, TAKES_COUNT | TAKES_SCOPES },
	{ "sites", METRIC_SITES, 0, TAKES_COUNT | TAKES_GROWTH | TAKES_SCOPES },
	{ "lost", METRIC_LOST, 0, TAKES_COUNT },
};

static bool is_cause(const char *name, enum gw_cause *out)
{
	for (int i = GW_CAUSE_UNKNOWN; i <= GW_CAUSE_STOPPED; i++) {
		if (!strcmp(gw_cause_name((enum gw_cause)i), name)) {
			*out = (enum gw_cause)i;
			return true;
		}
	}
	return false;
}

static bool is_site(const char *name)
{
	return !strncmp(name, "gw1-", 4) && strspn(name + 4, "0123456789abcdef") == 16 &&
	       strlen(name) == 20;
}

/* What a scope names must be possible; whether it is there is seen when judging. */
static int check_name(struct scan *scan, struct expr *out, const char *at)
{
	switch (out->scope) {
	case SCOPE_CAUSE:
		if (is_cause(out->name, &out->cause))
			return 0;
		return scan_fail(scan, at, "\"%.40s\" is no cause; greenwatch help causes",
				 out->name);
	case SCOPE_RULE:
		if (gw_rule_find(out->name))
			return 0;
		return scan_fail(scan, at, "\"%.40s\" is no rule; greenwatch explain lists them",
				 out->name);
	case SCOPE_SITE:
		if (is_site(out->name))
			return 0;
		return scan_fail(scan, at, "\"%.40s\" is no fingerprint: gw1- and 16 hex digits",
				 out->name);
	case SCOPE_ALL:
	case SCOPE_RUNTIME:
	case SCOPE_LOOP:
		break;
	}
	return 0;
}

static int read_name(struct scan *scan, struct expr *out)
{
	const char *from = scan->at, *colon = memchr(from, ':', (size_t)(scan->end - from));
	size_t len;

	if (!colon)
		return scan_fail(scan, scan->end, "\":\" is missing after the scope");
	len = (size_t)(colon - from);
	while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
		len--;
	if (!len)
		return scan_fail(scan, from, "the name of the scope is missing");
	if (len >= sizeof(out->name))
		return scan_fail(scan, from, "the name is longer than %zu bytes",
				 sizeof(out->name) - 1);
	memcpy(out->name, from, len);
	scan->at = colon + 1;
	return check_name(scan, out, from);
}

static int read_scope(struct scan *scan, struct expr *out)
{
	static const char *const words[] = {
		[SCOPE_RUNTIME] = "runtime", [SCOPE_LOOP] = "loop", [SCOPE_CAUSE] = "cause",
		[SCOPE_RULE] = "rule",       [SCOPE_SITE] = "site",
	};
	size_t len = scan_word(scan, "_.");
	int err;

	for (int i = SCOPE_RUNTIME; i <= SCOPE_SITE; i++) {
		if (strlen(words[i]) != len || memcmp(scan->at, words[i], len))
			continue;
		scan->at += len;
		out->scope = (enum scope_kind)i;
		scan_blank(scan);
		err = read_name(scan, out);
		scan_blank(scan);
		return err;
	}
	return 0;
}

/* "99", "99.9", "999": the percentile of lag.p99. */
static int read_percentile(struct scan *scan, struct expr *out)
{
	const char *from = scan->at;
	double value = 0;

	if (scan_take(scan, "999"))
		value = 99.9;
	else if (scan_number(scan, &value))
		return -EINVAL;
	if (value <= 0 || value >= 100 || scan->at - from > 5)
		return scan_fail(scan, from, "a percentile is from p1 to p99, or p99.9");
	out->share = value / 100;
	return 0;
}

/* "(>100ms)" */
static int read_over(struct scan *scan, struct expr *out)
{
	int err;

	if (!scan_take(scan, "("))
		return 0;
	scan_blank(scan);
	if (!scan_take(scan, ">"))
		return scan_fail(scan, scan->at, "\">\" must follow, as in stalls(>100ms)");
	scan_blank(scan);
	err = scan_time(scan, &out->over_ns);
	if (err)
		return err;
	scan_blank(scan);
	return scan_take(scan, ")") ? 0 : scan_fail(scan, scan->at, "\")\" is missing");
}

static int read_rest(struct scan *scan, struct expr *out)
{
	if (out->metric == METRIC_LAG_SHARE || out->metric == METRIC_POOLWAIT)
		return read_percentile(scan, out);
	if (out->metric == METRIC_STALLS)
		return read_over(scan, out);
	return 0;
}

static int check_scope(struct scan *scan, const struct expr *out, const char *at, int takes)
{
	int needs = out->scope == SCOPE_ALL                                   ? 0
		    : out->scope == SCOPE_RUNTIME || out->scope == SCOPE_LOOP ? TAKES_LOOP_SCOPE
									      : TAKES_SITE_SCOPE;

	if (!needs || takes & needs)
		return 0;
	if (takes & TAKES_LOOP_SCOPE)
		return scan_fail(scan, at,
				 "this has no part by cause, rule or site; "
				 "its scopes are runtime and loop");
	return scan_fail(scan, at, "this has no scope");
}

static int read_metric(struct scan *scan, struct expr *out, int *takes)
{
	const char *from = scan->at;
	size_t len = scan_word(scan, "_.%");
	int err;

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
		size_t n = strlen(metrics[i].name);
		bool prefix = metrics[i].metric == METRIC_LAG_SHARE ||
			      metrics[i].metric == METRIC_POOLWAIT;

		if (n > len || memcmp(from, metrics[i].name, n) || (n < len && !prefix))
			continue;
		scan->at += n;
		out->metric = metrics[i].metric;
		out->part = metrics[i].part;
		*takes = metrics[i].takes;
		err = read_rest(scan, out);
		return err ? err : check_scope(scan, out, from, *takes);
	}
	if (!len)
		return scan_fail(scan, from, "a metric is missing, such as stalls; " MORE);
	return scan_fail(scan, from, "\"%.*s\" is no metric; " MORE, (int)(len > 40 ? 40 : len),
			 from);
}

static int read_cmp(struct scan *scan, struct expr *out)
{
	static const struct {
		const char *name;
		enum cmp cmp;
	} words[] = { { "==", CMP_EQ }, { "!=", CMP_NE }, { "<=", CMP_LE },
		      { ">=", CMP_GE }, { "<", CMP_LT },  { ">", CMP_GT } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (scan_take(scan, words[i].name)) {
			out->cmp = words[i].cmp;
			return 0;
		}
	}
	return scan_fail(scan, scan->at, "a comparison is missing: ==, !=, <, <=, > or >=");
}

static enum unit read_unit(struct scan *scan)
{
	static const struct {
		const char *name;
		enum unit unit;
	} words[] = { { "ns", UNIT_NS },    { "us", UNIT_US },           { "ms", UNIT_MS },
		      { "s", UNIT_S },      { "/min", UNIT_PER_MINUTE }, { "/s", UNIT_PER_SECOND },
		      { "%", UNIT_PERCENT } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (scan_take(scan, words[i].name))
			return words[i].unit;
	}
	return UNIT_NONE;
}

static bool fits(const struct expr *out, int takes)
{
	switch (out->unit) {
	case UNIT_NONE:
		return takes & TAKES_COUNT || out->value == 0;
	case UNIT_NS:
	case UNIT_US:
	case UNIT_MS:
	case UNIT_S:
		return takes & TAKES_TIME;
	case UNIT_PERCENT:
		return takes & TAKES_SHARE;
	case UNIT_PER_SECOND:
	case UNIT_PER_MINUTE:
		return takes & TAKES_RATE;
	case UNIT_GROWTH:
		return takes & TAKES_GROWTH;
	}
	return false;
}

static const char *wanted(int takes)
{
	if (takes & TAKES_TIME)
		return takes & TAKES_SHARE ? "a time or a share, as in 20ms or 5%"
					   : "a time, as in 20ms";
	if (takes & TAKES_SHARE)
		return "a share, as in 5%";
	return takes & TAKES_RATE ? "a number or a rate, as in 3 or 2/min" : "a number, as in 0";
}

/* 0 needs no unit: it is shown in the one people would take. */
static void complete_unit(struct expr *out, int takes)
{
	if (out->unit == UNIT_NONE && !(takes & TAKES_COUNT))
		out->unit = takes & TAKES_TIME ? UNIT_MS : UNIT_PERCENT;
	out->value *= unit_scale(out->unit);
}

static int read_value(struct scan *scan, struct expr *out, int takes)
{
	const char *from = scan->at;
	bool growth = scan_take(scan, "+");
	int err = scan_number(scan, &out->value);

	if (err)
		return err;
	out->unit = read_unit(scan);
	if (growth && out->unit != UNIT_PERCENT)
		return scan_fail(scan, from, "growth is in percent, as in +10%%");
	if (growth)
		out->unit = UNIT_GROWTH;
	if (out->unit == UNIT_PERCENT && takes & TAKES_SHARE && out->value > 100)
		return scan_fail(scan, from, "a share is at most 100%%");
	if (!fits(out, takes))
		return scan_fail(scan, from, "the limit must be %s", wanted(takes));
	complete_unit(out, takes);
	return 0;
}

static int read_level(struct scan *scan, struct expr *out)
{
	const char *from;

	scan_blank(scan);
	if (scan->at == scan->end)
		return 0;
	from = scan->at;
	if (!scan_take(scan, "@"))
		return scan_fail(scan, from, "nothing may follow here but @error or @warn");
	out->warn = scan_take(scan, "warn");
	if (!out->warn && !scan_take(scan, "error"))
		return scan_fail(scan, from, "the level is @error or @warn");
	scan_blank(scan);
	if (scan->at < scan->end)
		return scan_fail(scan, scan->at, "nothing may follow the level");
	return 0;
}

/* No control characters, and no byte 0: the text is shown again. */
static int check_text(struct scan *scan)
{
	if (scan->end - scan->begin >= BUDGET_LINE)
		return scan_fail(scan, scan->begin + BUDGET_LINE - 1, "longer than %d bytes",
				 BUDGET_LINE - 1);
	for (const char *p = scan->begin; p < scan->end; p++) {
		if ((unsigned char)*p < ' ' && *p != '\t')
			return scan_fail(scan, p, "a control character");
	}
	return 0;
}

int expr_parse(struct expr *out, const char *text, size_t len, char *why, size_t size)
{
	struct expr expr = { .cmp = CMP_EQ };
	struct scan scan;
	const char *from, *to;
	int takes = 0, err;

	scan_begin(&scan, text, len, why, size);
	err = check_text(&scan);
	scan_blank(&scan);
	from = scan.at;
	if (!err)
		err = read_scope(&scan, &expr);
	if (!err)
		err = read_metric(&scan, &expr, &takes);
	scan_blank(&scan);
	if (!err)
		err = read_cmp(&scan, &expr);
	scan_blank(&scan);
	if (!err)
		err = read_value(&scan, &expr, takes);
	to = scan.at;
	if (!err)
		err = read_level(&scan, &expr);
	if (err)
		return err;
	memcpy(expr.text, from, (size_t)(to - from));
	*out = expr;
	return 0;
}
