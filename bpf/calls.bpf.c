// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * calls.bpf.c: calls of a loop's thread that could have slept, whether they did or not.
 *
 * Attached only when asked for (--calls=all): a program on every system call
 * costs each process of the host. Sums; it judges no turn. Calls on a
 * descriptor with O_NONBLOCK, the loop's own wait and polls that may not wait
 * are none: they are as they should be.
 */
#include "calls.bpf.h"
#include "fd.bpf.h"
#include "stack.bpf.h"

#define FUTEX_COMMAND 127 /* linux/futex.h: without the flags */
#define FUTEX_WAIT    0
#define FUTEX_LOCK_PI 6
#define FUTEX_BITSET  9
#define OPEN_NONBLOCK 04000

/* What a call must be made on for it to be able to sleep. */
enum sleeper {
	SLEEPER_NEVER,
	SLEEPER_ALWAYS,
	SLEEPER_FILE,  /* any descriptor without O_NONBLOCK, and every regular file */
	SLEEPER_POLL,  /* timeout in the third argument, in ms */
	SLEEPER_EPOLL, /* in the fourth */
	SLEEPER_FUTEX,
};

struct called {
	struct wire_stack stack;
	struct wire_memory memory;
};

/* A stack on its way: too big for the program's own. One a CPU: calls do not nest, and the kernel
 * does not preempt a program on these tracepoints. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct called);
} called __weak SEC(".maps");

/* arch/x86/entry/syscalls/syscall_64.tbl */
static __always_inline enum sleeper sleeper(__s64 nr)
{
	switch (nr) {
	case 0:   /* read */
	case 1:   /* write */
	case 17:  /* pread64 */
	case 18:  /* pwrite64 */
	case 19:  /* readv */
	case 20:  /* writev */
	case 40:  /* sendfile */
	case 42:  /* connect */
	case 43:  /* accept */
	case 44:  /* sendto */
	case 45:  /* recvfrom */
	case 46:  /* sendmsg */
	case 47:  /* recvmsg */
	case 288: /* accept4 */
	case 295: /* preadv */
	case 296: /* pwritev */
	case 299: /* recvmmsg */
	case 307: /* sendmmsg */
	case 326: /* copy_file_range */
		return SLEEPER_FILE;
	case 2:   /* open */
	case 35:  /* nanosleep */
	case 61:  /* wait4 */
	case 73:  /* flock */
	case 74:  /* fsync */
	case 75:  /* fdatasync */
	case 77:  /* ftruncate */
	case 82:  /* rename */
	case 83:  /* mkdir */
	case 84:  /* rmdir */
	case 87:  /* unlink */
	case 217: /* getdents64 */
	case 230: /* clock_nanosleep */
	case 247: /* waitid */
	case 257: /* openat */
	case 263: /* unlinkat */
	case 264: /* renameat */
	case 285: /* fallocate */
	case 306: /* syncfs */
	case 316: /* renameat2 */
	case 437: /* openat2 */
		return SLEEPER_ALWAYS;
	case CALL_POLL:
		return SLEEPER_POLL;
	case CALL_EPOLL_WAIT:
	case CALL_EPOLL_PWAIT:
		return SLEEPER_EPOLL;
	case CALL_PPOLL:
	case CALL_SELECT:
	case CALL_PSELECT6:
	case CALL_EPOLL_PWAIT2:
		return SLEEPER_ALWAYS; /* their time is in memory: it is the loop's own, or counts
					*/
	case CALL_FUTEX:
		return SLEEPER_FUTEX;
	default:
		return SLEEPER_NEVER;
	}
}

static __always_inline bool file_may_sleep(struct task_struct *task, __s32 fd)
{
	struct file *file = file_at(task, fd);
	__u32 mode;

	if (!file)
		return false;
	mode = BPF_CORE_READ(file, f_inode, i_mode) & MODE_TYPE;
	return mode == MODE_REGULAR || !(BPF_CORE_READ(file, f_flags) & OPEN_NONBLOCK);
}

static __always_inline bool may_sleep(struct task_struct *task, struct pt_regs *regs, __s64 nr)
{
	__u32 command;

	switch (sleeper(nr)) {
	case SLEEPER_ALWAYS:
		return true;
	case SLEEPER_FILE:
		return file_may_sleep(task, regs->di);
	case SLEEPER_POLL:
		return (__s32)regs->dx != 0;
	case SLEEPER_EPOLL:
		return (__s32)regs->r10 != 0;
	case SLEEPER_FUTEX:
		command = regs->si & FUTEX_COMMAND;
		return command == FUTEX_WAIT || command == FUTEX_LOCK_PI || command == FUTEX_BITSET;
	case SLEEPER_NEVER:
		break;
	}
	return false;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(calls_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);
	struct pt_regs *user = (struct pt_regs *)bpf_task_pt_regs(task);
	struct wire_loop *l;

	if (!th || !th->slot)
		return 0;
	l = loop_at(th->slot);
	if (!l)
		return 0;
	l->call_ns = 0;
	if (in_own_wait(l, user) || !may_sleep(task, regs, nr) || is_parked(l->pid, user, true))
		return 0;
	l->call_ns = bpf_ktime_get_ns();
	return 0;
}

static __noinline void call_take(struct called *c, struct wire_loop *l, __u32 slot,
				 struct task_struct *task, __s32 nr)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	struct wire_aim *aim = aim_of(l, slot);
	struct wire_stack *s = &c->stack;

	stack_take(s, &c->memory.task, l, slot, task);
	s->head.flags |= WIRE_STACK_LIGHT; /* its time is in the slices of the turn already */
	s->head.kind = WIRE_SLICE;
	s->off = WIRE_BLOCKED;
	s->call = nr;
	s->args[0] = regs->di;
	s->args[1] = regs->si;
	s->args[2] = regs->dx;
	s->runqueue_ns = 0;
	s->stopped_ns = 0;
	s->weight_ns = 0;
	fd_take(&s->fd, task, nr, s->args[0]);
	if (nr == CALL_FUTEX && is_gil(aim, s->args[0]))
		s->call = WIRE_CALL_GIL;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(calls_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *th = thread_of(task);
	struct called *c;
	struct wire_loop *l;
	__u32 zero = 0;
	__u64 now;

	if (!th || !th->slot)
		return 0;
	l = loop_at(th->slot);
	c = bpf_map_lookup_elem(&called, &zero);
	if (!l || !c || !l->call_ns)
		return 0;
	now = bpf_ktime_get_ns();
	c->stack.off_ns = l->call_ns;
	c->stack.blocked_ns = turn_since(now, l->call_ns);
	c->stack.head.now_ns = now;
	l->call_ns = 0;
	call_take(c, l, th->slot, task, (__s32)BPF_CORE_READ(regs, orig_ax));
	if (!call_count(l, &c->stack, c->stack.blocked_ns, now))
		return 0;
	memory_take(&c->memory, &c->stack);
	send_memory(&c->memory);
	send_stack(&c->stack, 0);
	return 0;
}
