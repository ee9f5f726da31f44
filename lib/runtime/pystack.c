// SPDX-License-Identifier: BSD-2-Clause
/*
 * pystack.c: a stack of native and Python frames, put into one order.
 *
 * Finds out what merge.h needs to know of each frame, and names those that
 * it keeps. Below the bottom of a greenlet lies the stack of whoever ran
 * there before: where stack_stop is not known, the walk is cut after the
 * first frames of the greenlet module that are older than an eval.
 */
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/native.h"
#include "runtime/pycall.h"
#include "runtime/pystack.h"
#include "runtime/python.h"
#include "runtime/runtime.h"

#define EVAL       "_PyEval_EvalFrameDefault"
#define NATIVE_CUT "\xe2\x80\xa6 more native frames were left out"
#define TAIL_CALL  "_TAIL_CALL_" /* 3.14 may be built of these: parts of an eval */
#define EVAL_LEAST 4096          /* bytes of an eval that has its instructions in itself */
#define GC_BETWEEN 12 /* from this version on garbage is collected between instructions */

struct pystack {
	struct walk walk;
	struct merge_stacks stacks;
	struct merge_step steps[MERGE_STEPS];
	bool eval_seen;
};

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_inner(const struct python *py, const struct mapping *map)
{
	const char *base = maps_base(map);

	if (map->inode == py->inode && map->device == py->device)
		return true;
	return (begins(base, "python") || begins(base, "libpython")) && !strstr(base, ".cpython-");
}

static bool is_system(const struct mapping *map)
{
	const char *base = maps_base(map);

	return begins(base, "libc.so") || begins(base, "libc-") || begins(base, "libpthread") ||
	       begins(base, "ld-linux");
}

static bool is_greenlet(const struct mapping *map)
{
	const char *base = maps_base(map);

	return (begins(base, "greenlet.") || begins(base, "_greenlet.")) && strstr(base, ".so");
}

/* By where its function begins; parts that the compiler moved elsewhere, by name. */
static bool is_eval(struct proc *proc, const struct mapping *map, uint64_t address)
{
	uint64_t bias, vaddr, start;
	const char *why;
	struct elf *elf = proc_elf(proc, map, &why);
	char name[sizeof(EVAL) + 1];

	if (!elf || elf_vaddr(elf, address - map->start + map->offset, true, &vaddr) ||
	    elf_start(elf, vaddr, &start))
		return false;
	bias = address - vaddr;
	if (start + bias == proc->python->eval)
		return true;
	return !elf_name(elf, vaddr, name, sizeof(name), &why) && begins(name, EVAL ".");
}

/* What stands between an eval and the C function it calls: by name, or static and stripped. */
static bool is_helper(struct proc *proc, const struct mapping *map, uint64_t address)
{
	static const char *const begin[] = { "PyObject_Call",
					     "_PyObject_Call",
					     "PyObject_Vectorcall",
					     "_PyObject_Vectorcall",
					     "_PyObject_MakeTpCall",
					     "PyVectorcall_",
					     "_PyVectorcall_",
					     "_PyFunction_",
					     "cfunction_",
					     "method_vectorcall",
					     "call_function",
					     "vectorcall_",
					     "_PyMethodDef_",
					     "_PyMethodDescr_",
					     "_PyCFunction_",
					     "PyCFunction_",
					     "do_call_core",
					     "object_vacall",
					     "_PyEval_" };
	const char *why;
	struct elf *elf = proc_elf(proc, map, &why);
	char name[64];
	uint64_t vaddr;

	if (!elf || elf_vaddr(elf, address - map->start + map->offset, true, &vaddr) ||
	    elf_name(elf, vaddr, name, sizeof(name), &why))
		return true;
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
		if (begins(name, begin[i]))
			return true;
	}
	return false;
}

/* What the merge needs of native frame i. False: the bottom of a greenlet lies before it. */
static bool look_at(struct proc *proc, struct pystack *s, unsigned int i, bool stop_known)
{
	const struct walk_frame *frame = &s->walk.frames[i];
	struct merge_native *native = &s->stacks.native[i];
	const struct mapping *map = proc_find(proc, walk_inside(frame));

	*native = (struct merge_native){
		.sp = frame->sp,
		.end = i + 1 < s->walk.n ? s->walk.frames[i + 1].sp : s->walk.top,
	};
	native->inner = map && is_inner(proc->python, map);
	native->greenlet = map && is_greenlet(map);
	native->system = map && (is_system(map) || native->greenlet);
	if (native->inner)
		native->eval = is_eval(proc, map, walk_inside(frame));
	if (native->inner && !native->eval && !s->eval_seen)
		native->helper = is_helper(proc, map, walk_inside(frame));
	/* Not known where it ends: only an eval is sure to hold what lies there. */
	if (native->end == UINT64_MAX && !native->eval)
		native->end = native->sp;
	return stop_known || !i || native->greenlet || !s->stacks.native[i - 1].greenlet ||
	       !s->eval_seen;
}

