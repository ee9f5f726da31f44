/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * hist.h: index of the log-linear histogram of loops[].
 *
 * 16 steps per power of two from 1,024 ns (about 1 us) to 2^42 ns (73 min):
 * bucket 0 holds all below, the last one all above. Pure C without division,
 * also compiled by the unit tests and by lib/base/hist.c, which turns
 * buckets back into times.
 */
#ifndef HIST_H
#define HIST_H

#include "wire.h"

#define HIST_LOW_BIT  10
#define HIST_HIGH_BIT 42

/* Position of the highest bit set; v > 0. BPF has no instruction for it. */
static inline __u32 hist_log2(__u64 v)
{
	__u32 bit = 0;

	if (v >> 32) {
		v >>= 32;
		bit += 32;
	}
	if (v >> 16) {
		v >>= 16;
		bit += 16;
	}
	if (v >> 8) {
		v >>= 8;
		bit += 8;
	}
	if (v >> 4) {
		v >>= 4;
		bit += 4;
	}
	if (v >> 2) {
		v >>= 2;
		bit += 2;
	}
	return bit + (v >> 1);
}

static inline __u32 hist_index(__u64 ns)
{
	__u32 bit, i;

	if (ns < 1ULL << HIST_LOW_BIT)
		return 0;
	if (ns >= 1ULL << HIST_HIGH_BIT)
		return HIST_BUCKETS - 1;
	bit = hist_log2(ns);
	i = 1 + (bit - HIST_LOW_BIT) * 16 + ((ns >> (bit - 4)) & 15);
	return i < HIST_BUCKETS ? i : HIST_BUCKETS - 1; /* the verifier of 6.1 loses the bound */
}

#endif
