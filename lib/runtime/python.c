// SPDX-License-Identifier: BSD-2-Clause
/*
 * python.c: finds a CPython in a process, and names its frames.
 *
 *	mapped file with _PyRuntime -> version -> offsets -> self-checks
 *
 * Works by exported symbols alone, so on stripped interpreters too. What
 * does not pass every check is refused with the reason: wrong names are
 * worse than none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/pytask.h"
#include "runtime/python.h"
#include "runtime/pyversion.h"
#include "runtime/runtime.h"

#define ENDS "\xe2\x80\xa6 "

static int fail(struct proc *proc, int err, const char *why)
{
	snprintf(proc->why, sizeof(proc->why), "%s", why);
	return err;
}

/* Address in the process of a dynamic symbol; 0 if it is not exported. */
static uint64_t symbol(struct elf *elf, uint64_t bias, const char *name)
{
	uint64_t value;

	return elf_dynamic(elf, name, &value) ? 0 : value + bias;
}

static bool is_candidate(const struct proc *proc, size_t i, unsigned int pass)
{
	const struct mapping *map = &proc->maps.list[i];
	const char *base = maps_base(map);
	bool lib = strstr(base, "libpython") != NULL, any = strstr(base, "python") != NULL;

	if (!map->exec || !map->inode || strstr(base, ".cpython-"))
		return false;
	if (i && strcmp(proc->maps.list[i - 1].path, map->path) == 0 && proc->maps.list[i - 1].exec)
		return false;
	return pass == 0 ? lib : pass == 1 ? any && !lib : !any;
}

/* libpython first, then the executable, then whatever may have it built in. */
static struct elf *find_interpreter(struct proc *proc, struct python *py, uint64_t *bias)
{
	snprintf(proc->why, sizeof(proc->why), "no mapped file that can be read is a CPython");
	for (unsigned int pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < proc->maps.n; i++) {
			const struct mapping *map = &proc->maps.list[i];
			const char *why;
			struct elf *elf;
			uint64_t value;

			if (!is_candidate(proc, i, pass))
				continue;
			elf = proc_elf(proc, map, &why);
			if (!elf || proc_bias(proc, map, elf, bias))
				continue;
			if (!elf_dynamic(elf, "_PyRuntime", &value) ||
			    !elf_section(elf, ".PyRuntime", &value)) {
				py->runtime = value + *bias;
				py->inode = map->inode;
				py->device = map->device;
				proc->why[0] = '\0';
				return elf;
			}
			if (!elf_dynamic(elf, "_PyThreadState_Current", &value))
				snprintf(proc->why, sizeof(proc->why),
					 "CPython older than 3.7 is not supported");
		}
	}
	return NULL;
}

static int choose_offsets(struct proc *proc, struct python *py, struct elf *elf, uint64_t bias)
{
	const char *why = "version of the interpreter could not be found";
	struct pyversion version;
	int err = pyversion_find(&proc->mem, elf, bias, py->runtime, &version);

	if (err)
		return fail(proc, err, why);
	snprintf(proc->version, sizeof(proc->version), "%u.%u.%u", version.major, version.minor,
		 version.micro);
	if (version.major == 3 && version.debug) {
		err = pyoffsets_debug(version.words, &py->offsets, &why);
		if (!err || version.minor <= 14)
			return err ? fail(proc, err, why) : 0;
	} else if (version.major == 3 && version.minor <= 12) {
		err = pyoffsets_known(version.minor, &py->offsets);
		if (!err)
			return 0;
	}
	snprintf(proc->why, sizeof(proc->why), "CPython %u.%u is not %s", version.major,
		 version.minor,
		 version.major < 3 || version.minor < 7 ? "supported (3.7 to 3.14 are)" : "known");
	return -ENOTSUP;
}

static int attach(struct proc *proc, struct python *py)
{
	const char *why = "";
	uint64_t bias;
	struct elf *elf = find_interpreter(proc, py, &bias);
	int err;

	if (!elf)
		return -ENOENT;
	err = choose_offsets(proc, py, elf, bias);
	if (err)
		return err;
	py->code_type = symbol(elf, bias, "PyCode_Type");
	py->text_type = symbol(elf, bias, "PyUnicode_Type");
	py->frame_type = symbol(elf, bias, "PyFrame_Type");
	py->none = symbol(elf, bias, "_Py_NoneStruct");
	py->eval = symbol(elf, bias, "_PyEval_EvalFrameDefault");
	py->dealloc = symbol(elf, bias, "_Py_Dealloc");
	if (!py->code_type || !py->text_type)
		return fail(proc, -ENOENT, "interpreter does not export its types");
	err = pycheck(&proc->mem, py, &why);
	return err ? fail(proc, err, why) : 0;
}

