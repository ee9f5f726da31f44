/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * loop.bpf.h: a loop's life: found, late, gone.
 *
 * What more than one probe does to a loop. Does not decide what a wait is
 * (turn.bpf.c) and does no sums (turn.h).
 */
#ifndef LOOP_BPF_H
#define LOOP_BPF_H

#include "ready.bpf.h"
#include "slice.bpf.h"

/* The struct file behind a descriptor of a task, as a mere identity; 0: none. */
static __always_inline __u64 file_of(struct task_struct *task, __s32 fd)
{
	return (__u64)file_at(task, fd);
}

static __always_inline void loop_announce(struct task_struct *task, struct wire_loop *l, __u32 slot,
					  __u64 now)
{
	emit (struct wire_found, e, WIRE_LOOP, now) {
		e->serial = l->serial;
		e->slot = slot - 1;
		e->pid = l->pid;
		e->tid = l->tid;
		e->parent = l->parent;
		e->nstid = l->nstid;
		e->fsbase = l->fsbase;
		e->wait_class = l->wait_class;
		e->wait_fd = l->wait_fd;
		bpf_probe_read_kernel_str(e->comm, sizeof(e->comm), task->comm);
	}
}

static __always_inline __u32 next_serial(void)
{
	__u32 zero = 0;
	__u32 *serial = bpf_map_lookup_elem(&serials, &zero);

	return serial ? __sync_fetch_and_add(serial, 1) + 1 : 0;
}

static __always_inline void scratch_reset(__u32 slot)
{
	struct wire_scratch *scratch = scratch_at(slot);

	if (!scratch)
		return;
	scratch->best_ns = 0;
	scratch->sent = 0;
	scratch->n_sent = 0;
	scratch->n_waits = 0;
	scratch->n_rivals = 0;
}

/* The turn machine of a loop found asleep in its wait. */
static __always_inline void loop_asleep(struct wire_loop *l, struct task_struct *task, __u64 now)
{
	loop_write_begin(l);
	l->turn.last_ns = now;
	l->turn.off_ns = now;
	l->turn.off = WIRE_BLOCKED;
	l->turn.run_delay = task->sched_info.run_delay;
	l->turn.exec_ns = task->se.sum_exec_runtime;
	l->turn.phase = WIRE_IDLE;
	loop_write_end(l);
}

static __always_inline void late_fill(struct wire_late *e, const struct wire_loop *l,
				      struct task_struct *task, const struct wire_scratch *scratch)
{
	e->serial = l->serial;
	e->pid = l->pid;
	e->began_ns = l->turn.began_ns;
	e->ended_ns = e->head.now_ns;
	e->ledger = l->turn.ledger;
	e->user_ns = turn_since(task->utime, l->turn.user_ns);
	e->kernel_ns = turn_since(task->stime, l->turn.kernel_ns);
	e->slices = l->turn.slices;
	e->samples = l->turn.samples;
	e->ready = WIRE_NO_COUNT;
	e->n_waits = scratch->n_waits;
	e->n_rivals = scratch->n_rivals;
	__builtin_memcpy(e->waits, scratch->waits, sizeof(e->waits));
	__builtin_memcpy(e->rivals, scratch->rivals, sizeof(e->rivals));
}

/* Sends a turn that was late: first the stack of its longest slice, unless that went already. */
static __noinline void late_send(const struct wire_loop *l, struct task_struct *task, __u32 slot,
				 __u64 now, __u32 flags)
{
	struct wire_scratch *scratch = scratch_at(slot);

	if (!scratch)
		return;
	if (scratch->best_ns && !scratch->sent)
		slice_send(scratch, scratch->best);
	emit (struct wire_late, e, WIRE_TURN, now) {
		e->head.flags = flags;
		late_fill(e, l, task, scratch);
		if (l->turn.entering && l->wait_class == WIRE_WAIT_EPOLL)
			ready_count(task, l->wait_fd, e);
	}
}

/* Ends the turn at now, and tells of it if it was late. A turn that user space has recognised as
 * none of the loop's is dropped. */
static __always_inline void loop_turn_end(struct wire_loop *l, struct task_struct *task, __u32 slot,
					  __u64 now, __u32 flags)
{
	__u32 i = slot - 1;
	struct wire_aim *aim = bpf_map_lookup_elem(&aims, &i);

	if (aim && aim->away_ns && aim->away_ns == l->turn.began_ns)
		turn_drop(l, now);
	else if (turn_close(l, now) > config.late_ns)
		late_send(l, task, slot, now, flags);
}

/* The thread ends or becomes another program: closes its turn, leaves the totals for user space. */
static __noinline __attribute__((unused)) void loop_finish(struct task_struct *task,
							   struct thread *th, __u32 flags)
{
	struct wire_loop *l = loop_at(th->slot);
	__u64 now;

	if (!l)
		return;
	loop_write_begin(l);
	slice_repair(l, th->slot, task);
	now = bpf_ktime_get_ns();
	loop_turn_end(l, task, th->slot, now, flags);
	l->turn.phase = WIRE_OUT;
	l->until_ns = now;
	l->state = WIRE_ENDED;
	loop_write_end(l);
	emit (struct wire_gone, e, WIRE_GONE, now) {
		e->head.flags = flags;
		e->serial = l->serial;
		e->slot = th->slot - 1;
		e->pid = l->pid;
		e->tid = l->tid;
	}
	th->slot = 0;
	th->cand_seen = 0;
	th->cand_class = WIRE_WAIT_NONE;
}

/* A thread that waits is the loop of its process: the main thread was taken for it, and sleeps.
 * Sends nothing: user space finds its slot ended. */
static __always_inline void guess_undo(struct thread *th, __u64 now)
{
	struct wire_loop *l = loop_at(th->slot);

	th->guessed = 0;
	th->slot = 0;
	if (!l)
		return;
	loop_write_begin(l);
	l->turn.phase = WIRE_OUT;
	l->turn.off = WIRE_ON;
	l->until_ns = now;
	l->state = WIRE_ENDED;
	loop_write_end(l);
}

/* Makes task a loop; its slot is zeroed and its turn not begun. NULL: no slot is free. */
static __noinline struct wire_loop *loop_bind(struct task_struct *task, struct thread *th,
					      __u32 class, __s32 fd, __u64 now)
{
	struct wire_loop *l;
	struct thread *leader;
	__u32 slot = 0;

	if (bpf_map_pop_elem(&free_slots, &slot)) {
		slots_wanted = 1;
		if (slots_all)
			count(slots_full);
		return NULL;
	}
	l = loop_at(slot + 1);
	if (!l)
		return NULL;
	th->slot = slot + 1;
	scratch_reset(slot + 1);
	th->own = 0;
	th->foreign = 0;
	th->wait_file = fd < 0 ? 0 : file_of(task, fd);
	l->serial = next_serial();
	l->pid = task->tgid;
	l->tid = task->pid;
	l->parent = task->real_parent->tgid;
	l->nstid = tid_in_namespace(task);
	l->fsbase = task->thread.fsbase;
	l->wait_class = class;
	l->wait_fd = fd;
	l->since_ns = now;
	l->until_ns = now;
	loop_turn_times(l, task);
	l->state = WIRE_LIVE;
	leader = thread_of(task->group_leader);
	if (leader && class != WIRE_WAIT_POLL) {
		leader->has_epoll = 1;
		if (leader->guessed && leader != th)
			guess_undo(leader, now);
	}
	loop_announce(task, l, slot + 1, now);
	return l;
}

#endif
