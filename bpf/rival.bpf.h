/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * rival.bpf.h: who had the CPU while a loop's thread waited for it.
 *
 * When the thread begins to wait, the next switches of that CPU are written
 * down; when it runs again they are summed up. So nobody pays who shares no
 * CPU with a waiting loop. What the list does not reach, and what was waited
 * on another CPU, is charged to nobody: shares are lower bounds.
 */
#ifndef RIVAL_BPF_H
#define RIVAL_BPF_H

#include "common.bpf.h"

static __always_inline struct rival_cpu *rival_at(__u32 cpu)
{
	return bpf_map_lookup_elem(&rivals, &cpu);
}

/* A loop's thread waits for that CPU from now on. Who ran there before is not of interest, nor is
 * when the one that runs now began: an entry of nobody ends that. */
static __always_inline void rival_expect(__u32 cpu)
{
	struct rival_cpu *c = rival_at(cpu);
	struct rival_run *run;

	if (!c)
		return;
	if (!c->left) {
		run = &c->runs[c->next++ % RIVAL_RUNS];
		run->until_ns = bpf_ktime_get_ns();
		run->pid = 0;
		run->tid = 0;
	}
	c->left = RIVAL_RUNS;
}

/* prev gives the CPU up. */
static __always_inline void rival_ran(struct task_struct *prev)
{
	struct rival_cpu *c = rival_at(bpf_get_smp_processor_id());
	struct rival_run *run;

	if (!c || !c->left)
		return;
	c->left--;
	run = &c->runs[c->next++ % RIVAL_RUNS];
	run->until_ns = bpf_ktime_get_ns();
	run->pid = prev->tgid;
	run->tid = prev->pid;
	bpf_probe_read_kernel_str(run->comm, WIRE_COMM, prev->comm);
}

static __always_inline void rival_set(struct wire_rival *rival, const struct rival_run *run,
				      __u64 ns)
{
	rival->pid = run->pid;
	rival->tid = run->tid;
	rival->share_ns = ns;
	__builtin_memcpy(rival->comm, run->comm, WIRE_COMM);
}

/* By process. A full table keeps the larger ones. */
GLOBAL int rival_add(struct wire_scratch *scratch, const struct rival_run *run, __u64 ns)
{
	__u32 i, least = 0;

	if (!scratch || !run)
		return 0;
	for (i = 0; i < WIRE_RIVALS && i < scratch->n_rivals; i++) {
		if (scratch->rivals[i].pid == run->pid) {
			scratch->rivals[i].share_ns += ns;
			return 0;
		}
		if (scratch->rivals[i].share_ns < scratch->rivals[least].share_ns)
			least = i;
	}
	if (i < WIRE_RIVALS) {
		scratch->n_rivals = i + 1;
		rival_set(&scratch->rivals[i], run, ns);
	} else if (scratch->rivals[least & (WIRE_RIVALS - 1)].share_ns < ns) {
		rival_set(&scratch->rivals[least & (WIRE_RIVALS - 1)], run, ns);
	}
	return 0;
}

struct rival_walk {
	struct rival_cpu *c;
	struct wire_scratch *scratch;
	__u64 from_ns; /* the thread has waited since */
	__u32 last;    /* number of the last run */
};

/* Run i from the end; 1 when it began before the waiting did. */
static long rival_step(__u32 i, struct rival_walk *walk)
{
	struct rival_run *run = &walk->c->runs[(walk->last - i) % RIVAL_RUNS];
	struct rival_run *before = &walk->c->runs[(walk->last - i - 1) % RIVAL_RUNS];
	__u64 began = before->until_ns > walk->from_ns ? before->until_ns : walk->from_ns;

	if (run->until_ns <= walk->from_ns || run->until_ns < before->until_ns)
		return 1;
	if (run->tid)
		rival_add(walk->scratch, run, run->until_ns - began);
	return began == walk->from_ns;
}

/* The thread has waited for ns and runs now. */
static __noinline void rivals_sum(struct wire_scratch *scratch, __u64 now, __u64 ns)
{
	struct rival_walk walk = { .scratch = scratch, .from_ns = now - ns };

	walk.c = rival_at(bpf_get_smp_processor_id());
	if (!walk.c)
		return;
	walk.last = walk.c->next - 1;
	walk_each(RIVAL_RUNS - 1, rival_step, &walk);
}

#endif
