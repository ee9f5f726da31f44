// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sample.bpf.c: what a loop's thread runs, once its turn is half way to late.
 *
 * The scheduler's tick, which comes anyway, interrupts the thread; how much
 * CPU time a sample stands for is read off the ledger. A clock of the thread's
 * own (a perf event per loop, opened by live.c) costs an interrupt each time,
 * 30 us on a virtual machine, and serves only where the tick does not come.
 */
#include "stack.bpf.h"
#include "slice.bpf.h"

static __always_inline struct wire_scratch *sample_at(struct wire_loop *l, __u32 slot, __u64 now)
{
	struct wire_scratch *scratch = scratch_at(slot);
	__u64 weight;

	if (!scratch)
		return NULL;
	weight = turn_sample(&l->turn, now, config.period_ns);
	if (!weight)
		return NULL;
	scratch->sample.weight_ns = weight;
	return scratch;
}

static __noinline void sample(struct task_struct *task, struct thread *th)
{
	struct wire_loop *l = loop_at(th->slot);
	struct wire_scratch *scratch;
	struct wire_memory *m;
	struct wire_stack *s;
	__u64 now;

	if (!l || l->turn.phase != WIRE_BUSY || l->turn.entering)
		return;
	if (turn_since(bpf_ktime_get_ns(), l->turn.began_ns) < config.late_ns / 2)
		return;
	loop_write_begin(l);
	slice_repair(l, th->slot, task);
	now = bpf_ktime_get_ns();
	scratch = sample_at(l, th->slot, now);
	loop_write_end(l);
	if (!scratch)
		return;
	s = &scratch->sample;
	m = &scratch->sample_memory;
	stack_take(s, &m->task, l, th->slot, task);
	s->off_ns = now;
	memory_take(m, s);
	s->head.kind = WIRE_SAMPLE;
	s->head.now_ns = now;
	s->blocked_ns = 0;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->call = -1;
	s->off = WIRE_ON;
	send_memory(m);
	send_stack(s);
}

/* Any timer that expires, the tick among them. */
SEC("?tp_btf/hrtimer_expire_entry")
int BPF_PROG(sample_tick)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);

	if (th && th->slot)
		sample(task, th);
	return 0;
}

SEC("?perf_event")
int sample_clock(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);

	if (th && th->slot)
		sample(task, th);
	return 0;
}
