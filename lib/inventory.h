/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inventory.h: the calls that held a loop's thread up, short ones included.
 *
 * The kernel side counts; here its rows meet the stacks that show what they
 * are, and those that are the same thing to a reader become one: a loop, a
 * call, the kind of what it was made on, a place in the application. Memory
 * is bounded: what finds no place is counted in a row without one.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "report.h"
#include "stall.h"

struct inventory;

int inventory_new(struct inventory **out);
void inventory_free(struct inventory *inventory);

/* A stack with WIRE_STACK_TELLS, named; family: of usage.h, GW_NONE: not known. 0 or -ENOMEM. */
int inventory_stack(struct inventory *inventory, struct gw_report *report,
		    const struct wire_stack *stack, const struct named *named, uint32_t family);

/* Rows as they stand in the kernel; later ones take the place of earlier ones. 0 or -ENOMEM. */
int inventory_rows(struct inventory *inventory, const struct wire_calls *rows);

/* Adds what the calls of each family took to its place in blocked[n]. */
void inventory_blocked(const struct inventory *inventory, uint64_t *blocked, uint32_t n);

/* The warm-up is over: the kernel's rows begin anew, and what they held does not count. */
void inventory_warmup(struct inventory *inventory);

/* Writes report->calls anew, the most time first. 0 or -ENOMEM. */
int inventory_collect(const struct inventory *inventory, struct gw_report *report);

#endif
