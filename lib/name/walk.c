// SPDX-License-Identifier: BSD-2-Clause
/*
 * walk.c: steps outwards until the stack or the trust in it ends.
 */
#include <errno.h>
#include <string.h>
#include "name/walk.h"

#define BLOCK      4096
#define FRAME_LEAP (1U << 20) /* between a stack pointer and a plausible frame pointer */

struct walker {
	struct proc *proc;
	const struct wire_memory *memory;
	struct unwind_reader reader;
	struct unwind_state state;
	bool exact;
	bool by_pointer; /* the last step was by frame pointer, so is less to be trusted */
	uint64_t block_at;
	unsigned char block[BLOCK];
	bool has_block;
};

/* A page of the target at a time: frames lie side by side. */
static int word_of_target(struct walker *w, uint64_t address, uint64_t *out)
{
	uint64_t page = address & ~(uint64_t)(BLOCK - 1);

	if (address - page > BLOCK - sizeof(*out))
		return memory_word(&w->proc->mem, address, out);
	if (!w->has_block || w->block_at != page) {
		w->has_block = !memory_read(&w->proc->mem, page, w->block, BLOCK);
		w->block_at = page;
		if (!w->has_block)
			return -EFAULT;
	}
	memcpy(out, w->block + (address - page), sizeof(*out));
	return 0;
}

static int word(void *ctx, uint64_t address, uint64_t *out)
{
	struct walker *w = ctx;
	const struct wire_memory *m = w->memory;

	if (m && m->n >= sizeof(*out) && address >= m->at &&
	    address - m->at <= m->n - sizeof(*out)) {
		memcpy(out, m->bytes + (address - m->at), sizeof(*out));
		return 0;
	}
	return word_of_target(w, address, out);
}

static bool is_code(struct walker *w, uint64_t address)
{
	const struct mapping *map = proc_find(w->proc, address);

	return map && map->exec;
}

/* Code without tables, as a JIT compiler makes it: rbp -> { caller's rbp, return address }. */
static int step_by_pointer(struct walker *w)
{
	uint64_t fp = w->state.regs[UNWIND_FP], sp = w->state.regs[UNWIND_SP];
	struct unwind_state caller = { .known = 0 };

	if (!(w->state.known & 1U << UNWIND_FP) || fp < sp || fp - sp > FRAME_LEAP || fp % 8)
		return -ENOENT;
	if (word(w, fp, &caller.regs[UNWIND_FP]) || word(w, fp + 8, &caller.regs[UNWIND_PC]) ||
	    !is_code(w, caller.regs[UNWIND_PC] - 1))
		return -ENOENT;
	caller.regs[UNWIND_SP] = fp + 16;
	caller.known = 1U << UNWIND_FP | 1U << UNWIND_PC | 1U << UNWIND_SP;
	w->state = caller;
	w->by_pointer = true;
	return 0;
}

static int step(struct walker *w)
{
	uint64_t pc = w->state.regs[UNWIND_PC] - (w->exact ? 0 : 1), vaddr = 0;
	struct unwind *unwind = proc_unwind(w->proc, pc, &vaddr);
	bool signal = false;
	int err = -ENOENT;

	if (unwind)
		err = unwind_step(unwind, vaddr, &w->reader, &w->state, &signal);
	if (!err)
		w->by_pointer = false;
	else if (err == -ENOENT)
		err = step_by_pointer(w);
	w->exact = signal;
	return err;
}

static enum walk_end end_of(int err)
{
	return err == -ENODATA ? WALK_OUTERMOST : err == -EFAULT ? WALK_NO_MEMORY : WALK_NO_TABLES;
}

/* Steps over the frame just added. Whether there is a next one; if not, out->end says why. */
static bool advance(struct walker *w, uint64_t stop, struct walk *out)
{
	uint64_t sp = w->state.regs[UNWIND_SP], next;
	int err = step(w);

	if (err) {
		out->end = end_of(err);
		return false;
	}
	next = w->state.regs[UNWIND_SP];
	out->top = next;
	/* A handler may run on a stack of its own. */
	if (next <= sp && !w->exact)
		out->end = WALK_NO_ORDER;
	else if (stop && next >= stop)
		out->end = WALK_BOTTOM;
	else if (!w->state.regs[UNWIND_PC])
		out->end = WALK_OUTERMOST;
	else if (!is_code(w, w->state.regs[UNWIND_PC] - (w->exact ? 0 : 1)))
		out->end = w->by_pointer ? WALK_NO_TABLES : WALK_NO_CODE;
	else if (out->n == WALK_MAX)
		out->end = WALK_DEEP;
	else
		return true;
	return false;
}

void walk(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
	  struct walk *out)
{
	struct walker w = { .proc = proc, .memory = memory, .exact = true };
	bool more = true;

	w.reader = (struct unwind_reader){ .word = word, .ctx = &w };
	memcpy(w.state.regs, stack->regs, sizeof(w.state.regs));
	w.state.known = (1U << UNWIND_REGS) - 1;
	out->n = 0;
	out->top = UINT64_MAX;
	out->end = WALK_LEAF;
	while (more) {
		out->frames[out->n++] = (struct walk_frame){
			.pc = w.state.regs[UNWIND_PC],
			.sp = w.state.regs[UNWIND_SP],
			.exact = w.exact,
		};
		out->top = UINT64_MAX;
		more = stack->regs[WIRE_REG_SP] && advance(&w, stack->stop, out);
	}
}

const char *walk_why(enum walk_end end)
{
	static const char *const whys[] = {
		[WALK_OUTERMOST] = NULL,
		[WALK_BOTTOM] = NULL,
		[WALK_LEAF] = NULL,
		[WALK_NO_TABLES] = "no unwind information",
		[WALK_NO_CODE] = "no return address",
		[WALK_NO_ORDER] = "a stack that does not grow",
		[WALK_NO_MEMORY] = "memory that could not be read",
		[WALK_DEEP] = "too many",
	};

	return whys[end];
}
