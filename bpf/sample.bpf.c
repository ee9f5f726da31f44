// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sample.bpf.c: what a loop's thread runs: now and then at all times, often once its turn is half
 * way to late.
 *
 * The scheduler's tick, which comes anyway, interrupts the thread; how much
 * CPU time a sample stands for is read off the ledger. A clock of the thread's
 * own (a perf event per loop, opened by live.c) costs an interrupt each time,
 * 30 us on a virtual machine, and serves only where the tick does not come.
 */
#include "stack.bpf.h"
#include "slice.bpf.h"

#define FRESH_NS 100000000 /* light samples wait in the ring, but for one in this time */

/* CPU time of the loop's turns so far. */
static __always_inline __u64 ran_at(const struct wire_loop *l, __u64 now)
{
	return l->total.oncpu_ns + l->turn.ledger.oncpu_ns + turn_since(now, l->turn.last_ns);
}

/* Half a period to one and a half: what runs in step with the tick must not hide between samples.
 */
static __always_inline void light_next(struct wire_loop *l, __u64 ran)
{
	__u64 period = config.light_ns;

	l->light_at = ran + period / 2;
	if (period)
		l->light_at += bpf_get_prandom_u32() % period;
}

/* What a sample taken now would be: its flags, and in *weight its share of the turn; -1: none is
 * due. Turns half way to late are looked at more closely. */
static __always_inline int sample_due(struct wire_loop *l, __u64 now, __u64 ran, __u64 *weight)
{
	*weight = 0;
	if (turn_since(now, l->turn.began_ns) >= config.late_ns / 2) {
		*weight = turn_sample(&l->turn, now, config.period_ns);
		if (!*weight)
			return -1;
		light_next(l, ran);
		return 0;
	}
	if (ran + TURN_EARLY_NS / 2 < l->light_at)
		return -1;
	light_next(l, ran);
	if (turn_since(now, l->fresh_ns) < FRESH_NS)
		return WIRE_STACK_LIGHT;
	l->fresh_ns = now;
	return WIRE_STACK_LIGHT | WIRE_STACK_FRESH;
}

static __always_inline void sample_send(struct wire_scratch *scratch, __u32 i, int flags)
{
	struct wire_stack *s = &scratch->slice[i & 1];
	struct wire_memory *m = &scratch->memory[i & 1];

	s->head.flags |= flags;
	if (!flags) {
		memory_take(m, s);
		send_memory(m);
	} else if (s->head.flags & WIRE_STACK_NO_TSTATE) {
		return; /* a light one tells of Python only */
	}
	send_stack(s, flags == WIRE_STACK_LIGHT ? BPF_RB_NO_WAKEUP : 0);
}

static __noinline void sample(struct task_struct *task, struct thread *th)
{
	struct wire_loop *l = loop_at(th->slot);
	struct wire_scratch *scratch = scratch_at(th->slot);
	struct wire_stack *s;
	__u64 now, ran, weight;
	int flags;
	__u32 i;

	if (!l || !scratch || l->turn.phase != WIRE_BUSY || l->turn.entering)
		return;
	loop_write_begin(l);
	slice_repair(l, th->slot, task);
	now = bpf_ktime_get_ns();
	ran = ran_at(l, now);
	flags = sample_due(l, now, ran, &weight);
	loop_write_end(l);
	if (flags < 0)
		return;
	i = scratch_spare(scratch);
	s = &scratch->slice[i];
	stack_take(s, &scratch->memory[i].task, l, th->slot, task);
	s->off_ns = now;
	s->head.kind = WIRE_SAMPLE;
	s->head.now_ns = now;
	s->blocked_ns = 0;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->weight_ns = weight;
	s->ran_ns = ran;
	s->call = -1;
	__builtin_memset(s->args, 0, sizeof(s->args));
	__builtin_memset(s->waker_comm, 0, sizeof(s->waker_comm));
	s->off = WIRE_ON;
	sample_send(scratch, i, flags);
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
