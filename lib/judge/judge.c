// SPDX-License-Identifier: BSD-2-Clause
/*
 * judge.c: a verdict on a report.
 *
 * In this order: what spoils the whole run leaves it without a verdict, since
 * lost events can hide stalls and invent them; then a broken expression; then
 * one that could not be judged. Nothing passes by being absent. Expressions
 * of level warn are told and change nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge/change.h"
#include "judge/judge.h"
#include "judge/suppress.h"

#define MIN_TURNS 3

static int take_opts(struct gw_judge_opts *out, const struct gw_judge_opts *opts)
{
	const char *bytes = (const char *)opts;

	*out = (struct gw_judge_opts){ 0 };
	for (size_t i = sizeof(*out); i < opts->sz; i++) {
		if (bytes[i])
			return -E2BIG;
	}
	memcpy(out, opts, opts->sz < sizeof(*out) ? opts->sz : sizeof(*out));
	return out->baseline == NULL || out->baseline->judged ? 0 : -EINVAL;
}

void judged_clear(const struct gw_report *report)
{
	struct report_judged *judged = report->judged;

	judged->budgets.count = 0;
	judged->suppressed.count = 0;
	judged->fixed.count = 0;
	judged->verdict = (struct gw_verdict){ 0 };
	judged->status = 0;
	report_each (report, sites, struct report_site, site) {
		site->suppressed_by = NULL;
		site->change = GW_CHANGE_NONE;
		site->blamed = false;
	}
	arena_reset(&judged->memory);
}

/* 0 or -ENOMEM; *out: one mark a stall, the caller's. */
static int mark(const struct gw_report *report, const struct gw_judge_opts *opts, uint8_t **out)
{
	uint8_t *marks = calloc(report->stalls.count + 1, 1);
	int err = marks ? 0 : -ENOMEM;

	for (uint32_t i = 0; marks && i < report->stalls.count; i++)
		marks[i] = report_stall(report, i)->warmup ? MARK_WARMUP : 0;
	if (!err && opts->suppressions)
		err = suppress(opts->suppressions, report,
			       opts->wall_ns ? opts->wall_ns : report->wall_ns, marks);
	if (err)
		free(marks);
	else
		*out = marks;
	return err;
}

static bool is_broken(const struct gw_report *report)
{
	report_each (report->judged, budgets, struct report_budget, row)
		if (row->outcome == GW_BROKEN && !row->warn)
			return true;
	return false;
}

/* Too few turns to say that all is well. Without a number of its own a run of two turns may still
 * have been late in one of them. */
static const char *few_turns(const struct gw_report *report, uint64_t min_turns)
{
	uint64_t turns = 0;

	report_each (report, loops, struct report_loop, loop)
		turns += loop->turns;
	if (min_turns ? turns >= min_turns : turns >= MIN_TURNS || is_broken(report))
		return NULL;
	return arena_format(&report->judged->memory, "%llu turn%s of the loop, fewer than %llu%s",
			    (unsigned long long)turns, turns == 1 ? "" : "s",
			    (unsigned long long)(min_turns ? min_turns : MIN_TURNS),
			    min_turns ? " (--min-turns)" : "");
}

/* A stall without names is one all the same; but which one it is cannot be told. */
static bool asks_for_names(const struct gw_judge_opts *opts)
{
	if (opts->suppressions || opts->baseline)
		return true;
	for (uint32_t i = 0; i < opts->budget->count; i++) {
		enum scope_kind scope = opts->budget->items[i].scope;

		if (scope == SCOPE_CAUSE || scope == SCOPE_RULE || scope == SCOPE_SITE)
			return true;
	}
	return false;
}

