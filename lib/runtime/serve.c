// SPDX-License-Identifier: BSD-2-Clause
/*
 * serve.c: the namer's process: gives up its rights, then answers.
 *
 * It ends when its parent does or closes the socket. It never answers a
 * request that it does not understand: a parent gone wrong is no parent. What
 * it opens itself, while it still may, are the names of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "audit/audit.h"
#include "name/protocol.h"
#include "runtime/drop.h"
#include "runtime/poolread.h"
#include "runtime/runtime.h"

#define LOOK_BYTES   (32U << 20)
#define LOOK_READS   50000
#define THREAD_BYTES (8U << 20)
#define THREAD_READS 20000 /* 1 to 2 us each */
#define POOLS_BYTES  (4U << 20)
#define POOLS_READS  20000

struct server {
	int sock;
	uint32_t serial; /* of the request being worked on */
	struct proc *procs[NAMER_PROCS];
	size_t n_procs;
	struct files files;
	struct kallsyms kernel;
	struct namer_ask_stack stack;
	_Alignas(8) unsigned char out[NAMER_PACKET];
};

union packet {
	struct namer_head head;
	struct namer_ask_look look;
	struct namer_ask_thread thread;
	struct namer_ask_stack stack;
	struct namer_ask_audit audit;
	struct namer_ask_pools pools;
};

/* Bytes of a packet and up to two descriptors; never returns without a packet. */
static size_t receive(int sock, void *packet, size_t size, int fds[2])
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = packet, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	fds[0] = fds[1] = -1;
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < (ssize_t)sizeof(struct namer_head) || msg.msg_flags & MSG_TRUNC)
		_exit(0);
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(cmsg), cmsg->cmsg_len - CMSG_LEN(0));
	return (size_t)n;
}

static void answer(const struct server *server, const void *packet, size_t size)
{
	if (send(server->sock, packet, size, MSG_NOSIGNAL) != (ssize_t)size)
		_exit(0);
}

/* Through our own descriptor, so that the way to the file does not matter, and never a FIFO. */
static int reopen(int path_fd)
{
	char name[32];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOEXEC;
	}
	return fd;
}

/* What the keeper says to a mapping: a descriptor or -errno. */
static int ask_file(const struct server *server, uint32_t pid, const struct mapping *map)
{
	struct namer_file file = {
		.head = { .kind = NAMER_FILE, .serial = server->serial, .pid = pid },
		.start = map->start,
		.end = map->end,
	};
	struct namer_head got;
	int fds[2];

	if (strlen(map->path) < sizeof(file.path))
		memcpy(file.path, map->path, strlen(map->path));
	answer(server, &file, sizeof(file));
	if (receive(server->sock, &got, sizeof(got), fds) != sizeof(got) || got.kind != NAMER_FILE)
		_exit(0);
	if (got.result || fds[0] < 0)
		return got.result < 0 ? got.result : -ENOENT;
	return fds[0];
}

static int open_file(void *ctx, uint32_t pid, const struct mapping *map)
{
	int path_fd = ask_file(ctx, pid, map), fd;

	if (path_fd < 0)
		return path_fd;
	fd = reopen(path_fd);
	close(path_fd);
	return fd;
}

/* Without them its memory is read all the same. */
static void get_pages(const struct server *server, struct proc *proc)
{
	const struct mapping asked = { .path = PAGES_PATH };
	int fd = ask_file(server, proc->pid, &asked);

	if (fd >= 0)
		pages_open(&proc->mem.pages, fd, &proc->maps);
}

static struct proc *find_proc(const struct server *server, uint32_t pid)
{
	for (size_t i = 0; i < server->n_procs; i++) {
		if (server->procs[i]->pid == pid)
			return server->procs[i];
	}
	return NULL;
}

static void forget(struct server *server, uint32_t pid)
{
	struct proc *proc = find_proc(server, pid);

	for (size_t i = 0; proc && i < server->n_procs; i++) {
		if (server->procs[i] == proc)
			server->procs[i] = server->procs[--server->n_procs];
	}
	if (!proc)
		return;
	if (proc->runtime && proc->runtime->detach)
		proc->runtime->detach(proc);
	poolread_free(proc);
	proc_close(proc);
	free(proc);
}

static int new_proc(struct server *server, const struct namer_ask_look *ask, const int fds[2],
		    struct proc **out)
{
	struct proc *proc;

