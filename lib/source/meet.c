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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX 64 /* processes met for the locks they held */
#define AIM_TRIES  20 /* ticks */
#define AIM_WAIT   64 /* ticks at most between two looks for greenlets that are yet to come */

int tell_target(struct watch *w, struct proc *proc)
{
	struct wire_target *target = procs_look(&w->procs, proc, watch_clock(CLOCK_MONOTONIC));
	int err = target ? watch_hand_out(w, target) : -ENOMEM;

	free(target);
	return err;
}

static int note_no_frames(struct watch *w, const struct proc *proc, const char *why)
{
	bool node = !strcmp(proc->runtime, "node");
	char what[64];

	snprintf(what, sizeof(what), "%s of process %u",
		 node ? "names of JavaScript functions" : "Python frames", proc->keeper.pid);
	return watch_note(
		w, what, why,
		node ? "node --perf-basic-prof --interpreted-frames-native-stack gives them" : "");
}

static int note_no_greenlets(struct watch *w, const struct proc *proc, const char *why)
{
	char what[64];

	snprintf(what, sizeof(what), "greenlets of process %u", proc->keeper.pid);
	return watch_note(w, what, why, "");
}

/* Greenlets may come later, so the aim is tried again, ever more rarely. */
static int aim_again(struct watch *w, struct seat *seat, const struct proc *proc,
		     const struct namer_aim *got)
{
	seat->aim_tries = got->pending ? AIM_TRIES : 0;
	seat->aim_pause = seat->aim_wait;
	if (seat->aim_wait < AIM_WAIT)
		seat->aim_wait = seat->aim_wait ? seat->aim_wait * 2 : 1;
	if (!got->why[0] || seat->aim_told || (got->pending && seat->aim_wait < AIM_TRIES))
		return 0;
	seat->aim_told = 1;
	return note_no_greenlets(w, proc, got->why);
}

/* A thread list that moved under the look is tried again at the next tick. */
int meet_aim(struct watch *w, uint32_t slot)
{
	struct seat *seat = &w->seats[slot];
	struct proc *proc = procs_find(&w->procs, seat->pid);
	struct namer_aim got;
	int err;

	if (seat->aim_pause) {
		seat->aim_pause--;
		return 0;
	}
	if (!seat->aim_tries || !proc || !proc->has_layout)
		return 0;
	seat->aim_tries--;
	err = namer_thread(w->namer, seat->pid, seat->nstid, seat->fsbase, &got);
	if (!err) {
		got.aim.serial = seat->serial;
		err = live_aim(w->live, slot, &got.aim, &proc->layout);
	}
	if (!err)
		return aim_again(w, seat, proc, &got);
	if (!seat->aim_tries && !seat->aim_wait)
		return note_no_frames(w, proc,
				      err == -ENOENT
					      ? "the interpreter does not know the loop's thread"
					      : "its thread state could not be read");
	return 0;
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

static void drop(struct watch *w, struct proc *proc)
{
	workers_forget(w, proc);
	poolwatch_forget(w, proc);
	procs_drop(&w->procs, proc);
}

/* What became another program is opened and looked at anew, though it has shown no loop yet. */
int meet_renewed(struct watch *w)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < w->procs.count; i++) {
		struct proc *proc = w->procs.items[i];
		uint32_t pid = proc->keeper.pid;
		int unused;

		if (!proc->asked || proc->loops || proc_has_ended(proc) || !proc_is_stale(proc))
			continue;
		drop(w, proc);
		proc = procs_add(&w->procs, pid, true, &unused);
		err = proc ? tell_target(w, proc) : 0;
	}
	return err;
}

/* A loop was found: everything about it is made ready before the record goes on. */
int meet(struct watch *w, const struct wire_found *found)
{
	struct seat *seat = &w->seats[found->slot];
	struct proc *proc = procs_find(&w->procs, found->pid);
	const struct wire_turn *turn = &slots_peek(w->slots, found->slot)->turn;
	bool asked = proc && proc->asked;
	int err = 0;

	if (proc && !proc->loops && proc_is_stale(proc)) {
		drop(w, proc);
		proc = NULL;
	}
	if (!proc)
		proc = procs_add(&w->procs, found->pid, asked, &err);
	free(seat->lag);
	*seat = (struct seat){ .serial = found->serial,
			       .pid = found->pid,
			       .nstid = found->nstid,
			       .fsbase = found->fsbase,
			       .user_ns = turn->user_ns,
			       .kernel_ns = turn->kernel_ns,
			       .aim_tries = AIM_TRIES };
	if (!proc)
		return err == -ESRCH ? 0 : watch_note(w, "names of a process", strerror(-err), "");
	/* what was only starting at an earlier look is there now */
	if (!proc->loops && found->head.now_ns > proc->looked_ns + proc->look_wait_ns)
		err = tell_target(w, proc);
	if (!err && !proc->loops && proc->why[0])
		err = note_no_frames(w, proc, proc->why);
	proc->loops++;
	proc->park_wait = 0; /* its workers may be there now */
	proc->park_pause = 0;
	if (proc->has_layout && w->audits < AUDITS && inspect_ask(&w->inspect, found->pid))
		w->audits++;
	start_samples(w, found);
	return err ? err : meet_aim(w, found->slot);
}

