// SPDX-License-Identifier: BSD-2-Clause
/*
 * inventory.c: rows of the kernel's calls[] by what they show. See inventory.h.
 */
#include "inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "blame.h"
#include "collect.h"
#include "place.h"
#include "rules.h"
#include "tables.h"

#define NS_PER_S  1000000000ULL
#define MAX_SEEN  65536 /* rows of the kernel told of so far */
#define MAX_LINES 4096  /* of the report */

/* A row of the kernel. */
struct seen {
	struct wire_call_key key;
	struct wire_call_sum sum;
	uint32_t line;   /* GW_NONE: its stack has not come */
	uint32_t family; /* of usage.h; GW_NONE: not known, or anybody's */
};

/* What is one thing to a reader. */
struct line {
	uint32_t serial;
	int32_t call;
	const char *class;
	const struct gw_peer *peer; /* of the longest */
	uint32_t frame, stack;
	uint64_t shown_ns; /* length of the one whose stack it is */
	struct gw_advice advice;
};

struct inventory {
	struct report_vec seen, lines;
	struct map seen_by_key, line_by_key;
	struct wire_call_sum rest; /* of kernel rows that found no place here */
};

int inventory_new(struct inventory **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void inventory_free(struct inventory *inventory)
{
	if (!inventory)
		return;
	free(inventory->seen.items);
	free(inventory->lines.items);
	map_free(&inventory->seen_by_key);
	map_free(&inventory->line_by_key);
	free(inventory);
}

static struct seen *seen_at(const struct inventory *inventory, uint64_t i)
{
	return (struct seen *)inventory->seen.items + i;
}

static struct line *line_at(const struct inventory *inventory, uint64_t i)
{
	return (struct line *)inventory->lines.items + i;
}

/* map.h keeps one value for itself. */
static uint64_t map_key(const void *bytes, size_t size)
{
	return hash_add(HASH_START, bytes, size) & INT64_MAX;
}

/* *out NULL: no place is left. */
static int see(struct inventory *inventory, const struct wire_call_key *wire, struct seen **out)
{
	uint64_t key = map_key(wire, sizeof(*wire)), i;

	*out = NULL;
	if (map_get(&inventory->seen_by_key, key, &i)) {
		*out = seen_at(inventory, i);
		return 0;
	}
	if (inventory->seen.count >= MAX_SEEN)
		return 0;
	*out = tables_add(&inventory->seen, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->key = *wire;
	(*out)->line = GW_NONE;
	(*out)->family = GW_NONE;
	return map_put(&inventory->seen_by_key, key, inventory->seen.count - 1);
}

/* What rules look at: calls of that line, as if they had been a stall. */
static void advise(struct gw_report *report, const struct line *line,
		   const struct wire_call_sum *sum, struct gw_advice *out)
{
	struct rule_case c = { .report = report,
			       .runtime = collect_runtime(report, line->serial),
			       .cause = GW_CAUSE_SYSCALL,
			       .call = call_name(line->call),
			       .class = line->class,
			       .peer = line->peer,
			       .stack = line->stack,
			       .calls = (uint32_t)sum->calls,
			       .took_ns = sum->total_ns,
			       .total_ns = sum->total_ns,
			       .max_ns = sum->max_ns,
			       .gc_ns = GW_UNKNOWN_NS };

	if (line->call == WIRE_CALL_GIL)
		c.cause = GW_CAUSE_GIL;
	else if (line->call == WIRE_CALL_FAULT)
		c.cause = GW_CAUSE_PAGEFAULT;
	else if (!strcmp(line->class, "lock"))
		c.cause = GW_CAUSE_LOCK;
	rules_match(&c, out);
}

static void show(struct gw_report *report, struct line *line, const struct wire_stack *stack,
		 const struct named *named)
{
	line->stack = named->stack;
	line->peer = named->peer;
	line->shown_ns = stack->blocked_ns;
	advise(report, line,
	       &(struct wire_call_sum){
		       .calls = 1, .total_ns = stack->blocked_ns, .max_ns = stack->blocked_ns },
	       &line->advice);
}

/* The line that a stack belongs to; GW_NONE: no place is left. */
static int line_of(struct inventory *inventory, struct gw_report *report,
		   const struct wire_stack *stack, const struct named *named, uint32_t *out)
{
	uint32_t at;
	struct {
		uint64_t serial, call, frame;
		const char *class, *kind;
	} same = { stack->serial, (uint64_t)(int64_t)stack->call,
		   place_app_frame(report, named->stack, &at), named->class,
		   named->peer ? named->peer->kind : NULL };
	uint64_t key = map_key(&same, sizeof(same)), i;
	struct line *line;

	*out = GW_NONE;
	if (map_get(&inventory->line_by_key, key, &i)) {
		*out = i;
		return 0;
	}
	if (inventory->lines.count >= MAX_LINES)
		return 0;
	line = tables_add(&inventory->lines, sizeof(*line));
	if (!line)
		return -ENOMEM;
	*line = (struct line){ .serial = stack->serial,
			       .call = stack->call,
			       .class = named->class,
			       .frame = same.frame,
			       .stack = GW_NONE };
	*out = inventory->lines.count - 1;
	return map_put(&inventory->line_by_key, key, *out);
}

int inventory_stack(struct inventory *inventory, struct gw_report *report,
		    const struct wire_stack *stack, const struct named *named, uint32_t family)
{
	struct wire_call_key key = { .serial = stack->serial,
				     .call = stack->call,
				     .site = stack->site };
	struct seen *seen;
	struct line *line;
	int err = see(inventory, &key, &seen);

	if (err || !seen)
		return err;
	/* the interpreter's own waits are one row, whoever was in them (bpf/site.h) */
	if (stack->call >= 0)
		seen->family = family;
	if (seen->line == GW_NONE)
		err = line_of(inventory, report, stack, named, &seen->line);
	if (err || seen->line == GW_NONE)
		return err;
	line = line_at(inventory, seen->line);
	if (line->stack == GW_NONE || stack->blocked_ns > line->shown_ns)
		show(report, line, stack, named);
	return 0;
}

static void sum_add(struct wire_call_sum *to, const struct wire_call_sum *from)
{
	to->calls += from->calls;
	to->total_ns += from->total_ns;
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
}

int inventory_rows(struct inventory *inventory, const struct wire_calls *rows)
{
	for (uint32_t i = 0; i < rows->n; i++) {
		struct seen *seen;
		int err = see(inventory, &rows->rows[i].key, &seen);

		if (err)
			return err;
		if (seen)
			seen->sum = rows->rows[i].sum;
		else if (rows->head.flags)
			sum_add(&inventory->rest, &rows->rows[i].sum);
	}
	return 0;
}

void inventory_warmup(struct inventory *inventory)
{
	for (uint32_t i = 0; i < inventory->seen.count; i++)
		seen_at(inventory, i)->sum = (struct wire_call_sum){ 0 };
	inventory->rest = (struct wire_call_sum){ 0 };
}

void inventory_blocked(const struct inventory *inventory, uint64_t *blocked, uint32_t n)
{
	for (uint32_t i = 0; i < inventory->seen.count; i++) {
		const struct seen *seen = seen_at(inventory, i);

		if (seen->family < n)
			blocked[seen->family] += seen->sum.total_ns;
	}
}

static int by_total(const void *a, const void *b)
{
	const struct report_call *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	if (x->loop != y->loop)
		return x->loop < y->loop ? -1 : 1;
	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return strcmp(x->call, y->call);
}

static void call_add(struct report_call *call, const struct wire_call_sum *sum)
{
	call->calls += sum->calls;
	call->total_ns += sum->total_ns;
	if (sum->max_ns > call->max_ns)
		call->max_ns = sum->max_ns;
}

/* Those whose stack never came: by loop and call. */
static struct report_call *nameless(struct gw_report *report, uint32_t first, uint32_t loop,
				    int32_t nr)
{
	const char *name = call_name(nr);
	struct report_call *call;

	for (uint32_t i = first; i < report->calls.count; i++) {
		call = (struct report_call *)report->calls.items + i;
		if (call->loop == loop && call->call == name)
			return call;
	}
	call = tables_add(&report->calls, sizeof(*call));
	if (call)
		*call = (struct report_call){ .loop = loop,
					      .call = name,
					      .class = call_class(nr),
					      .frame = GW_NONE,
					      .stack = GW_NONE };
	return call;
}

static int put_lines(const struct inventory *inventory, struct gw_report *report)
{
	for (uint32_t i = 0; i < inventory->lines.count; i++) {
		const struct line *line = line_at(inventory, i);
		struct report_call *call = tables_add(&report->calls, sizeof(*call));

		if (!call)
			return -ENOMEM;
		*call = (struct report_call){ .loop = collect_loop_index(report, line->serial),
					      .call = call_name(line->call),
					      .class = line->class,
					      .peer = line->peer,
					      .frame = line->frame,
					      .stack = line->stack,
					      .advice = line->advice };
	}
	return 0;
}

/* What many calls are, one alone does not show: the commits of a database, a walk through a tree. A
 * rule that asks for many means those of one turn; here it gets those of an average second. */
static void advise_many(const struct inventory *inventory, struct gw_report *report)
{
	uint64_t seconds = report->duration_ns / NS_PER_S;

	for (uint32_t i = 0; i < inventory->lines.count; i++) {
		struct report_call *call = (struct report_call *)report->calls.items + i;
		uint64_t n = seconds ? call->calls / seconds : call->calls;
		struct wire_call_sum sum = { .calls = n,
					     .total_ns = call->total_ns,
					     .max_ns = call->max_ns };

		if (n > 1)
			advise(report, line_at(inventory, i), &sum, &call->advice);
	}
}

/* Lines of which no row has come yet are of no use to anybody. */
static void drop_empty(struct gw_report *report)
{
	struct report_call *calls = report->calls.items;
	uint32_t n = 0;

	for (uint32_t i = 0; i < report->calls.count; i++)
		if (calls[i].calls)
			calls[n++] = calls[i];
	report->calls.count = n;
}

int inventory_collect(const struct inventory *inventory, struct gw_report *report)
{
	int err;

	report->calls.count = 0;
	err = put_lines(inventory, report);
	for (uint32_t i = 0; !err && i < inventory->seen.count; i++) {
		const struct seen *seen = seen_at(inventory, i);
		struct report_call *call = (struct report_call *)report->calls.items + seen->line;

		if (!seen->sum.calls)
			continue;
		if (seen->line == GW_NONE)
			call = nameless(report, inventory->lines.count,
					collect_loop_index(report, seen->key.serial),
					seen->key.call);
		if (!call)
			return -ENOMEM;
		call_add(call, &seen->sum);
	}
	report->calls_rest = inventory->rest.calls;
	report->calls_rest_ns = inventory->rest.total_ns;
	report_each (report, loops, struct report_loop, loop) {
		report->calls_rest += loop->folded_calls;
		report->calls_rest_ns += loop->folded_ns;
	}
	if (err)
		return err;
	advise_many(inventory, report);
	drop_empty(report);
	if (report->calls.count)
		qsort(report->calls.items, report->calls.count, sizeof(struct report_call),
		      by_total);
	return 0;
}
