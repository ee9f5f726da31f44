/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.h: privileged access to a process: identity, descriptors, facts.
 *
 * The pidfd comes first, then everything is opened relative to the held
 * /proc/PID directory, then the pidfd is checked again: a recycled pid is
 * never mixed up. Parses no byte that the target controls, except comm, the
 * argument strings and links, which are copied with a bound. Opening never
 * blocks on a target's file system: files are opened O_PATH.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stddef.h>
#include <stdint.h>

struct keeper_proc {
	uint32_t pid, parent;
	int pidfd, dir, mem, maps; /* -1: not open */
	char comm[16];
	char exe[256], cwd[256];
	char argv[1024]; /* redacted, each with its NUL */
	uint32_t argc;
};

/* 0 or -errno: -ESRCH no such process, -ENXIO one without memory (a kernel thread),
 * -EACCES/-EPERM no right to look into it. */
int keeper_open(struct keeper_proc *proc, uint32_t pid);
/* The process a thread belongs to; 0: there is no such thread. */
uint32_t keeper_process_of(uint32_t tid);

/* Threads that it has; 0: it has ended. One stat(). */
uint32_t keeper_threads(const struct keeper_proc *proc);

/* Processes that it has started, up to max of them; returns how many. */
uint32_t keeper_children(const struct keeper_proc *proc, uint32_t *pids, uint32_t max);

void keeper_close(struct keeper_proc *proc);

/* O_PATH descriptor of the process's perf map, asked for with start and end 0 by this path. */
#define KEEPER_PERF_MAP "[perf-map]"
/* Likewise its pagemap, to be read through this descriptor. */
#define KEEPER_PAGEMAP "[pagemap]"

/* O_PATH descriptor of the file mapped at [start, end): by map_files, else by path below the
 * process's root when the inode agrees; or -errno. */
int keeper_file(const struct keeper_proc *proc, uint64_t start, uint64_t end, const char *path);

/* A thread by its number in the process's own pid namespace: ours, and its name; 0 or -ESRCH. */
int keeper_thread(const struct keeper_proc *proc, uint32_t nstid, uint32_t *tid, char comm[16]);

/* Program counter and stack pointer of a thread that sleeps in a call; 0 or -errno. */
int keeper_registers(const struct keeper_proc *proc, uint32_t tid, uint64_t *pc, uint64_t *sp);

/* "main thread sleeps in clock_nanosleep; 3 other threads": what the process does now. */
int keeper_describe(const struct keeper_proc *proc, char *line, size_t size);

/* Missing capabilities by name, "CAP_BPF and CAP_PERFMON"; "" if none is missing. */
void keeper_missing(char *line, size_t size);

/* CPU time and peak resident size of a process of our own. */
int keeper_cost(int pid, uint64_t *cpu_ns, uint64_t *rss_bytes);

#endif
