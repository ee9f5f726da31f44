// SPDX-License-Identifier: BSD-2-Clause
/*
 * usage.c: families, their shares, holds and trend. See usage.h.
 *
 *	sample   |  #1      #2      #3  |     #4          CPU time between them: the family's share
 *	task     |  A       A       B   |     B           holds: A from #1 to #2, B twice, since a
 *	turn     '----------------------'-------------    turn lies between
 */
#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/hist.h"
#include "collect.h"
#include "tables.h"

#define MAX_FAMILIES 4096
#define MAX_KNOWN    32768 /* different stacks whose family is known */
#define VARIANTS     8     /* places of spawning told apart in a family */
#define RECENT       32    /* tasks of a family seen last */
#define HOLD_PARTS   100   /* for how many short holds one sample stands at most */

/* Where some of a family were spawned. */
struct variant {
	uint32_t spawned; /* stack; GW_NONE: not known */
	uint64_t cpu_ns;
};

struct family {
	uint32_t serial;
	enum gw_task_kind kind;
	uint32_t entry; /* frame it begins with; GW_NONE: not known */
	uint32_t n_variants, n_recent;
	uint64_t cpu_ns, longest_ns, holds_ns;
	uint64_t samples, instances, stalls;
	uint64_t holds[HIST_BOUNDS + 1];
	uint64_t trend[REPORT_TREND]; /* CPU time by steps of the run */
	uint64_t recent[RECENT];
	struct variant variants[VARIANTS];
};

/* What a loop was seen to run last. */
struct hold {
	uint32_t serial;
	uint32_t family;
	uint64_t task, turn_ns;
	uint64_t first_ns, last_ns;
	uint64_t ran_ns; /* CPU time of the loop at its last sample */
	uint64_t period_ns;
};

struct usage {
	struct report_vec families, holds;
	struct map family_by_key, known, hold_by_serial;
	uint64_t step_ns; /* of the trend */
};

int usage_new(struct usage **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->step_ns = 1000000000;
	return 0;
}

void usage_free(struct usage *usage)
{
	if (!usage)
		return;
	free(usage->families.items);
	free(usage->holds.items);
	map_free(&usage->family_by_key);
	map_free(&usage->known);
	map_free(&usage->hold_by_serial);
	free(usage);
}

static struct family *family_at(const struct usage *usage, uint64_t i)
{
	return (struct family *)usage->families.items + i;
}

uint32_t usage_families(const struct usage *usage)
{
	return usage->families.count;
}

/* map.h keeps one value for itself. */
static uint64_t map_key(const void *bytes, size_t size)
{
	return hash_add(HASH_START, bytes, size) & INT64_MAX;
}

/* Stacks that differ in the lines only are of the same family. */
static uint64_t stack_key(const struct wire_stack *stack)
{
	uint64_t hash = hash_add(HASH_START, &stack->serial, sizeof(stack->serial));

	for (uint32_t i = 0; i < stack->n_python; i++)
		hash = hash_add(hash, &stack->python[i].code, sizeof(stack->python[i].code));
	return hash & INT64_MAX;
}

bool usage_knows(const struct usage *usage, const struct wire_stack *stack)
{
	uint64_t family;

	return stack->head.flags & WIRE_STACK_LIGHT && !(stack->head.flags & WIRE_STACK_FRESH) &&
	       map_get(&usage->known, stack_key(stack), &family);
}

/* The frame the task begins with: the application's outermost one, else the outermost of all. */
static uint32_t entry_of(const struct gw_report *report, const struct named *named)
{
	const uint32_t *frames;
	uint32_t n = named->stack == GW_NONE ? 0 : report_stack(report, named->stack, &frames);
	uint32_t last = GW_NONE;

	if (named->kind == GW_TASK_HUB || named->kind == GW_TASK_NONE)
		return GW_NONE;
	while (n-- > 0) {
		const struct gw_frame *frame = report_frame(report, frames[n]);

		if (frame->app)
			return frames[n];
		if (last == GW_NONE && report_is_script(frame))
			last = frames[n];
	}
	return last;
}

