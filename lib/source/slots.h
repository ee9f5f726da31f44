/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slots.h: the mapped arrays loops[] and aims[].
 *
 * The kernel side writes loops while we read: a copy is whole when its
 * sequence number was even and did not change meanwhile. Clears a slot only
 * when its loop has ended.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bpf/wire.h"

struct slot_map {
	char *at;
	size_t size; /* of one element */
};

struct slots {
	struct slot_map loops, aims;
	uint32_t n;
};

/* Maps the arrays behind two descriptors; 0 or -errno. */
int slots_open(struct slots *slots, int loops, int aims, uint32_t n);
void slots_close(struct slots *slots);

/* Everything of BPF mapped so far stays out of children forked later. 0 or -errno. */
int slots_keep_from_children(void);

const struct wire_loop *slots_peek(const struct slots *slots, uint32_t slot); /* may change */
/* Copies as a whole; false: the writer was too busy. */
bool slots_loop(const struct slots *slots, uint32_t slot, struct wire_loop *out);
uint32_t slots_seq(const struct slots *slots, uint32_t slot); /* odd: it is being written */
/* The longest turn and wake-up delay of a slot begin anew: one store each, and all the kernel side
 * does with them is to keep the larger one. */
void slots_forget_longest(const struct slots *slots, uint32_t slot);

struct wire_aim *slots_aim(const struct slots *slots, uint32_t slot);
void slots_clear(struct slots *slots, uint32_t slot);

#endif
