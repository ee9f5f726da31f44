/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charge.h: metrics that are sums over stalls; measure.c's other half.
 */
#ifndef JUDGE_CHARGE_H
#define JUDGE_CHARGE_H

#include "judge/measure.h"

int charge(const struct subject *subject, const struct expr *expr, bool growth,
	   struct measure *out);

bool measure_has_loop(const struct expr *expr, const struct report_loop *loop);
uint64_t measure_watched(const struct subject *subject, const struct expr *expr);
uint64_t measure_part(const struct gw_ledger *ledger, enum part part);
void measure_as(const struct subject *subject, const struct expr *expr, double ns,
		struct measure *out);

#endif
