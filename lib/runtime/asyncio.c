// SPDX-License-Identifier: BSD-2-Clause
/*
 * asyncio.c: which task or callback of asyncio a stack belongs to.
 *
 *	.. <- worker (generator: the task's root coroutine) <- Handle._run <- ..
 *	.. <- on_timer                    (a plain callback) <- Handle._run <- ..
 *
 * uvloop has no Handle._run in Python: there the frame above the runner
 * counts. The Task is the one that runs that coroutine: told
 * by the kernel side (3.14), or current in asyncio.tasks._current_tasks. When
 * it has gone on by the time we look, the coroutine's name is all that is
 * said, and true.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define OWNER_GENERATOR 1
#define CODE_GENERATOR  0x2a0 /* CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR */
#define MODULES_MAX     8192  /* entries of sys.modules looked at */
#define NAMES_MAX       512   /* of a module's dict */
#define LOOPS_MAX       64
#define TASK_BYTES      208 /* of a task, with its coroutine and name */
#define MODULE_DICT     16  /* md_dict */
#define LOOK_AGAIN      256 /* stacks */
#define DEBUG_WORDS     13
#define DEBUG_THREAD    9 /* size; running_loop, running_task, tasks_head */

/* sys.modules['asyncio.tasks']._current_tasks: kept as an address, checked at each use. */
static uint64_t find_current_tasks(struct memory *mem, const struct python *py, uint64_t tstate)
{
	const struct pyoffsets *o = &py->offsets;
	struct pytype type;
	uint64_t at;

	if (!o->interp_modules || o->minor >= 14 ||
	    memory_word(mem, tstate + o->tstate_interp, &at) ||
	    memory_word(mem, at + o->interp_modules, &at) ||
	    pydict_get(mem, py, at, MODULES_MAX, "asyncio.tasks", &at) ||
	    pytype_of(mem, at, &type) || strcmp(type.name, "module") ||
	    memory_word(mem, at + MODULE_DICT, &at) ||
	    pydict_get(mem, py, at, NAMES_MAX, "_current_tasks", &at) ||
	    pytype_of(mem, at, &type) || strcmp(type.name, "dict"))
		return 0;
	return at;
}

/* 3.14 tells where in a thread state its running task is. */
static uint32_t find_running_task(struct proc *proc, const struct mapping *map)
{
	uint64_t words[DEBUG_WORDS], bias, at;
	const char *why;
	struct elf *elf = proc_elf(proc, map, &why);

	if (!elf || elf_section(elf, ".AsyncioDebug", &at) || proc_bias(proc, map, elf, &bias) ||
	    memory_read(&proc->mem, at + bias, words, sizeof(words)))
		return 0;
	at = words[DEBUG_THREAD + 2];
	return words[DEBUG_THREAD] <= 65536 && at < words[DEBUG_THREAD] && at % 8 == 0
		       ? (uint32_t)at
		       : 0;
}

void asyncio_attach(struct proc *proc)
{
	struct pytasks *tasks = &proc->python->tasks;

	tasks->uvloop = strcmp(proc->runtime->name, "uvloop") == 0;
	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];
		bool own = strstr(maps_base(map), "_asyncio") != NULL;

		if (!map->exec || !map->inode)
			continue;
		tasks->asyncio |= own;
		if (proc->python->offsets.minor >= 14 && !tasks->running_task &&
		    (own || strstr(maps_base(map), "python")))
			tasks->running_task = find_running_task(proc, map);
	}
	/* built into the interpreter */
	tasks->asyncio |= tasks->uvloop || tasks->running_task;
}

