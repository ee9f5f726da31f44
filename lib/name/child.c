// SPDX-License-Identifier: BSD-2-Clause
/*
 * child.c: clone3 with a pidfd and no exit signal.
 *
 * The child is a copy of a process that may have had other threads, whose
 * locks nobody will open again. Should malloc's be among them, the child
 * hangs, misses its first deadline and is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "name/child.h"
#include "name/protocol.h"

#define GRACE_MS     10 /* for a killed child to be gone; else it is reaped later */
#define MORE_CPU_NS  100000000ULL  /* past the deadline, for one that had to wait for a CPU */
#define MORE_WALL_NS 1000000000ULL /* and no longer than that in all */
#define MORE_STEP_MS 20

uint64_t child_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void child_new(struct child *child)
{
	*child = (struct child){ .pidfd = -1, .sock = -1 };
	for (unsigned int i = 0; i < CHILD_DYING; i++)
		child->dying[i] = -1;
}

/* Signals are held back meanwhile, so that no handler of the caller's runs in the child. */
static int clone_child(struct child *child, int sock)
{
	int parent = getpid(), pidfd = -1, err = 0;
	struct clone_args args = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	sigset_t all, before;
	long pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		namer_serve(sock, (uint32_t)parent);
	if (pid < 0)
		err = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return err;
	child->pid = (int)pid;
	child->pidfd = pidfd;
	return 0;
}

/* 0: reaped or not ours any more; -EAGAIN: still dying. */
static int reap(struct child *child, int pidfd, int wait_ms)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	struct rusage usage = { 0 };
	siginfo_t info;

	if (poll(&pfd, 1, wait_ms) <= 0)
		return -EAGAIN;
	info.si_pid = 0;
	if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG | __WALL, &usage) == 0 &&
	    info.si_pid) {
		child->cpu_ns +=
			((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) *
				1000000000ULL +
			((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) *
				1000ULL;
	}
	close(pidfd);
	return 0;
}

static int *free_slot(struct child *child)
{
	int *slot = NULL;

	for (unsigned int i = 0; i < CHILD_DYING; i++) {
		if (child->dying[i] >= 0 && !reap(child, child->dying[i], 0))
			child->dying[i] = -1;
		if (child->dying[i] < 0)
			slot = &child->dying[i];
	}
	return slot;
}

int child_start(struct child *child)
{
	int pair[2], err;

	/* A killed child can be stuck in its file's file system: FUSE reads that the server has
	 * taken end with the server. As many of them as are remembered, and no more. */
	if (!free_slot(child))
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	err = clone_child(child, pair[1]);
	close(pair[1]);
	if (err) {
		close(pair[0]);
		return err;
	}
	child->sock = pair[0];
	return 0;
}

void child_kill(struct child *child)
{
	int *slot = free_slot(child);

	if (child->sock >= 0)
		close(child->sock);
	if (child->pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
		if (reap(child, child->pidfd, GRACE_MS)) {
			if (slot)
				*slot = child->pidfd;
			else
				close(child->pidfd);
		}
	}
	child->pid = 0;
	child->pidfd = child->sock = -1;
}

void child_free(struct child *child)
{
	child_kill(child);
	for (unsigned int i = 0; i < CHILD_DYING; i++) {
		if (child->dying[i] >= 0 && reap(child, child->dying[i], 0))
			close(child->dying[i]);
		child->dying[i] = -1;
	}
}

static void read_own(int pid, const char *name, char *text, size_t size)
{
	char path[48];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
}

/* Is it ready to run, or running, and what CPU time has it had? */
static bool wants_cpu(const struct child *child, uint64_t *cpu_ns)
{
	char stat[512], times[96], *end;

	read_own(child->pid, "stat", stat, sizeof(stat));
	read_own(child->pid, "schedstat", times, sizeof(times));
	*cpu_ns = strtoull(times, NULL, 10);
	end = strrchr(stat, ')');
	return end && end[1] == ' ' && end[2] == 'R';
}

/* A deadline is for a child that hangs or loops; one that was given no CPU has more time. */
static bool is_starved(const struct child *child, uint64_t deadline_ns, uint64_t *first_cpu_ns)
{
	uint64_t cpu_ns;

	if (child_now_ns() >= deadline_ns + MORE_WALL_NS || !wants_cpu(child, &cpu_ns))
		return false;
	if (!*first_cpu_ns)
		*first_cpu_ns = cpu_ns;
	return cpu_ns - *first_cpu_ns < MORE_CPU_NS;
}

static int wait_for(const struct child *child, short events, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = child->sock, .events = events };
	uint64_t first_cpu_ns = 0;

	for (;;) {
		uint64_t now = child_now_ns();
		int ms = MORE_STEP_MS, n;

		if (now < deadline_ns)
			ms = (int)((deadline_ns - now + 999999) / 1000000);
		else if (!is_starved(child, deadline_ns, &first_cpu_ns))
			ms = 0; /* it may have answered while we were given no CPU ourselves */
		n = poll(&pfd, 1, ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!ms)
			return -ETIME;
	}
}

int child_send(const struct child *child, const void *packet, size_t size, const int *fds,
	       unsigned int n_fds, uint64_t deadline_ns)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)packet, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 2)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *cmsg;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	while (sendmsg(child->sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		int err = errno == EAGAIN || errno == EINTR ? 0 : -errno;

		if (!err)
			err = wait_for(child, POLLOUT, deadline_ns);
		if (err)
			return err == -ECONNRESET ? -EPIPE : err;
	}
	return 0;
}

int child_receive(const struct child *child, void *packet, size_t size, uint64_t deadline_ns)
{
	for (;;) {
		struct iovec iov = { .iov_base = packet, .iov_len = size };
		/* No room for descriptors: the kernel closes what a child gone bad may send. */
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		int err = wait_for(child, POLLIN, deadline_ns);
		ssize_t n;

		if (err)
			return err;
		n = recvmsg(child->sock, &msg, MSG_DONTWAIT);
		if (n > 0)
			return msg.msg_flags & MSG_TRUNC ? -EBADMSG : (int)n;
		if (n == 0 || errno == ECONNRESET)
			return -EPIPE;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}
