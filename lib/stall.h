/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stall.h: from events to stalls: one machine per loop.
 *
 * Gathers the stacks seen in a turn until the turn is told to be late, or
 * another turn begins: then they are dropped. Reads no clock and no file:
 * time comes from events only, so that a replay is exact. Memory is bounded:
 * a turn keeps EVIDENCE_MAX different stacks, the lightest gives way.
 */
#ifndef STALL_H
#define STALL_H

#include <stdbool.h>
#include "event.h"
#include "greenwatch.h"

#define EVIDENCE_MAX 128

/* A stack seen in the turn, once per stack, state and call. */
struct evidence {
	uint32_t stack; /* of the report */
	enum gw_state state;
	int32_t call; /* -1: none or page fault */
	uint32_t times;
	uint64_t weight_ns, max_ns;
	uint64_t off_ns; /* pending slice: when it began; else 0 */
};

struct stall {
	uint32_t serial, pid;
	uint64_t began_ns, ended_ns;
	bool open, cut;
	struct wire_ledger ledger;
	const struct wire_wait *waits;
	const struct wire_rival *rivals;
	const struct evidence *evidence;
	uint32_t n_waits, n_rivals, n_evidence;
};

struct stalls; /* the machines */

int stalls_new(struct stalls **out);
void stalls_free(struct stalls *stalls);

/* A slice or sample with its stack already named. 0 or -ENOMEM. */
int stalls_stack(struct stalls *stalls, const struct wire_stack *stack, uint32_t named);

/* A late turn: *out is borrowed until the next call. */
void stalls_late(struct stalls *stalls, const struct wire_late *late, struct stall *out);
void stalls_open(struct stalls *stalls, const struct wire_open *open, struct stall *out);

void stalls_gone(struct stalls *stalls, uint32_t serial);

/* The ledger of a turn in progress, closed at now_ns. */
struct wire_ledger stall_ledger_at(const struct wire_turn *turn, uint64_t now_ns);

#endif
