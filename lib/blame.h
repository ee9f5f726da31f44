/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blame.h: why a turn was late, and where: cause, call, frame, fingerprint.
 *
 * Pure: looks at the stall and at stacks of the report, does no input or
 * output. Unknown is an answer. Blame falls on the program only for time it
 * spent by its own doing.
 */
#ifndef BLAME_H
#define BLAME_H

#include "report.h"
#include "stall.h"

struct verdict {
	enum gw_cause cause;
	int32_t call;               /* system call number; -1: none */
	const char *call_name;      /* NULL: none */
	const struct gw_peer *peer; /* what that call slept on; NULL: not known */
	struct gw_advice advice;
	uint32_t stack, frame; /* heaviest stack, its app frame; GW_NONE */
	const char *callee;    /* Python function that frame had called; NULL */
	char fingerprint[21];
	char why[256];
	char title[256];
};

/* runtime: of the loop, as in struct report_loop. */
void blame(const struct gw_report *report, const struct stall *stall, const char *runtime,
	   struct verdict *out);

/* Is it the task's own doing, not that of another thread or of the machine? */
bool blame_is_on_task(enum gw_cause cause);

/* out->fingerprint, of all the rest; at: place of the frame in the stack. */
void blame_fingerprint(const struct gw_report *report, struct verdict *out, uint32_t at);

/* sleep lock gil file network poll process pagefault other (report.md, waits). */
const char *call_class(int32_t call);
const char *call_name(int32_t call); /* also of enum wire_pseudo_call; never NULL */

#endif
