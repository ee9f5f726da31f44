/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collect.h: how a report grows.
 *
 * Fed by the session, in the order of events. What comes in is copied, and
 * strings are interned: nothing borrowed is kept. Bounded: stalls beyond
 * max_stalls are folded into their sites and counted.
 */
#ifndef COLLECT_H
#define COLLECT_H

#include "blame.h"
#include "event.h"
#include "report.h"
#include "stall.h"

int collect_new(struct gw_report **out, uint32_t max_stalls);
void collect_free(struct gw_report *report);

int collect_hello(struct gw_report *report, const struct wire_hello *hello);
int collect_target(struct gw_report *report, const struct event_target *target);
int collect_loop(struct gw_report *report, const struct wire_found *found);
void collect_slot(struct gw_report *report, const struct wire_slot *slot);
void collect_times(struct gw_report *report, const struct wire_times *times);
void collect_lag(struct gw_report *report, const struct wire_lag *lag);
void collect_gone(struct gw_report *report, const struct wire_gone *gone);
void collect_loss(struct gw_report *report, const struct wire_loss *loss);
int collect_note(struct gw_report *report, const struct event_note *note);
int collect_audit(struct gw_report *report, const struct event_audit *audit);
int collect_patch(struct gw_report *report, const struct event_patch *patch);
int collect_end(struct gw_report *report, const struct wire_end *end);
void collect_malformed(struct gw_report *report); /* a record that could not be decoded */

/* What the names of a stack record say, and what it slept on. 0, -ENOMEM or -EBADMSG. */
int collect_names(struct gw_report *report, const struct wire_stack *stack,
		  const struct wire_names *names, struct named *out);

/* What a loop runs; "native" if it is not known. */
const char *collect_runtime(const struct gw_report *report, uint32_t serial);

/* Where a loop stands in the report; GW_NONE: no more. */
uint32_t collect_loop_index(const struct gw_report *report, uint32_t serial);

/*
 * A stall with its verdict. *out is valid until the next call. A closed one
 * enters the report, an open one only when last is set.
 */
int collect_stall(struct gw_report *report, const struct stall *stall,
		  const struct verdict *verdict, bool last, struct gw_stall *out);

/* Sorts sites and stalls; may be called again later. */
void collect_sort(struct gw_report *report, uint64_t now_ns);

#endif