static void look_at_native(struct proc *proc, const struct wire_stack *stack, struct pystack *s)
{
	unsigned int i = 0;

	for (; i < s->walk.n; i++) {
		if (!look_at(proc, s, i, stack->stop != 0)) {
			s->walk.end = WALK_BOTTOM;
			break;
		}
		s->eval_seen |= s->stacks.native[i].eval;
	}
	/* A greenlet's entry often has nothing but garbage below it. */
	if (i && s->eval_seen && s->stacks.native[i - 1].greenlet)
		s->walk.end = WALK_BOTTOM;
	s->walk.n = i;
	s->stacks.n_native = i;
	s->stacks.native_whole = s->walk.end == WALK_OUTERMOST || s->walk.end == WALK_BOTTOM;
}

static void look_at_python(struct proc *proc, const struct wire_stack *stack,
			   const struct wire_memory *memory, struct pystack *s)
{
	struct wire_python layout;

	pyoffsets_layout(&proc->python->offsets, &layout);
	s->stacks.by_address = layout.shim_owner != 0;
	s->stacks.python_whole = !(stack->head.flags & (WIRE_STACK_CUT | WIRE_STACK_FAULT));
	for (unsigned int i = 0; i < stack->n_python && i < WIRE_FRAMES; i++) {
		const struct wire_pyframe *raw = &stack->python[i];
		struct merge_python *frame = &s->stacks.python[s->stacks.n_python++];

		*frame = (struct merge_python){ .frame = raw->frame };
		if (layout.shim_owner && raw->code >> 56 >= layout.shim_owner) {
			frame->shim = frame->last = true;
			frame->inside = raw->frame;
		}
	}
	pyentry_find(proc, stack, memory, &s->stacks);
}

/* Once the arguments of a call are dropped the frame is still at it: return address of a function
 * called by way of tp_dealloc, or of _Py_Dealloc. */
static bool drops_object(struct proc *proc, const struct walk_frame *eval,
			 const struct walk_frame *called)
{
	static const unsigned char slot = 0x30; /* tp_dealloc; call *slot(%register) */
	const struct mapping *map = proc_find(proc, walk_inside(called));
	unsigned char bytes[3];
	uint64_t vaddr, start;
	const char *why;
	struct elf *elf = map ? proc_elf(proc, map, &why) : NULL;

	if (memory_read(&proc->mem, eval->pc - sizeof(bytes), bytes, sizeof(bytes)) ||
	    (bytes[0] == 0xff && (bytes[1] & 0xf8) == 0x50 && bytes[2] == slot))
		return true;
	return elf && proc->python->dealloc &&
	       !elf_vaddr(elf, walk_inside(called) - map->start + map->offset, true, &vaddr) &&
	       !elf_start(elf, vaddr, &start) &&
	       walk_inside(called) - vaddr + start == proc->python->dealloc;
}

/* 3.14 may be built with a function for each instruction, which the eval calls: then it is small
 * itself, and what they call in turn is one frame further in. */
static bool is_large(struct proc *proc)
{
	uint64_t address = proc->python->eval + EVAL_LEAST;
	const struct mapping *map = proc_find(proc, address);

	return map && is_eval(proc, map, address);
}

/* Does the innermost Python frame wait for what it has called? Not when it collects garbage or
 * waits for its turn between two instructions. */
static bool is_called(struct proc *proc, const struct wire_stack *stack, const struct pystack *s)
{
	bool between = proc->python->offsets.minor >= GC_BETWEEN;
	unsigned int eval;

	if ((between && stack->head.flags & WIRE_STACK_GC) || stack->call == WIRE_CALL_GIL ||
	    !merge_called(&s->stacks, &eval))
		return false;
	if (!is_large(proc))
		eval--;
	return eval && !drops_object(proc, &s->walk.frames[eval], &s->walk.frames[eval - 1]);
}

static void name_steps(struct proc *proc, const struct wire_stack *stack, const struct pystack *s,
		       size_t n, struct frames *out)
{
	struct native native;
	unsigned int shown = 0;

	for (size_t i = 0; i < n; i++) {
		const struct merge_step *step = &s->steps[i];

		switch (step->kind) {
		case MERGE_PYTHON:
			if (!step->i && is_called(proc, stack, s))
				pycall_frame(proc, &stack->python[0], out);
			python_frame(proc, &stack->python[step->i], out);
			break;
		case MERGE_BROKEN:
			native_broken(&s->walk, out);
			break;
		case MERGE_NATIVE:
			native_frame(proc, &s->walk.frames[step->i], &native);
			if (s->stacks.native[step->i].eval || begins(native.name, TAIL_CALL))
				break;
			if (++shown <= NATIVE_MAX)
				frames_add(out, &native.frame);
			else if (shown == NATIVE_MAX + 1)
				frames_flaw(out, WIRE_FLAW_CUT, NATIVE_CUT);
			break;
		}
	}
}

void pystack_name(struct proc *proc, const struct wire_stack *stack,
		  const struct wire_memory *memory, struct frames *out)
{
	struct pystack *s = calloc(1, sizeof(*s));

	if (!s)
		return;
	if (stack->regs[WIRE_REG_IP]) {
		walk(proc, stack, memory, &s->walk);
		look_at_native(proc, stack, s);
	}
	look_at_python(proc, stack, memory, s);
	name_steps(proc, stack, s, merge(&s->stacks, s->steps), out);
	free(s);
}
