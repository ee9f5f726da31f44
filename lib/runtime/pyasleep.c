// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyasleep.c: the Python part of a stack whose thread has slept since before
 * greenwatch came: walked here, through the process's memory, as the kernel
 * side walks the others. Good only while the thread goes on sleeping, which
 * the caller of the namer looks at.
 */
#include <stdint.h>
#include <string.h>
#include "name/memory.h"

#define pywalk_read(source, dst, size, address) memory_read(source, address, dst, size)

/* Of tasks of asyncio, which are not looked up here. */
static inline int read_user(void *dst, size_t size, uint64_t address)
{
	(void)dst;
	(void)size;
	(void)address;
	return -1;
}
#include "bpf/pywalk.h"

#include "runtime/pytask.h"
#include "runtime/python.h"

struct search {
	uint64_t address;
	struct pythread found;
};

static int is_it(void *ctx, const struct pythread *thread)
{
	struct search *search = ctx;

	if (thread->address != search->address)
		return 0;
	search->found = *thread;
	return 1;
}

/* The running greenlet and where its part of the stack ends, or the running task. */
static void read_task(struct memory *mem, const struct wire_aim *aim, struct wire_stack *stack)
{
	uint64_t task, state, stop;

	if (!aim->task_at || memory_word(mem, aim->task_at, &task) || !task)
		return;
	stack->task = task;
	state = task;
	if (!aim->stop || (aim->impl && memory_word(mem, task + aim->impl, &state)) ||
	    memory_word(mem, state + aim->stop, &stop))
		return;
	stack->stop = stop == UINT64_MAX ? 0 : stop;
}

void pyasleep(struct proc *proc, struct wire_stack *stack)
{
	struct search search = { .address = stack->holder };
	struct namer_got_thread got = { 0 };
	struct wire_python layout;

	stack->holder = 0;
	/* only a thread state that is one is followed */
	if (!search.address || pythread_walk(&proc->mem, proc->python, is_it, &search) != 1)
		return;
	pyoffsets_layout(&proc->python->offsets, &layout);
	pywalk_of(&layout, search.address, stack, &proc->mem);
	pyaim(proc, &search.found, &got);
	read_task(&proc->mem, &got.aim, stack);
	stack->head.flags &= (__u16)~WIRE_STACK_NO_TSTATE;
}
