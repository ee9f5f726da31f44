/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * kernel.h: the kernel types we read, and not one more.
 *
 * Fields are found by BTF when the object is loaded (CO-RE), so order and
 * distance here mean nothing. Instead of a dumped vmlinux.h, so that the
 * build needs no running kernel. What is x86-64 in it stands in one place:
 * pt_regs and the numbers of the wait calls.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pt_regs {
	unsigned long r10, dx, si, di, orig_ax, ip, sp;
};

struct sched_info {
	unsigned long long run_delay;
};

struct sched_entity {
	unsigned long long sum_exec_runtime;
};

struct thread_struct {
	unsigned long fsbase;
};

struct upid {
	int nr;
	void *ns; /* not read, but the size counts: numbers[] is indexed */
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct bpf_local_storage;

struct task_struct {
	unsigned int __state;
	int pid, tgid;
	char comm[16];
	struct task_struct *group_leader, *real_parent;
	struct pid *thread_pid;
	struct sched_info sched_info;
	struct sched_entity se;
	struct thread_struct thread;
	struct files_struct *files;
	struct bpf_local_storage *bpf_storage;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_perf_event_data;

#pragma clang attribute pop

/* include/linux/sched.h; unchanged since 5.18. */
#define STATE_SLEEPING 0x0003 /* TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE */
#define STATE_STOPPED  0x800c /* __TASK_STOPPED, __TASK_TRACED, TASK_FROZEN */

/* include/uapi/linux/io_uring.h */
#define IORING_ENTER_GETEVENTS 1

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum wait_call {
	CALL_POLL = 7,
	CALL_SELECT = 23,
	CALL_EPOLL_WAIT = 232,
	CALL_PSELECT6 = 270,
	CALL_PPOLL = 271,
	CALL_EPOLL_PWAIT = 281,
	CALL_IO_URING_ENTER = 426,
	CALL_EPOLL_PWAIT2 = 441,
};

#endif
