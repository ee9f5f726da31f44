/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * stack.bpf.h: takes the stack of the current thread into scratch.
 *
 * Python frames where user space has told the thread state; user registers
 * and memory, from which the namer unwinds machine code; kernel addresses of
 * what sleeps inside the kernel; whose greenlet or task it is. Sends nothing
 * and names nothing.
 */
#ifndef STACK_BPF_H
#define STACK_BPF_H

#include "common.bpf.h"

#define PAGE_BYTES 4096
#define GIL_BYTES  256 /* CPython, struct _gil_runtime_state: mutexes and conditions lie within */

/* The running greenlet and the end of its part of the stack, or the running task. */
static __always_inline void stack_task(struct wire_stack *s, const struct wire_aim *aim)
{
	__u64 state;

	if (!aim->task_at || read_user(&s->task, sizeof(s->task), aim->task_at) || !s->task)
		return;
	if (!aim->stop)
		return;
	state = s->task;
	if (aim->impl && read_user(&state, sizeof(state), s->task + aim->impl))
		return;
	read_user(&s->stop, sizeof(s->stop), state + aim->stop);
	if (s->stop == ~0ULL)
		s->stop = 0;
}

/* The frames of Python, whether it collects garbage, and t: the task. */
GLOBAL int stack_python(struct wire_stack *s, struct wire_task *t, const struct wire_aim *aim)
{
	struct wire_python *py;
	__u32 layout, collecting = 0;

	if (!s || !t || !aim)
		return 0;
	layout = aim->layout;
	py = bpf_map_lookup_elem(&layouts, &layout);
	if (!py)
		return 0;
	s->layout = layout;
	pywalk_task(py, aim, s, t);
	if (s->head.flags & WIRE_STACK_FAULT)
		count(stack_fault);
	if (aim->gc_at && !read_user(&collecting, sizeof(collecting), aim->gc_at) && collecting)
		s->head.flags |= WIRE_STACK_GC;
	stack_task(s, aim);
	if (!s->task)
		s->task = t->task;
	return 0;
}

static __always_inline struct wire_aim *aim_of(const struct wire_loop *l, __u32 slot)
{
	__u32 i = slot - 1;
	struct wire_aim *aim = bpf_map_lookup_elem(&aims, &i);

	return aim && aim->tstate && aim->serial == l->serial ? aim : NULL;
}

/* A futex inside the interpreter's lock. */
static __always_inline bool is_gil(const struct wire_aim *aim, __u64 futex)
{
	return aim && aim->gil && futex - aim->gil < GIL_BYTES;
}

/* All of the record but its head's kind and times, and what a call slept on; t: the task. */
static __always_inline void stack_take(struct wire_stack *s, struct wire_task *t,
				       struct wire_loop *l, __u32 slot, struct task_struct *task)
{
	struct wire_aim *aim = aim_of(l, slot);

	s->head.flags = 0;
	s->serial = l->serial;
	s->pid = l->pid;
	s->turn_ns = l->turn.began_ns;
	s->n_python = 0;
	s->n_kernel = 0;
	s->layout = 0;
	s->task = 0;
	s->stop = 0;
	s->holder = 0;
	s->owner = 0;
	s->waker_pid = 0;
	s->waker_tid = 0;
	s->ran_ns = 0;
	s->site = 0;
	s->fd.fd = -1;
	t->task = 0;
	t->n_text = 0;
	stack_regs(s->regs, (struct pt_regs *)bpf_task_pt_regs(task));
	if (aim)
		stack_python(s, t, aim);
	else
		s->head.flags |= WIRE_STACK_NO_TSTATE;
}

/* What is known of a slice when it begins, beside its stack. */
static __always_inline void stack_pending(struct wire_stack *s, const struct wire_loop *l,
					  __u64 now)
{
	s->head.flags |= WIRE_STACK_PENDING;
	s->head.kind = WIRE_SLICE;
	s->head.now_ns = now;
	s->off = l->turn.off;
	s->call = l->turn.call;
	s->args[0] = l->turn.args[0];
	s->args[1] = l->turn.args[1];
	s->args[2] = l->turn.args[2];
	s->blocked_ns = 0;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->weight_ns = 0;
}

/* As much as there is from the stack pointer on: the end of the stack's mapping may be near. */
GLOBAL int memory_take(struct wire_memory *m, const struct wire_stack *s)
{
	__u32 rest, n = WIRE_MEMORY_MAX;
	__u64 at;

	if (!m || !s)
		return 0;
	at = s->regs[WIRE_REG_SP];
	rest = PAGE_BYTES - (at & (PAGE_BYTES - 1));
	m->serial = s->serial;
	m->off_ns = s->off_ns;
	m->at = at;
	if (s->stop > at && s->stop - at < n)
		n = s->stop - at;
	if (n > WIRE_MEMORY_MAX || bpf_probe_read_user(m->bytes, n, (void *)at)) {
		n = rest + PAGE_BYTES;
		if (n > WIRE_MEMORY_MAX || bpf_probe_read_user(m->bytes, n, (void *)at)) {
			n = rest;
			if (n > WIRE_MEMORY_MAX || bpf_probe_read_user(m->bytes, n, (void *)at))
				n = 0;
		}
	}
	m->n = n;
	return 0;
}

#endif
