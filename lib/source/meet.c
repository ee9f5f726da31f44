// SPDX-License-Identifier: BSD-2-Clause
/*
 * meet.c: makes ready for a loop that was found, and puts away one that ended.
 *
 * Opens its process, has it looked at, aims the walker, starts the sampling,
 * and only then lets the record go on. What cannot be had is noted once and
 * everything else goes on.
 */
#include "source/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tell_target(struct watch *w, struct proc *proc)
{
	struct wire_target *target = procs_look(&w->procs, proc, watch_clock(CLOCK_MONOTONIC));
	int err = target ? watch_hand_out(w, target) : -ENOMEM;

	free(target);
	return err;
}

static void aim(struct watch *w, struct proc *proc, const struct wire_found *found)
{
	uint64_t tstate;

	if (!proc->has_layout)
		return;
	if (namer_thread(w->namer, found->pid, found->nstid, found->fsbase, &tstate))
		return;
	live_aim(w->live, found->slot, found->serial, tstate, &proc->layout);
}

static void start_samples(struct watch *w, const struct wire_found *found)
{
	int err = live_sample(w->live, found->slot, found->tid);

	if (!err || err == -ESRCH || w->no_samples_told)
		return;
	w->no_samples_told = true;
	watch_note(w, "stacks of time on the CPU", strerror(-err),
		   "run as root, or lower kernel.perf_event_paranoid");
}

/* A loop was found: everything about it is made ready before the record goes on. */
int meet(struct watch *w, const struct wire_found *found)
{
	struct seat *seat = &w->seats[found->slot];
	struct proc *proc = procs_find(&w->procs, found->pid);
	bool asked = proc && proc->asked;
	int err = 0;

	if (proc && !proc->loops && proc_is_stale(proc)) {
		procs_drop(&w->procs, proc);
		proc = NULL;
	}
	if (!proc)
		proc = procs_add(&w->procs, found->pid, asked, &err);
	*seat = (struct seat){ .serial = found->serial, .pid = found->pid };
	if (!proc)
		return err == -ESRCH ? 0 : watch_note(w, "names of a process", strerror(-err), "");
	if (!proc->looked)
		err = tell_target(w, proc);
	proc->loops++;
	aim(w, proc, found);
	start_samples(w, found);
	return err < 0 ? err : 0;
}

int tell_slot(struct watch *w, uint32_t slot)
{
	if (!slots_loop(w->slots, slot, &w->slot->loop))
		return 0;
	w->slot->head = watch_head(WIRE_SLOT, sizeof(*w->slot));
	return watch_hand_out(w, w->slot);
}

/* A loop has ended: its last totals go out before the news. */
int part(struct watch *w, const struct wire_gone *gone)
{
	struct proc *proc = procs_find(&w->procs, gone->pid);
	int err;

	if (w->seats[gone->slot].serial != gone->serial)
		return 0;
	err = tell_slot(w, gone->slot);
	if (!err)
		err = watch_hand_out(w, gone);
	memset(&w->seats[gone->slot], 0, sizeof(w->seats[0]));
	live_recycle(w->live, gone->slot);
	if (!proc)
		return err;
	if (proc->loops)
		proc->loops--;
	if (!proc->loops && !proc->asked)
		procs_drop(&w->procs, proc);
	return err;
}
