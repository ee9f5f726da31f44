/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hist.h (lib): from the kernel's log-linear buckets back to times.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include <stdint.h>

#define HIST_BOUNDS 13 /* of the report: 1 ms .. 10 s */

extern const uint64_t hist_bounds_ns[HIST_BOUNDS];

/* Smallest and one past the largest value of a bucket. */
uint64_t hist_floor(uint32_t bucket);
uint64_t hist_ceiling(uint32_t bucket);
uint32_t hist_bucket(uint64_t ns); /* the one that holds it */

/* Counts a value, so many times. */
void hist_count(uint64_t *buckets, uint64_t ns, uint64_t times);

/* Upper end of the bucket that holds the given share (0..1); 0 when empty. Never above max_ns. */
uint64_t hist_quantile(const uint64_t *buckets, double share, uint64_t max_ns);

/* Folds fine buckets into the report's HIST_BOUNDS + 1 counts. A bucket across a bound counts
 * by its middle. */
void hist_fold(const uint64_t *buckets, uint64_t *counts);

/*
 * The inverse of hist_fold, as far as it can be: buckets that fold to these counts, and whose
 * quantiles at the n rising shares are ns[] (UINT64_MAX: not known) and at most max_ns. Exact for
 * what hist_quantile gave, to the bucket for other numbers.
 */
void hist_rebuild(uint64_t *buckets, const uint64_t *counts, const double *shares,
		  const uint64_t *ns, uint32_t n, uint64_t max_ns);

#endif
