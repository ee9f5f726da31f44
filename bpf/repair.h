/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * repair.h: switch-ins that the kernel never traced.
 *
 * 8 in 1,000 are missing under load, and some wakings too. The kernel's own
 * sums then tell how long the thread stood in the run queue and how long it
 * ran. Pure C, as turn.h.
 */
#ifndef REPAIR_H
#define REPAIR_H

#include "turn.h"

/* Neither its waking nor its switch-in was seen: what it did not stand in the run queue and did
 * not run, it was asleep. */
static inline __u64 turn_guess_in(struct wire_turn *t, const struct turn_clock *c, __u64 queued)
{
	__u64 ran = turn_since(c->exec_ns, t->exec_ns);
	__u64 gap = turn_since(c->now_ns, t->off_ns);

	if (queued > gap)
		queued = gap;
	if (ran > gap - queued)
		ran = gap - queued;
	t->wake_ns = t->off_ns + gap - queued - ran;
	return c->now_ns - ran;
}

/* An event shows the thread on the CPU. 1 if its switch-in was never seen and had to be made good;
 * the slice that ended with it is in s, as turn_in() tells it. */
static inline int turn_repair(struct wire_loop *l, const struct turn_clock *c, struct turn_slice *s)
{
	struct wire_turn *t = &l->turn;
	__u64 in, queued;

	s->off = WIRE_ON;
	if (t->off == WIRE_ON)
		return 0;
	queued = turn_since(c->run_delay, t->run_delay);
	if (t->off == WIRE_RUNNABLE || t->off == WIRE_THROTTLED)
		in = t->off_ns + queued;
	else if (turn_seen_waking(t))
		in = turn_woken(t, c->now_ns) + queued;
	else
		in = turn_guess_in(t, c, queued);
	turn_in(l, in < c->now_ns ? in : c->now_ns, s);
	return 1;
}

#endif
