// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * turn.bpf.c: the gate: the entry of a wait ends a turn and begins the next.
 *
 * One gate of three is attached, chosen by feature probe in live.c: fentry of
 * the wait calls; their classic tracepoints, entry only; or raw_tp/sys_enter.
 * Also finds loops by behaviour: a thread that waits on the same descriptor
 * again, or polls often in a process that has no such loop. Whether a turn
 * was one at all is learnt when the thread sleeps (sched.bpf.c).
 */
#include "loop.bpf.h"

#define POLLS_OF_A_LOOP 8 /* polling now and then does not make a thread a loop */
#define FOREIGN_LIMIT   64

GLOBAL int turn_next(struct thread *th, struct wire_loop *l)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 now;

	if (!th || !l)
		return 0;
	loop_write_begin(l);
	turn_gate_begin(&l->turn);
	slice_repair(l, th->slot, task);
	now = bpf_ktime_get_ns();
	loop_turn_end(l, task, th->slot, now, 0);
	if (l->turn.slices)
		scratch_reset(th->slot);
	turn_begin(l, now);
	loop_turn_times(l, task);
	turn_gate_end(&l->turn);
	loop_write_end(l);
	return 0;
}

static __always_inline void bind_and_begin(struct task_struct *task, struct thread *th, __u32 class,
					   __s32 fd)
{
	__u64 now = bpf_ktime_get_ns();
	struct wire_loop *l = loop_bind(task, th, class, fd, now);

	if (!l)
		return;
	loop_write_begin(l);
	turn_begin(l, now);
	loop_turn_times(l, task);
	loop_write_end(l);
}

/* A thread that is no loop yet enters a wait. */
static __noinline void candidate(struct task_struct *task, struct thread *th, __u32 class, __s32 fd)
{
	struct thread *leader = thread_of(task->group_leader);
	__u32 needed = class == WIRE_WAIT_POLL ? POLLS_OF_A_LOOP : 2;

	if (class == WIRE_WAIT_POLL && leader && leader->has_epoll)
		return;
	/* who polls between its waits on a descriptor is a loop of that descriptor; who only polls
	 * after having waited on one once is not */
	if (class != WIRE_WAIT_POLL)
		th->foreign = 0;
	else if (th->cand_class != WIRE_WAIT_NONE && th->cand_class != WIRE_WAIT_POLL &&
		 ++th->foreign < FOREIGN_LIMIT)
		return;
	if (class != th->cand_class || (class != WIRE_WAIT_POLL && fd != th->cand_fd)) {
		th->cand_class = class;
		th->cand_fd = fd;
		th->cand_seen = 0;
	}
	if (++th->cand_seen >= needed)
		bind_and_begin(task, th, class, fd);
}

static __noinline void rebind(struct task_struct *task, struct thread *th, struct wire_loop *l,
			      __u32 class, __s32 fd)
{
	l->wait_class = class;
	l->wait_fd = fd;
	th->guessed = 0;
	th->wait_file = file_of(task, fd);
	th->own = 0;
	th->foreign = 0;
	turn_next(th, l);
}

/*
 * A loop's thread enters another wait than its own: mostly a call like any
 * other (a nested loop of a C library). It is the loop's new wait when the
 * old descriptor has gone, or when it is entered far more often than the old.
 */
static __noinline void foreign_wait(struct task_struct *task, struct thread *th,
				    struct wire_loop *l, __u32 class, __s32 fd)
{
	struct thread *leader;

	if (class == WIRE_WAIT_POLL)
		return;
	if (l->wait_class == WIRE_WAIT_PARK) {
		rebind(task, th, l, class, fd);
		return;
	}
	if (l->wait_class == WIRE_WAIT_POLL) {
		rebind(task, th, l, class, fd);
		leader = thread_of(task->group_leader);
		if (leader)
			leader->has_epoll = 1;
		return;
	}
	if (fd != th->cand_fd)
		th->foreign = 0;
	th->cand_fd = fd;
	th->foreign++;
	if (th->guessed || file_of(task, l->wait_fd) != th->wait_file ||
	    th->foreign > FOREIGN_LIMIT + 4 * th->own)
		rebind(task, th, l, class, fd);
}

/* A process that turns out to have a loop with a descriptor: its polling threads are none. */
static __always_inline bool poll_demoted(struct task_struct *task, struct thread *th,
					 const struct wire_loop *l)
{
	struct thread *leader;

	if (l->wait_class != WIRE_WAIT_POLL)
		return false;
	leader = thread_of(task->group_leader);
	if (!leader || !leader->has_epoll)
		return false;
	loop_finish(task, th, 0);
	return true;
}

static __always_inline int gate(__s64 nr, const __u64 *args)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);
	struct wire_loop *l;
	__u32 class;

	if (!th)
		return 0;
	class = wait_class_of(nr, args);
	if (class == WIRE_WAIT_NONE)
		return 0;
	l = loop_at(th->slot);
	if (!l) {
		candidate(task, th, class, args[0]);
	} else if (wait_is_own(l, class, args[0])) {
		th->own++;
		th->guessed = 0;
		if (!poll_demoted(task, th, l))
			turn_next(th, l);
	} else {
		foreign_wait(task, th, l, class, args[0]);
	}
	return 0;
}

static __always_inline int gate_regs(__s64 nr, struct pt_regs *regs)
{
	__u64 args[4];

	args[0] = BPF_CORE_READ(regs, di);
	args[1] = BPF_CORE_READ(regs, si);
	args[2] = BPF_CORE_READ(regs, dx);
	args[3] = BPF_CORE_READ(regs, r10);
	return gate(nr, args);
}

/* Record of the classic syscalls tracepoints: struct syscall_trace_enter, kernel/trace/trace.h.
 * The kernel refuses a program that reads past the arguments its call has. */
struct enter_record {
	__u64 common;
	__s64 nr;
	__u64 args[2];
};

SEC("?tracepoint")
int turn_enter(struct enter_record *ctx)
{
	__u64 args[4] = { ctx->args[0], ctx->args[1], 0, 0 };
	struct pt_regs *regs;

	if ((__s32)ctx->nr == CALL_IO_URING_ENTER) {
		regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
		args[3] = regs->r10;
	}
	return gate((__s32)ctx->nr, args);
}

SEC("?raw_tp/sys_enter")
int turn_raw(struct bpf_raw_tracepoint_args *ctx)
{
	if (wait_class(ctx->args[1]) == WIRE_WAIT_NONE)
		return 0;
	return gate_regs(ctx->args[1], (struct pt_regs *)ctx->args[0]);
}

#define GATE_FENTRY(call, nr)                                                                      \
	SEC("?fentry/__x64_sys_" #call)                                                            \
	int BPF_PROG(turn_f_##call, struct pt_regs *regs)                                          \
	{                                                                                          \
		return gate_regs(nr, regs);                                                        \
	}

GATE_FENTRY(epoll_wait, CALL_EPOLL_WAIT)
GATE_FENTRY(epoll_pwait, CALL_EPOLL_PWAIT)
GATE_FENTRY(epoll_pwait2, CALL_EPOLL_PWAIT2)
GATE_FENTRY(poll, CALL_POLL)
GATE_FENTRY(ppoll, CALL_PPOLL)
GATE_FENTRY(select, CALL_SELECT)
GATE_FENTRY(pselect6, CALL_PSELECT6)
GATE_FENTRY(io_uring_enter, CALL_IO_URING_ENTER)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
