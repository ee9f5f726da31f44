// SPDX-License-Identifier: BSD-2-Clause
/*
 * native.c: names of machine code: symbol, module, address in the file; and
 * whole stacks of it.
 *
 * A frame that has no symbol says why. Nothing is guessed: an address
 * between two functions belongs to neither.
 */
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "name/demangle.h"
#include "runtime/native.h"
#include "runtime/runtime.h"

static void by_address(struct native *out, uint64_t address, const char *why)
{
	snprintf(out->name, sizeof(out->name), "0x%llx", (unsigned long long)address);
	out->frame.nameless = why;
}

static void by_offset(struct native *out, const char *why)
{
	snprintf(out->name, sizeof(out->name), "%.200s+0x%llx", out->frame.module,
		 (unsigned long long)out->frame.offset);
	out->frame.nameless = why;
}

/* Code of a JIT compiler's: true if a perf map tells of it. */
static bool by_jit(struct proc *proc, struct native *out, uint64_t address)
{
	const char *name = proc_jit(proc, address);

	if (name)
		jit_frame(name, out);
	return name != NULL;
}

static void by_symbol(struct elf *elf, uint64_t offset, unsigned int back, struct native *out)
{
	const char *why = NULL;
	uint64_t vaddr;

	if (elf_vaddr(elf, offset, true, &vaddr)) {
		by_offset(out, "address is not in the code of its file");
		return;
	}
	out->frame.offset = vaddr + back;
	if (elf_name(elf, vaddr, out->name, sizeof(out->name), &why))
		by_offset(out, why);
	else
		demangle(out->name, sizeof(out->name));
}

/* In a program without an interpreter, what its own file has is the application, but for what was
 * linked in. */
static bool is_own(const struct proc *proc, const struct native *out)
{
	const char *runtime = proc->runtime->name;

	return (!strcmp(runtime, "native") || !strcmp(runtime, "tokio")) &&
	       !strstr(out->frame.module, ".so") && !native_library(out->name);
}

/* back: 1 for a return address, which may already lie in the next function. A JIT compiler may keep
 * its code in a file of memory. */
static void name_in_file(struct proc *proc, const struct mapping *map, uint64_t address,
			 unsigned int back, struct native *out)
{
	uint64_t offset = address - back - map->start + map->offset;
	const char *why = NULL;
	struct elf *elf = proc_elf(proc, map, &why);

	if (!elf && by_jit(proc, out, address - back))
		return;
	out->frame.module = maps_base(map);
	out->frame.offset = offset + back;
	if (elf)
		by_symbol(elf, offset, back, out);
	else
		by_offset(out, why);
	out->frame.app = is_own(proc, out);
}

static void name_nowhere(struct proc *proc, struct native *out, uint64_t address, unsigned int back)
{
	if (!by_jit(proc, out, address - back))
		by_address(out, address,
			   strcmp(proc->runtime->name, "node") == 0
				   ? "compiled code; node --perf-basic-prof names it"
				   : "not in a mapped file");
}

static bool is_vdso(const struct mapping *map)
{
	return strcmp(map->path, "[vdso]") == 0;
}

static void name_address(struct proc *proc, const struct mapping *map, uint64_t address,
			 unsigned int back, struct native *out)
{
	out->frame = (struct frame_text){ .kind = GW_FRAME_NATIVE, .name = out->name };
	if (map && (map->inode || is_vdso(map))) {
		name_in_file(proc, map, address, back, out);
	} else if (map && map->path[0] == '[') {
		out->frame.module = map->path;
		out->frame.offset = address - map->start;
		by_offset(out, "kernel-provided code");
	} else {
		name_nowhere(proc, out, address, back);
	}
}

void native_frame(struct proc *proc, const struct walk_frame *frame, struct native *out)
{
	const struct mapping *map = proc_find(proc, walk_inside(frame));

	name_address(proc, map, frame->pc, frame->exact ? 0 : 1, out);
}

static enum wire_flaw flaw_of(enum walk_end end)
{
	switch (end) {
	case WALK_NO_CODE:
	case WALK_NO_ORDER:
	case WALK_NO_MEMORY:
		return WIRE_FLAW_TORN;
	case WALK_DEEP:
		return WIRE_FLAW_CUT;
	case WALK_OUTERMOST:
	case WALK_BOTTOM:
	case WALK_LEAF:
	case WALK_NO_TABLES: /* the program has none: its stack is sound */
		break;
	}
	return WIRE_FLAW_NONE;
}

void native_broken(const struct walk *walk, struct frames *out)
{
	const char *why = walk_why(walk->end);
	char text[96];

	if (!why)
		return;
	snprintf(text, sizeof(text), "unwound %u frame%s, then %s", walk->n,
		 walk->n == 1 ? "" : "s", why);
	frames_flaw(out, flaw_of(walk->end), text);
}

void native_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out)
{
	struct native native;
	struct walk steps;

	walk(proc, stack, memory, &steps);
	for (unsigned int i = 0; i < steps.n && i < NATIVE_MAX; i++) {
		native_frame(proc, &steps.frames[i], &native);
		frames_add(out, &native.frame);
	}
	if (steps.n > NATIVE_MAX)
		frames_cut(out);
	else
		native_broken(&steps, out);
}
