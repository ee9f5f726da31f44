// SPDX-License-Identifier: BSD-2-Clause
/*
 * gevent.c: which greenlet a stack belongs to: its kind, its name, where it
 * was spawned.
 *
 * Addresses of greenlets are reused within milliseconds, so everything is
 * read anew for each stack, and a greenlet that does not run what the stack
 * shows is another one by now. Then the name is that of the function at the
 * bottom of the stack, which is always true.
 *
 *	gevent.Greenlet, behind the b bytes of its base greenlet.greenlet:
 *	  spawning_stack @b+40 -> _Frame { f_code @16, f_lineno @24, f_back @32 }
 *	  _ident @b+96 (int, or None: nobody has asked)
 *	  dict: _run, name (when it was set)
 *
 * Source: gevent's _greenlet.pxd, 1.5 to 26.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define YOUNG_SIZE     40
#define YOUNG_IMPL     32
#define OLD_STOP       24
#define MAIN_BYTES     128 /* of a state: stack_stop lies in these */
#define MORE_BYTES     104 /* behind the base, up to and with _ident */
#define SPAWNING_STACK 40
#define IDENT          96
#define SPAWN_MAX      10
#define STACK_MAX      (8U << 20) /* of a thread */
#define DICT_MAX       64         /* entries looked at */

struct greenlet {
	uint64_t address, code;      /* code of what it runs; 0: not known */
	uint64_t dict, spawn, ident; /* 0: there is none */
	uint64_t stop;
	struct pytype type;
	bool hub, gevent, old; /* old: greenlet before 2.0 */
	char run[PYTHON_TEXT + 1];
};

static uint64_t word(struct memory *mem, uint64_t address)
{
	uint64_t value;

	return memory_word(mem, address, &value) ? 0 : value;
}

/* What lies behind the base of a gevent.Greenlet. */
static void read_more(struct memory *mem, struct greenlet *g, uint64_t base_size)
{
	uint64_t words[MORE_BYTES / 8];

	if (memory_read(mem, g->address + base_size, words, sizeof(words)))
		return;
	g->spawn = words[SPAWNING_STACK / 8];
	g->ident = words[IDENT / 8];
}

/* Where the greenlet's part of the stack ends; all ones: nowhere, it is a main greenlet. */
static uint64_t read_stop(struct memory *mem, const struct python *py, uint64_t address, bool old)
{
	uint64_t state = word(mem, address + YOUNG_IMPL), words[MAIN_BYTES / 8];

	if (old)
		return word(mem, address + OLD_STOP);
	if (py->tasks.stop)
		return word(mem, state + py->tasks.stop);
	if (memory_read(mem, state, words, sizeof(words)))
		return 0;
	for (unsigned int i = 0; i < MAIN_BYTES / 8; i++) {
		if (words[i] == UINT64_MAX)
			return UINT64_MAX;
	}
	return 0;
}

/* 0; -EBADMSG and others: it is no greenlet (any more). */
static int read_greenlet(struct memory *mem, const struct python *py, uint64_t address,
			 struct greenlet *g)
{
	struct pytype base, more;
	int err = pytype_of(mem, address, &g->type);

	if (!err)
		err = pytype_find(mem, &g->type, "greenlet", &base);
	if (err)
		return err;
	if (strcmp(base.name, "greenlet.greenlet") || base.basic > 256 || base.basic % 8)
		return -EBADMSG;
	g->address = address;
	if (g->type.dict > 0 && g->type.dict < 4096)
		g->dict = word(mem, address + (uint64_t)g->type.dict);
	g->old = base.basic != YOUNG_SIZE;
	g->stop = read_stop(mem, py, address, g->old);
	g->hub = !pytype_find(mem, &g->type, "WaitOperationsGreenlet", &more);
	g->gevent = !g->hub && !pytype_find(mem, &g->type, "Greenlet", &more);
	if (g->gevent && more.basic >= base.basic + MORE_BYTES)
		read_more(mem, g, base.basic);
	return 0;
}

static int read_text_of(struct proc *proc, const struct greenlet *g, const char *key, char *out,
			size_t size)
{
	uint64_t value;
	int err = g->dict ? pydict_get(&proc->mem, proc->python, g->dict, DICT_MAX, key, &value)
			  : -ENOENT;

	return err ? err : pytext_read(&proc->mem, proc->python, value, out, size);
}

