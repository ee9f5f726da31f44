// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_hist.c: lib/base/hist.c against the kernel's bpf/hist.h.
 */
#include <criterion/criterion.h>

#include "base/hist.h"
#include "bpf/hist.h"

static void check(uint64_t ns)
{
	uint32_t bucket = hist_index(ns);

	cr_assert_lt(bucket, HIST_BUCKETS);
	cr_assert_leq(hist_floor(bucket), ns, "%llu", (unsigned long long)ns);
	cr_assert(bucket == HIST_BUCKETS - 1 || ns < hist_ceiling(bucket), "%llu",
		  (unsigned long long)ns);
}

Test(hist, floor_and_ceiling_are_the_inverse_of_the_kernels_index)
{
	uint64_t seed = 1;

	for (uint64_t ns = 0; ns < 200000; ns++)
		check(ns);
	for (int i = 0; i < 1000000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		check(seed >> (seed % 64));
	}
	for (uint32_t bit = 0; bit < 64; bit++) {
		check(1ULL << bit);
		check((1ULL << bit) - 1);
		check((1ULL << bit) + 1);
	}
	check(UINT64_MAX);
}

Test(hist, the_ends_of_every_bucket_fall_into_it)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		cr_assert_eq(hist_index(hist_floor(i)), i);
		cr_assert_eq(hist_index(hist_ceiling(i) - 1), i);
		if (i)
			cr_assert_eq(hist_floor(i), hist_ceiling(i - 1));
	}
}

Test(hist, quantiles_are_upper_ends_and_never_above_the_maximum)
{
	uint64_t buckets[HIST_BUCKETS] = { 0 };

	cr_assert_eq(hist_quantile(buckets, 0.5, 5), 0);
	buckets[hist_index(300000)] = 98;
	buckets[hist_index(8000000)] = 1;
	buckets[hist_index(612000000)] = 1;
	cr_assert_eq(hist_quantile(buckets, 0.5, 612000000), hist_ceiling(hist_index(300000)));
	cr_assert_eq(hist_quantile(buckets, 0.98, 612000000), hist_ceiling(hist_index(300000)));
	cr_assert_eq(hist_quantile(buckets, 0.99, 612000000), hist_ceiling(hist_index(8000000)));
	cr_assert_eq(hist_quantile(buckets, 1.0, 612000000), 612000000);
	cr_assert_eq(hist_quantile(buckets, 0.0, 612000000), hist_ceiling(hist_index(300000)));
}

Test(hist, folding_loses_nothing)
{
	uint64_t buckets[HIST_BUCKETS], counts[HIST_BOUNDS + 1], sum = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		buckets[i] = i + 1;
	hist_fold(buckets, counts);
	for (uint32_t i = 0; i <= HIST_BOUNDS; i++)
		sum += counts[i];
	cr_assert_eq(sum, (uint64_t)HIST_BUCKETS * (HIST_BUCKETS + 1) / 2);
}

Test(hist, folding_puts_times_below_their_bound)
{
	uint64_t buckets[HIST_BUCKETS] = { 0 }, counts[HIST_BOUNDS + 1];

	buckets[hist_index(500)] = 1;
	buckets[hist_index(900000)] = 2;
	buckets[hist_index(612000000)] = 4;
	buckets[hist_index(60000000000)] = 8;
	buckets[HIST_BUCKETS - 1] = 16;
	hist_fold(buckets, counts);
	cr_assert_eq(counts[0], 3);
	cr_assert_eq(counts[9], 4);
	cr_assert_eq(counts[HIST_BOUNDS], 24);
}
