// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyentry.c: which Python frames were entered from C, so end a group.
 *
 *	-3.10  each
 *	3.11   by the chain of cframes, which lie in the native frames of their evals
 *	       and hold the innermost frame of each; else by is_entry in the frame
 *	3.12-  by shims
 *
 * The cframes were copied with the stack. is_entry has to be read now, when
 * the frame may have been left: one that is not the same any more is told.
 */
#include <string.h>
#include "runtime/pystack.h"
#include "runtime/python.h"

#define SCAN_MAX 4096 /* bytes of an eval's native frame that are searched */

struct finder {
	struct proc *proc;
	const struct wire_memory *memory;
	struct merge_stacks *stacks;
	uint32_t frame_at; /* in the cframe; the previous cframe is the next word */
};

static int word(const struct finder *f, uint64_t address, uint64_t *out)
{
	const struct wire_memory *m = f->memory;

	if (m && m->n >= sizeof(*out) && address >= m->at &&
	    address - m->at <= m->n - sizeof(*out)) {
		memcpy(out, m->bytes + (address - m->at), sizeof(*out));
		return 0;
	}
	return memory_word(&f->proc->mem, address, out);
}

static unsigned int index_of(const struct merge_stacks *stacks, uint64_t frame)
{
	unsigned int i = 0;

	while (i < stacks->n_python && stacks->python[i].frame != frame)
		i++;
	return i;
}

static void end_group(struct merge_stacks *stacks, unsigned int last, uint64_t cframe)
{
	stacks->python[last].last = true;
	stacks->python[last].inside = cframe;
}

/* Follows the chain from the innermost cframe. False: it is none. */
static bool follow(const struct finder *f, uint64_t cframe)
{
	struct merge_stacks *stacks = f->stacks;
	unsigned int begin = 0;
	uint64_t current, outer;

	if (word(f, cframe + f->frame_at + 8, &outer))
		return false;
	while (outer > cframe || begin) {
		unsigned int next;

		if (word(f, outer + f->frame_at, &current))
			return false;
		next = current ? index_of(stacks, current) : stacks->n_python;
		if (next <= begin || (current && next == stacks->n_python && stacks->python_whole))
			return false;
		end_group(stacks, next - 1, cframe);
		if (next == stacks->n_python)
			return true;
		begin = next;
		cframe = outer;
		if (word(f, cframe + f->frame_at + 8, &outer))
			return false;
	}
	return false;
}

static void forget(struct merge_stacks *stacks)
{
	for (unsigned int i = 0; i < stacks->n_python; i++) {
		stacks->python[i].last = false;
		stacks->python[i].inside = 0;
	}
}

/* The innermost cframe holds the innermost frame. */
static bool by_cframes(const struct finder *f)
{
	struct merge_stacks *stacks = f->stacks;
	const struct merge_native *native = stacks->native;
	uint64_t value;

	for (unsigned int i = 0; i < stacks->n_native; i++) {
		if (!native[i].eval || native[i].end - native[i].sp > SCAN_MAX)
			continue;
		for (uint64_t at = native[i].sp; at < native[i].end; at += 8) {
			if (word(f, at, &value))
				return false;
			if (value != stacks->python[0].frame)
				continue;
			if (follow(f, at - f->frame_at))
				return true;
			forget(stacks);
		}
		return false;
	}
	return false;
}

static bool read_entry(struct proc *proc, const struct wire_pyframe *raw, bool *entry)
{
	const struct pyoffsets *offsets = &proc->python->offsets;
	unsigned char bytes[128];
	uint64_t code;

	if (offsets->frame_entry >= sizeof(bytes) || offsets->frame_code > sizeof(bytes) - 8 ||
	    memory_read(&proc->mem, raw->frame, bytes, sizeof(bytes)))
		return false;
	memcpy(&code, bytes + offsets->frame_code, sizeof(code));
	*entry = bytes[offsets->frame_entry] == 1;
	return (code & ~7ULL) == raw->code << 8 >> 8;
}

static bool by_flags(struct proc *proc, const struct wire_stack *stack, struct merge_stacks *stacks)
{
	for (unsigned int i = 0; i < stacks->n_python; i++) {
		if (!read_entry(proc, &stack->python[i], &stacks->python[i].last))
			return false;
	}
	return true;
}

void pyentry_find(struct proc *proc, const struct wire_stack *stack,
		  const struct wire_memory *memory, struct merge_stacks *stacks)
{
	const struct pyoffsets *offsets = &proc->python->offsets;
	struct finder finder = { proc, memory, stacks, offsets->cframe_frame };

	stacks->python_grouped = true;
	if (offsets->frame_entry) {
		stacks->by_address = by_cframes(&finder);
		stacks->python_grouped = stacks->by_address || by_flags(proc, stack, stacks);
		return;
	}
	for (unsigned int i = 0; i < stacks->n_python; i++) {
		if (!stacks->by_address)
			stacks->python[i].last = true;
	}
}
