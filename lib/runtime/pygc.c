// SPDX-License-Identifier: BSD-2-Clause
/*
 * pygc.c: the objects that the collector tracks, by its lists.
 *
 * The heads of the lists lie in the collector's state at places that differ
 * from build to build, so they are told by what they are: two words that
 * lead to a node and back to themselves. A node is { next, prev }, with
 * flags in the low bits, just before its object.
 *
 * The program goes on meanwhile, and each object it makes moves the end of
 * a list. So a list is followed first, each step with its way back, and from
 * fresh pages where it breaks; only then are its objects looked at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/pyobject.h"

#define STATE_BYTES 320 /* of the collector: all heads lie in these */
#define HEADS_MAX   12
#define STEP        4 /* some builds align the state to no more */
#define TRIES       6

struct nodes {
	uint64_t *list;
	uint32_t n, room, max;
};

static uint64_t clean(uint64_t word)
{
	return word & ~3ULL;
}

static bool leads_back(struct memory *mem, uint64_t head, uint64_t next, uint64_t prev)
{
	uint64_t a[2], b[2];

	return next > 4096 && prev > 4096 && next != head &&
	       !memory_read(mem, next, a, sizeof(a)) && !memory_read(mem, prev, b, sizeof(b)) &&
	       clean(a[1]) == head && clean(b[0]) == head;
}

static int state_of(struct memory *mem, const struct python *py, uint64_t *out)
{
	uint64_t interp = 0;
	int err = memory_word(mem, py->runtime + py->offsets.interpreters_head, &interp);

	if (err)
		return err;
	if (!py->offsets.gc || !pyobject_plausible(interp))
		return -ENOENT;
	*out = (py->offsets.minor >= 9 ? interp : py->runtime) + py->offsets.gc;
	return 0;
}

static bool is_head(struct memory *mem, uint64_t at)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t pair[2];

		memory_cache_drop(mem);
		if (memory_read(mem, at, pair, sizeof(pair)) || clean(pair[0]) < 4096 ||
		    clean(pair[0]) == at)
			return false;
		if (leads_back(mem, at, clean(pair[0]), clean(pair[1])))
			return true;
	}
	return false;
}

static int add(struct nodes *nodes, uint64_t node)
{
	if (nodes->n == nodes->room) {
		uint32_t room = nodes->room ? 2 * nodes->room : 4096;
		uint64_t *list = realloc(nodes->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		nodes->list = list;
		nodes->room = room;
	}
	nodes->list[nodes->n++] = node;
	return 0;
}

/* The node after the last one, as both of them say. 0: there is none that they agree on. */
static uint64_t step(struct memory *mem, uint64_t last)
{
	uint64_t here[2], there[2], next;

	if (memory_read(mem, last, here, sizeof(here)))
		return 0;
	next = clean(here[0]);
	if (next < 4096 || memory_read(mem, next, there, sizeof(there)) || clean(there[1]) != last)
		return 0;
	return next;
}

/* From fresh pages, and from further back if the last node has left the list meanwhile. */
static uint64_t step_again(struct memory *mem, uint64_t head, struct nodes *nodes, uint32_t from)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t next;

		memory_cache_drop(mem);
		next = step(mem, nodes->n > from ? nodes->list[nodes->n - 1] : head);
		if (next)
			return next;
		if (nodes->n > from)
			nodes->n--;
	}
	return head;
}

static int follow(struct memory *mem, uint64_t head, struct nodes *nodes, bool (*over)(void *ctx),
		  void *ctx)
{
	uint32_t from = nodes->n, budget = nodes->max;
	uint64_t node = head;
	int err = 0;

	while (!err && budget-- && nodes->n < nodes->max && !over(ctx)) {
		uint64_t next = step(mem, node);

		if (!next)
			next = step_again(mem, head, nodes, from);
		if (next == head)
			break;
		err = add(nodes, next);
		node = next;
	}
	return err;
}

int pygc_walk(struct memory *mem, const struct python *py, uint32_t max, bool (*over)(void *ctx),
	      int (*visit)(void *ctx, uint64_t object), void *ctx)
{
	uint64_t state = 0, width = py->offsets.minor >= 8 ? 16 : 32;
	struct nodes nodes = { .max = max };
	unsigned int n = 0;
	int result = state_of(mem, py, &state);

	for (uint64_t at = state; !result && at + 16 <= state + STATE_BYTES && n < HEADS_MAX;
	     at += STEP) {
		if (!is_head(mem, at))
			continue;
		n++;
		result = follow(mem, at, &nodes, over, ctx);
	}
	if (!result && !n)
		result = -ENOENT;
	memory_cache_drop(mem);
	for (uint32_t i = 0; !result && i < nodes.n; i++)
		result = visit(ctx, nodes.list[i] + width);
	free(nodes.list);
	return result;
}
