/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * site.h: when two calls are the same one: by what they are made on and from where.
 *
 * Pure C, also compiled by the unit tests. The hash is an identity inside one
 * run, no fingerprint: addresses are in it. Where it is the interpreter that
 * waits, for its own lock or for memory, the place says nothing about it and
 * stays out, or every instruction would be a site.
 */
#ifndef SITE_H
#define SITE_H

#include "pywalk.h"

#define SITE_START      0xcbf29ce484222325ULL /* FNV-1a, by words */
#define SITE_PRIME      0x100000001b3ULL
#define SITE_OPEN_FLAGS 04000 /* O_NONBLOCK */

struct site {
	const struct wire_stack *stack;
	__u64 hash;
	__u32 n;
};

static inline __u64 site_add(__u64 hash, __u64 word)
{
	hash ^= word;
	hash *= SITE_PRIME;
	return hash ^ hash >> 29;
}

static long site_step(__u32 i, struct site *site)
{
	const struct wire_pyframe *frame;

	if (i >= WIRE_FRAMES || i >= site->n)
		return 1;
	frame = &site->stack->python[i];
	site->hash = site_add(site_add(site->hash, frame->code), frame->instr);
	return 0;
}

static inline __u64 site_of(const struct wire_stack *s)
{
	struct site site = { .stack = s, .hash = SITE_START, .n = s->n_python };

	if (s->call == WIRE_CALL_GIL)
		return SITE_START;
	if (s->call == WIRE_CALL_FAULT)
		return s->n_python ? site_add(SITE_START, s->python[0].code) : SITE_START;
	if (s->fd.fd >= 0) {
		site.hash = site_add(site.hash, (__u64)s->fd.mode << 32 | s->fd.family);
		site.hash = site_add(site.hash, s->fd.flags & SITE_OPEN_FLAGS);
	}
	if (s->n_python)
		walk_each(WIRE_FRAMES, site_step, &site);
	else
		site.hash = site_add(site.hash, s->regs[WIRE_REG_IP]);
	return site.hash;
}

#endif
