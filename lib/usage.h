/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage.h: who used the loops: greenlets, tasks and callbacks, late or not.
 *
 * Made of samples on the CPU clock of each loop. Those that run the same
 * function are a family; where they were spawned splits it, by the samples
 * that were read at once, since a short task is gone before the others are
 * looked at. A hold is the time from which to which one task was seen in one
 * turn: known to one sample period. Memory is bounded.
 */
#ifndef USAGE_H
#define USAGE_H

#include "report.h"
#include "stall.h"

struct usage;

int usage_new(struct usage **out);
void usage_free(struct usage *usage);

/* Can this sample do without names, since one like it had them? */
bool usage_knows(const struct usage *usage, const struct wire_stack *stack);

/* Any WIRE_SAMPLE; named: NULL only if usage_knows it. 0 or -ENOMEM. */
int usage_sample(struct usage *usage, const struct gw_report *report,
		 const struct wire_stack *stack, const struct named *named);

/* Number of the family that a stack belongs to; GW_NONE: no place is left. 0 or -ENOMEM. */
int usage_family(struct usage *usage, const struct gw_report *report, uint32_t serial,
		 const struct named *named, uint32_t *family);

/* A stall counts for the family that had most of its turn. */
int usage_stall(struct usage *usage, const struct gw_report *report, const struct stall *stall);

/* The warm-up is over: who used the loops so far does not count. */
void usage_warmup(struct usage *usage);

uint32_t usage_families(const struct usage *usage);

/* Writes report->tasks anew, the most time first; blocked: ns of each family. 0 or -ENOMEM. */
int usage_collect(const struct usage *usage, struct gw_report *report, const uint64_t *blocked);

#endif
