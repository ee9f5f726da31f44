// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * sample.bpf.c: what a loop's thread runs, once its turn is half way to late.
 *
 * On the thread's own CPU clock, so a thread that gets no CPU gives no
 * samples, and one that sleeps neither. User space opens the event for each
 * loop (live.c).
 */
#include "stack.bpf.h"

#define SAMPLES_DENSE 128 /* in one turn; then every 16th stands for 16 */

SEC("?perf_event")
int sample_tick(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);
	struct wire_loop *l = th ? loop_at(th->slot) : NULL;
	struct wire_scratch *scratch;
	struct wire_stack *s;
	__u64 now = bpf_ktime_get_ns();
	__u32 weight = 1;

	if (!l || l->turn.phase != WIRE_BUSY || l->turn.entering)
		return 0;
	if (turn_since(now, l->turn.began_ns) < config.late_ns / 2)
		return 0;
	if (++l->turn.samples > SAMPLES_DENSE) {
		if (l->turn.samples & 15)
			return 0;
		weight = 16;
	}
	scratch = scratch_at(th->slot);
	if (!scratch)
		return 0;
	s = &scratch->sample;
	stack_take(ctx, s, l, th->slot, (struct pt_regs *)bpf_task_pt_regs(task));
	s->head.kind = WIRE_SAMPLE;
	s->head.now_ns = now;
	s->off_ns = now;
	s->blocked_ns = 0;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->weight_ns = config.period_ns * weight;
	s->call = -1;
	s->off = WIRE_ON;
	send_stack(s);
	return 0;
}
