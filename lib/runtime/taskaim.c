// SPDX-License-Identifier: BSD-2-Clause
/*
 * taskaim.c: where asyncio tells which task runs, for the kernel side to read.
 *
 *	3.14:         a word of the thread state
 *	3.7 to 3.13:  sys.modules['asyncio.tasks']._current_tasks, {loop: task}
 *
 * Where a task of C keeps its coroutine and name is told by 3.14 and a table
 * up to 3.13; a Task of another size than the table's is not aimed at, and
 * named by asyncio.c alone, as long as it lives.
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define MODULES_MAX  8192 /* entries of sys.modules looked at */
#define NAMES_MAX    512  /* of a module's dict */
#define MODULE_DICT  16   /* md_dict */
#define TYPE_BASIC   32   /* tp_basicsize */
#define DEBUG_WORDS  13
#define DEBUG_NAME   1 /* of a task; word 0 is its size */
#define DEBUG_CORO   5
#define DEBUG_THREAD 9 /* size; running_loop, running_task, tasks_head */
#define TASK_MAX     4096

/* TaskObj of Modules/_asynciomodule.c; the name comes behind the coroutine, from 3.8 on. */
static const struct {
	uint32_t minor, size, coro;
} known[] = {
	{ 7, 136, 112 },  { 8, 144, 112 },  { 9, 184, 152 },  { 10, 192, 160 },
	{ 11, 176, 136 }, { 12, 176, 136 }, { 13, 144, 120 },
};

/* The dict of the module asyncio.tasks; 0: it is not there (yet). */
static uint64_t find_module(struct memory *mem, const struct python *py, uint64_t tstate)
{
	const struct pyoffsets *o = &py->offsets;
	struct pytype type;
	uint64_t at;

	if (!o->interp_modules || memory_word(mem, tstate + o->tstate_interp, &at) ||
	    memory_word(mem, at + o->interp_modules, &at) ||
	    pydict_get(mem, py, at, MODULES_MAX, "asyncio.tasks", &at) ||
	    pytype_of(mem, at, &type) || strcmp(type.name, "module") ||
	    memory_word(mem, at + MODULE_DICT, &at))
		return 0;
	return at;
}

/* Does the table hold for the Task of this process? */
static void find_layout(struct memory *mem, struct python *py, uint64_t module)
{
	uint64_t type, size;

	if (pydict_get(mem, py, module, NAMES_MAX, "_CTask", &type) ||
	    memory_word(mem, type + TYPE_BASIC, &size))
		return;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].minor != py->offsets.minor || known[i].size != size)
			continue;
		py->tasks.coro = known[i].coro;
		py->tasks.name = known[i].minor >= 8 ? known[i].coro + 8 : 0;
	}
}

/* Kept as an address, checked at each use. */
void asyncio_find(struct memory *mem, struct python *py, uint64_t tstate)
{
	uint64_t module = find_module(mem, py, tstate), at;
	struct pytype type;

	py->tasks.current_tasks = 0;
	if (!module || pydict_get(mem, py, module, NAMES_MAX, "_current_tasks", &at) ||
	    pytype_of(mem, at, &type) || strcmp(type.name, "dict"))
		return;
	py->tasks.current_tasks = at;
	find_layout(mem, py, module);
}

/* 3.14 tells where in a thread state its running task is, and what it looks like. */
static void find_running_task(struct proc *proc, const struct mapping *map)
{
	struct pytasks *tasks = &proc->python->tasks;
	uint64_t words[DEBUG_WORDS], bias, at;
	const char *why;
	struct elf *elf = proc_elf(proc, map, &why);

	if (!elf || elf_section(elf, ".AsyncioDebug", &at) || proc_bias(proc, map, elf, &bias) ||
	    memory_read(&proc->mem, at + bias, words, sizeof(words)))
		return;
	at = words[DEBUG_THREAD + 2];
	if (words[DEBUG_THREAD] > 65536 || at >= words[DEBUG_THREAD] || at % 8)
		return;
	tasks->running_task = (uint32_t)at;
	if (words[0] > TASK_MAX || words[DEBUG_CORO] >= words[0] || words[DEBUG_NAME] >= words[0])
		return;
	tasks->coro = (uint32_t)words[DEBUG_CORO];
	tasks->name = (uint32_t)words[DEBUG_NAME];
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
			find_running_task(proc, map);
	}
	/* built into the interpreter */
	tasks->asyncio |= tasks->uvloop || tasks->running_task;
}

int asyncio_aim(struct proc *proc, const struct pythread *thread, struct wire_aim *out)
{
	struct python *py = proc->python;
	struct pytasks *tasks = &py->tasks;
	struct pytype type;

	if (!tasks->asyncio)
		return 0;
	if (!tasks->running_task &&
	    (!tasks->current_tasks || pytype_of(&proc->mem, tasks->current_tasks, &type) ||
	     strcmp(type.name, "dict")))
		asyncio_find(&proc->mem, py, thread->address);
	if (!tasks->running_task && !tasks->current_tasks)
		return -EAGAIN;
	if (!tasks->coro)
		return 0;
	out->coro = tasks->coro;
	out->name = tasks->name;
	out->tasks =
		tasks->running_task ? thread->address + tasks->running_task : tasks->current_tasks;
	out->tasks_form = tasks->running_task       ? WIRE_TASKS_POINTER
			  : py->offsets.minor >= 11 ? WIRE_TASKS_DICT
						    : WIRE_TASKS_DICT_OLD;
	return 0;
}
