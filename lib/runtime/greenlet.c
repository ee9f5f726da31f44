// SPDX-License-Identifier: BSD-2-Clause
/*
 * greenlet.c: where a thread's current greenlet is told, without symbols.
 *
 * greenlet 2.0 and later: a thread-local variable of the module leads to the
 * thread's ThreadState, found through the vector of thread-local blocks (dtv)
 * of that very thread, so no list of objects has to be walked and no thread
 * can be taken for another:
 *
 *	fsbase -> dtv -> block -> ThreadState { main @0, current @8 }
 *	main -> pimpl @32 -> { .. stack_start, stack_stop = -1 .. self, ThreadState .. }
 *
 * Older: a static variable of the module, one for all threads; the C library
 * is not asked. Everything that is found must point back to where it came
 * from; what does not is not there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define DTV_BYTES    4096 /* 256 modules with thread-local variables */
#define BLOCK_BYTES  64   /* of a block: the module has one pointer and its guard */
#define STATIC_BYTES 4096 /* of the blocks that lie below fsbase */
#define YOUNG_SIZE   40   /* tp_basicsize */
#define YOUNG_IMPL   32
#define IMPL_BYTES   256
#define STOP_BYTES   128 /* of it: stack_stop lies in these */
#define OLD_SIZE_MIN 80
#define OLD_STOP     24
#define DATA_MAX     (256 * 1024) /* of the module */

struct search {
	struct memory *mem;
	const char *why; /* a main greenlet was found that is not understood */
	struct wire_aim *aim;
};

static void keep_data(struct proc *proc, const struct mapping *map, struct pytasks *tasks)
{
	const char *why;
	struct elf *elf = proc_elf(proc, map, &why);
	uint64_t bias, at, size;

	if (!elf || proc_bias(proc, map, elf, &bias))
		return;
	for (unsigned int i = 0; !elf_data(elf, i, &at, &size); i++) {
		if (size > DATA_MAX || tasks->n_data == PYTASKS_SEGMENTS)
			continue;
		tasks->data[tasks->n_data].at = (at + bias + 7) & ~7ULL;
		tasks->data[tasks->n_data++].size = size;
	}
}

void greenlet_attach(struct proc *proc)
{
	struct pytasks *tasks = &proc->python->tasks;

	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];
		const char *base = maps_base(map);

		if (!map->exec || !map->inode ||
		    (strncmp(base, "_greenlet.", 10) && strncmp(base, "greenlet.", 9)))
			continue;
		tasks->greenlets = true;
		keep_data(proc, map, tasks);
	}
}

static bool is_greenlet(struct memory *mem, uint64_t object, struct pytype *base)
{
	struct pytype type;

	return pyobject_plausible(object) && !pytype_of(mem, object, &type) &&
	       !pytype_find(mem, &type, "greenlet", base) &&
	       strcmp(base->name, "greenlet.greenlet") == 0;
}

/* Offset of stack_stop in the main greenlet's state, which also leads back to both. */
static uint32_t find_stop(struct memory *mem, uint64_t main, uint64_t state)
{
	uint64_t words[IMPL_BYTES / 8], impl;
	uint32_t stop = 0;
	bool back = false;
	int n;

	if (memory_word(mem, main + YOUNG_IMPL, &impl) || !pyobject_plausible(impl))
		return 0;
	n = memory_read_some(mem, impl, words, sizeof(words)) / 8;
	for (int i = 1; i < n; i++) {
		if (words[i] == UINT64_MAX && i < STOP_BYTES / 8)
			stop = stop ? UINT32_MAX : (uint32_t)i * 8;
		back |= words[i - 1] == main && words[i] == state;
	}
	return back && stop != UINT32_MAX ? stop : 0;
}

/* 1: this is the ThreadState. 0: it is not. */
static int try_state(struct search *s, uint64_t state)
{
	uint64_t pair[2];
	struct pytype type;
	uint32_t stop;

	if (!pyobject_plausible(state) || memory_read(s->mem, state, pair, sizeof(pair)) ||
	    !pyobject_plausible(pair[0]) || !pyobject_plausible(pair[1]) ||
	    pytype_of(s->mem, pair[0], &type) || strcmp(type.name, "greenlet.greenlet") ||
	    type.basic != YOUNG_SIZE || !is_greenlet(s->mem, pair[1], &type))
		return 0;
	stop = find_stop(s->mem, pair[0], state);
	if (!stop) {
		s->why = "layout of this version of greenlet is not understood";
		return 0;
	}
	s->aim->task_at = state + 8;
	s->aim->impl = YOUNG_IMPL;
	s->aim->stop = stop;
	return 1;
}

static int try_words(struct search *s, uint64_t at, uint32_t bytes)
{
	uint64_t words[STATIC_BYTES / 8], last = 0;
	int n = memory_read_some(s->mem, at, words, bytes) / 8;

	for (int i = 0; i < n; i++) {
		if (words[i] != last && try_state(s, words[i]))
			return 1;
		last = words[i];
	}
	return 0;
}

static int find_young(struct search *s, uint64_t fsbase)
{
	uint64_t dtv, blocks[DTV_BYTES / 8], last = 0;
	int n;

	if (!pyobject_plausible(fsbase) || memory_word(s->mem, fsbase + 8, &dtv))
		return 0;
	n = memory_read_some(s->mem, dtv, blocks, sizeof(blocks)) / 8;
	for (int i = 0; i < n; i++) {
		if (pyobject_plausible(blocks[i]) && blocks[i] != last &&
		    try_words(s, blocks[i], BLOCK_BYTES))
			return 1;
		last = blocks[i];
	}
	return try_words(s, fsbase - STATIC_BYTES, STATIC_BYTES);
}

/* Words of one writable segment that lead to a greenlet of the old layout; *found: the last. */
static unsigned int old_words(struct memory *mem, uint64_t at, uint64_t size, uint64_t *found)
{
	uint64_t words[512], end = at + size;
	unsigned int n = 0;

	for (; at < end; at += sizeof(words)) {
		int got = memory_read_some(mem, at, words,
					   end - at < sizeof(words) ? end - at : sizeof(words));

		for (int i = 0; i < got / 8; i++) {
			struct pytype base;

			if (!is_greenlet(mem, words[i], &base) || base.basic < OLD_SIZE_MIN)
				continue;
			*found = at + 8ULL * i;
			n++;
		}
	}
	return n;
}

static unsigned int find_old(struct memory *mem, const struct pytasks *tasks, uint64_t *found)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < tasks->n_data; i++)
		n += old_words(mem, tasks->data[i].at, tasks->data[i].size, found);
	return n;
}

int greenlet_aim(struct proc *proc, uint64_t fsbase, struct namer_got_thread *out)
{
	struct search search = { .mem = &proc->mem, .aim = &out->aim };
	uint64_t found;

	if (find_young(&search, fsbase)) {
		proc->python->tasks.stop = out->aim.stop;
		return 0;
	}
	if (search.why) {
		snprintf(out->why, sizeof(out->why), "%s", search.why);
		return -EBADMSG;
	}
	/* Only while no greenlet is being switched to is there but one. */
	if (find_old(&proc->mem, &proc->python->tasks, &found) == 1) {
		out->aim.task_at = found;
		out->aim.stop = OLD_STOP;
		return 0;
	}
	if (strcmp(proc->runtime->name, "gevent") == 0)
		snprintf(out->why, sizeof(out->why), "no greenlet of the loop's thread was found");
	return -EAGAIN;
}
