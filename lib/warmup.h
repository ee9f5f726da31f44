/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * warmup.h: the beginning of a run, which is listed and not summed up.
 *
 * When it is over, what each loop has summed up so far is remembered and
 * taken off whatever it tells from then on. A stall belongs to the warm-up if
 * it began there: it stays in the list of stalls, its site is met, and no sum
 * has it.
 */
#ifndef WARMUP_H
#define WARMUP_H

#include "report.h"

/* WIRE_WARMUP. 0 or -ENOMEM. */
int warmup_take(struct gw_report *report, const struct wire_warmup *record);
/* The run has ended: if the warm-up has not, it was all of it. */
void warmup_never_over(struct gw_report *report);

/* Does a turn that began then belong to it? */
bool warmup_has(const struct gw_report *report, uint64_t began_ns);

/* A loop with loop->warm has told its sums anew. */
void warmup_take_off(struct report_loop *loop);

/* A stall of the warm-up, closed or at the end of the run. */
void warmup_stall(const struct gw_report *report, struct report_loop *loop,
		  struct report_site *site, const struct gw_stall *stall);

#endif
