/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * turn.h: the turn machine of one loop, and the ledger that adds up.
 *
 *	          slept in its own wait
 *	    BUSY ------------------------> IDLE     (a turn without entry was none)
 *	     ^ |                            |
 *	     | '-- enters its wait: the     | runs again: a turn begins,
 *	     '---- turn ends, the next      | the wake-up delay is known
 *	     |     begins at once           |
 *	     '------------------------------'
 *
 * Pure C without kernel types, also compiled natively by the unit tests. It
 * is told of events and their times and keeps the sums; who is whom, and
 * what is sent where, is the business of the .bpf.c files. Between two
 * events every nanosecond goes to exactly one part of the ledger.
 *
 * Some switch-ins are never traced: whoever tells of an event of a running
 * thread calls turn_repair() (repair.h) before.
 */
#ifndef TURN_H
#define TURN_H

#include "hist.h"

/* A thread can be woken between saying that it sleeps and leaving the CPU; while it looks for
 * other work to pull, that takes up to half a millisecond. */
#define TURN_EARLY_NS 1000000

#define TURN_DENSE 128 /* samples of a turn */

/* Stores before and after stay in this order; the other CPU reads them in the opposite one. */
#define turn_barrier() __asm__ volatile("" ::: "memory")

/* The time, and the kernel's sums for the thread as they stand: sched_info.run_delay and
 * se.sum_exec_runtime. The latter is exact when the thread leaves the CPU, else up to a tick old.
 */
struct turn_clock {
	__u64 now_ns;
	__u64 run_delay;
	__u64 exec_ns;
};

/* A stretch off the CPU inside a turn that has just ended. */
struct turn_slice {
	__u64 off_ns; /* when it began */
	__u64 blocked_ns;
	__u64 runqueue_ns;
	__u64 stopped_ns;
	__u64 throttled_ns;
	__u32 off; /* enum wire_off; WIRE_ON: there was none */
};

static inline __u64 turn_since(__u64 now, __u64 then)
{
	__s64 since = now - then, ahead;

	ahead = since;
	hist_opaque(ahead);
	return since & ~(ahead >> 63);
}

static inline void turn_on_cpu(struct wire_turn *t, __u64 now)
{
	t->ledger.oncpu_ns += turn_since(now, t->last_ns);
	t->last_ns = now;
}

static inline void turn_into_total(struct wire_loop *l)
{
	const struct wire_ledger *part = &l->turn.ledger;

	l->total.oncpu_ns += part->oncpu_ns;
	l->total.blocked_ns += part->blocked_ns;
	l->total.runqueue_ns += part->runqueue_ns;
	l->total.throttled_ns += part->throttled_ns;
	l->total.stopped_ns += part->stopped_ns;
	l->total.unaccounted_ns += part->unaccounted_ns;
}

static inline void turn_begin(struct wire_loop *l, __u64 now)
{
	struct wire_turn *t = &l->turn;

	t->began_ns = now;
	t->last_ns = now;
	t->off = WIRE_ON;
	t->phase = WIRE_BUSY;
	t->slices = 0;
	t->samples = 0;
	t->sampled_ns = 0;
	t->ledger.oncpu_ns = 0;
	t->ledger.blocked_ns = 0;
	t->ledger.runqueue_ns = 0;
	t->ledger.throttled_ns = 0;
	t->ledger.stopped_ns = 0;
	t->ledger.unaccounted_ns = 0;
}

/* When the thread was woken, as far as that was seen: between off_ns and now. */
static inline __u64 turn_seen_waking(const struct wire_turn *t)
{
	if (t->wake_ns)
		return t->wake_ns;
	return t->early_ns + TURN_EARLY_NS >= t->off_ns ? t->early_ns : 0;
}

static inline __u64 turn_woken(const struct wire_turn *t, __u64 now)
{
	__u64 wake = turn_seen_waking(t);

	if (!wake || wake > now)
		return now;
	return wake < t->off_ns ? t->off_ns : wake;
}

static inline void turn_wake_up(struct wire_loop *l, __u64 now)
{
	__u64 wake = turn_woken(&l->turn, now);
	__u64 delay = now - wake;

	l->idle_ns += turn_since(wake, l->turn.off_ns);
	l->total.runqueue_ns += delay;
	l->delay_sum_ns += delay;
	if (delay > l->delay_max_ns)
		l->delay_max_ns = delay;
	l->delay[hist_index(delay)]++;
	turn_begin(l, now);
}