	if (fds[0] < 0 || fds[1] < 0)
		return -EBADF;
	if (server->n_procs == NAMER_PROCS)
		return -ENOSPC;
	proc = calloc(1, sizeof(*proc));
	if (!proc)
		return -ENOMEM;
	proc->pid = ask->head.pid;
	proc->mem.fd = fds[0];
	proc->maps_fd = fds[1];
	proc->files = &server->files;
	memcpy(proc->cwd, ask->cwd, sizeof(proc->cwd));
	proc->cwd[sizeof(proc->cwd) - 1] = '\0';
	server->procs[server->n_procs++] = proc;
	*out = proc;
	return 0;
}

/* Now is the time for the tables that most stacks need: the kernel's, the C library's and the
 * program's. */
static void load_tables(struct server *server, struct proc *proc)
{
	uint64_t vaddr;

	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];
		const char *base = maps_base(map), *why;
		char name[8];
		struct elf *elf;

		if (!map->exec || !map->inode ||
		    (strncmp(base, "libc.so", 7) && strncmp(base, "libc-", 5) &&
		     !strstr(base, "libpython") && strstr(base, ".so")))
			continue;
		elf = proc_elf(proc, map, &why);
		if (elf)
			elf_name(elf, 0, name, sizeof(name), &why);
		proc_unwind(proc, map->start, &vaddr);
	}
	while (kallsyms_more(&server->kernel)) {
	}
}

static void look(struct server *server, const struct namer_ask_look *ask, const int fds[2])
{
	struct namer_got_look got = { .head = ask->head };
	struct proc *proc = NULL;
	int err;

	forget(server, ask->head.pid);
	err = new_proc(server, ask, fds, &proc);
	if (!err) {
		get_pages(server, proc);
		memory_budget(&proc->mem, LOOK_BYTES, LOOK_READS);
		err = maps_read(&proc->maps, proc->maps_fd);
	}
	if (!err) {
		proc->runtime = runtime_detect(proc);
		if (proc->runtime->attach)
			got.has_layout = !proc->runtime->attach(proc, &got.layout);
		if (ask->load)
			load_tables(server, proc);
		snprintf(got.runtime, sizeof(got.runtime), "%s", proc->runtime->name);
		got.parks = proc->parks;
		memcpy(got.version, proc->version, sizeof(got.version));
		memcpy(got.why, proc->why, sizeof(got.why));
	} else if (proc) {
		forget(server, ask->head.pid);
	} else {
		close(fds[0]);
		close(fds[1]);
	}
	got.head.result = err;
	answer(server, &got, sizeof(got));
}

static void thread(struct server *server, const struct namer_ask_thread *ask)
{
	struct namer_got_thread got = { .head = ask->head };
	struct proc *proc = find_proc(server, ask->head.pid);

	got.head.result = -ENOENT;
	if (proc && proc->runtime->thread) {
		memory_budget(&proc->mem, THREAD_BYTES, THREAD_READS);
		got.head.result = proc->runtime->thread(proc, ask->nstid, ask->fsbase, &got);
	}
	answer(server, &got, sizeof(got));
}

/* Another file may have been mapped there since the maps were read. */
static void name_fault(struct proc *proc, const struct wire_stack *stack, struct frames *frames)
{
	const struct mapping *map;

	if (stack->fd.fd != WIRE_FD_MAPPED || !stack->fd.mode)
		return;
	map = proc_find(proc, stack->args[0]);
	if (map && map->inode != stack->fd.ino && !proc->fresh) {
		proc->fresh = true;
		map = maps_read(&proc->maps, proc->maps_fd) ? NULL
							    : proc_find(proc, stack->args[0]);
	}
	if (map && map->inode == stack->fd.ino)
		frames_path(frames, map->path);
}

static void name(struct server *server, const struct namer_ask_stack *ask)
{
	struct proc *proc = find_proc(server, ask->head.pid);
	struct namer_got_stack got = { .head = ask->head };
	struct frames frames;

	frames_begin(&frames, server->out + sizeof(got), sizeof(server->out) - sizeof(got));
	if (proc) {
		proc->fresh = false;
		proc->park = (struct wire_park){ 0 };
		server->files.now++;
		memory_budget(&proc->mem, MEMORY_STACK_MAX, MEMORY_STACK_READS);
		kernel_name(&server->kernel, &ask->stack, &frames);
		proc->runtime->frames(proc, &ask->stack, &ask->memory, &frames);
		name_fault(proc, &ask->stack, &frames);
	}
	frames_end(&frames, ask->stack.head.now_ns);
	got.head.result = proc ? 0 : -ESRCH;
	if (proc)
		got.park = proc->park;
	memcpy(server->out, &got, sizeof(got));
	answer(server, server->out, sizeof(got) + frames.used);
}

