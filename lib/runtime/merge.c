// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge.c: groups, their evals, and what lies between.
 *
 * Next to a group of Python frames the interpreter's own call helpers say
 * nothing; they are left out, save the leaf itself, which is what runs. So is
 * what starts a program, a thread or a greenlet, at the outer end.
 */
#include "runtime/merge.h"

#define NOWHERE UINT32_MAX

struct group {
	unsigned int first, n; /* Python frames, without the shim */
	uint64_t inside;       /* an address within its eval; 0: not known */
	uint32_t eval;         /* native frame; NOWHERE: lies beyond those that are known */
};

struct plan {
	const struct merge_stacks *in;
	struct group groups[WIRE_FRAMES + 1];
	unsigned int n_groups;
	struct merge_step *out;
	size_t n_out;
};

static void make_groups(struct plan *plan)
{
	struct group *group = &plan->groups[0];

	*group = (struct group){ 0 };
	for (unsigned int i = 0; i < plan->in->n_python; i++) {
		const struct merge_python *frame = &plan->in->python[i];

		if (!frame->shim)
			group->n++;
		if (!frame->last)
			continue;
		group->inside = frame->inside;
		group = &plan->groups[++plan->n_groups];
		*group = (struct group){ .first = i + 1 };
	}
	if (group->n)
		plan->n_groups++;
}

/* The next native frame, from that one on, that is an eval by its name. */
static uint32_t next_eval(const struct merge_stacks *in, uint32_t from)
{
	for (uint32_t i = from; i < in->n_native; i++) {
		if (in->native[i].eval)
			return i;
	}
	return NOWHERE;
}

static uint32_t holding(const struct merge_stacks *in, uint32_t from, uint64_t address)
{
	for (uint32_t i = from; i < in->n_native; i++) {
		if (address >= in->native[i].sp && address < in->native[i].end)
			return i;
	}
	return NOWHERE;
}

/* What lies beyond the last native frame is in order where those are not all known. */
static bool is_beyond(const struct merge_stacks *in, uint64_t address)
{
	return !in->native_whole && in->n_native && address >= in->native[in->n_native - 1].sp;
}

/* Finds each group's eval, from the inside out. False: they do not fit. */
static bool place(struct plan *plan)
{
	const struct merge_stacks *in = plan->in;
	uint32_t from = 0;

	for (unsigned int g = 0; g < plan->n_groups; g++) {
		struct group *group = &plan->groups[g];

		if (from == NOWHERE)
			group->eval = NOWHERE;
		else if (group->inside)
			group->eval = holding(in, from, group->inside);
		else
			group->eval = next_eval(in, from);
		if (group->eval == NOWHERE && in->native_whole)
			return false;
		if (group->eval == NOWHERE && group->inside && !is_beyond(in, group->inside))
			return false;
		from = group->eval == NOWHERE ? NOWHERE : group->eval + 1;
	}
	/* Counted, not found: an eval without a group shows that the count went wrong. */
	return in->by_address || !in->python_whole || from == NOWHERE ||
	       next_eval(in, from) == NOWHERE;
}

static void add(struct plan *plan, enum merge_kind kind, unsigned int i)
{
	plan->out[plan->n_out++] = (struct merge_step){ .kind = kind, .i = i };
}

static void add_native(struct plan *plan, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		add(plan, MERGE_NATIVE, i);
}

static void add_python(struct plan *plan, const struct group *group)
{
	for (unsigned int i = 0; i < group->n; i++)
		add(plan, MERGE_PYTHON, group->first + i);
}

static bool is_plumbing(const struct merge_native *frame, bool outermost)
{
	return frame->inner || (outermost && frame->system);
}

/* The leaf and what it was called by, up to the helpers that called into C: which of those there
 * are is another thing each time the interpreter has made a call site faster. */
static void add_leaf(struct plan *plan, uint32_t to)
{
	while (to > 1 && plan->in->native[to - 1].helper)
		to--;
	add_native(plan, 0, to);
}

/* What lies outside a group, without the call helpers at both ends. Whether anything was left. */
static bool add_between(struct plan *plan, uint32_t from, uint32_t to, bool outermost)
{
	const struct merge_native *native = plan->in->native;

	while (from < to && is_plumbing(&native[from], outermost))
		from++;
	while (from < to && is_plumbing(&native[to - 1], outermost))
		to--;
	add_native(plan, from, to);
	return from < to;
}

/* What lies outside the last group that has an eval, and the groups beyond. */
static void add_rest(struct plan *plan, uint32_t from, unsigned int group)
{
	const struct merge_stacks *in = plan->in;
	bool all = group == plan->n_groups, some = true;

	if (all && !in->python_whole)
		return;
	if (!group)
		add_native(plan, from, in->n_native);
	else
		some = add_between(plan, from, in->n_native, all);
	if (!in->native_whole && (some || !all))
		add(plan, MERGE_BROKEN, 0);
	for (; group < plan->n_groups; group++)
		add_python(plan, &plan->groups[group]);
}

static void whole_form(struct plan *plan)
{
	uint32_t from = 0;
	unsigned int g = 0;

	for (; g < plan->n_groups && plan->groups[g].eval != NOWHERE; g++) {
		const struct group *group = &plan->groups[g];

		if (g)
			add_between(plan, from, group->eval, false);
		else
			add_leaf(plan, group->eval);
		add_python(plan, group);
		from = group->eval + 1;
	}
	add_rest(plan, from, g);
}

/* Where the first eval is not to be found either, native frames end with the first of the
 * interpreter's own. */
static void reduced_form(struct plan *plan)
{
	const struct merge_stacks *in = plan->in;
	uint32_t end = next_eval(in, 0);

	if (in->by_address && plan->n_groups && plan->groups[0].inside &&
	    holding(in, 0, plan->groups[0].inside) < end)
		end = holding(in, 0, plan->groups[0].inside);
	for (uint32_t i = 1; i < in->n_native && end == NOWHERE; i++) {
		if (in->native[i].inner)
			end = i;
	}
	add_leaf(plan, end < in->n_native ? end : in->n_native);
	for (unsigned int i = 0; i < in->n_python; i++) {
		if (!in->python[i].shim)
			add(plan, MERGE_PYTHON, i);
	}
}

bool merge_called(const struct merge_stacks *stacks, unsigned int *eval)
{
	struct plan plan = { .in = stacks };
	const struct group *leaf = &plan.groups[0];

	make_groups(&plan);
	/* Counted evals can be off by one, unless all are there. */
	if (!stacks->by_address && !(stacks->native_whole && stacks->python_whole))
		return false;
	if (!stacks->python_grouped || !plan.n_groups || !leaf->n || !place(&plan) ||
	    leaf->eval == NOWHERE || !leaf->eval)
		return false;
	*eval = leaf->eval;
	return true;
}

size_t merge(const struct merge_stacks *stacks, struct merge_step out[MERGE_STEPS])
{
	struct plan plan = { .in = stacks, .out = out };

	make_groups(&plan);
	if (stacks->python_grouped && place(&plan))
		whole_form(&plan);
	else
		reduced_form(&plan);
	return plan.n_out;
}
