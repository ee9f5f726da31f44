/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pywalk.h: walks the Python frames of a thread, innermost first.
 *
 * Pure C over one shimmed read: read_user(dst, size, address) returns 0 or
 * negative, and never blocks; where it needs to be told whose memory, it is
 * pywalk_read(source, dst, size, address). The kernel side maps it to
 * bpf_probe_read_user and walk_each() to bpf_loop, so that the verifier looks
 * at one frame instead of 256; the unit tests read a made-up memory image. One
 * read per frame. Judges nothing and names nothing: which frames are shims, and
 * what a code object is called, is user space's business. Finds other threads
 * of the interpreter in the same way.
 *
 *	tstate -> [cframe ->] frame -> previous -> ... -> NULL
 */
#ifndef PYWALK_H
#define PYWALK_H

#include "asyncio.h"

#define PYWALK_WORDS 16 /* a frame's first 128 bytes */
#define PYWALK_BYTES (PYWALK_WORDS * 8)

_Static_assert(PYWALK_BYTES + sizeof(struct asyncio_tasks) == WIRE_ROOM * 8, "room");

#ifndef pywalk_read
#define pywalk_read(source, dst, size, address) read_user(dst, size, address)
#endif

/* Offsets come from outside; the mask also proves the bound to the verifier. */
static inline __u64 pywalk_word(const __u64 *words, __u32 offset)
{
	return words[(offset >> 3) & (PYWALK_WORDS - 1)];
}

static inline __u64 pywalk_head(const struct wire_python *py, __u64 tstate, void *source)
{
	__u64 head = 0;

	(void)source;
	if (pywalk_read(source, &head, sizeof(head), tstate + py->tstate_frame))
		return 0;
	if (py->cframe && head && pywalk_read(source, &head, sizeof(head), head + py->cframe_frame))
		return 0;
	return head;
}

static inline void pywalk_frame(const struct wire_python *py, const __u64 *words, __u64 frame,
				struct wire_pyframe *out)
{
	__u64 code = pywalk_word(words, py->frame_code) & ~7ULL;
	__u64 instr = pywalk_word(words, py->frame_instr);
	__u64 owner = 0;

	if (py->frame_owner)
		owner = pywalk_word(words, py->frame_owner) >> ((py->frame_owner & 7) * 8) & 0xff;
	else if (py->frame_generator && pywalk_word(words, py->frame_generator))
		owner = WIRE_OWNER_GENERATOR;
	if (py->instr_is_int)
		instr = instr >> ((py->frame_instr & 7) * 8) & 0xffffffff;
	out->frame = frame;
	out->code = (code & 0xffffffffffffffULL) | owner << 56;
	out->instr = instr;
}

/* The generator or coroutine that the frame belongs to; 0: none, or not known. */
static inline __u64 pywalk_generator(const struct wire_python *py, const __u64 *words,
				     const struct wire_pyframe *frame)
{
	if (frame->code >> 56 != WIRE_OWNER_GENERATOR)
		return 0;
	if (!py->frame_owner)
		return pywalk_word(words, py->frame_generator);
	return py->generator_frame ? frame->frame - py->generator_frame : 0;
}

#ifndef walk_each
#define walk_each(n, step, ctx)                                                                    \
	do {                                                                                       \
		for (__u32 i_ = 0; i_ < (n); i_++)                                                 \
			if (step(i_, ctx))                                                         \
				break;                                                             \
	} while (0)
#endif

struct pywalk {
	const struct wire_python *py;
	struct wire_stack *stack;
	void *source; /* as pywalk_read takes it */
	__u64 frame;  /* to be read next; 0: the end was reached */
	__u32 size;
	__u32 fault;
	__u32 found; /* which of the tasks runs here, counted from 1; 0: none (yet) */
	__u32 root;  /* the frame that says so */
};

static inline __u64 *pywalk_words(struct wire_stack *stack)
{
	return stack->room;
}

static inline struct asyncio_tasks *pywalk_tasks(struct wire_stack *stack)
{
	return (struct asyncio_tasks *)(stack->room + PYWALK_WORDS);
}

