// SPDX-License-Identifier: BSD-2-Clause
/*
 * tasklive.c: which of the tasks that run now a stack belongs to.
 *
 * For what the kernel side has not seen: tasks written in Python, a layout it
 * was not told of, a stack whose memory was lost. A task is known by the
 * coroutine it runs, which has a frame on the stack.
 *
 *	_asyncio.Task:  .. coroutine, name ..
 *	_PyTask:        .. _name, [_num_cancels_requested,] _must_cancel, _fut_waiter, _coro ..
 *	                inside the object (3.13 on), else in an array it points to, else in a dict
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define MODULES_MAX 8192 /* reads for a look at them */
#define LOOPS_MAX   64
#define TASK_WORDS  26  /* of a task, with its coroutine and name */
#define LOOK_AGAIN  256 /* stacks */
#define CHAIN_MAX   32  /* coroutines tried */
#define NAMES_MAX   64  /* attributes */
#define PLAIN_MAX   64  /* bytes of an object of a class written in Python, at most */
#define VALUES_11   32  /* before an object of 3.11: pointer to its values */
#define VALUES_12   24  /* the same, less one, in 3.12 */

/* The generator or coroutine that a frame belongs to; 0: none, or it cannot be told. */
static uint64_t generator_of(struct proc *proc, const struct wire_pyframe *frame)
{
	const struct pyoffsets *o = &proc->python->offsets;
	uint64_t generator = 0;

	if (frame->code >> 56 != WIRE_OWNER_GENERATOR)
		return 0;
	if (o->frame_owner)
		return o->generator_frame ? frame->frame - o->generator_frame : 0;
	return memory_word(&proc->mem, frame->frame + o->frame_generator, &generator) ? 0
										      : generator;
}

struct wanted {
	struct proc *proc;
	struct {
		uint64_t coroutine;
		int frame;
	} list[CHAIN_MAX];
	unsigned int n;
	bool found, compiled; /* compiled: the task looked at is one of C */
	int root;             /* frame of the one found */
	uint64_t name;        /* of its task; 0: it has none */
	unsigned int left;    /* threads to be looked at */
};

static bool is_wanted(struct wanted *wanted, uint64_t coroutine)
{
	for (unsigned int i = 0; i < wanted->n; i++) {
		if (wanted->list[i].coroutine != coroutine)
			continue;
		wanted->root = wanted->list[i].frame;
		wanted->found = true;
		return true;
	}
	return false;
}

static bool is_text(struct wanted *wanted, uint64_t at)
{
	uint64_t type;

	return pyobject_plausible(at) && !memory_word(&wanted->proc->mem, at + 8, &type) &&
	       type == wanted->proc->python->text_type;
}

/* Behind the coroutine, of a task of C; else three or four words before it; 3.14 has attributes in
 * any order, but no other that is a str, as a rule. */
static uint64_t find_name(struct wanted *wanted, const uint64_t *words, int n, int coroutine)
{
	const int likely[] = { coroutine + 1, coroutine - 4, coroutine - 3 };
	uint64_t number;

	if (wanted->compiled &&
	    !pyint_read(&wanted->proc->mem, wanted->proc->python, words[likely[0]], &number))
		return words[likely[0]];
	for (int i = 0; i < 3; i++)
		if (likely[i] >= 0 && is_text(wanted, words[likely[i]]))
			return words[likely[i]];
	for (int i = 2; i < n; i++)
		if (is_text(wanted, words[i]))
			return words[i];
	return 0;
}

/* Words of a task, of C or of Python. */
static int try_words(struct wanted *wanted, uint64_t address, size_t size)
{
	uint64_t words[TASK_WORDS];
	int n = memory_read_some(&wanted->proc->mem, address, words,
				 size < sizeof(words) ? size & ~7UL : sizeof(words)) /
		8;

	for (int i = 0; i < n - 1; i++) {
		if (!words[i] || !is_wanted(wanted, words[i]))
			continue;
		wanted->name = find_name(wanted, words, n, i);
		return 1;
	}
	return 0;
}

