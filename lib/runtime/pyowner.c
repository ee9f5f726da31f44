// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyowner.c: the Python frames of a thread that holds a lock, read while it holds it.
 *
 * The kernel side sees it only when it gives the lock up, which may be never. It goes on meanwhile:
 * a frame that makes no sense ends the stack.
 */
#include <string.h>
#include "runtime/python.h"

#define PTHREAD_TID 720 /* glibc, struct pthread: tid */

struct wanted {
	struct memory *mem;
	uint32_t nstid;
	uint64_t tstate;
};

static int match(void *ctx, const struct pythread *thread)
{
	struct wanted *wanted = ctx;
	uint32_t tid = (uint32_t)thread->native_id;

	if (!tid && memory_read(wanted->mem, thread->thread_id + PTHREAD_TID, &tid, sizeof(tid)))
		return 0;
	if (tid != wanted->nstid)
		return 0;
	wanted->tstate = thread->address;
	return 1;
}

static void take(const struct wire_python *py, const unsigned char *bytes, uint64_t frame,
		 struct wire_pyframe *out)
{
	uint64_t code, instr = 0, owner = py->frame_owner ? bytes[py->frame_owner] : 0;

	memcpy(&code, bytes + py->frame_code, sizeof(code));
	memcpy(&instr, bytes + py->frame_instr, py->instr_is_int ? 4 : 8);
	*out = (struct wire_pyframe){ .frame = frame,
				      .code = (code & 0xfffffffffffff8ULL) | owner << 56,
				      .instr = instr };
}

void pyowner_walk(struct proc *proc, uint32_t nstid, struct wire_stack *stack)
{
	struct wanted wanted = { .mem = &proc->mem, .nstid = nstid };
	const struct pyoffsets *offsets = &proc->python->offsets;
	unsigned char bytes[128];
	struct wire_python py;
	uint64_t frame;

	stack->n_python = 0;
	if (pythread_walk(&proc->mem, proc->python, match, &wanted) != 1 ||
	    pythread_head(&proc->mem, offsets, wanted.tstate, &frame))
		return;
	pyoffsets_layout(offsets, &py);
	while (frame && stack->n_python < WIRE_FRAMES) {
		if (memory_read(&proc->mem, frame, bytes, py.frame_size))
			return;
		take(&py, bytes, frame, &stack->python[stack->n_python++]);
		memcpy(&frame, bytes + py.frame_back, sizeof(frame));
	}
	if (frame)
		stack->head.flags |= WIRE_STACK_CUT;
}
