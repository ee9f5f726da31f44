/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * common.bpf.h: what the probes share: maps, count(), emit(), the way from a
 * task to its loop.
 *
 * Maps are __weak so that bpftool's linker merges those of all objects. A
 * map's comment says key, value, who writes, who reads, why this size.
 */
#ifndef COMMON_BPF_H
#define COMMON_BPF_H

#include "kernel.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define read_user(dst, size, address) bpf_probe_read_user(dst, size, (const void *)(address))

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

#include "turn.h"
#include "pywalk.h"

#define MAX_LOOPS 1024 /* live.c lowers it for a few processes */

/* Of every thread of a target; having one is what makes a thread watched. */
struct thread {
	__u32 slot; /* index into loops[] + 1; 0: no loop */
	__u32 cand_class;
	__s32 cand_fd; /* a wait seen last, not yet a loop's */
	__u32 cand_seen;
	__u32 own, foreign; /* entries of the loop's wait, of another one */
	__u32 has_epoll;    /* group leader: the process has a loop with a descriptor */
	__u32 pad;
	__u64 wait_file; /* struct file behind the wait's descriptor */
};

/* Settings: user space assigns them whole before loading, the verifier folds them. */
const volatile struct wire_config config __weak = {
	.late_ns = 100000000,
	.period_ns = 10000000,
	.follow = 1,
};

/* task -> struct thread. Written and read by the probes. Lives as long as the thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads __weak SEC(".maps");

/* slot -> present and past of a loop. Written by the probes; user space reads it mapped, and
 * zeroes it before it gives the slot back. 1,024 loops: a busy host (architecture.md 10). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct wire_loop);
} loops __weak SEC(".maps");

/* slot -> stacks and waits of its turn. As loops[]. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct wire_scratch);
} scratches __weak SEC(".maps");

/* slot -> what user space knows of its thread. Written by user space, read by the probes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct wire_aim);
} aims __weak SEC(".maps");

/* layout number -> offsets of an interpreter. Written by user space. One per build of CPython
 * met, not per process. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_LAYOUTS);
	__type(key, __u32);
	__type(value, struct wire_python);
} layouts __weak SEC(".maps");

/* Slots nobody uses. Filled by user space, taken by the probes. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_LOOPS);
	__type(value, __u32);
} free_slots __weak SEC(".maps");

/* tgid -> 1: processes to attach to, for life_iter alone. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, __u32);
} wanted __weak SEC(".maps");

/* Records to user space. 1 MiB holds 300 of the deepest stacks; at 2.4 M small records a second
 * 0.8 % were lost with it, none at 300,000 (docs/numbers.md). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring __weak SEC(".maps");

/* 0 -> loss counters, per CPU. Written by the probes, summed by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wire_stats);
} stats __weak SEC(".maps");

/* 0 -> number of the last loop found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} serials __weak SEC(".maps");

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

/* Sends a stack record up to its last frame. */
static __always_inline void send_stack(struct wire_stack *s)
{
	__u32 n = s->n_python;

	if (n > WIRE_FRAMES)
		n = WIRE_FRAMES;
	s->head.size = WIRE_STACK_BASE + n * sizeof(struct wire_pyframe);
	count(attempted);
	if (bpf_ringbuf_output(&ring, s, WIRE_STACK_BASE + n * sizeof(struct wire_pyframe), 0))
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
	__u32 i = slot - 1;

	return bpf_map_lookup_elem(&scratches, &i);
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

#endif
