// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sched.bpf.c: where a turn's time goes, from the scheduler alone.
 *
 * Begins a turn when the thread comes back from its wait, and ends nothing.
 * The stack of a slice is taken as the thread goes to sleep, when its memory
 * is still mapped; the registers tell the call and its arguments. Healthy
 * turns send nothing.
 */
#include "slice.bpf.h"
#include "stack.bpf.h"

static __always_inline __u32 off_kind(bool preempt, __u32 state)
{
	if (preempt || !(state & (STATE_SLEEPING | STATE_STOPPED)))
		return WIRE_RUNNABLE;
	return state & STATE_STOPPED ? WIRE_STOPPED : WIRE_BLOCKED;
}

/* Is the thread asleep in its loop's own wait? orig_ax is -1 outside a system call. */
static __always_inline bool in_own_wait(const struct wire_loop *l, struct pt_regs *regs)
{
	__u64 args[4];

	if (wait_class((__s32)regs->orig_ax) != l->wait_class)
		return false;
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	return wait_is_own(l, wait_class_of((__s32)regs->orig_ax, args), args[0]);
}

static __noinline void slice_begin(void *ctx, struct wire_loop *l, __u32 slot, struct pt_regs *regs,
				   __u64 now)
{
	struct wire_scratch *scratch = scratch_at(slot);
	struct wire_stack *s;

	if (!scratch)
		return;
	s = &scratch->slice[(scratch->best ^ 1) & 1];
	stack_take(ctx, s, l, slot, regs);
	s->head.flags |= WIRE_STACK_PENDING;
	s->head.kind = WIRE_SLICE;
	s->head.now_ns = now;
	s->off_ns = now;
	s->off = l->turn.off;
	s->call = l->turn.call;
	s->args[0] = l->turn.args[0];
	s->args[1] = l->turn.args[1];
	s->args[2] = l->turn.args[2];
	s->blocked_ns = 0;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->weight_ns = 0;
}

static __noinline void leaves(void *ctx, struct task_struct *task, struct thread *th, bool preempt,
			      __u32 state)
{
	struct wire_loop *l = loop_at(th->slot);
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 off = off_kind(preempt, state);
	struct turn_clock c;
	__u64 now;

	if (!l || l->turn.phase == WIRE_OUT)
		return;
	if (l->turn.entering) {
		l->turn.gap_off_ns = bpf_ktime_get_ns();
		return;
	}
	loop_write_begin(l);
	slice_repair(l, th->slot, task);
	c = clock_of(task);
	now = c.now_ns;
	if (off == WIRE_BLOCKED && in_own_wait(l, regs)) {
		turn_idle(l, &c);
	} else {
		turn_out(l, &c, off);
		l->turn.call = (__s32)regs->orig_ax;
		l->turn.args[0] = regs->di;
		l->turn.args[1] = regs->si;
		l->turn.args[2] = regs->dx;
		if (off != WIRE_RUNNABLE)
			slice_begin(ctx, l, th->slot, regs, now);
	}
	l->until_ns = now;
	loop_write_end(l);
}

static __noinline void returns(struct task_struct *task, struct thread *th,
			       struct task_struct *before)
{
	struct wire_loop *l = loop_at(th->slot);
	struct turn_slice slice;
	__u64 now = bpf_ktime_get_ns();

	if (!l || l->turn.phase == WIRE_OUT)
		return;
	if (l->turn.entering) {
		if (l->turn.gap_off_ns)
			l->turn.gap_ns += turn_since(now, l->turn.gap_off_ns);
		l->turn.gap_off_ns = 0;
		return;
	}
	loop_write_begin(l);
	turn_in(l, now, &slice);
	l->until_ns = now;
	slice_count(l, th->slot, &slice, before);
	loop_write_end(l);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct thread *th = thread_of(prev);

	if (th && th->slot)
		leaves(ctx, prev, th, preempt, prev_state);
	th = thread_of(next);
	if (th && th->slot)
		returns(next, th, prev);
	return 0;
}

/* Before 5.18 the tracepoint does not hand over the state. May go with the last such kernel. */
SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch_old, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct thread *th = thread_of(prev);

	if (th && th->slot)
		leaves(ctx, prev, th, preempt, prev->__state);
	th = thread_of(next);
	if (th && th->slot)
		returns(next, th, prev);
	return 0;
}

SEC("?tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task)
{
	struct thread *th = thread_of(task);
	struct wire_loop *l = th ? loop_at(th->slot) : NULL;

	if (l)
		turn_waking(&l->turn, bpf_ktime_get_ns());
	return 0;
}
