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
#define TASKS_MAX    64
#define HOLDERS_MAX  4

/* What the names of a stack record became in the report. Strings are interned. */
struct named {
	uint32_t stack, spawned, chain; /* GW_NONE: not known */
	const char *task;               /* NULL: not known */
	enum gw_task_kind kind;
	const struct gw_peer *peer; /* NULL: none */
	const char *class;          /* of the call */
	bool away;                  /* not of the loop's work: its turn is none */
	bool gc;                    /* garbage was being collected */
};

/* A stack seen in the turn, once per stack, state, call and task. */
struct evidence {
	struct named named;
	enum gw_state state;
	int32_t call;  /* system call number, or enum wire_pseudo_call */
	uint64_t task; /* address; 0: not known */
	uint32_t times;
	uint64_t weight_ns, max_ns;
	uint64_t off_ns;                      /* pending slice: when it began; else 0 */
	uint32_t waker_pid, waker_tid, owner; /* of the longest */
	char waker_comm[WIRE_COMM + 1];
};

/* One of the tasks seen in the turn. */
struct stall_task {
	uint64_t task;
	const struct named *named; /* where it was longest */
	uint64_t share_ns, longest_ns;
};

/* A thread that held the lock meanwhile. */
struct stall_holder {
	uint64_t holder;          /* GIL: its thread state; else its tid */
	int32_t call;             /* of those who waited: WIRE_CALL_GIL or another */
	uint32_t pid, tid, stack; /* tid 0: not known */
	char comm[WIRE_COMM + 1];
	uint64_t share_ns;
};

struct stall {
	uint32_t serial, pid;
	uint64_t began_ns, ended_ns;
	bool open, cut;
	bool away; /* no stall: the thread parked, or had left the loop to others */
	struct wire_ledger ledger;
	const struct wire_wait *waits;
	const struct wire_rival *rivals;
	const struct evidence *evidence;
	const struct stall_task *tasks; /* by share */
	const struct stall_holder *holders;
	uint32_t n_waits, n_rivals, n_evidence, n_tasks, n_holders;
	uint64_t user_ns, kernel_ns; /* of the time on the CPU, as a ratio; both 0: not known */
	uint32_t ready;              /* WIRE_NO_COUNT: not known */
	uint64_t oldest_ns;
};

struct stalls; /* the machines */

int stalls_new(struct stalls **out);
void stalls_free(struct stalls *stalls);

/* A slice, sample or holder with its stack already named. 0 or -ENOMEM. */
int stalls_stack(struct stalls *stalls, const struct wire_stack *stack, const struct named *named);

/* Was this slice named while it lasted? Then *named is what it was. */
bool stalls_named(const struct stalls *stalls, const struct wire_stack *stack, struct named *named);

/* A late turn: *out is borrowed until the next call. */
void stalls_late(struct stalls *stalls, const struct wire_late *late, struct stall *out);
void stalls_open(struct stalls *stalls, const struct wire_open *open, struct stall *out);

void stalls_gone(struct stalls *stalls, uint32_t serial);

/* The holder of that tid whom a call waited for, of whatever tid if that is 0; NULL: none. */
const struct stall_holder *stall_holder(const struct stall *stall, int32_t call, uint32_t tid);

/* The ledger of a turn in progress, closed at now_ns. */
struct wire_ledger stall_ledger_at(const struct wire_turn *turn, uint64_t now_ns);

#endif
