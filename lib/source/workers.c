// SPDX-License-Identifier: BSD-2-Clause
/*
 * workers.c: the workers of a runtime that parks its threads in futexes.
 *
 *	kernel: asleep in a futex -> namer: its stack parks -> kernel: a loop
 *
 * How they park is learnt from the first stack that shows it; from then on
 * the kernel side tells by itself when a thread parks, and which threads are
 * workers. Threads already asleep are asked for, at the start and ever more
 * rarely later. Where stacks do not tell, the loops are those of the gate,
 * and every futex is taken for their wait: no stall is invented.
 */
#include "source/watch.h"

#include <stdio.h>
#include <string.h>

#define LOOK_WAIT  64 /* ticks at most between two looks */
#define LOOK_DRAIN 65536

static int note_any(struct watch *w, const struct proc *proc)
{
	char what[64];

	snprintf(what, sizeof(what), "locks in the workers of process %u", proc->keeper.pid);
	return watch_note(
		w, what,
		"the program has no symbols: a worker that waits for a lock looks like one "
		"that has nothing to do, and block_in_place like a stall",
		"do not strip it (Cargo.toml: strip = \"debuginfo\" at most)");
}

static int learn(struct watch *w, struct proc *proc, const struct wire_park *park)
{
	struct wire_parks *known = &proc->known;

	for (uint32_t i = 0; i < known->n; i++)
		if (known->at[i].ret == park->ret && known->at[i].off == park->off)
			return 0;
	if (known->n == WIRE_PARKS)
		return 0;
	known->at[known->n++] = *park;
	return live_parks(w->live, proc->keeper.pid, known);
}

int workers_asleep(struct watch *w, const struct wire_asleep *asleep)
{
	struct proc *proc = procs_find(&w->procs, asleep->pid);
	struct wire_stack stack = { .pid = asleep->pid, .call = 202, .off = WIRE_BLOCKED };
	const struct wire_names *names;

	if (asleep->head.size != sizeof(*asleep) || !proc || w->n_parked == PARKED_MAX)
		return 0;
	stack.head.kind = WIRE_SLICE;
	memcpy(stack.regs, asleep->regs, sizeof(stack.regs));
	if (namer_stack(w->namer, &stack, NULL, &names) || !namer_park(w->namer))
		return 0;
	w->parked[w->n_parked++] = asleep->tid;
	return learn(w, proc, namer_park(w->namer));
}

/* Those just found become loops where they still sleep; what has run since is met by the kernel. */
static int bind(struct watch *w, struct proc *proc)
{
	int err = 0;

	for (uint32_t i = 0; i < w->n_parked; i++)
		live_worker(w->live, w->parked[i], true);
	if (w->n_parked)
		err = live_attach_asleep(w->live, proc->keeper.pid);
	for (uint32_t i = 0; i < w->n_parked; i++)
		live_worker(w->live, w->parked[i], false);
	w->n_parked = 0;
	return err;
}

void workers_forget(struct watch *w, const struct proc *proc)
{
	if (proc->known.n || proc->known.all)
		live_parks(w->live, proc->keeper.pid, NULL);
}

int workers_look(struct watch *w, struct proc *proc)
{
	int err;

	if (proc->parks == NAMER_PARKS_ANY && !proc->known.all) {
		proc->known.all = 1;
		err = live_parks(w->live, proc->keeper.pid, &proc->known);
		return err ? err : note_any(w, proc);
	}
	if (proc->parks != NAMER_PARKS)
		return 0;
	w->n_parked = 0;
	err = live_attach_asleep(w->live, proc->keeper.pid);
	if (!err)
		err = watch_drain(w, LOOK_DRAIN);
	return err ? err : bind(w, proc);
}

int workers_tick(struct watch *w)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < w->procs.count; i++) {
		struct proc *proc = w->procs.items[i];

		/* the kernel side finds others, and other ways to park turn up as they are named */
		if (!proc->parks || proc->known.n || proc->known.all)
			continue;
		if (proc->park_pause) {
			proc->park_pause--;
			continue;
		}
		if (proc->park_wait < LOOK_WAIT)
			proc->park_wait = proc->park_wait ? proc->park_wait * 2 : 1;
		proc->park_pause = proc->park_wait;
		err = workers_look(w, proc);
	}
	return err;
}

void workers_named(struct watch *w, const struct wire_stack *stack, const struct wire_names *names)
{
	struct proc *proc = procs_find(&w->procs, stack->pid);

	if (!(names->flags & WIRE_NAMES_AWAY) || !proc)
		return;
	for (uint32_t slot = 0; slot < LOOPS; slot++)
		if (w->seats[slot].serial == stack->serial)
			live_away(w->live, slot, stack->serial, stack->turn_ns);
	if (namer_park(w->namer))
		learn(w, proc, namer_park(w->namer));
}