void asyncio_aim(struct proc *proc, const struct pythread *thread, struct wire_aim *out)
{
	struct python *py = proc->python;

	if (py->tasks.running_task)
		out->task_at = thread->address + py->tasks.running_task;
	else if (py->tasks.asyncio && !py->tasks.current_tasks)
		py->tasks.current_tasks = find_current_tasks(&proc->mem, py, thread->address);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Is it the frame of a generator or coroutine? Of older ones only the code tells, once the frame
 * is gone. */
static bool is_generator(struct proc *proc, const struct wire_pyframe *frame)
{
	const struct pyoffsets *o = &proc->python->offsets;
	uint32_t flags;

	if (o->frame_owner)
		return frame->code >> 56 == OWNER_GENERATOR;
	return !memory_read(&proc->mem, (frame->code << 8 >> 8) + o->code_flags, &flags,
			    sizeof(flags)) &&
	       flags & CODE_GENERATOR;
}

/* The generator or coroutine that a frame belongs to; 0: none, or it cannot be told. */
static uint64_t generator_of(struct proc *proc, const struct wire_pyframe *frame)
{
	const struct pyoffsets *o = &proc->python->offsets;
	uint64_t generator = 0;

	if (!is_generator(proc, frame))
		return 0;
	if (o->frame_owner)
		return o->generator_frame ? frame->frame - o->generator_frame : 0;
	return memory_word(&proc->mem, frame->frame + o->frame_generator, &generator) ? 0
										      : generator;
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

static bool is_coroutine(struct proc *proc, const struct wire_pyframe *frame)
{
	uint64_t generator = generator_of(proc, frame);
	struct pytype type;

	return generator && !pytype_of(&proc->mem, generator, &type) &&
	       strcmp(type.name, "coroutine") == 0;
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

struct wanted {
	struct proc *proc;
	uint64_t coroutine;
	uint64_t name;     /* task_name, found */
	unsigned int left; /* threads to be looked at */
};

/* A task that runs the coroutine has it as a word, and the next one is its name. */
static int try_task(void *ctx, uint64_t key, uint64_t task)
{
	struct wanted *wanted = ctx;
	uint64_t words[TASK_BYTES / 8];
	int n = memory_read_some(&wanted->proc->mem, task, words, sizeof(words));

	(void)key;
	for (int i = 2; i < n / 8 - 1; i++) {
		if (words[i] != wanted->coroutine)
			continue;
		wanted->name = words[i + 1];
		return 1;
	}
	return n == -ESRCH || n == -EDQUOT ? n : 0;
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
		tasks->current_tasks = find_current_tasks(&proc->mem, proc->python, tstate);
		memory_budget(&proc->mem, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	}
	return tasks->current_tasks;
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
	if (proc->python->tasks.running_task) {
		pythread_walk(&proc->mem, proc->python, try_thread, wanted);
		return;
	}
	dict = current_tasks(proc);
	if (dict)
		pydict_walk(&proc->mem, proc->python, dict, LOOPS_MAX, try_task, wanted);
}

static void name_task(struct proc *proc, const struct wire_stack *stack, uint64_t coroutine,
		      const char *function, struct frames *out)
{
	struct wanted wanted = { .proc = proc, .coroutine = coroutine, .left = LOOPS_MAX };
	char name[PYTHON_TEXT + 1], whole[FRAMES_TEXT + 1];

	if (coroutine)
		find_task(proc, stack, &wanted);
	if (wanted.name && !read_name(proc, wanted.name, name, sizeof(name)) && name[0]) {
		snprintf(whole, sizeof(whole), "%.160s (%.90s)", name, function);
		function = whole;
	}
	frames_task(out, GW_TASK_TASK, function);
}

bool asyncio_name(struct proc *proc, const struct wire_stack *stack, struct frames *out)
{
	const struct pycode *code;
	int root;

	if (!proc->python->tasks.asyncio)
		return false;
	root = find_root(proc, stack);
	if (root < 0 && proc->python->tasks.uvloop)
		root = find_uvloop_root(proc, stack);
	code = root < 0 ? NULL : pytask_code(proc, &stack->python[root]);
	if (!code)
		return false;
	if (is_generator(proc, &stack->python[root]))
		name_task(proc, stack, generator_of(proc, &stack->python[root]), code->name, out);
	else
		frames_task(out, GW_TASK_CALLBACK, code->name);
	return true;
}