int usage_family(struct usage *usage, const struct gw_report *report, uint32_t serial,
		 const struct named *named, uint32_t *out)
{
	uint32_t entry = entry_of(report, named);
	const struct gw_frame *frame = entry == GW_NONE ? NULL : report_frame(report, entry);
	struct {
		uint64_t serial, kind;
		const char *name, *file;
	} same = { serial, named->kind, frame ? frame->name : NULL, frame ? frame->file : NULL };
	uint64_t key = map_key(&same, sizeof(same)), i;
	struct family *family;

	*out = GW_NONE;
	if (map_get(&usage->family_by_key, key, &i)) {
		*out = i;
		return 0;
	}
	if (usage->families.count >= MAX_FAMILIES)
		return 0;
	family = tables_add(&usage->families, sizeof(*family));
	if (!family)
		return -ENOMEM;
	family->serial = serial;
	family->kind = named->kind;
	family->entry = entry;
	*out = usage->families.count - 1;
	return map_put(&usage->family_by_key, key, *out);
}

static struct hold *hold_of(struct usage *usage, uint32_t serial)
{
	struct hold *hold;
	uint64_t i;

	if (map_get(&usage->hold_by_serial, serial, &i))
		return (struct hold *)usage->holds.items + i;
	hold = tables_add(&usage->holds, sizeof(*hold));
	if (!hold || map_put(&usage->hold_by_serial, serial, usage->holds.count - 1))
		return NULL;
	hold->serial = serial;
	hold->family = GW_NONE;
	return hold;
}

/* How long a hold was: half a sample period more at both ends, but within the turn. */
static uint64_t hold_took(const struct hold *hold)
{
	uint64_t took = hold->last_ns - hold->first_ns + hold->period_ns;

	if (hold->first_ns == hold->last_ns && hold->turn_ns < hold->first_ns &&
	    2 * (hold->first_ns - hold->turn_ns) < took)
		return 2 * (hold->first_ns - hold->turn_ns);
	return took;
}

/* Holds shorter than a period are hit by few samples: one stands for several like it. */
static void hold_end(struct usage *usage, const struct hold *hold)
{
	uint64_t took = hold_took(hold), times = 1;
	struct family *family;
	uint32_t bound = 0;

	if (hold->family == GW_NONE)
		return;
	if (took < hold->period_ns)
		times = hold->period_ns / took < HOLD_PARTS ? hold->period_ns / took : HOLD_PARTS;
	family = family_at(usage, hold->family);
	while (bound < HIST_BOUNDS && took > hist_bounds_ns[bound])
		bound++;
	family->holds[bound] += times;
	family->holds_ns += times * took;
	if (took > family->longest_ns)
		family->longest_ns = took;
}

static void hold_see(struct usage *usage, struct hold *hold, const struct wire_stack *stack,
		     uint32_t family, uint64_t period_ns)
{
	if (hold->family == family && hold->task == stack->task &&
	    hold->turn_ns == stack->turn_ns) {
		hold->last_ns = stack->off_ns;
		return;
	}
	hold_end(usage, hold);
	hold->family = family;
	hold->task = stack->task;
	hold->turn_ns = stack->turn_ns;
	hold->first_ns = stack->off_ns;
	hold->last_ns = stack->off_ns;
	hold->period_ns = period_ns;
}

static void see_instance(struct family *family, uint64_t task)
{
	uint32_t n = family->n_recent < RECENT ? family->n_recent : RECENT;

	for (uint32_t i = 0; i < n; i++)
		if (family->recent[i] == task)
			return;
	family->recent[family->n_recent++ % RECENT] = task;
	family->instances++;
}

static uint32_t depth_of(const struct gw_report *report, uint32_t stack, const uint32_t **frames)
{
	return stack == GW_NONE ? 0 : report_stack(report, stack, frames);
}

/* The same line that spawned: of a task that ends while it is read the rest may be missing. */
static bool same_spawn(const struct gw_report *report, uint32_t a, uint32_t b)
{
	const uint32_t *x, *y;
	uint32_t n = depth_of(report, a, &x), m = depth_of(report, b, &y);

	return n && m ? x[0] == y[0] : a == b;
}

