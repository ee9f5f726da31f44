/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * live.h: the kernel side as user space sees it: slots, ring, counters.
 *
 * live.c is the only file that knows libbpf and the skeleton. It loads,
 * attaches and reads; which process is watched and what a record means is
 * decided elsewhere (watch.c). Nothing outlives the descriptors it holds.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/wire.h"
#include "source/slots.h"

struct live;

struct live_opts {
	uint64_t late_ns;
	uint64_t period_ns, light_ns; /* CPU time between samples: near late, and always */
	bool follow, calls_all;
	uint32_t loops; /* slots; at most 1,024 */
};

/* Called for each record of the ring; a negative answer ends the consuming. */
typedef int (*live_take)(void *ctx, const struct wire_head *record, size_t size);

/* Loads and attaches. 0; -EPERM, -ENOSYS (no BTF, or too old) or another -errno. What failed, in
 * words, is in why. */
int live_open(struct live **out, const struct live_opts *opts, char *why, size_t size);
void live_close(struct live *live);

/* Every thread that the process has now is watched from here on, and those it starts. */
int live_attach(struct live *live, uint32_t pid);

/* The same; and what of them sleeps in a futex is told of (WIRE_ASLEEP), or becomes a loop where it
 * is one of live_worker(). */
int live_attach_asleep(struct live *live, uint32_t pid);

/* How the workers of a process park (NULL: forget it); and a thread that does. 0 or -errno. */
int live_parks(struct live *live, uint32_t pid, const struct wire_parks *parks);
int live_worker(struct live *live, uint32_t tid, bool is);

/* The turn of the loop in slot that began then is none. */
void live_away(struct live *live, uint32_t slot, uint32_t serial, uint64_t turn_ns);

const char *live_gate(const struct live *live); /* fentry, tracepoint, raw-tracepoint */
int live_fd(const struct live *live);           /* readable when the ring holds records */

/* No record is made from here on: what the ring holds is the rest. */
void live_stop(struct live *live);

/* Hands out up to budget records; how many, or -errno. */
int live_consume(struct live *live, uint32_t budget, live_take take, void *ctx);

const struct slots *live_slots(const struct live *live); /* borrowed */

/* The turn in progress and its stacks, as a whole; false: the writer was too busy. */
bool live_turn(const struct live *live, uint32_t slot, struct wire_turn *turn,
	       struct wire_scratch *scratch);

/* Keeps more slots ready than are used; each takes memory of the kernel's. */
void live_room(struct live *live, uint32_t used);

void live_recycle(struct live *live, uint32_t slot); /* of a loop that has ended */

/* Tells the walker where the state of the loop's thread lies; aim->layout is chosen here. 0;
 * -ENOSPC: too many layouts. */
int live_aim(struct live *live, uint32_t slot, const struct wire_aim *aim,
	     const struct wire_python *layout);

/* Starts sampling a loop's thread; it ends with live_recycle. 0 or -errno. */
int live_sample(struct live *live, uint32_t slot, uint32_t tid);

/* Up to n rows of the inventory, from *at on (0 at first); how many, 0 at the end, or -errno. Rows
 * that come meanwhile may be left out. */
int live_calls(const struct live *live, uint32_t *at, struct wire_call_row *rows, uint32_t n);
void live_drop_call(const struct live *live, const struct wire_call_key *key);

int live_stats(const struct live *live, struct wire_stats *out);

/* Run time of our programs where the kernel keeps statistics; false: it does not. */
bool live_cost(const struct live *live, uint64_t *ns, uint64_t *runs);

#endif
