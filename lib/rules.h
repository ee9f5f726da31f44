/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.h: the knowledge base: what a stall is an instance of, and what to
 * change.
 *
 * Rules are data. The strongest evidence wins; where nothing matches there
 * is no advice and no guess. Pure: no input, no output, nothing allocated.
 * The texts of a rule are public: gw_rule_at(), gw_rule_find().
 */
#ifndef RULES_H
#define RULES_H

#include <stddef.h>
#include "greenwatch.h"

struct gw_report;

/* What is known of a stall, as far as rules look at it. */
struct rule_case {
	const struct gw_report *report; /* whose frames and stacks the numbers below mean */
	const char *runtime;            /* gevent asyncio uvloop python node tokio native */
	enum gw_cause cause;
	const char *call;           /* system call, "gil", "pagefault"; NULL: none */
	const char *class;          /* as in struct gw_wait; NULL: none */
	const struct gw_peer *peer; /* NULL: none */
	uint32_t stack;             /* merged, heaviest; GW_NONE */
	uint32_t calls;             /* how often it slept in that call in this turn */
	const char *slept;          /* what it slept most in, whatever the cause; NULL: nothing */
	uint32_t slept_calls;       /* how often */
	uint64_t took_ns, total_ns, max_ns; /* the turn; of that call in sum, at most */
	uint64_t gc_ns;                     /* of the turn; 0 or GW_UNKNOWN_NS: none seen */
	uint32_t tasks;                     /* told apart in the turn */
};

/* The advice for a case; out->rule NULL: none. */
void rules_match(const struct rule_case *c, struct gw_advice *out);

#endif
