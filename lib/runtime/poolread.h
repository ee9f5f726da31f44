/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poolread.h: thread pools of a process, read from its memory while it runs.
 *
 * poolread.c looks after what is known of them; pyworkers.c finds those of
 * Python by the stacks of their threads, pypools.c and pyqueue.c read them,
 * uvpool.c does the same for libuv. Bounded reads; what does not fit together
 * is dropped and read again at the next look.
 */
#ifndef POOLREAD_H
#define POOLREAD_H

#include <stdbool.h>
#include "name/namer.h"
#include "name/proc.h"
#include "runtime/pyobject.h"

#define POOLREAD_WORKERS 1024 /* threads of a process that are remembered */

/* A pool as it was found. */
struct poolfound {
	enum wire_pool_kind kind;
	uint64_t object, type; /* the executor or ThreadPool, and its class */
	uint64_t queue;        /* of an executor */
	uint64_t threads;      /* set, of an executor */
	uint32_t size;         /* of an executor */
	struct {
		uint32_t max, threads, queue, gate; /* in a ThreadPool */
		uint32_t items, unfinished;         /* in its queue */
		uint32_t links;                     /* in its semaphore; 0: not known */
	} slot;
	uint64_t named; /* item whose function was read last: next */
	char next[WIRE_POOL_NAME];
	uint32_t workers, busy; /* threads, as they were walked last */
	char name[WIRE_POOL_NAME];
};

/* A thread, and whose it is. */
struct worker {
	uint64_t tstate, thread_id;
	uint64_t code;  /* of the function that takes work: nothing else runs while it is idle */
	int pool;       /* -1: none */
	uint32_t tries; /* left: it may not have begun yet */
	bool seen;
};

struct poolread {
	struct poolfound list[NAMER_POOLS_MAX];
	uint32_t n, n_workers, n_threads; /* n_threads: when they were walked last */
	uint32_t looks;
	bool uv_known;  /* libuv has been looked for */
	uint64_t uv[6]; /* addresses of its variables; 0: none */
	bool uv_hidden;
	struct worker workers[POOLREAD_WORKERS];
};

/* 0, -ESRCH: the process is gone, -ENOMEM. */
int poolread_look(struct proc *proc, uint32_t threads, struct namer_pools *out);
void poolread_free(struct proc *proc);

/* pyworkers.c: walks the threads, finds pools, counts who is busy. 0 or -errno; pending: threads
 * that may yet begin. */
int pyworkers_walk(struct proc *proc, struct poolread *pools, uint32_t *pending);

/* pypools.c: a pool, from a local variable of its worker; then its present state. 0 or -errno. */
int pypools_executor(struct proc *proc, uint64_t reference, struct poolfound *out);
int pypools_gevent(struct proc *proc, uint64_t worker, struct poolfound *out);
int pypools_read(struct proc *proc, struct poolfound *pool, struct namer_pool *out);

/* pyqueue.c: the first items of a queue.SimpleQueue, collections.deque or list. total: all of
 * them. 0, or -EBADMSG and others: it changed under the look, or is something else. */
struct pyqueue {
	uint32_t total, n;
	uint64_t ids[WIRE_POOL_ITEMS];
};
int pyqueue_simple(struct memory *mem, const struct python *py, uint64_t object,
		   struct pyqueue *out);
int pyqueue_deque(struct memory *mem, uint64_t object, struct pyqueue *out);
int pyqueue_list(struct memory *mem, uint64_t object, struct pyqueue *out);

/* Item i of a tuple; 0 or -errno. */
int pyqueue_tuple(struct memory *mem, const struct python *py, uint64_t object, uint32_t i,
		  uint64_t *out);

/* pyattr.c: attributes of an instance by name; what is not there is 0. 0 or -errno. */
int pyattr_get(struct memory *mem, const struct python *py, uint64_t object,
	       const char *const *names, unsigned int n, uint64_t *values);

/* Offsets of a class's slots by name; all or -ENOENT. */
int pyattr_slots(struct memory *mem, uint64_t type, const char *const *names, unsigned int n,
		 uint32_t *offsets);

/* uvpool.c: libuv's pool. True: *out is filled. */
bool uvpool_read(struct proc *proc, struct poolread *pools, struct namer_pool *out);

#endif
