/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * asyncio.h: the task of asyncio that runs now, out of the target's memory.
 *
 * Pure C over the same read_user() as pywalk.h. The running tasks are few: one
 * per thread with a loop. The one of this thread is the one whose coroutine
 * has a frame on the stack, so they are looked up before the walk and found by
 * it. A short task is freed before user space could read it: what names it is
 * copied here.
 *
 * Without branches where it can be: each way through doubles what the verifier
 * has to look at. A read that fails leaves 0 behind.
 *
 *	tasks -> task, or dict -> keys -> the last entries -> task -> coroutine, name
 */
#ifndef ASYNCIO_H
#define ASYNCIO_H

#include "wire.h"

#define ASYNCIO_TASKS 4 /* entries of the dict looked at, from its end: the newest */
#define DICT_KEYS     32
#define DICT_HEAD     5 /* words of a dict's keys before its indices, at most */
#define DICT_ENTRY    3 /* words: hash, key, value */
#define INT_BYTES     32
#define DICT_SIZE_MAX (1U << 20)

struct asyncio_tasks {
	__u64 task[ASYNCIO_TASKS];
	__u64 coro[ASYNCIO_TASKS]; /* 0: none */
};

/* Address of the entries of a dict of objects, and their number; 0: it makes no sense. */
static inline __u64 asyncio_entries(__u64 dict, __u32 form, __u64 *n)
{
	__u64 head[DICT_HEAD], keys, size;

	if (read_user(&keys, sizeof(keys), dict + DICT_KEYS) || read_user(head, sizeof(head), keys))
		return 0;
	if (form == WIRE_TASKS_DICT) {
		*n = head[3];
		/* log2 of the bytes of indices, and a kind that is not 0 where keys are str only */
		if (head[1] >> 16 & 0xff || (head[1] >> 8 & 0xff) > 22)
			return 0;
		return keys + 32 + (1ULL << (head[1] >> 8 & 0x1f));
	}
	*n = head[4];
	size = head[1];
	if (size > DICT_SIZE_MAX)
		return 0;
	return keys + 40 + size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : 4);
}

static inline void asyncio_coro(const struct wire_aim *aim, __u32 i, __u64 task,
				struct asyncio_tasks *out)
{
	out->task[i] = task;
	out->coro[i] = 0;
	read_user(&out->coro[i], sizeof(out->coro[i]), task + aim->coro);
}

/* Those that run now, this thread's among them. */
static inline void asyncio_look(const struct wire_aim *aim, struct asyncio_tasks *out)
{
	__u64 at, task, n = 0;
	__u32 i;

	if (aim->tasks_form == WIRE_TASKS_POINTER) {
		if (!read_user(&at, sizeof(at), aim->tasks))
			asyncio_coro(aim, 0, at, out);
		return;
	}
	at = asyncio_entries(aim->tasks, aim->tasks_form, &n);
	if (!at || !n || n > DICT_SIZE_MAX)
		return;
	if (n > ASYNCIO_TASKS) {
		at += (n - ASYNCIO_TASKS) * DICT_ENTRY * 8;
		n = ASYNCIO_TASKS;
	}
	/* one by one: the stack is short; what cannot be read is 0. The mask: all ones for i < n */
	for (i = 0; i < ASYNCIO_TASKS; i++) {
		task = 0;
		read_user(&task, sizeof(task), at + (i * DICT_ENTRY + 2) * 8);
		asyncio_coro(aim, i, task & (((n - 1 - i) >> 63) - 1), out);
	}
}

/* Which of them runs this generator: its number and 1; 0: none. */
static inline __u32 asyncio_match(const struct asyncio_tasks *tasks, __u64 generator)
{
	__u64 found = 0, differs;
	__u32 i;

	for (i = ASYNCIO_TASKS; i-- > 0;) {
		differs = tasks->coro[i] ^ generator;
		differs = (differs | -differs) >> 63; /* 0 or 1 */
		found = (found & -differs) | ((i + 1) & (differs - 1));
	}
	return found;
}

/* out is empty before. */
static inline void asyncio_keep(const struct wire_aim *aim, const struct asyncio_tasks *tasks,
				__u32 found, __u32 root, struct wire_task *out)
{
	__u32 i = (found - 1) & (ASYNCIO_TASKS - 1);

	out->task = tasks->task[i];
	out->coro = tasks->coro[i];
	out->root = root;
	if (!aim->name || read_user(&out->name, sizeof(out->name), out->task + aim->name) ||
	    !out->name)
		return;
	out->n_text = WIRE_TASK_TEXT;
	if (!read_user(out->text, WIRE_TASK_TEXT, out->name))
		return;
	out->n_text = INT_BYTES; /* an int at the end of its memory */
	if (read_user(out->text, INT_BYTES, out->name))
		out->n_text = 0;
}

#endif
