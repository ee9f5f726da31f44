/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * maps.bpf.h: all maps and the settings.
 *
 * __weak, so that bpftool's linker merges those of all objects. A map's
 * comment says key, value, who writes, who reads, why this size.
 */
#ifndef MAPS_BPF_H
#define MAPS_BPF_H

#include "wire.h"

#define MAX_LOOPS 1024 /* live.c lowers it for a few processes */

/* Of every thread of a target; having one is what makes a thread watched. */
struct thread {
	__u32 slot; /* index into loops[] + 1; 0: no loop */
	__u32 cand_class;
	__s32 cand_fd; /* a wait seen last, not yet a loop's */
	__u32 cand_seen;
	__u32 own, foreign; /* entries of the loop's wait, of another one */
	__u32 has_epoll;    /* group leader: the process has a loop with a descriptor */
	__u32 guessed;      /* a loop by hung.bpf.h: it has not been seen to wait yet */
	__u64 wait_file;    /* struct file behind the wait's descriptor */
};

/* Settings: user space assigns them whole before loading, the verifier folds them. */
const volatile struct wire_config config __weak = {
	.late_ns = 100000000,
	.period_ns = 4000000,
	.light_ns = 10000000,
	.follow = 1,
};

/* Set by user space at the end: no record is made any more, so that the ring runs empty. */
volatile __u32 stopped __weak = 0;

/* Set by user space once parks[] holds anything. */
volatile __u32 parking __weak = 0;

/* When the threads there at attach were looked at, by both clocks of the kernel. */
__u64 first_ns __weak = 0;
__u64 first_jiffies __weak = 0;

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

/* Set by user space: life_iter looks for loops that are blocked in a call (hung.bpf.h). */
volatile __u32 look_hung __weak = 0;

/* Set by the probes when a loop found no slot: user space makes more of them ready. */
volatile __u32 slots_wanted __weak = 0;

/* Set by user space when there will be no more: from then on it is a loss. */
volatile __u32 slots_all __weak = 0;

/* Number in its chunk -> stacks and waits of a slot's turn. Written by the probes; user space looks
 * one up for a turn that lasts: mapped it would count as memory of ours. */
struct scratch_chunk {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WIRE_CHUNK);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct wire_scratch)); /* its type does not reach BTF from here */
};

/* slot / WIRE_CHUNK -> its scratches. A slot takes 54 KB, and most programs have one loop: made by
 * user space before it lends the slots out. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_LOOPS / WIRE_CHUNK);
	__type(key, __u32);
	__array(values, struct scratch_chunk);
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

/* One run of a thread on a CPU. */
struct rival_run {
	__u64 until_ns;
	__u32 pid, tid;
	char comm[WIRE_COMM];
};

#define RIVAL_RUNS 256

struct rival_cpu {
	__u32 left; /* switches that are still to be written down */
	__u32 next;
	struct rival_run runs[RIVAL_RUNS];
};

/* CPU -> who ran there, while a loop's thread waits for it (rival.bpf.h). Written by sched_switch
 * there; user space sets the number of CPUs before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct rival_cpu);
} rivals __weak SEC(".maps");

/* Slots nobody uses. Filled by user space, taken by the probes. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MAX_LOOPS);
	__type(value, __u32);
} free_slots __weak SEC(".maps");

/* tgid -> how its workers park. Written by user space, read at a switch-out in a futex. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, struct wire_parks);
} parks __weak SEC(".maps");

/* tid -> 1: threads seen parked, for life_iter alone. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, __u32);
} workers __weak SEC(".maps");

/* tgid -> 1: processes to attach to, for life_iter alone; 2: and to tell of its threads that sleep
 * in a futex. Written by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LOOPS);
	__type(key, __u32);
	__type(value, __u32);
} wanted __weak SEC(".maps");

/* The inventory of calls. Written by the probes on behalf of the loop's own thread; user space
 * reads it now and then, and drops the rows of loops that have ended. Allocated at once: it is
 * written to while the scheduler holds its locks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WIRE_CALL_KEYS);
	__type(key, struct wire_call_key);
	__type(value, struct wire_call_sum);
} calls __weak SEC(".maps");

/* Records to user space. 2 MiB hold 100 of the deepest stacks; at 2.4 M small records a second
 * 0.8 % were lost with half of it, none at 300,000 (docs/numbers.md). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 21);
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

#endif