/* One frame; 1 when there is no further one. */
static long pywalk_step(__u32 i, struct pywalk *walk)
{
	struct wire_stack *stack = walk->stack;
	__u64 *words = pywalk_words(stack);
	__u32 size = walk->size;
	__u64 generator;

	if (i >= WIRE_FRAMES || size > PYWALK_BYTES || !walk->frame)
		return 1;
	if (pywalk_read(walk->source, words, size, walk->frame)) {
		walk->fault = 1;
		return 1;
	}
	pywalk_frame(walk->py, words, walk->frame, &stack->python[i]);
	stack->n_python = i + 1;
	generator = walk->found ? 0 : pywalk_generator(walk->py, words, &stack->python[i]);
	if (generator) {
		walk->found = asyncio_match(pywalk_tasks(stack), generator);
		walk->root = i;
	}
	walk->frame = pywalk_word(words, walk->py->frame_back);
	return 0;
}

static inline void pywalk_run(struct pywalk *walk, __u64 tstate)
{
	struct wire_stack *stack = walk->stack;

	walk->size = walk->py->frame_size;
	if (walk->size > PYWALK_BYTES)
		walk->size = PYWALK_BYTES;
	stack->n_python = 0;
	walk->frame = pywalk_head(walk->py, tstate, walk->source);
	walk_each(WIRE_FRAMES, pywalk_step, walk);
	if (walk->fault)
		stack->head.flags |= WIRE_STACK_FAULT;
	else if (walk->frame)
		stack->head.flags |= WIRE_STACK_CUT;
}

/* Fills stack->python, n_python and the flags of its head. */
static inline void pywalk_of(const struct wire_python *py, __u64 tstate, struct wire_stack *stack,
			     void *source)
{
	struct pywalk walk = { .py = py, .stack = stack, .source = source };

	__builtin_memset(pywalk_tasks(stack), 0, sizeof(struct asyncio_tasks));
	pywalk_run(&walk, tstate);
}

/* And the task of asyncio that runs in them. */
static inline void pywalk_task(const struct wire_python *py, const struct wire_aim *aim,
			       struct wire_stack *stack, struct wire_task *task)
{
	struct asyncio_tasks *tasks = pywalk_tasks(stack);
	struct pywalk walk = { .py = py, .stack = stack };

	task->task = 0;
	task->name = 0;
	task->n_text = 0;
	__builtin_memset(tasks, 0, sizeof(*tasks));
	if (aim->tasks_form)
		asyncio_look(aim, tasks);
	pywalk_run(&walk, aim->tstate);
	if (walk.found)
		asyncio_keep(aim, tasks, walk.found, walk.root, task);
}

static inline void pywalk(const struct wire_python *py, __u64 tstate, struct wire_stack *stack)
{
	pywalk_of(py, tstate, stack, NULL);
}

#define PYWALK_THREADS 128 /* thread states looked at in each direction */

struct pyseek {
	__u64 at, id, found; /* thread state; pthread_self() wanted; 0: not found */
	__u32 id_at, link;
};

static long pyseek_step(__u32 i, struct pyseek *seek)
{
	__u64 id, at = seek->at;

	(void)i;
	seek->at = 0;
	if (!at || read_user(&id, sizeof(id), at + seek->id_at))
		return 1;
	if (id == seek->id)
		seek->found = at;
	return seek->found || read_user(&seek->at, sizeof(seek->at), at + seek->link);
}

/* The thread state of another thread of the interpreter, known by pthread_self(); 0: none found.
 * tstate is that of one thread, new ones are put in front of it. */
static inline __u64 pyseek(const struct wire_python *py, __u64 tstate, __u64 id)
{
	struct pyseek seek = {
		.at = tstate, .id = id, .id_at = py->thread_id, .link = py->tstate_next - 8
	};

	if (!id)
		return 0;
	walk_each(PYWALK_THREADS, pyseek_step, &seek);
	if (seek.found)
		return seek.found;
	seek.at = tstate;
	seek.link = py->tstate_next;
	walk_each(PYWALK_THREADS, pyseek_step, &seek);
	return seek.found;
}

#endif
