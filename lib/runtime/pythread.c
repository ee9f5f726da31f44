// SPDX-License-Identifier: BSD-2-Clause
/*
 * pythread.c: the lists of interpreters and threads, read while they live.
 *
 * A list may change, or be made to run in circles: both ends are bounded,
 * and a thread that does not point back to its interpreter ends the walk.
 */
#include <errno.h>
#include <string.h>
#include "runtime/python.h"

#define INTERPRETERS_MAX 64
#define THREADS_MAX      4096
#define TSTATE_MAX       256 /* bytes of a thread state that are of interest */

static uint64_t word_at(const unsigned char *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static size_t tstate_size(const struct pyoffsets *o)
{
	uint32_t last = o->thread_id > o->native_id ? o->thread_id : o->native_id;

	return last + 8;
}

static int walk_threads(struct memory *mem, const struct python *py, uint64_t interp,
			unsigned int *left, int (*visit)(void *, const struct pythread *),
			void *ctx)
{
	const struct pyoffsets *o = &py->offsets;
	unsigned char bytes[TSTATE_MAX];
	struct pythread thread = { 0 };
	int err = memory_word(mem, interp + o->interp_threads, &thread.address);

	while (!err && thread.address) {
		if (!*left)
			return -EBADMSG;
		--*left;
		err = memory_read(mem, thread.address, bytes, tstate_size(o));
		if (err)
			break;
		if (word_at(bytes, o->tstate_interp) != interp)
			return -EBADMSG;
		thread.thread_id = word_at(bytes, o->thread_id);
		thread.native_id = o->native_id ? word_at(bytes, o->native_id) : 0;
		err = visit(ctx, &thread);
		thread.address = word_at(bytes, o->tstate_next);
	}
	return err;
}

int pythread_walk(struct memory *mem, const struct python *py,
		  int (*visit)(void *ctx, const struct pythread *thread), void *ctx)
{
	unsigned int left = THREADS_MAX, interps = INTERPRETERS_MAX;
	uint64_t interp;
	int err = memory_word(mem, py->runtime + py->offsets.interpreters_head, &interp);

	while (!err && interp) {
		if (!interps--)
			return -EBADMSG;
		err = walk_threads(mem, py, interp, &left, visit, ctx);
		if (!err)
			err = memory_word(mem, interp + py->offsets.interp_next, &interp);
	}
	return err;
}

static int take_first(void *ctx, const struct pythread *thread)
{
	*(uint64_t *)ctx = thread->address;
	return 1;
}

int pythread_first(struct memory *mem, const struct python *py, uint64_t *tstate)
{
	int found = pythread_walk(mem, py, take_first, tstate);

	return found == 1 ? 0 : found < 0 ? found : -ENOENT;
}

int pythread_head(struct memory *mem, const struct pyoffsets *offsets, uint64_t tstate,
		  uint64_t *frame)
{
	int err = memory_word(mem, tstate + offsets->tstate_frame, frame);

	if (!err && offsets->cframe && *frame)
		err = memory_word(mem, *frame + offsets->cframe_frame, frame);
	return err;
}
