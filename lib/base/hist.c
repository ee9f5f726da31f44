// SPDX-License-Identifier: BSD-2-Clause
/*
 * hist.c (lib): the inverse of bpf/hist.h.
 *
 * hist_index(v) == b exactly when hist_floor(b) <= v < hist_ceiling(b). The
 * fine buckets stay inside the tool; reports carry the 13 bounds below.
 */
#include "base/hist.h"
#include "bpf/hist.h"

#define MS 1000000ULL

const uint64_t hist_bounds_ns[HIST_BOUNDS] = {
	1 * MS,   2500000,  5 * MS,    10 * MS,   25 * MS,   50 * MS,    100 * MS,
	250 * MS, 500 * MS, 1000 * MS, 2500 * MS, 5000 * MS, 10000 * MS,
};

uint64_t hist_floor(uint32_t bucket)
{
	uint32_t step, bit;

	if (!bucket)
		return 0;
	if (bucket >= HIST_BUCKETS - 1)
		return 1ULL << HIST_HIGH_BIT;
	bit = HIST_LOW_BIT + (bucket - 1) / 16;
	step = (bucket - 1) % 16;
	return (uint64_t)(16 + step) << (bit - 4);
}

uint64_t hist_ceiling(uint32_t bucket)
{
	return bucket >= HIST_BUCKETS - 1 ? UINT64_MAX : hist_floor(bucket + 1);
}

/* Place of the value at a share among all values in order, from 1. */
static uint64_t rank_of(uint64_t total, double share)
{
	uint64_t rank = (uint64_t)((double)total * share);

	return (double)rank < (double)total * share || !rank ? rank + 1 : rank;
}

uint32_t hist_bucket(uint64_t ns)
{
	return hist_index(ns);
}

void hist_count(uint64_t *buckets, uint64_t ns, uint64_t times)
{
	buckets[hist_index(ns)] += times;
}

uint64_t hist_quantile(const uint64_t *buckets, double share, uint64_t max_ns)
{
	uint64_t total = 0, seen = 0, rank;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		total += buckets[i];
	if (!total)
		return 0;
	rank = rank_of(total, share);
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += buckets[i];
		if (seen >= rank)
			return hist_ceiling(i) < max_ns ? hist_ceiling(i) : max_ns;
	}
	return max_ns;
}

/* Which of the report's counts a bucket belongs to: by its middle. */
static uint32_t fold_of(uint32_t bucket)
{
	uint64_t floor = hist_floor(bucket);
	uint64_t middle = floor + (hist_ceiling(bucket) - floor) / 2;
	uint32_t bound = 0;

	while (bound < HIST_BOUNDS && middle > hist_bounds_ns[bound])
		bound++;
	return bound;
}

void hist_fold(const uint64_t *buckets, uint64_t *counts)
{
	for (uint32_t i = 0; i <= HIST_BOUNDS; i++)
		counts[i] = 0;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		counts[fold_of(i)] += buckets[i];
}

/* The bucket whose quantile reads as ns: its upper end, or the largest value. */
static uint32_t bucket_of(uint64_t ns, uint64_t max_ns)
{
	uint32_t i = hist_index(ns);

	return i && ns < max_ns && hist_floor(i) == ns ? i - 1 : i;
}

/* n values evenly over the buckets from..to, at least one of them in the last. */
static void spread(uint64_t *buckets, uint32_t from, uint32_t to, uint64_t n)
{
	uint64_t each = n / (to - from + 1);

	for (uint32_t i = from; i <= to; i++)
		buckets[i] += each;
	buckets[to] += n % (to - from + 1);
}

static uint32_t clamp(uint32_t i, uint32_t low, uint32_t high)
{
	return i < low ? low : i > high ? high : i;
}

void hist_rebuild(uint64_t *buckets, const uint64_t *counts, const double *shares,
		  const uint64_t *ns, uint32_t n, uint64_t max_ns)
{
	uint64_t total = 0, seen = 0, until = 0;
	uint32_t first = 0, last, known = 0, at;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		buckets[i] = 0;
	for (uint32_t i = 0; i <= HIST_BOUNDS; i++)
		total += counts[i];
	for (uint32_t cell = 0; cell <= HIST_BOUNDS; cell++, first = last + 1) {
		for (last = first; last + 1 < HIST_BUCKETS && fold_of(last + 1) == cell; last++)
			;
		until += counts[cell];
		at = first;
		for (; known < n; known++) {
			uint64_t rank = rank_of(total, shares[known]);
			uint32_t to;

			if (ns[known] == UINT64_MAX)
				continue;
			if (rank > until)
				break;
			to = clamp(bucket_of(ns[known], max_ns), at, last);
			if (rank > seen)
				spread(buckets, at, to, rank - seen);
			seen = rank > seen ? rank : seen;
			at = to;
		}
		if (until > seen)
			spread(buckets, at, clamp(hist_index(max_ns), at, last), until - seen);
		seen = until;
	}
}
