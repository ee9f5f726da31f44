// SPDX-License-Identifier: BSD-2-Clause
/*
 * native.c: names of machine code: symbol, module, address in the file.
 *
 * A frame that has no symbol says why. Nothing is guessed: an address
 * between two functions belongs to neither.
 */
#include <stdio.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/runtime.h"

struct native {
	struct frame_text frame;
	char name[FRAMES_TEXT + 1];
};

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

/* back: 1 for a return address, which may already lie in the next function. */
static void name_in_file(struct proc *proc, const struct mapping *map, uint64_t address,
			 unsigned int back, struct native *out)
{
	uint64_t offset = address - map->start + map->offset, vaddr;
	const char *why = NULL;
	struct elf *elf;

	out->frame.module = maps_base(map);
	out->frame.offset = offset;
	out->frame.app =
		strcmp(proc->runtime->name, "native") == 0 && !strstr(out->frame.module, ".so");
	elf = proc_elf(proc, map, &why);
	if (!elf) {
		by_offset(out, why);
	} else if (elf_vaddr(elf, offset, true, &vaddr)) {
		by_offset(out, "address is not in the code of its file");
	} else {
		out->frame.offset = vaddr;
		if (elf_name(elf, vaddr - back, out->name, sizeof(out->name), &why))
			by_offset(out, why);
	}
}

static void name_address(struct proc *proc, const struct mapping *map, uint64_t address,
			 unsigned int back, struct native *out)
{
	out->frame = (struct frame_text){ .kind = GW_FRAME_NATIVE, .name = out->name };
	if (map && map->inode) {
		name_in_file(proc, map, address, back, out);
	} else if (map && map->path[0] == '[') {
		out->frame.module = map->path;
		out->frame.offset = address - map->start;
		by_offset(out, "kernel-provided code");
	} else {
		by_address(out, address, "not in a mapped file");
	}
}

void native_leaf(struct proc *proc, uint64_t address, struct frames *out)
{
	struct native native;

	name_address(proc, proc_find(proc, address), address, 0, &native);
	if (strncmp(native.name, "_PyEval_EvalFrameDefault", 24) == 0 ||
	    strncmp(native.name, "_TAIL_CALL_", 11) == 0)
		return;
	frames_add(out, &native.frame);
}

void native_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out)
{
	uint64_t address = stack->regs[WIRE_REG_IP];
	struct native native;

	(void)memory;
	name_address(proc, proc_find(proc, address), address, 0, &native);
	frames_add(out, &native.frame);
}
