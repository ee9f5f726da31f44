/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * fd.bpf.h: what a call sleeps on, out of the kernel's own structures.
 *
 * The descriptor may be closed or reused a moment later, so its facts are
 * taken when the call goes to sleep. Facts only: what kind of file they make
 * is said in user space (lib/peer.c).
 */
#ifndef FD_BPF_H
#define FD_BPF_H

#include "common.bpf.h"

enum fd_where {
	FD_NONE,
	FD_FIRST,  /* the first argument */
	FD_POLLED, /* the first of an array of struct pollfd */
};

/* arch/x86/entry/syscalls/syscall_64.tbl */
static __always_inline enum fd_where fd_where(__s32 call)
{
	switch (call) {
	case 0:   /* read */
	case 1:   /* write */
	case 3:   /* close */
	case 16:  /* ioctl */
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
	case 72:  /* fcntl */
	case 73:  /* flock */
	case 74:  /* fsync */
	case 75:  /* fdatasync */
	case 77:  /* ftruncate */
	case 78:  /* getdents */
	case 91:  /* fchmod */
	case 217: /* getdents64 */
	case 232: /* epoll_wait */
	case 275: /* splice */
	case 277: /* sync_file_range */
	case 281: /* epoll_pwait */
	case 285: /* fallocate */
	case 288: /* accept4 */
	case 295: /* preadv */
	case 296: /* pwritev */
	case 299: /* recvmmsg */
	case 306: /* syncfs */
	case 307: /* sendmmsg */
	case 326: /* copy_file_range */
	case 426: /* io_uring_enter */
	case 441: /* epoll_pwait2 */
		return FD_FIRST;
	case CALL_POLL:
	case CALL_PPOLL:
		return FD_POLLED;
	default:
		return FD_NONE;
	}
}

static __always_inline void fd_inet6(struct wire_fd *out, struct sock *sk)
{
	bpf_probe_read_kernel(out->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_probe_read_kernel(out->remote, 16, &sk->__sk_common.skc_v6_daddr);
}

static __always_inline void fd_inet(struct wire_fd *out, struct sock *sk)
{
	__u32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	__u32 remote = BPF_CORE_READ(sk, __sk_common.skc_daddr);

	__builtin_memcpy(out->local, &local, 4);
	__builtin_memcpy(out->remote, &remote, 4);
}

/* The name of the listening end: ours, or that of the peer. */
static __always_inline void fd_unix(struct wire_fd *out, struct sock *sk)
{
	struct unix_address *addr = BPF_CORE_READ((struct unix_sock *)sk, addr);
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);

	if (!addr && peer)
		addr = BPF_CORE_READ((struct unix_sock *)peer, addr);
	if (addr)
		bpf_probe_read_kernel_str(out->name, sizeof(out->name), addr->name[0].sun_path);
}

static __always_inline void fd_socket(struct wire_fd *out, struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk)
		return;
	out->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	out->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	out->type = BPF_CORE_READ(sk, sk_type);
	out->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (out->family == FAMILY_UNIX) {
		fd_unix(out, sk);
		return;
	}
	out->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	out->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (out->family == FAMILY_INET)
		fd_inet(out, sk);
	else if (out->family == FAMILY_INET6)
		fd_inet6(out, sk);
}

/* All but fd. */
static __always_inline void fd_file(struct wire_fd *out, struct file *file)
{
	out->flags = BPF_CORE_READ(file, f_flags);
	out->mode = BPF_CORE_READ(file, f_inode, i_mode);
	out->ino = BPF_CORE_READ(file, f_inode, i_ino);
	out->magic = BPF_CORE_READ(file, f_inode, i_sb, s_magic);
	out->dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	if ((out->mode & MODE_TYPE) == MODE_SOCKET)
		fd_socket(out, file);
	else
		bpf_probe_read_kernel_str(out->name, sizeof(out->name),
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
}

static __noinline void fd_take(struct wire_fd *out, struct task_struct *task, __s32 call,
			       __u64 first)
{
	enum fd_where where = fd_where(call);
	__s32 fd = (__s32)first;
	struct file *file;

	out->fd = WIRE_FD_NONE;
	if (where == FD_NONE)
		return;
	if (where == FD_POLLED && read_user(&fd, sizeof(fd), first))
		return;
	file = file_at(task, fd);
	if (!file)
		return;
	__builtin_memset(out, 0, sizeof(*out));
	out->fd = fd;
	fd_file(out, file);
}

#endif
