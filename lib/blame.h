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
	int32_t call;          /* system call number; -1: none */
	const char *call_name; /* NULL: none */
	uint32_t stack, frame; /* heaviest stack, its app frame; GW_NONE */
	const char *callee;    /* Python function that frame had called; NULL */
	char fingerprint[21];
	char why[256];
	char title[256];
};

void blame(const struct gw_report *report, const struct stall *stall, struct verdict *out);

/* Innermost frame of the application's own code; GW_NONE. *at: its place in the stack. */
uint32_t blame_app_frame(const struct gw_report *report, uint32_t stack, uint32_t *at);

/* sleep lock file network poll process pagefault other (report.md, waits). */
const char *call_class(int32_t call);
const char *call_name(int32_t call); /* "pagefault" for -1, "others" for -2; never NULL */

#endif
