// SPDX-License-Identifier: BSD-2-Clause
/*
 * lag.c: how long turns were over the run.
 *
 * The kernel side keeps a histogram per loop. What has grown in it since the
 * last look tells the longest turn of the time between, so nothing has to be
 * kept per turn, in the kernel or here.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hist.h"
#include "source/watch.h"

#define EVERY_NS 250000000 /* between two of a loop */

/* The highest bucket that has grown, and the new counts; -1: none has. */
static int grown(uint64_t *before, const struct wire_loop *loop)
{
	int top = -1;

	for (int i = 0; i < HIST_BUCKETS; i++) {
		uint64_t n = __atomic_load_n(&loop->lag[i], __ATOMIC_RELAXED);

		if (n > before[i])
			top = i;
		before[i] = n;
	}
	return top;
}

int lag_tell(struct watch *w, uint32_t slot, uint64_t now)
{
	const struct wire_loop *loop = slots_peek(w->slots, slot);
	struct wire_lag record = { .serial = loop->serial };
	struct seat *seat = &w->seats[slot];
	uint64_t ceiling, max_ns;
	int top;

	if (now < seat->lag_ns + EVERY_NS || seat->serial != loop->serial)
		return 0;
	if (!seat->lag)
		seat->lag = calloc(HIST_BUCKETS, sizeof(*seat->lag));
	if (!seat->lag)
		return -ENOMEM;
	seat->lag_ns = now;
	top = grown(seat->lag, loop);
	if (top < 0)
		return 0;
	ceiling = hist_ceiling((uint32_t)top);
	max_ns = loop->lag_max_ns;
	record.head = watch_head(WIRE_LAG, sizeof(record));
	record.head.now_ns = now;
	record.max_ns = ceiling < max_ns ? ceiling : max_ns;
	return watch_hand_out(w, &record);
}