static void see_variant(const struct gw_report *report, struct family *family, uint32_t spawned,
			uint64_t cpu_ns)
{
	struct variant *v = family->variants, *end = v + family->n_variants;
	const uint32_t *frames;

	while (v < end && !same_spawn(report, v->spawned, spawned))
		v++;
	if (v == end) {
		if (family->n_variants == VARIANTS)
			return;
		family->n_variants++;
		*v = (struct variant){ .spawned = spawned };
	}
	if (depth_of(report, spawned, &frames) > depth_of(report, v->spawned, &frames))
		v->spawned = spawned;
	v->cpu_ns += cpu_ns;
}

/* The trend has a fixed number of steps: when the run outgrows them they become twice as long. */
static void see_time(struct usage *usage, struct family *family, uint64_t at_ns, uint64_t cpu_ns)
{
	while (at_ns / usage->step_ns >= REPORT_TREND) {
		for (uint32_t f = 0; f < usage->families.count; f++) {
			uint64_t *trend = family_at(usage, f)->trend;

			for (uint32_t i = 0; i < REPORT_TREND / 2; i++)
				trend[i] = trend[2 * i] + trend[2 * i + 1];
			memset(trend + REPORT_TREND / 2, 0, REPORT_TREND / 2 * sizeof(*trend));
		}
		usage->step_ns *= 2;
	}
	family->trend[at_ns / usage->step_ns] += cpu_ns;
}

/* CPU time since the sample before; the first one of a loop stands for a period. */
static uint64_t share_of(struct hold *hold, const struct wire_stack *stack, uint64_t period_ns)
{
	uint64_t share = hold->ran_ns ? stack->ran_ns - hold->ran_ns : period_ns;

	if (stack->ran_ns < hold->ran_ns)
		share = 0;
	hold->ran_ns = stack->ran_ns;
	return share;
}

int usage_sample(struct usage *usage, const struct gw_report *report,
		 const struct wire_stack *stack, const struct named *named)
{
	struct hold *hold = hold_of(usage, stack->serial);
	bool fresh = named && !(stack->head.flags & WIRE_STACK_LIGHT &&
				!(stack->head.flags & WIRE_STACK_FRESH));
	uint64_t known, share, key = stack_key(stack);
	uint32_t i = GW_NONE;
	struct family *family;
	int err = 0;

	if (!hold)
		return -ENOMEM;
	share = share_of(hold, stack, report->period_ns);
	if (named)
		err = usage_family(usage, report, stack->serial, named, &i);
	else if (map_get(&usage->known, key, &known))
		i = known;
	if (err || i == GW_NONE)
		return err;
	if (named && usage->known.used < MAX_KNOWN)
		err = map_put(&usage->known, key, i);
	hold_see(usage, hold, stack, i, report->period_ns);
	family = family_at(usage, i);
	family->samples++;
	family->cpu_ns += share;
	see_instance(family, stack->task);
	if (fresh)
		see_variant(report, family, named->spawned, share);
	see_time(usage, family,
		 stack->off_ns > report->start_ns ? stack->off_ns - report->start_ns : 0, share);
	return err;
}

int usage_stall(struct usage *usage, const struct gw_report *report, const struct stall *stall)
{
	uint64_t sums[TASKS_MAX] = { 0 }, most = 0;
	uint32_t families[TASKS_MAX], best = GW_NONE;

	for (uint32_t i = 0; i < stall->n_tasks; i++) {
		uint32_t first = 0;
		int err = usage_family(usage, report, stall->serial, stall->tasks[i].named,
				       &families[i]);

		if (err)
			return err;
		while (families[first] != families[i])
			first++;
		sums[first] += stall->tasks[i].share_ns;
		if (sums[first] > most) {
			most = sums[first];
			best = families[i];
		}
	}
	if (best != GW_NONE)
		family_at(usage, best)->stalls++;
	return 0;
}

