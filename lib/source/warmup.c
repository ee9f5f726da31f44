// SPDX-License-Identifier: BSD-2-Clause
/*
 * warmup.c: the beginning of a run that is listed and not summed up.
 *
 * Says when it begins and when it is over; just before that everything is
 * told once as it stands, so that it can be taken off. Sums in the kernel go
 * on; rows of calls are dropped there and longest times begin anew.
 */
#include "source/watch.h"

#define DRAIN 65536 /* records */

static int tell(struct watch *w, uint16_t over, uint64_t limit_ns)
{
	struct wire_warmup record = { .limit_ns = limit_ns };

	record.head = watch_head(WIRE_WARMUP, sizeof(record));
	record.head.flags = over;
	return watch_hand_out(w, &record);
}

int warmup_begin(struct watch *w, const struct watch_opts *opts)
{
	if (!opts->warmup_ns)
		return 0;
	w->warm_ready = opts->warmup_ready;
	w->warm_until_ns = watch_clock(CLOCK_MONOTONIC) + opts->warmup_ns;
	return tell(w, 0, opts->warmup_ns);
}

/* CPU time in user space and in the kernel is counted from now on. */
static void begin_times(struct watch *w, uint32_t slot)
{
	const struct wire_turn *turn = &slots_peek(w->slots, slot)->turn;

	w->seats[slot].user_ns = turn->user_ns;
	w->seats[slot].kernel_ns = turn->kernel_ns;
	slots_forget_longest(w->slots, slot);
}

static int drop_calls(struct watch *w)
{
	uint32_t at = 0;
	int n;

	while ((n = live_calls(w->live, &at, w->calls->rows, WIRE_CALL_ROWS)) > 0)
		for (int i = 0; i < n; i++)
			live_drop_call(w->live, &w->calls->rows[i].key);
	return n;
}

static int end(struct watch *w)
{
	int err = watch_drain(w, DRAIN);

	if (!err)
		err = watch_tell_sums(w);
	if (!err)
		err = drop_calls(w);
	for (uint32_t slot = 0; slot < LOOPS; slot++)
		if (w->seats[slot].serial)
			begin_times(w, slot);
	w->warm_until_ns = 0;
	return err ? err : tell(w, 1, 0);
}

int warmup_tick(struct watch *w)
{
	if (!w->warm_until_ns)
		return 0;
	if (watch_clock(CLOCK_MONOTONIC) < w->warm_until_ns &&
	    !(w->warm_ready && ready_listens(&w->procs)))
		return 0;
	return end(w);
}
