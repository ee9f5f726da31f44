/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * namer.h: the process that reads what the target controls, and its protocol.
 *
 * ELF files, maps and memory of a target are read in a child that has no
 * privilege, can be killed, and is: a request that is not answered within
 * its deadline kills the namer, a new one is started, and the frames say why
 * they have no names. After three such deaths over one process its names are
 * given up. Nothing here judges, and no answer is trusted: counts and sizes
 * are checked before use.
 *
 * The namer opens nothing of the target itself. Descriptors come from the
 * keeper: memory and maps when a process is introduced, files on request.
 */
#ifndef NAMER_H
#define NAMER_H

#include <stddef.h>
#include <stdint.h>
#include "record.h"

struct namer;

#define NAMER_DEADLINE_MS       100  /* stacks, threads */
#define NAMER_LOOK_DEADLINE_MS  1000 /* first look at a process and its ELF files */
#define NAMER_POOLS_DEADLINE_MS 500  /* asked often, so a busy machine must not make it late */
#define NAMER_STRIKES           3

/* Whether threads of a process park in futexes. */
enum namer_parks {
	NAMER_PARKS_NOT = 0,
	NAMER_PARKS = 1,     /* their stacks tell which of them, and when */
	NAMER_PARKS_ANY = 2, /* nothing tells: the program has no symbols */
};

/* What the keeper does for the namer. */
struct namer_opener {
	/* O_PATH descriptor of the file mapped at [start, end) of pid, or -errno. Never blocks. */
	int (*file)(void *ctx, uint32_t pid, uint64_t start, uint64_t end, const char *path);
	void *ctx;
};

/* What a first look at a process found. Strings are borrowed until the next call. */
struct namer_look {
	const char *runtime;       /* gevent asyncio uvloop python node native; never NULL */
	const char *version;       /* of the interpreter, "3.11.2"; "" if none */
	const char *why_no_python; /* reason why Python frames cannot be had; "" if they can */
	int has_layout;            /* layout is valid */
	unsigned int parks;        /* enum namer_parks */
	struct wire_python layout;
};

/* Starts the namer. 0 or -errno. log: one line per death and restart; may be NULL. */
int namer_open(struct namer **out, const struct namer_opener *opener,
	       void (*log)(void *ctx, const char *line), void *ctx);

/* Introduces a process. The descriptors of its /proc/PID/mem and maps stay the caller's; cwd is
 * the root of its own code, "" if not known. 0, or -errno (-ETIME: deadline). */
int namer_look(struct namer *namer, uint32_t pid, int mem, int maps, const char *cwd,
	       struct namer_look *out);

/* A thread as the walker is to be told of it. */
struct namer_aim {
	struct wire_aim aim; /* layout and serial are the caller's to fill */
	const char *why;     /* why the running greenlet cannot be told; "" if it can, or there are
			      * none.     Borrowed until the next call */
	int pending;         /* the aim is good, and may be better later */
};

/* Where the thread's state lies, by nstid (3.11+) or fsbase. 0; -EAGAIN: lists moved, ask again;
 * other -errno. */
int namer_thread(struct namer *namer, uint32_t pid, uint32_t nstid, uint64_t fsbase,
		 struct namer_aim *out);

/* Names a stack; memory: what was copied of it, NULL if nothing. *out is borrowed until the next
 * call and always a whole, checked record, also when the namer failed: its frames then say so. 0,
 * or -errno beside such a record. */
int namer_stack(struct namer *namer, const struct wire_stack *stack,
		const struct wire_memory *memory, const struct wire_names **out);

/* How the thread of the stack named last parks; NULL: it does not. Borrowed. */
const struct wire_park *namer_park(const struct namer *namer);

#define NAMER_POOLS_MAX 16 /* of one process */

/* A thread pool as it is now; the fields are those of struct wire_pool. */
struct namer_pool {
	uint64_t id;
	uint32_t kind, size, threads, busy, queued, waiting, n_queued, n_waiting, full, pad;
	uint64_t ids[WIRE_POOL_ITEMS]; /* n_queued, then n_waiting */
	char name[WIRE_POOL_NAME];
	char next[WIRE_POOL_NAME];
};

struct namer_pools {
	uint32_t n;
	uint32_t pending; /* threads that may yet turn out to belong to a pool */
	uint32_t no_uv;   /* 1: it has libuv in it, and nothing tells how its pool is */
	uint32_t pad;
	uint64_t cpu_ns; /* that the look took */
	struct namer_pool list[NAMER_POOLS_MAX];
};

/* The thread pools of a process that has so many threads. What could not be read, for the program
 * goes on, is left out. 0 or -errno. */
int namer_pools(struct namer *namer, uint32_t pid, uint32_t threads, struct namer_pools *out);

/* The process has ended or executed another image. */
void namer_forget(struct namer *namer, uint32_t pid);

uint64_t namer_lost(const struct namer *namer);   /* stacks left without names so far */
int namer_pid(const struct namer *namer);         /* for the cost of it; 0: none is running */
uint64_t namer_cpu_ns(const struct namer *namer); /* of namers that have ended */
void namer_close(struct namer *namer);

#endif
