// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyqueue.c: who stands in a queue: the addresses of its first items.
 *
 *	_queue.SimpleQueue, 3.12-: list @32, its first item in use @40
 *	                    3.13+: a ring: put @24, get @32, items @40, room @48, n @56
 *	collections.deque: n @16, left block @24, left index @40;
 *	                   a block: 64 items @8, the next block @520
 *	list: n @16, items @24        tuple: n @16, items @24, 3.14: @32
 *
 * Source: Modules/_queuemodule.c, Modules/_collectionsmodule.c,
 * Include/cpython/listobject.h, tupleobject.h.
 */
#include <errno.h>
#include <string.h>
#include "runtime/poolread.h"

#define BLOCK      64
#define BLOCK_ITEM 8
#define BLOCK_NEXT (8 + 8 * BLOCK)

static int take(struct memory *mem, uint64_t address, uint32_t n, struct pyqueue *out)
{
	int err = n ? memory_read(mem, address, out->ids + out->n, n * sizeof(out->ids[0])) : 0;

	if (!err)
		out->n += n;
	return err;
}

static uint32_t least(uint64_t a, uint64_t b)
{
	return (uint32_t)(a < b ? a : b);
}

static int set_total(struct pyqueue *out, uint64_t total)
{
	if (total > WIRE_POOL_MOST)
		return -EBADMSG;
	out->total = (uint32_t)total;
	return 0;
}

/* An item that is no object: the queue has changed between two reads. */
static int check(const struct pyqueue *out)
{
	for (uint32_t i = 0; i < out->n; i++)
		if (!pyobject_plausible(out->ids[i]))
			return -EBADMSG;
	return 0;
}

static int list_from(struct memory *mem, uint64_t object, uint64_t first, struct pyqueue *out)
{
	uint64_t words[2];
	int err = memory_read(mem, object + 16, words, sizeof(words));

	*out = (struct pyqueue){ 0 };
	if (!err && first > words[0])
		err = -EBADMSG;
	if (!err)
		err = set_total(out, words[0] - first);
	if (!err)
		err = take(mem, words[1] + 8 * first, least(out->total, WIRE_POOL_ITEMS), out);
	return err ? err : check(out);
}

int pyqueue_list(struct memory *mem, uint64_t object, struct pyqueue *out)
{
	return list_from(mem, object, 0, out);
}

struct ring {
	uint64_t put, get, items, room, n;
};

static int ring_from(struct memory *mem, uint64_t object, struct pyqueue *out)
{
	struct ring ring;
	uint32_t n, end;
	int err = memory_read(mem, object + 24, &ring, sizeof(ring));

	*out = (struct pyqueue){ 0 };
	if (!err)
		err = set_total(out, ring.n);
	if (!err && (!ring.room || ring.room > 2 * WIRE_POOL_MOST || ring.n > ring.room ||
		     ring.get >= ring.room || (ring.get + ring.n) % ring.room != ring.put))
		err = -EBADMSG;
	if (err)
		return err;
	n = least(ring.n, WIRE_POOL_ITEMS);
	end = least(n, ring.room - ring.get);
	err = take(mem, ring.items + 8 * ring.get, end, out);
	if (!err)
		err = take(mem, ring.items, n - end, out);
	return err ? err : check(out);
}

int pyqueue_simple(struct memory *mem, const struct python *py, uint64_t object,
		   struct pyqueue *out)
{
	uint64_t words[2];
	int err;

	if (py->offsets.minor >= 13)
		return ring_from(mem, object, out);
	err = memory_read(mem, object + 32, words, sizeof(words));
	if (!err && !pyobject_plausible(words[0]))
		err = -EBADMSG;
	return err ? err : list_from(mem, words[0], words[1], out);
}

int pyqueue_deque(struct memory *mem, uint64_t object, struct pyqueue *out)
{
	uint64_t words[4]; /* n, left block, right block, left index */
	uint32_t wanted;
	int err = memory_read(mem, object + 16, words, sizeof(words));

	*out = (struct pyqueue){ 0 };
	if (!err)
		err = set_total(out, words[0]);
	if (!err && words[3] > BLOCK)
		err = -EBADMSG;
	wanted = least(out->total, WIRE_POOL_ITEMS);
	while (!err && out->n < wanted) {
		uint32_t n = least(wanted - out->n, BLOCK - words[3]);

		err = take(mem, words[1] + BLOCK_ITEM + 8 * words[3], n, out);
		if (!err && out->n < wanted)
			err = memory_word(mem, words[1] + BLOCK_NEXT, &words[1]);
		if (!err && !n && words[3] != BLOCK)
			err = -EBADMSG;
		words[3] = 0;
	}
	return err ? err : check(out);
}

int pyqueue_tuple(struct memory *mem, const struct python *py, uint64_t object, uint32_t i,
		  uint64_t *out)
{
	uint64_t n;
	int err = memory_word(mem, object + 16, &n);

	if (!err && i >= n)
		err = -ENOENT;
	return err ? err
		   : memory_word(mem, object + (py->offsets.minor >= 14 ? 32 : 24) + 8UL * i, out);
}
