/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * hung.bpf.h: a loop that was blocked in a call before greenwatch came.
 *
 * Such a thread has shown no wait yet. It is taken for a loop when it is the
 * main thread of a process that holds an epoll descriptor which no thread
 * waits on, and sleeps in a call that is none of those a main thread parks
 * in. Its registers are those of its entry; its memory is not read here, as
 * it is another process's: the namer reads it while the thread sleeps. The
 * guess is undone by the first thread that does wait.
 */
#ifndef HUNG_BPF_H
#define HUNG_BPF_H

#include "fd.bpf.h"
#include "loop.bpf.h"
#include "stack.bpf.h"

#define HUNG_FDS 256                   /* descriptors looked at */
#define EVENTPO  0x6f70746e6576655bULL /* "[eventpoll]" */
#define LL       0x5d6c6cULL

struct epoll_search {
	struct task_struct *task;
	__s32 fd; /* -1: none found yet */
};

static long epoll_step(__u32 i, struct epoll_search *search)
{
	struct file *file = file_at(search->task, i);
	__u64 name[2] = { 0 };

	if (!file)
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] != EVENTPO || name[1] != LL)
		return 0;
	search->fd = i;
	return 1;
}

/* Calls that a main thread waits in while others do the work. */
static __always_inline bool only_waits(struct task_struct *task, __s32 call)
{
	switch (call) {
	case CALL_FUTEX: /* a lock, or the end of a thread */
		return task->signal->nr_threads > 1;
	case CALL_PAUSE:
	case CALL_RT_SIGTIMEDWAIT:
	case CALL_RT_SIGSUSPEND:
		return true;
	default:
		return call < 0;
	}
}

/* When it last got on the CPU, which is about when its turn began. The scheduler's clock is
 * another one than ours: by what it says of the thread that runs here, since a moment ago. */
static __always_inline __u64 hung_since(struct task_struct *task, __u64 now)
{
	__u64 here = bpf_get_current_task_btf()->sched_info.last_arrival;
	__u64 since = turn_since(here, task->sched_info.last_arrival);

	return task->sched_info.last_arrival && since < now ? now - since : now;
}

static __always_inline void hung_slice(struct task_struct *task, struct wire_loop *l, __u32 slot,
				       __u64 now)
{
	struct wire_scratch *scratch = scratch_at(slot);
	struct wire_stack *s;
	__u32 i;

	if (!scratch)
		return;
	i = scratch_spare(scratch);
	s = &scratch->slice[i];
	stack_take(s, &scratch->memory[i].task, l, slot, task);
	stack_pending(s, l, now);
	s->head.flags |= WIRE_STACK_ASLEEP;
	s->off_ns = l->turn.off_ns;
	fd_take(&s->fd, task, s->call, s->args[0]);
	scratch->memory[i].serial = s->serial;
	scratch->memory[i].off_ns = s->off_ns;
	scratch->memory[i].n = 0;
}

static __always_inline void hung_begin(struct task_struct *task, struct wire_loop *l, __u32 slot,
				       struct pt_regs *regs, __u64 now)
{
	__u64 since = hung_since(task, now);

	loop_write_begin(l);
	turn_begin(l, since);
	loop_turn_times(l, task);
	l->turn.off_ns = since;
	l->turn.run_delay = task->sched_info.run_delay;
	l->turn.exec_ns = task->se.sum_exec_runtime;
	l->turn.call = (__s32)regs->orig_ax;
	l->turn.args[0] = regs->di;
	l->turn.args[1] = regs->si;
	l->turn.args[2] = regs->dx;
	l->turn.off = WIRE_BLOCKED;
	hung_slice(task, l, slot, now);
	loop_write_end(l);
}

static __always_inline void hung_look(struct task_struct *task, struct thread *th)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct epoll_search search = { .task = task, .fd = -1 };
	__u64 args[4], now = bpf_ktime_get_ns();
	struct wire_loop *l;

	if (th->slot || th->has_epoll || task->pid != task->tgid || !regs ||
	    !(task->__state & STATE_SLEEPING) || only_waits(task, (__s32)regs->orig_ax))
		return;
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	if (wait_class_of((__s32)regs->orig_ax, args) != WIRE_WAIT_NONE)
		return;
	walk_each(HUNG_FDS, epoll_step, &search);
	if (search.fd < 0)
		return;
	l = loop_bind(task, th, WIRE_WAIT_EPOLL, search.fd, now);
	if (!l)
		return;
	th->guessed = 1;
	hung_begin(task, l, th->slot, regs, now);
}

#endif
