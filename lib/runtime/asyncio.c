// SPDX-License-Identifier: BSD-2-Clause
/*
 * asyncio.c: which task or callback of asyncio a stack belongs to.
 *
 *	.. <- worker (generator: the task's root coroutine) <- Handle._run <- ..
 *	.. <- on_timer                    (a plain callback) <- Handle._run <- ..
 *
 * uvloop has no Handle._run in Python: there the frame above the runner
 * counts. The Task is the one that runs that coroutine: as
 * the kernel side has seen it while it lived (bpf/asyncio.h), else looked for
 * among those that run now. When it has gone on by the time we look, the
 * coroutine's name is all that is said, and true.
 *
 * Its chain is what it is made of: the coroutines on the stack, each awaited
 * by the next, up to the task's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define CODE_COROUTINE 0x380 /* CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR */

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_generator(const struct wire_pyframe *frame)
{
	return frame->code >> 56 == WIRE_OWNER_GENERATOR;
}

static bool is_coroutine(struct proc *proc, const struct wire_pyframe *frame)
{
	const struct pyoffsets *o = &proc->python->offsets;
	uint32_t flags;

	return is_generator(frame) && o->code_flags &&
	       !memory_read(&proc->mem, (frame->code << 8 >> 8) + o->code_flags, &flags,
			    sizeof(flags)) &&
	       flags & CODE_COROUTINE;
}

static bool is_handle(const struct pycode *code)
{
	return ends_with(code->file, "asyncio/events.py") &&
	       (!strcmp(code->name, "Handle._run") || !strcmp(code->name, "_run"));
}

/* Frames of a task written in Python lie between the handle and the coroutine. */
static bool is_step(const struct pycode *code)
{
	return ends_with(code->file, "asyncio/tasks.py") &&
	       !strncmp(pytype_short(code->name), "__", 2);
}

static bool is_runner(const struct pycode *code)
{
	return ends_with(code->file, "asyncio/runners.py") ||
	       ends_with(code->file, "uvloop/__init__.py");
}

/* What the loop called: the frame above the innermost handle. -1: the loop itself. */
static int find_root(struct proc *proc, const struct wire_stack *stack)
{
	int above = -1;

	for (unsigned int i = 0; i < stack->n_python; i++) {
		const struct pycode *code = pytask_code(proc, &stack->python[i]);

		if (code && is_handle(code))
			return above;
		if (code && !is_step(code))
			above = (int)i;
	}
	return -1;
}

/* The same for a loop that is not written in Python: above the runner, or, where the loop was
 * started by hand, the outermost coroutine. */
static int find_uvloop_root(struct proc *proc, const struct wire_stack *stack)
{
	int root = -1, above = -1;

	for (unsigned int i = 0; i < stack->n_python; i++) {
		const struct pycode *code = pytask_code(proc, &stack->python[i]);

		if (code && is_runner(code))
			return above;
		if (!code || is_step(code))
			continue;
		above = (int)i;
		if (is_coroutine(proc, &stack->python[i]))
			root = (int)i;
	}
	return root;
}

/* The name as get_name() gives it; an int that nobody has asked for yet stands for Task-N. */
static int read_name(struct proc *proc, uint64_t at, char *out, size_t size)
{
	uint64_t number;
	int err = pytext_read(&proc->mem, proc->python, at, out, size);

	if (!err || pyint_read(&proc->mem, proc->python, at, &number))
		return err;
	snprintf(out, size, "Task-%llu", (unsigned long long)number);
	return 0;
}

/* The copy is cut: the name itself is better as long as it is there. Its reference count may
 * differ. */
static void use_copy(struct memory *mem, const struct wire_task *seen)
{
	unsigned char now[WIRE_TASK_TEXT];

	if (seen->n_text > sizeof(now) || seen->n_text <= 8 ||
	    (!memory_read(mem, seen->name, now, seen->n_text) &&
	     !memcmp(now + 8, seen->text + 8, seen->n_text - 8)))
		return;
	memory_copy(mem, seen->name, seen->text, seen->n_text);
}

/* What the task is called, and what it runs: "sync-prices (worker)". */
static void name_task(struct proc *proc, const struct wire_task *seen, uint64_t at,
		      const char *function, struct frames *out)
{
	char name[PYTHON_TEXT + 1], whole[FRAMES_TEXT + 1];

	if (seen)
		use_copy(&proc->mem, seen);
	if (at && !read_name(proc, at, name, sizeof(name)) && name[0]) {
		snprintf(whole, sizeof(whole), "%.160s (%.90s)", name, function);
		function = whole;
	}
	memory_copy(&proc->mem, 0, NULL, 0);
	frames_task(out, GW_TASK_TASK, function);
}

/* Of a long chain the root and the innermost; of a callback its function alone. */
static void add_chain(struct proc *proc, const struct wire_stack *stack, int root, bool task,
		      struct frames *out)
{
	unsigned int n = 0;

	for (int i = 0; i <= root; i++) {
		const struct wire_pyframe *raw = &stack->python[i];
		struct frame_text frame;
		char name[32];

		if (i < root && (!task || n == WIRE_NAMES_CHAIN - 1 || !is_coroutine(proc, raw)))
			continue;
		if (!python_text(proc, raw, name, &frame))
			continue;
		frames_chain(out, &frame);
		n++;
	}
}

/* The frame of what the loop called; -1: it cannot be told, or is the loop itself. */
static int root_of(struct proc *proc, const struct wire_stack *stack, const struct wire_task *seen)
{
	int root;

	if (seen)
		return seen->root < stack->n_python ? (int)seen->root : -1;
	root = find_root(proc, stack);
	return root < 0 && proc->python->tasks.uvloop ? find_uvloop_root(proc, stack) : root;
}

bool asyncio_name(struct proc *proc, const struct wire_stack *stack, const struct wire_task *seen,
		  struct frames *out)
{
	const struct pycode *code;
	uint64_t name = seen ? seen->name : 0;
	int root;

	if (!proc->python->tasks.asyncio)
		return false;
	root = root_of(proc, stack, seen);
	if (root >= 0 && !seen)
		asyncio_live(proc, stack, &root, &name);
	code = root < 0 ? NULL : pytask_code(proc, &stack->python[root]);
	if (!code)
		return false;
	if (is_generator(&stack->python[root]))
		name_task(proc, seen, name, code->name, out);
	else
		frames_task(out, GW_TASK_CALLBACK, code->name);
	add_chain(proc, stack, root, is_generator(&stack->python[root]), out);
	return true;
}
