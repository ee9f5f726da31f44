/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * holder.bpf.h: the other side of a lock: who held it, and doing what.
 *
 * Of the GIL the interpreter says who has it, and that thread's frames can be
 * read while it goes on. Of another lock nobody does: the thread that gives it
 * up is met as it wakes the one that waits, in the same call, and its stack is
 * taken there. Of watched threads alone.
 */
#ifndef HOLDER_BPF_H
#define HOLDER_BPF_H

#include "stack.bpf.h"

#define PTHREAD_TID 720        /* glibc, struct pthread: tid */
#define MUTEX_USERS 65536      /* more makes no sense */
#define MUTEX_KINDS 1024       /* kind and its flags */
#define FUTEX_TID   0x3fffffff /* linux/futex.h: FUTEX_TID_MASK */

/* glibc, struct __pthread_mutex_s */
struct mutex {
	__u32 lock; /* 2: taken, and others wait */
	__u32 count;
	__u32 owner;
	__u32 users;
	__u32 kind;
};

/* tid of who holds the mutex that a futex is, in its own pid namespace; 0: it is no mutex. */
static __always_inline __u32 mutex_owner(__u64 futex)
{
	struct mutex m;

	if (read_user(&m, sizeof(m), futex) || !m.owner || !m.users || m.users > MUTEX_USERS ||
	    m.kind >= MUTEX_KINDS)
		return 0;
	return m.lock == 2 || (m.lock & FUTEX_TID) == m.owner ? m.owner : 0;
}

/* h becomes the other side of the slice s, without a stack yet. */
static __always_inline void holder_begin(struct wire_stack *h, const struct wire_stack *s)
{
	h->head.flags = 0;
	h->serial = s->serial;
	h->pid = s->pid;
	h->turn_ns = s->turn_ns;
	h->off_ns = s->off_ns;
	h->off = s->off;
	h->call = s->call;
	h->holder = s->holder;
	h->owner = 0;
	h->layout = 0;
	h->n_kernel = 0;
	h->n_python = 0;
	h->fd.fd = WIRE_FD_NONE;
	__builtin_memset(h->regs, 0, sizeof(h->regs));
}

static __always_inline __u32 holder_tid(const struct wire_python *py, __u64 tstate)
{
	__u32 tid = 0;
	__u64 self;

	if (py->native_id)
		read_user(&tid, sizeof(tid), tstate + py->native_id);
	else if (!read_user(&self, sizeof(self), tstate + py->thread_id))
		read_user(&tid, sizeof(tid), self + PTHREAD_TID);
	return tid;
}

/* The thread that holds the interpreter's lock: its Python frames, while it runs elsewhere. */
static __noinline void holder_take(struct wire_stack *h, const struct wire_stack *s,
				   const struct wire_aim *aim)
{
	__u32 layout = aim->layout;
	struct wire_python *py = bpf_map_lookup_elem(&layouts, &layout);

	h->off_ns = 0;
	if (!py || !s->holder)
		return;
	holder_begin(h, s);
	h->layout = layout;
	h->owner = holder_tid(py, s->holder);
	pywalk(py, s->holder, h);
}

/* A child that was forked and went on has its thread states where the parent has them. */
static __noinline void releaser_python(struct wire_stack *h, const struct wire_aim *aim,
				       __u64 thread)
{
	__u32 layout = aim->layout;
	struct wire_python *py = bpf_map_lookup_elem(&layouts, &layout);
	__u64 tstate = py ? pyseek(py, aim->tstate, thread) : 0;

	if (!py || !tstate)
		return;
	h->layout = layout;
	pywalk(py, tstate, h);
}

static __always_inline bool is_lock_call(__s32 call)
{
	switch (call) {
	case CALL_SEMOP:
	case CALL_FCNTL:
	case CALL_FLOCK:
	case CALL_FUTEX:
	case CALL_SEMTIMEDOP:
		return true;
	default:
		return false;
	}
}

/* waker runs here, and ends the slice that lasts: in that call it gives up what is waited for. */
static __noinline void releaser_take(struct wire_loop *l, __u32 slot, struct task_struct *waker)
{
	struct wire_scratch *scratch = scratch_at(slot);
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(waker);
	struct wire_aim *aim = aim_of(l, slot);
	struct wire_stack *s, *h;

	if (!scratch || !is_lock_call(l->turn.call) || (__s32)regs->orig_ax != l->turn.call)
		return;
	s = &scratch->slice[(scratch->best ^ 1) & 1];
	h = &scratch->holder;
	if (s->off_ns != l->turn.off_ns || h->off_ns == s->off_ns || !thread_of(waker))
		return;
	/* The mutex knows it by the number it has in its own pid namespace. */
	if (s->owner && s->owner == tid_in_namespace(waker))
		s->owner = waker->pid;
	holder_begin(h, s);
	h->pid = waker->tgid;
	h->holder = waker->pid;
	stack_regs(h->regs, regs);
	if (aim)
		releaser_python(h, aim, waker->thread.fsbase);
	memory_take(&scratch->holder_memory, h);
}

#endif