int python_attach(struct proc *proc, struct wire_python *out)
{
	struct python *py = calloc(1, sizeof(*py));
	int err;

	if (!py)
		return fail(proc, -ENOMEM, "out of memory");
	proc->python = py;
	err = attach(proc, py);
	if (err)
		python_detach(proc);
	else
		pyoffsets_layout(&py->offsets, out);
	if (!err)
		pytask_attach(proc);
	return err;
}

void python_detach(struct proc *proc)
{
	if (!proc->python)
		return;
	map_free(&proc->python->codes);
	arena_free(&proc->python->arena);
	free(proc->python);
	proc->python = NULL;
}

struct wanted {
	uint64_t id;
	bool native;
	struct pythread found;
};

static int match(void *ctx, const struct pythread *thread)
{
	struct wanted *wanted = ctx;

	if ((wanted->native ? thread->native_id : thread->thread_id) != wanted->id)
		return 0;
	wanted->found = *thread;
	return 1;
}

int python_thread(struct proc *proc, uint32_t nstid, uint64_t fsbase, struct namer_got_thread *out)
{
	struct wanted wanted = { 0 };
	int err;

	if (!proc->python)
		return -ENOENT;
	wanted.native = proc->python->offsets.native_id != 0;
	wanted.id = wanted.native ? nstid : fsbase;
	if (!wanted.id)
		return -EINVAL;
	err = pythread_walk(&proc->mem, proc->python, match, &wanted);
	if (err < 0)
		return err == -EBADMSG ? -EAGAIN : err;
	if (!wanted.found.address)
		return -ENOENT;
	pyaim(proc, &wanted.found, out);
	return 0;
}

bool python_text(struct proc *proc, const struct wire_pyframe *raw, char *name,
		 struct frame_text *out)
{
	struct python *py = proc->python;
	uint64_t address = raw->code << 8 >> 8;
	const struct pycode *code;

	*out = (struct frame_text){ .kind = GW_FRAME_PYTHON };
	if (!address || address == py->none)
		return false;
	code = pycode_get(&proc->mem, py, proc->cwd, address, &out->nameless);
	if (code && code->shim)
		return false;
	if (code) {
		out->name = code->name;
		out->file = code->file;
		out->module = code->module;
		out->app = code->app;
		out->line = pycode_line(py, code, address, raw->instr);
	} else {
		snprintf(name, 32, "code 0x%llx", (unsigned long long)address);
		out->name = name;
	}
	return true;
}

void python_frame(struct proc *proc, const struct wire_pyframe *raw, struct frames *out)
{
	struct frame_text frame;
	char name[32];

	if (python_text(proc, raw, name, &frame))
		frames_add(out, &frame);
}

/* A walk that met a frame twice goes in a circle: no stack does. What comes again is taken off. */
static bool cut_circle(struct wire_stack *stack)
{
	if (!(stack->head.flags & WIRE_STACK_CUT))
		return false;
	for (unsigned int i = 1; i < stack->n_python; i++) {
		for (unsigned int k = 0; k < i; k++) {
			if (stack->python[k].frame != stack->python[i].frame)
				continue;
			stack->n_python = (__u16)i;
			stack->head.flags ^= WIRE_STACK_CUT | WIRE_STACK_FAULT;
			return true;
		}
	}
	return false;
}

static void mark_end(const struct wire_stack *stack, bool circle, struct frames *out)
{
	if (circle)
		frames_flaw(out, WIRE_FLAW_CIRCLE, ENDS "the frames come round again");
	else if (stack->head.flags & WIRE_STACK_FAULT)
		frames_flaw(out, WIRE_FLAW_UNREADABLE, ENDS "the next frame could not be read");
	else if (stack->head.flags & WIRE_STACK_CUT)
		frames_cut(out);
}

/* Who holds a lock that is waited for, as user space has found it: frames are still to be read. */
static bool is_owner(const struct proc *proc, const struct wire_stack *stack)
{
	return stack->head.kind == WIRE_HOLDER && stack->head.flags & WIRE_STACK_PENDING &&
	       !stack->n_python && stack->owner && proc->python;
}

void python_name(struct proc *proc, const struct wire_stack *given,
		 const struct wire_memory *memory, struct frames *out)
{
	struct wire_stack stack = *given;
	bool circle;

	if (proc->python && stack.head.flags & WIRE_STACK_PENDING &&
	    stack.head.flags & WIRE_STACK_ASLEEP)
		pyasleep(proc, &stack);
	else if (is_owner(proc, &stack))
		pyowner_walk(proc, stack.owner, &stack);
	circle = cut_circle(&stack);
	if (!stack.n_python || !proc->python)
		native_name(proc, &stack, memory, out);
	else
		pystack_name(proc, &stack, memory, out);
	mark_end(&stack, circle, out);
	if (proc->python)
		pytask_name(proc, &stack, memory, out);
}
