/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h: where in the application a stall happened. Pure.
 */
#ifndef PLACE_H
#define PLACE_H

#include "report.h"
#include "stall.h"

/* Which evidence shows the place. */
struct looked_for {
	enum gw_state state;
	const struct wire_wait *wait; /* GW_STATE_BLOCKED: in that call; NULL: in any */
};

/* Innermost frame of the application's own code; GW_NONE. *at: its place in the stack. */
uint32_t place_app_frame(const struct gw_report *report, uint32_t stack, uint32_t *at);

/* The Python function that the frame at that place had called; GW_NONE: it is the leaf itself. */
uint32_t place_callee(const struct gw_report *report, uint32_t stack, uint32_t at);

/* The application's function with the most weight, in it what it called most, and of that the
 * heaviest stack; GW_NONE: no evidence. */
uint32_t place_heaviest(const struct gw_report *report, const struct stall *stall,
			const struct looked_for *want);

#endif
