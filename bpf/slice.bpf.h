/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * slice.bpf.h: what is kept of a turn's time off the CPU, and told if it is late.
 *
 * By call, by who ran instead, and the longest slice with its stack. Does no
 * sums of the turn itself (turn.h).
 */
#ifndef SLICE_BPF_H
#define SLICE_BPF_H

#include "calls.bpf.h"
#include "repair.h"
#include "rival.bpf.h"

#define SENT_LIMIT  64      /* slices sent one by one in a turn; then the longest only */
#define SENT_MIN_NS 1000000 /* shorter ones are summed by call */

/* Sums a slice by its call; what finds no place of its own goes to the last one. */
GLOBAL int waits_add(struct wire_scratch *scratch, __s32 call, __u64 ns)
{
	__u32 i;

	if (!scratch)
		return 0;
	for (i = 0; i < WIRE_WAITS - 1; i++) {
		if (i >= scratch->n_waits || scratch->waits[i].call == call)
			break;
	}
	i &= WIRE_WAITS - 1;
	if (i >= scratch->n_waits) {
		scratch->n_waits = i + 1;
		scratch->waits[i].call = i == WIRE_WAITS - 1 ? WIRE_CALL_OTHERS : call;
		scratch->waits[i].calls = 0;
		scratch->waits[i].total_ns = 0;
		scratch->waits[i].max_ns = 0;
	}
	scratch->waits[i].calls++;
	scratch->waits[i].total_ns += ns;
	if (ns > scratch->waits[i].max_ns)
		scratch->waits[i].max_ns = ns;
	return 0;
}

/* Slice i of the two, its memory before it, and who held the lock meanwhile. */
static __noinline void slice_send(struct wire_scratch *scratch, __u32 i)
{
	struct wire_stack *s = &scratch->slice[i & 1];
	struct wire_stack *h = &scratch->holder;

	if (h->off_ns == s->off_ns && (h->n_python || h->regs[WIRE_REG_IP])) {
		h->head.kind = WIRE_HOLDER;
		h->head.now_ns = s->head.now_ns;
		h->blocked_ns = s->blocked_ns;
		h->waker_pid = s->waker_pid;
		h->waker_tid = s->waker_tid;
		__builtin_memcpy(h->waker_comm, s->waker_comm, sizeof(h->waker_comm));
		if (h->regs[WIRE_REG_IP])
			send_memory(&scratch->holder_memory);
		send_stack(h, 0);
	}
	send_memory(&scratch->memory[i & 1]);
	send_stack(s, 0);
}

/* Counts what was blocked into the inventory, unless whole calls are counted there. */
static __always_inline bool slice_is_news(struct wire_loop *l, struct wire_stack *s, __u64 now)
{
	if (s->off != WIRE_BLOCKED || (config.calls_all && s->call >= 0))
		return false;
	return call_count(l, s, s->blocked_ns, now);
}

static __always_inline void slice_close(struct wire_stack *s, const struct wire_loop *l,
					const struct turn_slice *slice, __u64 now)
{
	s->head.flags &= ~WIRE_STACK_PENDING;
	if (s->head.flags & WIRE_STACK_ASLEEP) /* its memory has moved on: the leaf alone is sure */
		s->regs[WIRE_REG_SP] = 0;
	s->head.now_ns = now;
	s->blocked_ns = slice->blocked_ns;
	s->stopped_ns = slice->stopped_ns;
	s->runqueue_ns = slice->runqueue_ns;
	s->waker_pid = l->turn.waker_pid;
	s->waker_tid = l->turn.waker_pid ? l->turn.waker_tid : 0;
	__builtin_memcpy(s->waker_comm, l->turn.waker_comm, sizeof(s->waker_comm));
}

/* A slice with a stack has ended: keep it if it is the longest, send it if the turn is late. */
GLOBAL int slice_end(struct wire_loop *l, struct wire_scratch *scratch,
		     const struct turn_slice *slice)
{
	struct wire_stack *s;
	__u64 len, now;
	bool longest, send;
	__u32 i;

	if (!l || !scratch || !slice)
		return 0;
	i = scratch_spare(scratch);
	s = &scratch->slice[i];
	len = slice->blocked_ns + slice->stopped_ns;
	now = slice->off_ns + len + slice->runqueue_ns;
	longest = len > scratch->best_ns;
	send = turn_since(now, l->turn.began_ns) > config.late_ns && len >= SENT_MIN_NS &&
	       scratch->n_sent < SENT_LIMIT;
	slice_close(s, l, slice, now);
	if (send)
		scratch->n_sent++;
	/* not "send || ...": every call is to be counted */
	send |= slice_is_news(l, s, now);
	if (send)
		slice_send(scratch, i);
	if (longest) {
		scratch->best = i;
		scratch->best_ns = len;
		scratch->sent = send;
	}
	return 0;
}

/* The thread is on the CPU again; slice may say that there was none. */
static __always_inline void slice_count(struct wire_loop *l, __u32 slot,
					const struct turn_slice *slice)
{
	struct wire_scratch *scratch;

	if (slice->off == WIRE_ON)
		return;
	scratch = scratch_at(slot);
	if (!scratch)
		return;
	if (slice->blocked_ns)
		waits_add(scratch, l->turn.call, slice->blocked_ns);
	if (slice->runqueue_ns)
		rivals_sum(scratch, l->turn.last_ns, slice->runqueue_ns);
	if (slice->off == WIRE_BLOCKED || slice->off == WIRE_STOPPED)
		slice_end(l, scratch, slice);
}

/* For every event that shows the thread on the CPU, before anything else is done with it. */
static __noinline void slice_repair(struct wire_loop *l, __u32 slot, struct task_struct *task)
{
	struct turn_clock c = clock_of(task);
	struct turn_slice slice;

	if (!turn_repair(l, &c, &slice))
		return;
	count(turn_repaired);
	if (slice.off == WIRE_ON) /* out of its wait: a turn has begun */
		loop_turn_times(l, task);
	slice_count(l, slot, &slice);
}

#endif