int tell_slot(struct watch *w, uint32_t slot)
{
	const struct seat *seat = &w->seats[slot];
	const struct wire_turn *turn = &w->slot->loop.turn;
	struct wire_times times = { .serial = seat->serial };
	int err;

	if (!slots_loop(w->slots, slot, &w->slot->loop))
		return 0;
	w->slot->head = watch_head(WIRE_SLOT, sizeof(*w->slot));
	err = watch_hand_out(w, w->slot);
	if (err || w->slot->loop.serial != seat->serial)
		return err;
	times.head = watch_head(WIRE_TIMES, sizeof(times));
	times.user_ns = turn->user_ns > seat->user_ns ? turn->user_ns - seat->user_ns : 0;
	times.kernel_ns = turn->kernel_ns > seat->kernel_ns ? turn->kernel_ns - seat->kernel_ns : 0;
	return watch_hand_out(w, &times);
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
	free(w->seats[gone->slot].lag);
	memset(&w->seats[gone->slot], 0, sizeof(w->seats[0]));
	live_recycle(w->live, gone->slot);
	w->calls_ended++;
	if (!proc)
		return err;
	if (proc->loops)
		proc->loops--;
	if (!proc->loops && !proc->asked)
		drop(w, proc);
	return err;
}

/* Those without a loop that have ended make room. */
static void drop_others(struct watch *w)
{
	for (uint32_t i = w->procs.count; i-- > 0;) {
		struct proc *proc = w->procs.items[i];

		if (!proc->loops && !proc->asked && proc_has_ended(proc))
			procs_drop(&w->procs, proc);
	}
	w->others = 0;
	for (uint32_t i = 0; i < w->procs.count; i++)
		w->others += !w->procs.items[i]->loops && !w->procs.items[i]->asked;
}

/* Of a process without a loop, such as a child that shares a lock with one. */
static struct proc *meet_other(struct watch *w, uint32_t pid)
{
	struct proc *proc = procs_find(&w->procs, pid);
	struct wire_target *unused;
	int err;

	if (w->others >= OTHERS_MAX || (proc && proc_has_ended(proc))) {
		drop_others(w);
		proc = procs_find(&w->procs, pid);
	}
	if (proc || w->others >= OTHERS_MAX)
		return proc;
	proc = procs_add(&w->procs, pid, false, &err);
	if (!proc)
		return NULL;
	w->others++;
	unused = procs_look(&w->procs, proc, watch_clock(CLOCK_MONOTONIC));
	free(unused);
	return proc;
}

int tell_holder(struct watch *w, const struct wire_stack *holder)
{
	struct proc *proc = meet_other(w, holder->pid);
	struct wire_stack known;

	if (!proc || holder->head.size > sizeof(known))
		return 0;
	memcpy(&known, holder, holder->head.size);
	if (known.owner &&
	    !keeper_thread(&proc->keeper, known.owner, &known.waker_tid, known.waker_comm))
		known.waker_pid = known.pid;
	return watch_hand_out(w, &known);
}

int tell_owner(struct watch *w, struct wire_stack *slice)
{
	struct proc *proc = procs_find(&w->procs, slice->pid);
	struct wire_stack owner = { .head = slice->head,
				    .serial = slice->serial,
				    .pid = slice->pid,
				    .turn_ns = slice->turn_ns,
				    .off_ns = slice->off_ns,
				    .call = slice->call,
				    .off = slice->off,
				    .owner = slice->owner,
				    .fd.fd = WIRE_FD_NONE };

	if (!proc || keeper_thread(&proc->keeper, slice->owner, &owner.waker_tid, owner.waker_comm))
		return 0;
	owner.head.kind = WIRE_HOLDER;
	owner.head.size = WIRE_STACK_BASE;
	owner.waker_pid = slice->pid;
	owner.holder = owner.waker_tid;
	keeper_registers(&proc->keeper, owner.waker_tid, (uint64_t *)&owner.regs[WIRE_REG_IP],
			 (uint64_t *)&owner.regs[WIRE_REG_SP]);
	slice->owner = owner.waker_tid;
	slice->waker_pid = owner.waker_pid;
	slice->waker_tid = owner.waker_tid;
	memcpy(slice->waker_comm, owner.waker_comm, sizeof(slice->waker_comm));
	return watch_hand_out(w, &owner);
}
