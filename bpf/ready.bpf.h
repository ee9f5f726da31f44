/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ready.bpf.h: who paid for a late turn: what its wait finds ready.
 *
 * The list of ready descriptors of the loop's own epoll, as it stands when
 * the wait is entered. For TCP the kernel knows when data came last.
 */
#ifndef READY_BPF_H
#define READY_BPF_H

#include "common.bpf.h"

#define READY_MAX   255
#define JIFFIES_MIN 20

struct ready {
	struct list_head *head, *at;
	__u32 n;
	__u32 oldest; /* jiffies since data came */
};

/* Jiffies since data last came over a TCP connection; 0: not known. */
static __always_inline __u32 ready_age(struct file *file)
{
	struct socket *socket;
	struct sock *sk;
	__u32 came;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE) != MODE_SOCKET)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP ||
	    BPF_CORE_READ(sk, __sk_common.skc_state) != STATE_ESTABLISHED)
		return 0;
	came = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ack.lrcvtime);
	return came ? (__u32)bpf_jiffies64() - came : 0;
}

static long ready_step(__u32 i, struct ready *ready)
{
	struct list_head *at = ready->at;
	struct epitem *item;
	__u32 age;

	if (i >= READY_MAX || !at || at == ready->head)
		return 1;
	item = (void *)at - bpf_core_field_offset(struct epitem, rdllink);
	age = ready_age(BPF_CORE_READ(item, ffd.file));
	if (age > ready->oldest && age < 1U << 31)
		ready->oldest = age;
	ready->n++;
	ready->at = BPF_CORE_READ(at, next);
	return 0;
}

/* How long a jiffy is depends on how the kernel was built, and is not told: by the time since the
 * first look at the threads. 0 until that is long enough to tell. */
static __always_inline __u64 jiffies_ns(__u32 n, __u64 now)
{
	__u64 passed = bpf_jiffies64() - first_jiffies;

	return first_ns && passed >= JIFFIES_MIN ? n * (turn_since(now, first_ns) / passed) : 0;
}

static __noinline void ready_count(struct task_struct *task, __s32 fd, struct wire_late *e)
{
	struct file *file = file_at(task, fd);
	struct eventpoll *ep = file ? BPF_CORE_READ(file, private_data) : NULL;
	struct list_head *head;
	struct ready ready = { 0 };

	if (!ep)
		return;
	head = (void *)ep + bpf_core_field_offset(struct eventpoll, rdllist);
	ready.head = head;
	ready.at = BPF_CORE_READ(head, next);
	walk_each(READY_MAX, ready_step, &ready);
	e->ready = ready.n;
	e->oldest_ns = jiffies_ns(ready.oldest, e->head.now_ns);
}

#endif
