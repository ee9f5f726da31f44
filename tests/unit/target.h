/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h: a child process to look at, for the tests of the namer. All
 * static: each test is one binary.
 */
#ifndef TARGET_H
#define TARGET_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bpf/wire.h"
#include "name/namer.h"
#include "name/pages.h"

struct target_proc {
	int pid, in, out;
	int mem, maps;
	unsigned long long ident; /* what its READY line said */
};

struct target_frame {
	unsigned int kind, app, line;
	uint64_t offset;
	const char *name, *file, *module, *nameless;
};

static inline int target_open(const struct target_proc *target, const char *what)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", target->pid, what);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* argv[0] is the program. Returns when it has said "READY NUMBER"; it should read its stdin
 * then. 0 or -1. */
static inline int target_start(struct target_proc *target, char *const argv[])
{
	int in[2], out[2];
	char line[64] = "";
	size_t n = 0;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		return -1;
	target->pid = fork();
	if (target->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	target->in = in[1];
	target->out = out[0];
	while (n < sizeof(line) - 1 && read(out[0], line + n, 1) == 1 && line[n] != '\n')
		n++;
	target->mem = target_open(target, "mem");
	target->maps = target_open(target, "maps");
	return sscanf(line, "READY %llu", &target->ident) == 1 ? 0 : -1;
}

static inline void target_stop(struct target_proc *target)
{
	kill(target->pid, SIGKILL);
	waitpid(target->pid, NULL, 0);
	close(target->in);
	close(target->out);
	close(target->mem);
	close(target->maps);
}

/* Where its main thread sleeps. Waits until it does. */
static inline uint64_t target_pc(const struct target_proc *target)
{
	char text[256], *pc = NULL;

	while (!pc) {
		int fd = target_open(target, "syscall");
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return 0;
		text[n] = '\0';
		if (strncmp(text, "0 ", 2) == 0)
			pc = strrchr(text, ' ');
		else
			usleep(1000);
	}
	return strtoull(pc, NULL, 16);
}

/* Registers and stack of its main thread, as the kernel side takes them. 0 or -1. */
static inline int target_stack(const struct target_proc *target, struct wire_stack *stack,
			       struct wire_memory *memory)
{
	struct user_regs_struct r;
	ssize_t n;

	memset(stack, 0, sizeof(*stack));
	memset(memory, 0, sizeof(*memory));
	if (ptrace(PTRACE_ATTACH, target->pid, 0, 0) || waitpid(target->pid, NULL, 0) < 0 ||
	    ptrace(PTRACE_GETREGS, target->pid, 0, &r))
		return -1;
	ptrace(PTRACE_DETACH, target->pid, 0, 0);
	memcpy(stack->regs,
	       (__u64[]){ r.rax, r.rdx, r.rcx, r.rbx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10,
			  r.r11, r.r12, r.r13, r.r14, r.r15, r.rip },
	       sizeof(stack->regs));
	stack->head.kind = WIRE_SLICE;
	stack->pid = (uint32_t)target->pid;
	memory->at = r.rsp;
	n = pread(target->mem, memory->bytes, sizeof(memory->bytes), (off_t)r.rsp);
	memory->n = n > 0 ? (uint32_t)n : 0;
	return 0;
}

/* The keeper's part, done plainly; for other users' eyes the path must do. */
static inline int target_file(void *ctx, uint32_t pid, uint64_t start, uint64_t end,
			      const char *path)
{
	char name[128];
	int fd;

	(void)ctx;
	if (!strcmp(path, PAGES_PATH)) {
		snprintf(name, sizeof(name), "/proc/%u/pagemap", pid);
		return open(name, O_RDONLY | O_CLOEXEC);
	}
	snprintf(name, sizeof(name), "/proc/%u/map_files/%llx-%llx", pid, (unsigned long long)start,
		 (unsigned long long)end);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Frame i of a record that has been checked; its address behind it, NULL if there is none. */
static inline int target_frame(const struct wire_names *names, unsigned int i,
			       struct target_frame *out)
{
	const char *at = (const char *)(names + 1);
	const char **texts[] = { &out->name, &out->file, &out->module, &out->nameless };

	if (i >= names->n_frames)
		return -1;
	for (unsigned int now = 0; now <= i; now++) {
		out->kind = (unsigned char)at[0];
		out->app = (unsigned char)at[1];
		memcpy(&out->line, at + 4, 4);
		memcpy(&out->offset, at + 8, 8);
		at += 16;
		for (unsigned int text = 0; text < 4; text++) {
			*texts[text] = at;
			at += strlen(at) + 1;
		}
	}
	return 0;
}

static inline void target_print(const struct wire_names *names)
{
	struct target_frame f;

	for (unsigned int i = 0; !target_frame(names, i, &f); i++)
		fprintf(stderr, "  %u%s %s (%s:%u) [%s+0x%llx] %s\n", f.kind, f.app ? "*" : " ",
			f.name, f.file, f.line, f.module, (unsigned long long)f.offset, f.nameless);
}

#endif
