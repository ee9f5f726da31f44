// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sched.bpf.c: where a turn's time goes, from the scheduler alone.
 *
 * Begins a turn when the thread comes back from its wait, and ends nothing.
 * The stack of a slice is taken as the thread goes to sleep, when its memory
 * is still mapped; the registers tell the call and its arguments. Healthy
 * turns send nothing.
 */
#include "fault.bpf.h"
#include "holder.bpf.h"
#include "park.bpf.h"
#include "slice.bpf.h"
#include "stack.bpf.h"

#define GIL_HOLDER 8 /* CPython, struct _gil_runtime_state: last_holder */

/* A futex: whose, as far as its memory says. */
static __always_inline void slice_lock(struct wire_loop *l, struct wire_scratch *scratch,
				       struct wire_stack *s, const struct wire_aim *aim, __u64 now)
{
	s->owner = mutex_owner(s->args[0]);
	if (!is_gil(aim, s->args[0]))
		return;
	l->turn.call = WIRE_CALL_GIL;
	s->call = WIRE_CALL_GIL;
	read_user(&s->holder, sizeof(s->holder), aim->gil + GIL_HOLDER);
	if (turn_since(now, l->turn.began_ns) > config.late_ns / 2)
		holder_take(&scratch->holder, s, aim);
}

static __noinline void slice_begin(struct task_struct *task, struct wire_loop *l, __u32 slot,
				   __u64 now)
{
	struct wire_scratch *scratch = scratch_at(slot);
	struct wire_stack *s;
	__u32 i;

	if (!scratch)
		return;
	i = scratch_spare(scratch);
	s = &scratch->slice[i];
	s->off_ns = now;
	stack_take(s, &scratch->memory[i].task, l, slot, task);
	memory_take(&scratch->memory[i], s);
	stack_pending(s, l, now);
	fd_take(&s->fd, task, s->call, s->args[0]);
	if (s->call == WIRE_CALL_FAULT && s->off == WIRE_BLOCKED)
		fault_take(s, task);
	if (s->call == CALL_FUTEX)
		slice_lock(l, scratch, s, aim_of(l, slot), now);
	/* Of an earlier sleep, unless this one was woken before it began. Waits for the GIL end by
	 * time-out again and again: who gives it up at last held it all the time. */
	if (s->call != WIRE_CALL_GIL && l->turn.early_ns + TURN_EARLY_NS < now)
		l->turn.waker_pid = 0;
}

/* Where in the kernel it sleeps: for what sleeps there uninterruptibly, as for a disk. */
static __always_inline void slice_kernel(void *ctx, __u32 slot)
{
	struct wire_scratch *scratch = scratch_at(slot);
	struct wire_stack *s;
	long n;

	if (!scratch)
		return;
	s = &scratch->slice[scratch_spare(scratch)];
	n = bpf_get_stack(ctx, s->kernel, sizeof(s->kernel), 0);
	s->n_kernel = n > 0 ? (__u32)n / sizeof(__u64) : 0;
}

static __noinline void leaves(void *ctx, struct task_struct *task, struct thread *th, bool preempt,
			      __u32 state)
{
	struct wire_loop *l = loop_at(th->slot);
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 off = off_kind(task, preempt, state);
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
	} else if (off == WIRE_BLOCKED && is_parked(l->pid, regs, true)) {
		park(l, task, th, &c);
	} else {
		turn_out(l, &c, off);
		if (off == WIRE_RUNNABLE)
			rival_expect(bpf_get_smp_processor_id());
		l->turn.call = (__s32)regs->orig_ax;
		l->turn.args[0] = regs->di;
		l->turn.args[1] = regs->si;
		l->turn.args[2] = regs->dx;
		if (off == WIRE_BLOCKED || off == WIRE_STOPPED)
			slice_begin(task, l, th->slot, now);
		if (off == WIRE_BLOCKED && state & STATE_DISK)
			slice_kernel(ctx, th->slot);
	}
	l->until_ns = now;
	loop_write_end(l);
}

static __noinline void returns(struct task_struct *task, struct thread *th)
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
	if (l->turn.began_ns == now)
		loop_turn_times(l, task);
	l->until_ns = now;
	slice_count(l, th->slot, &slice);
	loop_write_end(l);
}

static __always_inline void off_cpu(void *ctx, struct task_struct *task, struct thread *th,
				    bool preempt, __u32 state)
{
	if (th->slot)
		leaves(ctx, task, th, preempt, state);
	else if (parking && off_kind(task, preempt, state) == WIRE_BLOCKED)
		park_met(task, th);
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	struct thread *th = thread_of(prev);

	if (th)
		off_cpu(ctx, prev, th, preempt, prev_state);
	rival_ran(prev);
	th = thread_of(next);
	if (th && th->slot)
		returns(next, th);
	return 0;
}

/* Before 5.18 the tracepoint does not hand over the state. May go with the last such kernel. */
SEC("?tp_btf/sched_switch")
int BPF_PROG(sched_switch_old, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct thread *th = thread_of(prev);

	if (th)
		off_cpu(ctx, prev, th, preempt, prev->__state);
	rival_ran(prev);
	th = thread_of(next);
	if (th && th->slot)
		returns(next, th);
	return 0;
}

/* Whoever runs here has woken it, or was interrupted by what did: user space knows which calls are
 * ended by threads. An idle CPU was interrupted for certain. */
static __always_inline void woken(struct wire_loop *l, __u32 slot, struct task_struct *task)
{
	struct task_struct *waker = bpf_get_current_task_btf();
	__u64 now = bpf_ktime_get_ns();
	struct wire_turn *t = &l->turn;

	turn_waking(t, now);
	if (t->phase != WIRE_BUSY)
		return;
	if (bpf_core_field_exists(task->wake_cpu))
		rival_expect(task->wake_cpu);
	rival_expect(bpf_get_smp_processor_id());
	if (!waker->pid)
		return;
	t->waker_pid = waker->tgid;
	t->waker_tid = waker->pid;
	bpf_probe_read_kernel_str(t->waker_comm, WIRE_COMM, waker->comm);
	if (t->off == WIRE_BLOCKED && turn_since(now, t->began_ns) > config.late_ns / 2)
		releaser_take(l, slot, waker);
}

SEC("?tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task)
{
	struct thread *th = thread_of(task);
	struct wire_loop *l = th ? loop_at(th->slot) : NULL;

	if (l)
		woken(l, th->slot, task);
	return 0;
}
