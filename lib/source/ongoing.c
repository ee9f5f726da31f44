// SPDX-License-Identifier: BSD-2-Clause
/*
 * ongoing.c: turns that are late and still go on, read out of their slots.
 *
 * Told of when they are late, and again at twice the age; a call that goes on
 * is named before it ends. Knows nothing of turns that have ended.
 */
#include <string.h>

#include "source/watch.h"

#define OPEN_NS 150000000 /* a stall that ends sooner is told of once, when it has ended */

/* Who holds the lock that a pending slice waits for. */
static int tell_other_side(struct watch *w, struct wire_stack *pending)
{
	struct wire_stack *holder = &w->scratch->holder;

	if (holder->off_ns == pending->off_ns && holder->n_python &&
	    holder->n_python <= WIRE_FRAMES) {
		holder->head = pending->head;
		holder->head.kind = WIRE_HOLDER;
		holder->head.size = WIRE_STACK_BASE + holder->n_python * sizeof(holder->python[0]);
		return tell_holder(w, holder);
	}
	return pending->owner ? tell_owner(w, pending) : 0;
}

/* The slice in progress, out of w->scratch: nothing when the thread runs. */
static int tell_pending(struct watch *w, uint32_t slot, const struct wire_turn *turn, uint64_t now)
{
	const struct wire_aim *aim = slots_aim(w->slots, slot);
	struct wire_scratch *scratch = w->scratch;
	uint32_t i = (scratch->best ^ 1) & 1;
	struct wire_stack *pending = &scratch->slice[i];
	uint64_t off_ns;
	int err;

	if ((turn->off != WIRE_BLOCKED && turn->off != WIRE_STOPPED) ||
	    pending->turn_ns != turn->began_ns || pending->n_python > WIRE_FRAMES)
		return 0;
	pending->head.size = WIRE_STACK_BASE + pending->n_python * sizeof(pending->python[0]);
	pending->head.now_ns = now;
	off_ns = now > turn->off_ns ? now - turn->off_ns : 0; /* it may just have begun */
	pending->blocked_ns = turn->off == WIRE_BLOCKED ? off_ns : 0;
	pending->stopped_ns = turn->off == WIRE_STOPPED ? off_ns : 0;
	if (pending->head.flags & WIRE_STACK_ASLEEP && aim->serial == pending->serial)
		pending->holder = aim->tstate;
	err = tell_other_side(w, pending);
	if (err)
		return err;
	scratch->memory[i].head.size = WIRE_MEMORY_BASE + scratch->memory[i].n;
	watch_keep(w, &scratch->memory[i].head);
	return watch_hand_out(w, pending);
}

/* A call that goes on is named before it ends: the greenlet in it may be gone right after. */
int ongoing_name(struct watch *w, uint32_t slot, uint64_t now)
{
	const struct wire_loop *loop = slots_peek(w->slots, slot);
	struct seat *seat = &w->seats[slot];
	struct wire_turn turn;

	if (loop->turn.phase != WIRE_BUSY || loop->turn.off != WIRE_BLOCKED ||
	    loop->turn.off_ns == seat->named_ns || now < loop->turn.began_ns + w->late_ns / 2)
		return 0;
	if (!live_turn(w->live, slot, &turn, w->scratch) || turn.phase != WIRE_BUSY ||
	    turn.off != WIRE_BLOCKED || now < turn.off_ns)
		return 0;
	seat->named_ns = turn.off_ns;
	return tell_pending(w, slot, &turn, now);
}

static int tell_open(struct watch *w, uint32_t slot, const struct wire_turn *turn, uint64_t now)
{
	struct wire_scratch *scratch = w->scratch;
	struct wire_open open = { .serial = w->seats[slot].serial,
				  .pid = w->seats[slot].pid,
				  .n_waits = scratch->n_waits,
				  .n_rivals = scratch->n_rivals,
				  .turn = *turn };
	int err;

	open.head = watch_head(WIRE_OPEN, sizeof(open));
	open.head.now_ns = now;
	open.head.flags = w->ending;
	memcpy(open.waits, scratch->waits, sizeof(open.waits));
	memcpy(open.rivals, scratch->rivals, sizeof(open.rivals));
	err = tell_pending(w, slot, turn, now);
	return err ? err : watch_hand_out(w, &open);
}

/* Is the turn in this slot late and untold, or twice as old as when it was told of? */
int ongoing_tell(struct watch *w, uint32_t slot, uint64_t now)
{
	const struct wire_loop *loop = slots_peek(w->slots, slot);
	struct seat *seat = &w->seats[slot];
	uint64_t least_ns = w->late_ns + (w->ending ? 0 : OPEN_NS);
	struct wire_turn turn;

	if (loop->turn.phase != WIRE_BUSY || now < loop->turn.began_ns + least_ns)
		return 0;
	if (!live_turn(w->live, slot, &turn, w->scratch))
		return 0;
	if (turn.phase != WIRE_BUSY || now <= turn.began_ns + least_ns)
		return 0;
	if (seat->told_turn_ns != turn.began_ns) {
		seat->told_turn_ns = turn.began_ns;
		seat->tell_at_ns = 0;
	}
	if (now - turn.began_ns < seat->tell_at_ns)
		return 0;
	seat->tell_at_ns = 2 * (now - turn.began_ns);
	return tell_open(w, slot, &turn, now);
}

/* Turns still late at the end are told of once more, at their last age. */
int ongoing_end(struct watch *w)
{
	uint64_t now = watch_clock(CLOCK_MONOTONIC);
	int err = 0;

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++) {
		if (!w->seats[slot].serial)
			continue;
		w->seats[slot].tell_at_ns = 0;
		err = ongoing_tell(w, slot, now);
	}
	return err;
}
