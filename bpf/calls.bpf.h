/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * calls.bpf.h: counts a call of a loop's thread into calls[], and says whether its stack is worth
 * sending: it is the first of its kind, or twice as long as the one sent last.
 *
 * Sends nothing itself. Called by the loop's own thread alone, so rows need no lock.
 */
#ifndef CALLS_BPF_H
#define CALLS_BPF_H

#include "common.bpf.h"
#include "site.h"

#define TELL_PAUSE_NS 2000000 /* between two stacks of a loop: the namer needs a tenth of it */
#define TELL_BURST    32      /* that many may come at once: a third of the ring */

static __always_inline void call_fold(struct wire_loop *l, __u64 ns)
{
	l->folded_calls++;
	l->folded_ns += ns;
}

/* The row of that key, made if there is none yet; NULL: no place. */
static __always_inline struct wire_call_sum *call_row(const struct wire_call_key *key)
{
	struct wire_call_sum *row = bpf_map_lookup_elem(&calls, key), none = {};

	if (row)
		return row;
	bpf_map_update_elem(&calls, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, key);
}

/* tell_ns runs ahead of the clock by a pause for each stack sent. */
static __always_inline bool tell_now(struct wire_loop *l, __u64 now)
{
	__u64 from = l->tell_ns > now ? l->tell_ns : now;

	if (from - now > TELL_BURST * TELL_PAUSE_NS)
		return false;
	l->tell_ns = from + TELL_PAUSE_NS;
	return true;
}

/* The call s has taken ns. True: s->site is set, and s is to be sent. */
static __noinline bool call_count(struct wire_loop *l, struct wire_stack *s, __u64 ns, __u64 now)
{
	struct wire_call_key key = { .serial = l->serial, .call = s->call };
	struct wire_call_sum *row;

	key.site = site_of(s);
	row = call_row(&key);
	if (!row) {
		call_fold(l, ns);
		return false;
	}
	row->calls++;
	row->total_ns += ns;
	if (ns > row->max_ns)
		row->max_ns = ns;
	if ((row->told_ns && ns / 2 < row->told_ns) || !tell_now(l, now))
		return false;
	row->told_ns = ns ? ns : 1;
	s->site = key.site;
	s->head.flags |= WIRE_STACK_TELLS;
	return true;
}

#endif
