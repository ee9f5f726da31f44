/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * common.bpf.h: what the probes share: count(), emit(), the way from a task
 * to its loop, and what a wait is.
 */
#ifndef COMMON_BPF_H
#define COMMON_BPF_H

#include "kernel.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define read_user(dst, size, address) bpf_probe_read_user(dst, size, (const void *)(address))

/* The verifier looks at a global function once, at a static one again for every way that leads to
 * it. It may take pointers to memory, which can be NULL for all it knows, and has to return a
 * number. Weak: several programs bring the same one. */
#define GLOBAL __weak __noinline

#define WALK_OLD 32 /* frames where bpf_loop is missing: before 5.17 */

enum bpf_func_id___loop {
	BPF_FUNC_loop___loop = 181,
};

#define walk_each(n, step, ctx)                                                                    \
	do {                                                                                       \
		if (bpf_core_enum_value_exists(enum bpf_func_id___loop, BPF_FUNC_loop___loop)) {   \
			bpf_loop(n, step, ctx, 0);                                                 \
			break;                                                                     \
		}                                                                                  \
		for (__u32 i_ = 0; i_ < WALK_OLD; i_++)                                            \
			if (step(i_, ctx))                                                         \
				break;                                                             \
	} while (0)

#include "maps.bpf.h"
#include "turn.h"
#include "pywalk.h"

static __always_inline struct wire_stats *stats_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

#define count(field)                                                                               \
	do {                                                                                       \
		struct wire_stats *stats_ = stats_here();                                          \
		if (stats_)                                                                        \
			stats_->field++;                                                           \
	} while (0)

static __always_inline void *emit_begin(__u32 kind, __u32 size, __u64 now)
{
	struct wire_head *head;

	if (stopped)
		return NULL;
	count(attempted);
	head = bpf_ringbuf_reserve(&ring, size, 0);
	if (!head) {
		count(ring_full);
		return NULL;
	}
	__builtin_memset(head, 0, size);
	head->kind = kind;
	head->size = size;
	head->now_ns = now;
	return head;
}

static __always_inline void emit_end(void *slot)
{
	if (*(void **)slot)
		bpf_ringbuf_submit(*(void **)slot, 0);
}

/* Reserves a zeroed record, runs the block once to fill it, sends it on the way out. */
#define emit(type, e, kind, now)                                                                   \
	for (type * e __attribute__((cleanup(emit_end))) = emit_begin(kind, sizeof(type), now),    \
		      *e##_once = e;                                                               \
	     e##_once; e##_once = NULL)

/* Sends a stack record up to its last frame; wakeup: 0 or BPF_RB_NO_WAKEUP. */
static __always_inline void send_stack(struct wire_stack *s, __u64 wakeup)
{
	__u32 n = s->n_python;

	if (n > WIRE_FRAMES)
		n = WIRE_FRAMES;
	s->head.size = WIRE_STACK_BASE + n * sizeof(struct wire_pyframe);
	if (stopped)
		return;
	count(attempted);
	if (bpf_ringbuf_output(&ring, s, WIRE_STACK_BASE + n * sizeof(struct wire_pyframe), wakeup))
		count(ring_full);
}

/* Sends a copy of user memory up to its last byte: before the record of its stack. */
static __always_inline void send_memory(struct wire_memory *m)
{
	__u32 n = m->n;

	if (!n || n > WIRE_MEMORY_MAX || stopped)
		return;
	m->head.kind = WIRE_MEMORY;
	m->head.flags = 0;
	m->head.now_ns = m->off_ns;
	m->head.size = WIRE_MEMORY_BASE + n;
	count(attempted);
	if (bpf_ringbuf_output(&ring, m, WIRE_MEMORY_BASE + n, BPF_RB_NO_WAKEUP))
		count(ring_full);
}

/* The first test of every probe: a thread without storage is none of ours. */
static __always_inline struct thread *thread_of(struct task_struct *task)
{
	if (!task->bpf_storage)
		return NULL;
	return bpf_task_storage_get(&threads, task, 0, 0);
}

static __always_inline struct wire_loop *loop_at(__u32 slot)
{
	__u32 i = slot - 1;

	return slot ? bpf_map_lookup_elem(&loops, &i) : NULL;
}

static __always_inline struct wire_scratch *scratch_at(__u32 slot)
{
	__u32 chunk = (slot - 1) / WIRE_CHUNK, i = (slot - 1) % WIRE_CHUNK;
	void *scratch = bpf_map_lookup_elem(&scratches, &chunk);

	return scratch ? bpf_map_lookup_elem(scratch, &i) : NULL;
}

/* The one of its slices that is not kept. */
static __always_inline __u32 scratch_spare(const struct wire_scratch *scratch)
{
	return (scratch->best ^ 1) & 1;
}

static __always_inline struct turn_clock clock_of(struct task_struct *task)
{
	struct turn_clock c = { .now_ns = bpf_ktime_get_ns(),
				.run_delay = task->sched_info.run_delay,
				.exec_ns = task->se.sum_exec_runtime };

	return c;
}

/* Times of the kernel's own book-keeping, for a turn that begins. */
static __always_inline void loop_turn_times(struct wire_loop *l, struct task_struct *task)
{
	l->turn.user_ns = task->utime;
	l->turn.kernel_ns = task->stime;
}

/* As the task's own pid namespace numbers it. */
static __always_inline __u32 tid_in_namespace(struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	__u32 level = BPF_CORE_READ(pid, level);
	int nr = 0;

	if (level > 32)
		return 0;
	bpf_core_read(&nr, sizeof(nr), &pid->numbers[level].nr);
	return nr;
}

/* The file behind a descriptor of a task; NULL: none. */
static __always_inline struct file *file_at(struct task_struct *task, __s32 fd)
{
	struct fdtable *fdt = task->files->fdt; /* what cannot be followed reads as 0 */
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= fdt->max_fds ||
	    bpf_probe_read_kernel(&file, sizeof(file), &fdt->fd[fd]))
		return NULL;
	return file;
}