/* Why nothing can be said about the whole run; NULL: something can. */
static const char *spoiled(const struct gw_report *report, const struct gw_judge_opts *opts,
			   bool lost_allowed)
{
	struct arena *memory = &report->judged->memory;
	uint64_t lost = report_lost_events(report), names = report_lost_names(report);

	if (names && !lost_allowed && asks_for_names(opts))
		return arena_format(memory, "%llu stack%s without names", (unsigned long long)names,
				    names == 1 ? " is" : "s are");
	if (lost && !lost_allowed)
		return arena_format(memory, "%llu event%s lost", (unsigned long long)lost,
				    lost == 1 ? " was" : "s were");
	if (report->said_incomplete && !lost && !names && !lost_allowed)
		return "the report says that it is incomplete";
	if (!report->loops.count)
		return "no event loop was seen";
	if (report->ended != GW_ENDED_NOT && opts->asked_ns &&
	    report->duration_ns < opts->asked_ns / 2)
		return arena_format(memory, "it ended after %.1f of %.1f s, less than half",
				    (double)report->duration_ns / 1e9,
				    (double)opts->asked_ns / 1e9);
	return few_turns(report, opts->min_turns);
}

static bool allows_loss(const struct gw_report *report)
{
	bool named = false, held = true;

	report_each (report->judged, budgets, struct report_budget, row) {
		if (strncmp(row->expr, "lost", 4))
			continue;
		named = true;
		held &= row->outcome == GW_PASS || row->warn;
	}
	return named && held;
}

/* Without a verdict on the run there is none on a part of it. What was lost stays said. */
static void take_back(const struct gw_report *report, const char *why)
{
	report_each (report->judged, budgets, struct report_budget, row) {
		if (!strncmp(row->expr, "lost", 4))
			continue;
		row->outcome = GW_NO_VERDICT;
		row->why = why;
	}
}

void judged_count(const struct gw_report *report)
{
	struct gw_verdict *verdict = &report->judged->verdict;

	report_each (report->judged, budgets, struct report_budget, row) {
		verdict->held += row->outcome == GW_PASS;
		if (row->outcome == GW_BROKEN)
			*(row->warn ? &verdict->warned : &verdict->broken) += 1;
		verdict->unjudged += row->outcome == GW_NO_VERDICT && !row->warn;
	}
	if (verdict->why)
		verdict->outcome = GW_NO_VERDICT;
	else if (verdict->broken)
		verdict->outcome = GW_BROKEN;
	else if (verdict->unjudged)
		verdict->outcome = GW_NO_VERDICT;
	verdict->for_good &= verdict->outcome == GW_BROKEN;
}

static int judge_all_of(const struct gw_report *report, const struct gw_judge_opts *opts,
			const uint8_t *marks)
{
	struct verdict_on on = {
		.subject = { .report = report, .marks = marks, .against = opts->baseline != NULL },
		.baseline = opts->baseline,
		.judged = report->judged
	};
	bool lost = false;
	int err = 0;

	for (uint32_t i = 0; !err && i < opts->budget->count; i++) {
		lost |= opts->budget->items[i].metric == METRIC_LOST;
		err = judge_expr(&on, &opts->budget->items[i]);
	}
	if (!err && !lost)
		err = judge_expr(&on, &(struct expr){ .text = "lost == 0", .metric = METRIC_LOST });
	return err;
}

int gw_judge(const struct gw_report *report, const struct gw_judge_opts *from,
	     struct gw_verdict *out)
{
	struct report_judged *judged = report->judged;
	struct gw_judge_opts opts;
	uint8_t *marks = NULL;
	int err = judged ? take_opts(&opts, from) : -EINVAL;

	if (err)
		return err;
	judged_clear(report);
	judged->done = opts.budget && opts.budget->count;
	judged->status = opts.status;
	err = mark(report, &opts, &marks);
	if (!err && opts.baseline)
		err = change_mark(opts.baseline, report);
	if (!err && judged->done)
		err = judge_all_of(report, &opts, marks);
	free(marks);
	if (err)
		return err;
	if (judged->done) {
		judged->verdict.why = spoiled(report, &opts, allows_loss(report));
		if (judged->verdict.why)
			take_back(report, judged->verdict.why);
		judged_count(report);
	}
	*out = judged->verdict;
	return 0;
}
