// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * life.bpf.c: which threads are watched: those there at attach, those they
 * start, and until when.
 *
 * A thread is watched when it has task storage; nothing else says so. A child
 * process sends no record: it is told of when a loop is found in it.
 */
#include "hung.bpf.h"

#define GENERATIONS 32 /* of processes between a target and a descendant found at attach */

static __always_inline void watch(struct task_struct *task)
{
	if (!bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
		count(state_full);
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(life_fork, struct task_struct *parent, struct task_struct *child)
{
	if (!thread_of(parent))
		return 0;
	if (parent->tgid == child->tgid || config.follow)
		watch(child);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(life_exec, struct task_struct *task)
{
	struct thread *th = thread_of(task);

	if (!th)
		return 0;
	loop_finish(task, th, WIRE_BY_EXEC);
	th->has_epoll = 0;
	th->cand_seen = 0;
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(life_exit, struct task_struct *task)
{
	struct thread *th = thread_of(task);

	if (th)
		loop_finish(task, th, WIRE_BY_EXIT);
	return 0;
}

/*
 * A thread asleep in an epoll wait when greenwatch comes is a loop at once,
 * so that its very next turn is seen. One that polls has yet to show it.
 */
static __always_inline void first_look(struct task_struct *task, struct thread *th)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct wire_loop *l;
	__u64 args[4], now = bpf_ktime_get_ns();
	__u32 class;

	if (th->slot || !regs || !(task->__state & STATE_SLEEPING))
		return;
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	class = wait_class_of((__s32)regs->orig_ax, args);
	if (class == WIRE_WAIT_POLL) {
		th->cand_class = class;
		th->cand_seen = 1;
	}
	if (class != WIRE_WAIT_EPOLL && class != WIRE_WAIT_URING)
		return;
	l = loop_bind(task, th, class, args[0], now);
	if (!l)
		return;
	loop_asleep(l, task, now);
}

/* Told of when user space asks: whether a thread parks in its futex is seen on its stack. What was
 * told before and found to park is a loop from now on. */
static __noinline void look_asleep(struct task_struct *task, struct thread *th)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 tgid = task->tgid, tid = task->pid;
	__u32 *ask = bpf_map_lookup_elem(&wanted, &tgid);
	__u64 now = bpf_ktime_get_ns();
	struct wire_loop *l;

	if (!ask || *ask != 2 || th->slot || !regs || !(task->__state & STATE_SLEEPING) ||
	    (__s32)regs->orig_ax != CALL_FUTEX)
		return;
	if (bpf_map_lookup_elem(&workers, &tid)) {
		l = loop_bind(task, th, WIRE_WAIT_PARK, -1, now);
		if (l)
			loop_asleep(l, task, now);
		return;
	}
	emit (struct wire_asleep, e, WIRE_ASLEEP, now) {
		e->pid = tgid;
		e->tid = tid;
		stack_regs(e->regs, regs);
	}
}

/* Is the task of a wanted process, or of a descendant of one? */
static __always_inline bool is_wanted(struct task_struct *task)
{
	for (int i = 0; i < GENERATIONS; i++) {
		__u32 tgid = BPF_CORE_READ(task, tgid);

		if (tgid <= 1)
			return false;
		if (bpf_map_lookup_elem(&wanted, &tgid))
			return true;
		if (!config.follow)
			return false;
		task = BPF_CORE_READ(task, real_parent);
	}
	return false;
}

SEC("?iter/task")
int life_iter(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *th;

	if (!first_ns) {
		first_jiffies = bpf_jiffies64();
		first_ns = bpf_ktime_get_ns();
	}
	if (!task || !is_wanted(task))
		return 0;
	watch(task);
	th = thread_of(task);
	if (!th)
		return 0;
	if (look_hung) {
		hung_look(task, th);
		return 0;
	}
	first_look(task, th);
	look_asleep(task, th);
	return 0;
}