static int try_dict(struct wanted *wanted, uint64_t task, int64_t offset)
{
	struct memory *mem = &wanted->proc->mem;
	const struct python *py = wanted->proc->python;
	uint64_t dict, coroutine;

	if (offset <= 0 || offset > 4096 || memory_word(mem, task + (uint64_t)offset, &dict) ||
	    pydict_get(mem, py, dict, NAMES_MAX, "_coro", &coroutine) ||
	    !is_wanted(wanted, coroutine))
		return 0;
	if (pydict_get(mem, py, dict, NAMES_MAX, "_name", &wanted->name))
		wanted->name = 0;
	return 1;
}

static int try_task(void *ctx, uint64_t key, uint64_t task)
{
	struct wanted *wanted = ctx;
	struct memory *mem = &wanted->proc->mem;
	uint32_t minor = wanted->proc->python->offsets.minor;
	struct pytype type;
	uint64_t values;

	(void)key;
	if (pytype_of(mem, task, &type))
		return mem->gone ? -ESRCH : 0;
	wanted->compiled = type.basic > PLAIN_MAX;
	if (wanted->compiled)
		return try_words(wanted, task, type.basic);
	if (minor <= 10)
		return try_dict(wanted, task, type.dict);
	if (minor == 11 && !memory_word(mem, task - VALUES_11, &values))
		return try_words(wanted, values, SIZE_MAX);
	if (minor == 12 && !memory_word(mem, task - VALUES_12, &values) && values & 1)
		return try_words(wanted, values + 1, SIZE_MAX);
	return minor >= 13 ? try_words(wanted, task, SIZE_MAX) : 0;
}

/* Looked for when the thread was met; a namer that was started again looks here. */
static uint64_t current_tasks(struct proc *proc)
{
	struct pytasks *tasks = &proc->python->tasks;
	struct pytype type;
	uint64_t tstate;

	if (tasks->current_tasks && !pytype_of(&proc->mem, tasks->current_tasks, &type) &&
	    strcmp(type.name, "dict") == 0)
		return tasks->current_tasks;
	tasks->current_tasks = 0;
	if (tasks->wait) {
		tasks->wait--;
		return 0;
	}
	tasks->wait = LOOK_AGAIN;
	if (!pythread_first(&proc->mem, proc->python, &tstate)) {
		memory_budget(&proc->mem, MODULES_MAX * 512, 2 * MODULES_MAX);
		asyncio_find(&proc->mem, proc->python, tstate);
		memory_budget(&proc->mem, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	}
	return tasks->current_tasks;
}

/* The task that a thread runs now, 3.14; the kernel side was told of greenlets instead. */
static int try_thread(void *ctx, const struct pythread *thread)
{
	struct wanted *wanted = ctx;
	uint64_t task;

	if (!wanted->left--)
		return 1;
	if (memory_word(&wanted->proc->mem,
			thread->address + wanted->proc->python->tasks.running_task, &task) ||
	    !task)
		return 0;
	return try_task(wanted, 0, task);
}

static void find_task(struct proc *proc, const struct wire_stack *stack, struct wanted *wanted)
{
	uint64_t dict;

	if (stack->task && try_task(wanted, 0, stack->task))
		return;
	if (proc->python->tasks.running_task)
		pythread_walk(&proc->mem, proc->python, try_thread, wanted);
	/* since 3.14 those written in Python alone */
	dict = wanted->found ? 0 : current_tasks(proc);
	if (dict)
		pydict_walk(&proc->mem, proc->python, dict, LOOPS_MAX, try_task, wanted);
}

/* The coroutines up to the root, innermost first; of many the root and the innermost. */
static void list_coroutines(struct proc *proc, const struct wire_stack *stack, int root,
			    struct wanted *wanted)
{
	for (int i = 0; i <= root; i++) {
		uint64_t coroutine;

		if (wanted->n == CHAIN_MAX - 1 && i < root)
			continue;
		coroutine = generator_of(proc, &stack->python[i]);
		if (!coroutine)
			continue;
		wanted->list[wanted->n].coroutine = coroutine;
		wanted->list[wanted->n++].frame = i;
	}
}

void asyncio_live(struct proc *proc, const struct wire_stack *stack, int *root, uint64_t *name)
{
	struct wanted wanted = { .proc = proc, .root = *root, .left = LOOPS_MAX };

	list_coroutines(proc, stack, *root, &wanted);
	if (wanted.n)
		find_task(proc, stack, &wanted);
	*root = wanted.root;
	*name = wanted.name;
}
