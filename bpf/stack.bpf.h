/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * stack.bpf.h: takes the stack of the current thread into scratch.
 *
 * Python frames where user space has told the thread state, else return
 * addresses by frame pointer. Sends nothing and names nothing.
 */
#ifndef STACK_BPF_H
#define STACK_BPF_H

#include "common.bpf.h"

static __always_inline void stack_python(struct wire_stack *s, const struct wire_aim *aim)
{
	struct wire_python *py;
	__u32 layout = aim->layout;

	py = bpf_map_lookup_elem(&layouts, &layout);
	if (!py)
		return;
	s->layout = layout;
	pywalk(py, aim->tstate, s);
	if (s->head.flags & WIRE_STACK_FAULT)
		count(stack_fault);
}

static __always_inline void stack_native(void *ctx, struct wire_stack *s)
{
	long n = bpf_get_stack(ctx, s->native, sizeof(s->native), BPF_F_USER_STACK);

	if (n > 0)
		s->n_native = (__u32)n / sizeof(__u64);
}

/* regs are the user registers of current, at its last entry into the kernel. */
static __always_inline void stack_take(void *ctx, struct wire_stack *s, struct wire_loop *l,
				       __u32 slot, struct pt_regs *regs)
{
	__u32 i = slot - 1;
	struct wire_aim *aim = bpf_map_lookup_elem(&aims, &i);

	s->head.flags = 0;
	s->serial = l->serial;
	s->pid = l->pid;
	s->turn_ns = l->turn.began_ns;
	s->n_python = 0;
	s->n_native = 1;
	s->layout = 0;
	s->native[0] = regs->ip;
	if (aim && aim->tstate && aim->serial == l->serial) {
		stack_python(s, aim);
		return;
	}
	s->head.flags |= WIRE_STACK_NO_TSTATE;
	stack_native(ctx, s);
}

#endif
