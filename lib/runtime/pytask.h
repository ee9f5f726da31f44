/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pytask.h: what a Python thread runs beside its frames: greenlets, tasks,
 * the GIL, the garbage collector.
 *
 *	a process is met -> pytask_attach: which modules there are; the only one to open files
 *	a thread is met  -> pyaim: addresses for the kernel side to read
 *	a stack is named -> pytask_name: whose it is, and where that was spawned
 *
 * A process may hold greenlets and asyncio at once: a task whose coroutine
 * was seen on the stack is the answer, else a greenlet of gevent, else what asyncio can tell.
 */
#ifndef PYTASK_H
#define PYTASK_H

#include "name/frames.h"
#include "name/protocol.h"
#include "runtime/python.h"

void pytask_attach(struct proc *proc);

/* Fills out->aim, why and pending; what cannot be had stays 0. */
void pyaim(struct proc *proc, const struct pythread *thread, struct namer_got_thread *out);

/* pyasleep.c: fills in the frames and the task of a thread that sleeps; stack->holder is its thread
 * state. */
void pyasleep(struct proc *proc, struct wire_stack *stack);

/* After the stack's frames have been added. */
void pytask_name(struct proc *proc, const struct wire_stack *stack,
		 const struct wire_memory *memory, struct frames *out);

/* Code of a frame; NULL: it has none that can be read, or is a C entry. */
const struct pycode *pytask_code(struct proc *proc, const struct wire_pyframe *frame);

/* greenlet.c */
void greenlet_attach(struct proc *proc);
/* Where the thread's current greenlet is told. 0; -EAGAIN: not (yet); -EBADMSG: with out->why. */
int greenlet_aim(struct proc *proc, uint64_t fsbase, struct namer_got_thread *out);

/* gevent.c: names the greenlet at stack->task. False: it is none, or none with a name. */
bool gevent_name(struct proc *proc, const struct wire_stack *stack, struct frames *out);

/* taskaim.c */
void asyncio_attach(struct proc *proc);
/* Fills current_tasks, coro and name of py->tasks; what cannot be had stays 0. */
void asyncio_find(struct memory *mem, struct python *py, uint64_t tstate);
/* Where the running tasks are told. 0; -EAGAIN: not (yet). */
int asyncio_aim(struct proc *proc, const struct pythread *thread, struct wire_aim *out);

/* tasklive.c: the running task whose coroutine has a frame on the stack, up to *root: *root becomes
 * that frame, *name the address of its name, 0 if there is none. */
void asyncio_live(struct proc *proc, const struct wire_stack *stack, int *root, uint64_t *name);

/* asyncio.c; task: what the kernel side has seen of it; NULL: nothing. */
bool asyncio_name(struct proc *proc, const struct wire_stack *stack, const struct wire_task *task,
		  struct frames *out);

#endif