static void read_run(struct proc *proc, struct greenlet *g)
{
	uint64_t run;

	if (!g->dict || pydict_get(&proc->mem, proc->python, g->dict, DICT_MAX, "_run", &run) ||
	    pyfunction_read(&proc->mem, proc->python, run, g->run, sizeof(g->run), &g->code)) {
		g->run[0] = '\0';
		g->code = 0;
	}
}

static bool stack_has(const struct wire_stack *stack, uint64_t code)
{
	for (unsigned int i = 0; i < stack->n_python; i++) {
		if (stack->python[i].code << 8 >> 8 == code)
			return true;
	}
	return false;
}

/* Is it still the one that the kernel saw? */
static bool same(const struct wire_stack *stack, const struct greenlet *g)
{
	if (stack->stop && g->stop && stack->stop != g->stop)
		return false;
	return !g->code || stack->head.flags & (WIRE_STACK_CUT | WIRE_STACK_FAULT) ||
	       stack_has(stack, g->code);
}

/* Function at the bottom of the stack; "" if it cannot be had. */
static void bottom(struct proc *proc, const struct wire_stack *stack, char *out, size_t size)
{
	const struct pycode *code = NULL;

	out[0] = '\0';
	if (stack->head.flags & (WIRE_STACK_CUT | WIRE_STACK_FAULT))
		return;
	for (unsigned int i = stack->n_python; i-- && !code;)
		code = pytask_code(proc, &stack->python[i]);
	if (code)
		snprintf(out, size, "%s", code->name);
}

static void name_greenlet(struct proc *proc, const struct wire_stack *stack,
			  const struct greenlet *g, char *out, size_t size)
{
	uint64_t ident;

	if (!read_text_of(proc, g, "name", out, size) && out[0])
		return;
	if (g->gevent && g->ident && !pyint_read(&proc->mem, proc->python, g->ident, &ident))
		snprintf(out, size, "%s-%llu", pytype_short(g->type.name),
			 (unsigned long long)ident);
	else if (g->run[0])
		snprintf(out, size, "%s", g->run);
	else
		bottom(proc, stack, out, size);
}

static void add_spawn(struct proc *proc, uint64_t at, struct frames *out)
{
	for (unsigned int i = 0; i < SPAWN_MAX && pyobject_plausible(at); i++) {
		struct frame_text frame = { .kind = GW_FRAME_PYTHON };
		const struct pycode *code;
		unsigned char bytes[40];
		struct pytype type;
		uint64_t code_at;

		if (memory_read(&proc->mem, at, bytes, sizeof(bytes)) ||
		    pytype_of(&proc->mem, at, &type) || strcmp(pytype_short(type.name), "_Frame"))
			return;
		memcpy(&code_at, bytes + 16, sizeof(code_at));
		memcpy(&frame.line, bytes + 24, sizeof(frame.line));
		memcpy(&at, bytes + 32, sizeof(at));
		code = pycode_get(&proc->mem, proc->python, proc->cwd, code_at, &frame.nameless);
		if (!code)
			return;
		frame.name = code->name;
		frame.file = code->file;
		frame.module = code->module;
		frame.app = code->app;
		frames_spawn(out, &frame);
	}
}

/* The one variable of before 2.0 may hold the greenlet of another thread, on another stack. */
static bool elsewhere(const struct wire_stack *stack)
{
	uint64_t sp = stack->regs[WIRE_REG_SP];

	return sp && stack->stop && (stack->stop <= sp || stack->stop - sp > STACK_MAX);
}

bool gevent_name(struct proc *proc, const struct wire_stack *stack, struct frames *out)
{
	struct greenlet g = { 0 };
	char name[PYTHON_TEXT + 1] = "";
	int err;

	if (!stack->task || !proc->python->tasks.greenlets)
		return false;
	err = read_greenlet(&proc->mem, proc->python, stack->task, &g);
	if (!err && g.old && elsewhere(stack))
		return false;
	if (!err && g.hub) {
		read_text_of(proc, &g, "name", name, sizeof(name));
		frames_task(out, GW_TASK_HUB, name);
		return true;
	}
	if (!err && !g.gevent && g.stop == UINT64_MAX) {
		frames_task(out, GW_TASK_MAIN, "");
		return strcmp(proc->runtime->name, "gevent") == 0;
	}
	if (!err)
		read_run(proc, &g);
	if (err || !same(stack, &g)) {
		bottom(proc, stack, name, sizeof(name));
		frames_task(out, GW_TASK_GREENLET, name);
		return true;
	}
	name_greenlet(proc, stack, &g, name, sizeof(name));
	frames_task(out, GW_TASK_GREENLET, name);
	add_spawn(proc, g.spawn, out);
	return true;
}
