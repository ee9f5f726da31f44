/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tokio.h: what the names of a thread's frames tell of it, from the leaf outwards. Pure.
 */
#ifndef TOKIO_H
#define TOKIO_H

#include <stdbool.h>

struct tokio_reading {
	bool parks; /* asleep in a futex: there is nothing to do */
	bool left;  /* it runs block_in_place: other threads do the work of its loop */
	bool decided;
	unsigned int at; /* the frame that decided on parks */
};

/* name NULL: not known, or of a shared object. */
void tokio_read(struct tokio_reading *r, const char *name, unsigned int i);

#endif