/* regs are the user registers of a task, at its last entry into the kernel; in DWARF's order. */
static __always_inline void stack_regs(__u64 out[WIRE_REGS], const struct pt_regs *regs)
{
	out[0] = regs->ax;
	out[1] = regs->dx;
	out[2] = regs->cx;
	out[3] = regs->bx;
	out[4] = regs->si;
	out[5] = regs->di;
	out[6] = regs->bp;
	out[7] = regs->sp;
	out[8] = regs->r8;
	out[9] = regs->r9;
	out[10] = regs->r10;
	out[11] = regs->r11;
	out[12] = regs->r12;
	out[13] = regs->r13;
	out[14] = regs->r14;
	out[15] = regs->r15;
	out[16] = regs->ip;
}

/* Since 6.18 the task itself is throttled, before with its run queue. */
static __always_inline bool is_throttled(struct task_struct *task)
{
	if (bpf_core_field_exists(task->throttled) && BPF_CORE_READ(task, throttled))
		return true;
	return bpf_core_field_exists(struct cfs_rq, throttle_count) &&
	       BPF_CORE_READ(task, se.cfs_rq, throttle_count) > 0;
}

static __always_inline __u32 off_kind(struct task_struct *task, bool preempt, __u32 state)
{
	if (preempt || !(state & (STATE_SLEEPING | STATE_STOPPED)))
		return is_throttled(task) ? WIRE_THROTTLED : WIRE_RUNNABLE;
	return state & STATE_STOPPED ? WIRE_STOPPED : WIRE_BLOCKED;
}

/* User space takes a slot's content for whole only when seq is even and unchanged. */
static __always_inline void loop_write_begin(struct wire_loop *l)
{
	l->seq++;
	barrier();
}

static __always_inline void loop_write_end(struct wire_loop *l)
{
	barrier();
	l->seq++;
}

static __always_inline __u32 wait_class(__s64 nr)
{
	switch (nr) {
	case CALL_EPOLL_WAIT:
	case CALL_EPOLL_PWAIT:
	case CALL_EPOLL_PWAIT2:
		return WIRE_WAIT_EPOLL;
	case CALL_POLL:
	case CALL_PPOLL:
	case CALL_SELECT:
	case CALL_PSELECT6:
		return WIRE_WAIT_POLL;
	case CALL_IO_URING_ENTER:
		return WIRE_WAIT_URING;
	default:
		return WIRE_WAIT_NONE;
	}
}

/* What a call waits for, if it waits at all: a poll of nothing is a sleep, a ring may be entered
 * to submit only. */
static __always_inline __u32 wait_class_of(__s64 nr, const __u64 *args)
{
	__u32 class = wait_class(nr);

	if (class == WIRE_WAIT_POLL) {
		__u64 n = nr == CALL_POLL || nr == CALL_PPOLL ? args[1] : args[0];

		return n ? class : WIRE_WAIT_NONE;
	}
	if (class == WIRE_WAIT_URING && !(args[3] & IORING_ENTER_GETEVENTS))
		return WIRE_WAIT_NONE;
	return class;
}

static __always_inline bool wait_is_own(const struct wire_loop *l, __u32 class, __s32 fd)
{
	return class == l->wait_class && (class == WIRE_WAIT_POLL || fd == l->wait_fd);
}

/* Is that call its loop's own wait? orig_ax is -1 outside a system call. */
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

/* Does the current thread of process tgid park? loop: it is known to be a worker. */
static __always_inline bool is_parked(__u32 tgid, struct pt_regs *regs, bool loop)
{
	struct wire_parks *known;
	__u64 sp, ret = 0;

	if (!parking || !regs || (__s32)regs->orig_ax != CALL_FUTEX)
		return false;
	known = bpf_map_lookup_elem(&parks, &tgid);
	if (!known)
		return false;
	if (known->all)
		return loop;
	sp = regs->sp;
	for (__u32 i = 0; i < WIRE_PARKS && i < known->n; i++)
		if (!read_user(&ret, sizeof(ret), sp + known->at[i].off) && ret == known->at[i].ret)
			return true;
	return false;
}

#endif