/* The thread is on the CPU again. */
static inline void turn_in(struct wire_loop *l, __u64 now, struct turn_slice *s)
{
	struct wire_turn *t = &l->turn;
	__u64 wake;

	s->off = WIRE_ON;
	if (t->off == WIRE_ON)
		return;
	if (t->phase == WIRE_IDLE) {
		turn_wake_up(l, now);
		return;
	}
	wake = t->off == WIRE_RUNNABLE ? t->off_ns : turn_woken(t, now);
	if (t->off == WIRE_THROTTLED)
		wake = now;
	s->off = t->off;
	s->off_ns = t->off_ns;
	s->blocked_ns = t->off == WIRE_BLOCKED ? turn_since(wake, t->off_ns) : 0;
	s->stopped_ns = t->off == WIRE_STOPPED ? turn_since(wake, t->off_ns) : 0;
	s->throttled_ns = t->off == WIRE_THROTTLED ? turn_since(wake, t->off_ns) : 0;
	s->runqueue_ns = turn_since(now, wake);
	t->ledger.blocked_ns += s->blocked_ns;
	t->ledger.stopped_ns += s->stopped_ns;
	t->ledger.throttled_ns += s->throttled_ns;
	t->ledger.runqueue_ns += s->runqueue_ns;
	t->last_ns = now;
	t->off = WIRE_ON;
	t->slices++;
}

/* The thread leaves the CPU inside a turn. */
static inline void turn_out(struct wire_loop *l, const struct turn_clock *c, __u32 off)
{
	struct wire_turn *t = &l->turn;

	turn_on_cpu(t, c->now_ns);
	t->wake_ns = 0;
	t->off_ns = c->now_ns;
	t->run_delay = c->run_delay;
	t->exec_ns = c->exec_ns;
	turn_barrier();
	t->off = off;
}

/* The thread goes to sleep in its own wait: what began without an entry was no turn. */
static inline void turn_idle(struct wire_loop *l, const struct turn_clock *c)
{
	turn_out(l, c, WIRE_BLOCKED);
	if (l->turn.phase == WIRE_BUSY)
		turn_into_total(l);
	l->turn.phase = WIRE_IDLE;
}

/* Somebody wakes the thread; may run beside turn_out on another CPU. */
static inline void turn_waking(struct wire_turn *t, __u64 now)
{
	__u32 off = t->off;

	turn_barrier();
	if (off == WIRE_ON)
		t->early_ns = now;
	else if (off != WIRE_RUNNABLE && off != WIRE_THROTTLED && !t->wake_ns)
		t->wake_ns = now;
}

/* Ends the turn at now; its ledger stays in place. Length in ns; 0: there was no turn. */
static inline __u64 turn_close(struct wire_loop *l, __u64 now)
{
	struct wire_turn *t = &l->turn;
	__u64 len;

	if (t->phase != WIRE_BUSY)
		return 0;
	turn_on_cpu(t, now);
	turn_into_total(l);
	len = turn_since(now, t->began_ns);
	l->turns++;
	l->lag_sum_ns += len;
	if (len > l->lag_max_ns)
		l->lag_max_ns = len;
	l->lag[hist_index(len)]++;
	return len;
}

/* The same for a turn that was none: not counted, and never late. */
static inline void turn_drop(struct wire_loop *l, __u64 now)
{
	if (l->turn.phase != WIRE_BUSY)
		return;
	turn_on_cpu(&l->turn, now);
	turn_into_total(l);
	turn_begin(l, now);
}

/*
 * CPU time that a sample taken now would stand for; 0: it is not due. In one
 * turn the first TURN_DENSE stand for a period each, later ones for 16.
 */
static inline __u64 turn_sample(struct wire_turn *t, __u64 now, __u64 period)
{
	__u64 ran = t->ledger.oncpu_ns + turn_since(now, t->last_ns);
	__u64 weight = t->samples ? turn_since(ran, t->sampled_ns) : period;

	if (t->samples >= TURN_DENSE)
		period *= 16;
	if (weight + TURN_EARLY_NS / 2 < period)
		return 0;
	t->sampled_ns = ran;
	t->samples++;
	return weight;
}

/*
 * The gate can be preempted where it is fentry. What happens in between is
 * put aside and belongs to the turn that begins.
 */
static inline void turn_gate_begin(struct wire_turn *t)
{
	t->gap_ns = 0;
	t->gap_off_ns = 0;
	t->entering = 1;
}

static inline void turn_gate_end(struct wire_turn *t)
{
	t->entering = 0;
	t->ledger.runqueue_ns += t->gap_ns;
	t->last_ns += t->gap_ns;
}

#endif
