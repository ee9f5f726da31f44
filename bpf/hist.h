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

/* Hides a value from the compiler, which would make branches of what is written without: each
 * branch doubles what the kernel's verifier has to look at. */
#define hist_opaque(v) __asm__ volatile("" : "+r"(v))

/* 1 if a < b, else 0; both below 2^63. */
static inline __u64 hist_below(__u64 a, __u64 b)
{
	__u64 below = a - b;

	hist_opaque(below);
	return below >> 63;
}

/* Position of the highest bit set; 0 < v < 2^63. BPF has no instruction for it. */
static inline __u32 hist_log2(__u64 v)
{
	__u64 bit = 0, more;

#ifdef __clang__
#pragma unroll
#endif
	for (__u32 step = 32; step; step >>= 1) {
		more = hist_below((1ULL << step) - 1, v) * step;
		v >>= more;
		bit += more;
	}
	return bit;
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
