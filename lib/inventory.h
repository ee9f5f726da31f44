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

/* A stack with WIRE_STACK_TELLS, named. 0 or -ENOMEM. */
int inventory_stack(struct inventory *inventory, struct gw_report *report,
		    const struct wire_stack *stack, const struct named *named);

/* Rows as they stand in the kernel; later ones take the place of earlier ones. 0 or -ENOMEM. */
int inventory_rows(struct inventory *inventory, const struct wire_calls *rows);

/* Writes report->calls anew, the most time first. 0 or -ENOMEM. */
int inventory_collect(const struct inventory *inventory, struct gw_report *report);

#endif