/* Families are known by their place: they stay, with nothing to show. */
void usage_warmup(struct usage *usage)
{
	for (uint32_t i = 0; i < usage->families.count; i++) {
		struct family *family = family_at(usage, i);

		*family = (struct family){ .serial = family->serial,
					   .kind = family->kind,
					   .entry = family->entry };
	}
	for (uint32_t i = 0; i < usage->holds.count; i++)
		((struct hold *)usage->holds.items + i)->family = GW_NONE;
}

static const char *name_of(const struct gw_report *report, const struct family *family)
{
	if (family->kind == GW_TASK_HUB)
		return "hub";
	if (family->kind == GW_TASK_NONE)
		return "the loop itself";
	return family->entry == GW_NONE ? "?" : report_frame(report, family->entry)->name;
}

static int by_cpu(const void *a, const void *b)
{
	const struct variant *x = a, *y = b;

	if (x->cpu_ns != y->cpu_ns)
		return x->cpu_ns < y->cpu_ns ? 1 : -1;
	return x->spawned < y->spawned ? -1 : x->spawned > y->spawned;
}

/* Where they were spawned, the most time first; what was not known then says nothing. */
static void put_spawns(const struct family *family, struct report_task *task)
{
	struct variant sorted[VARIANTS];

	memcpy(sorted, family->variants, sizeof(sorted));
	qsort(sorted, family->n_variants, sizeof(*sorted), by_cpu);
	for (uint32_t i = 0; i < family->n_variants && task->n_spawns < REPORT_SPAWNS; i++)
		if (sorted[i].spawned != GW_NONE)
			task->spawns[task->n_spawns++] =
				(struct report_spawn){ .stack = sorted[i].spawned,
						       .cpu_ns = sorted[i].cpu_ns };
}

static int put(struct gw_report *report, const struct usage *usage, uint32_t i)
{
	struct report_task *task = tables_add(&report->tasks, sizeof(*task));
	const struct family *family = family_at(usage, i);

	if (!task)
		return -ENOMEM;
	*task = (struct report_task){ .name = name_of(report, family),
				      .kind = family->kind,
				      .loop = collect_loop_index(report, family->serial),
				      .frame = family->entry,
				      .family = i,
				      .samples = family->samples,
				      .instances = family->instances,
				      .cpu_ns = family->cpu_ns,
				      .longest_ns = family->longest_ns,
				      .holds_ns = family->holds_ns,
				      .stalls = family->stalls };
	memcpy(task->holds, family->holds, sizeof(task->holds));
	memcpy(task->trend, family->trend, sizeof(task->trend));
	put_spawns(family, task);
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct report_task *x = a, *y = b;
	uint64_t mine = x->cpu_ns + x->blocked_ns, other = y->cpu_ns + y->blocked_ns;

	if (mine != other)
		return mine < other ? 1 : -1;
	return x->family < y->family ? -1 : x->family > y->family;
}

/* What is held now has been held so far at least. */
static void put_open_holds(const struct usage *usage, struct gw_report *report)
{
	for (uint32_t i = 0; i < usage->holds.count; i++) {
		const struct hold *hold = (const struct hold *)usage->holds.items + i;
		struct report_task *task = (struct report_task *)report->tasks.items + hold->family;
		uint64_t took = hold->family == GW_NONE ? 0 : hold_took(hold);

		if (took && took > task->longest_ns)
			task->longest_ns = took;
	}
}

int usage_collect(const struct usage *usage, struct gw_report *report, const uint64_t *blocked)
{
	int err = 0;

	report->tasks.count = 0;
	report->trend_step_ns = usage->step_ns;
	for (uint32_t i = 0; !err && i < usage->families.count; i++)
		err = put(report, usage, i);
	if (err)
		return err;
	put_open_holds(usage, report);
	report_each (report, tasks, struct report_task, task)
		task->blocked_ns = blocked[task->family];
	if (report->tasks.count)
		qsort(report->tasks.items, report->tasks.count, sizeof(struct report_task),
		      by_time);
	return 0;
}