static void send_record(void *ctx, const struct wire_head *record)
{
	struct server *server = ctx;
	const size_t head = sizeof(struct namer_got_audit); /* which is there already */

	if (record->size > sizeof(server->out) - head)
		return;
	memcpy(server->out + head, record, record->size);
	answer(server, server->out, head + record->size);
}

static void audit(struct server *server, const struct namer_ask_audit *ask)
{
	struct proc *proc = find_proc(server, ask->head.pid);
	struct namer_got_audit got = { .head = ask->head };
	bool python = proc && proc->runtime->attach;

	memcpy(server->out, &got, sizeof(got));
	if (proc && proc->python)
		got.head.result = audit_run(proc, ask->budget_ms, send_record, server);
	else if (proc)
		audit_refuse(proc->pid, python ? WIRE_AUDIT_FAILED : WIRE_AUDIT_NO_PYTHON,
			     proc->why, send_record, server);
	else
		got.head.result = -ESRCH;
	answer(server, &got, sizeof(got));
}

static void pools(struct server *server, const struct namer_ask_pools *ask)
{
	struct namer_got_pools *got = (struct namer_got_pools *)(void *)server->out;
	struct proc *proc = find_proc(server, ask->head.pid);

	memset(got, 0, NAMER_POOLS_BASE);
	got->head = ask->head;
	got->head.result = -ESRCH;
	if (proc) {
		proc->fresh = false;
		server->files.now++;
		memory_budget(&proc->mem, POOLS_BYTES, POOLS_READS);
		got->head.result = poolread_look(proc, ask->threads, &got->pools);
	}
	answer(server, got, NAMER_POOLS_BASE + got->pools.n * sizeof(got->pools.list[0]));
}

static bool stack_sound(const struct namer_ask_stack *ask, size_t size)
{
	const struct wire_stack *stack = &ask->stack;

	return size >= sizeof(*ask) - WIRE_MEMORY_MAX && stack->n_python <= WIRE_FRAMES &&
	       stack->n_kernel <= WIRE_KERNEL && ask->memory.n <= WIRE_MEMORY_MAX &&
	       ask->memory.task.n_text <= WIRE_TASK_TEXT &&
	       size == sizeof(*ask) - WIRE_MEMORY_MAX + ask->memory.n;
}

/* Kernel symbols, while nobody asks for anything. */
static void use_the_time(struct server *server)
{
	struct pollfd pfd = { .fd = server->sock, .events = POLLIN };

	while (server->kernel.fd >= 0 && !poll(&pfd, 1, 0))
		kallsyms_more(&server->kernel);
}

static void serve_one(struct server *server)
{
	union packet packet;
	int fds[2];
	size_t size;

	use_the_time(server);
	size = receive(server->sock, &packet, sizeof(packet), fds);
	server->serial = packet.head.serial;
	if (packet.head.kind == NAMER_LOOK && size == sizeof(packet.look))
		look(server, &packet.look, fds);
	else if (packet.head.kind == NAMER_THREAD && size == sizeof(packet.thread))
		thread(server, &packet.thread);
	else if (packet.head.kind == NAMER_STACK && stack_sound(&packet.stack, size))
		name(server, &packet.stack);
	else if (packet.head.kind == NAMER_AUDIT && size == sizeof(packet.audit))
		audit(server, &packet.audit);
	else if (packet.head.kind == NAMER_POOLS && size == sizeof(packet.pools))
		pools(server, &packet.pools);
	else if (packet.head.kind == NAMER_FORGET)
		forget(server, packet.head.pid);
	else
		_exit(0);
}

_Noreturn void namer_serve(int sock, uint32_t parent)
{
	int keep[DROP_KEPT] = { sock, open("/proc/kallsyms", O_RDONLY | O_CLOEXEC) };
	struct server *server;

	if (drop_rights(keep, parent))
		_exit(1);
	server = calloc(1, sizeof(*server));
	if (!server)
		_exit(1);
	server->sock = keep[0];
	server->kernel.fd = keep[1];
	server->files.open = open_file;
	server->files.ctx = server;
	for (;;)
		serve_one(server);
}
