/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weigh.h: where the time of a stall went, as stacks with weights; what
 * profiles and timelines are drawn from.
 *
 * The weights of a stall add up to its length: what no stack was seen of is
 * a row without one.
 */
#ifndef WEIGH_H
#define WEIGH_H

#include "base/escape.h"
#include "sink/sink.h"

struct weight {
	uint32_t stack;      /* GW_NONE: none, and why says what it was */
	enum gw_state state; /* of a row with a stack */
	const char *task;    /* NULL: not known */
	const char *why;
	uint64_t ns;
};

/* Calls row() for each; stops at the first that is not 0 and returns it. */
int weigh(const struct gw_stall *stall, int (*row)(void *ctx, const struct weight *weight),
	  void *ctx);

/* Is it in profiles? Stalls of the warm-up are not. */
static inline bool weigh_counts(const struct gw_stall *stall)
{
	return !stall->warmup;
}

/* "get_user (app/db.py)", "poll (libc.so.6)", "tcp_recvmsg [kernel]"; escaped. Returns out. */
#define WEIGH_NAME (2 * ESCAPE_SIZE(ESCAPE_NAME) + 16)
const char *weigh_name(char out[WEIGH_NAME], const struct gw_frame *frame);

/* A JSON string with its quotes: escaped for people first, then for JSON. */
void weigh_quote(FILE *to, const char *text);

#endif
