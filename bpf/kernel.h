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
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip,
		sp;
};

struct sched_info {
	unsigned long long run_delay, last_arrival;
};

struct signal_struct {
	int nr_threads;
};

struct cfs_rq {
	int throttled;
	int throttle_count;
};

struct sched_entity {
	unsigned long long sum_exec_runtime;
	struct cfs_rq *cfs_rq;
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

struct list_head {
	struct list_head *next;
};

struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	unsigned int f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct epoll_filefd {
	struct file *file;
};

struct epitem {
	struct list_head rdllink;
	struct epoll_filefd ffd;
};

struct eventpoll {
	struct list_head rdllist;
};

struct in6_addr {
	unsigned char bytes[16]; /* a name of ours: only its address is used */
};

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
	unsigned short skc_num, skc_dport;
	unsigned int skc_daddr, skc_rcv_saddr;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_type, sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct sockaddr_un {
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct inet_connection_sock {
	struct {
		unsigned int lrcvtime;
	} icsk_ack;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct;

struct vm_area_struct {
	unsigned long vm_start, vm_end, vm_pgoff;
	struct mm_struct *vm_mm;
	struct file *vm_file;
};

struct vm_fault {
	struct vm_area_struct *vma;
	unsigned long pgoff, address;
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
	unsigned char throttled; /* since 6.18 */
	int wake_cpu;            /* where it ran last */
	unsigned long long utime, stime;
	struct thread_struct thread;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
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
#define STATE_DISK     0x0002 /* TASK_UNINTERRUPTIBLE */
#define STATE_STOPPED  0x800c /* __TASK_STOPPED, __TASK_TRACED, TASK_FROZEN */

/* include/uapi/linux/stat.h, include/linux/socket.h */
#define MODE_TYPE         0170000
#define MODE_SOCKET       0140000
#define MODE_REGULAR      0100000
#define FAMILY_UNIX       1
#define FAMILY_INET       2
#define FAMILY_INET6      10
#define PROTOCOL_TCP      6
#define STATE_ESTABLISHED 1 /* include/net/tcp_states.h */

/* include/uapi/linux/io_uring.h */
#define IORING_ENTER_GETEVENTS 1

/* arch/x86/entry/syscalls/syscall_64.tbl */
enum wait_call {
	CALL_POLL = 7,
	CALL_SELECT = 23,
	CALL_PAUSE = 34,
	CALL_SEMOP = 65,
	CALL_FCNTL = 72,
	CALL_FLOCK = 73,
	CALL_RT_SIGTIMEDWAIT = 128,
	CALL_RT_SIGSUSPEND = 130,
	CALL_FUTEX = 202,
	CALL_SEMTIMEDOP = 220,
	CALL_EPOLL_WAIT = 232,
	CALL_PSELECT6 = 270,
	CALL_PPOLL = 271,
	CALL_EPOLL_PWAIT = 281,
	CALL_IO_URING_ENTER = 426,
	CALL_EPOLL_PWAIT2 = 441,
};

#endif
