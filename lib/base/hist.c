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
	rank = (uint64_t)((double)total * share);
	if ((double)rank < (double)total * share || !rank)
		rank++;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += buckets[i];
		if (seen >= rank)
			return hist_ceiling(i) < max_ns ? hist_ceiling(i) : max_ns;
	}
	return max_ns;
}

void hist_fold(const uint64_t *buckets, uint64_t *counts)
{
	uint32_t bound = 0;

	for (uint32_t i = 0; i <= HIST_BOUNDS; i++)
		counts[i] = 0;
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		uint64_t floor = hist_floor(i);
		uint64_t middle = floor + (hist_ceiling(i) - floor) / 2;

		while (bound < HIST_BOUNDS && middle > hist_bounds_ns[bound])
			bound++;
		counts[bound] += buckets[i];
	}
}
