/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * park.bpf.h: workers of a runtime that park in a futex when there is nothing to do.
 *
 * Asleep in a futex they are idle or wait for a lock; a return address on
 * their stack tells, which user space has told us (struct wire_park). There
 * is no gate for futexes, the busiest call of all: the turn ends when the
 * worker leaves the CPU, microseconds later.
 */
#ifndef PARK_BPF_H
#define PARK_BPF_H

#include "loop.bpf.h"

/* A worker parks: its turn is over. */
static __noinline void park(struct wire_loop *l, struct task_struct *task, struct thread *th,
			    const struct turn_clock *c)
{
	__u64 now = c->now_ns;

	loop_turn_end(l, task, th->slot, now, 0);
	scratch_reset(th->slot);
	turn_begin(l, now);
	turn_idle(l, c);
}

/* A watched thread that is no loop sleeps: it is one if it parks as a worker does. */
static __noinline void park_met(struct task_struct *task, struct thread *th)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 now = bpf_ktime_get_ns();
	struct wire_loop *l;

	if (!is_parked(task->tgid, regs, false))
		return;
	l = loop_bind(task, th, WIRE_WAIT_PARK, -1, now);
	if (l)
		loop_asleep(l, task, now);
}

#endif
