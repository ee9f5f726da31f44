/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h: is the load generator itself late?
 *
 * Then the latencies it reports are wrong: while it stalls it neither sends
 * nor reads its clock. Watched in a session of its own, so that its stalls
 * are in no sum and in no verdict of the program under load.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdint.h>

#include "greenwatch.h"

struct load {
	struct gw *gw; /* NULL: not watched */
	uint64_t stalls, stalled_ns, longest_ns;
	uint64_t began_ns; /* when the command began: the caller's to set */
};

/* Watches pid. What goes wrong is left alone: it is no reason not to watch the program. */
void load_open(struct load *load, uint32_t pid, uint64_t threshold_ns);
int load_fd(const struct load *load); /* -1: none */
void load_poll(struct load *load);

/* A stall of the generator, where it is watched by the caller. */
void load_stall(struct load *load, const struct gw_stall *stall);

/* Is this the command of a generator, by its name? */
bool load_is_generator(const char *const *argv);

/* Ends it; if it stalled, says so in the report that is made of to, and in line (else ""). */
void load_tell(struct load *load, const char *name, struct gw *to, char *line, size_t size);
void load_close(struct load *load);

#endif
