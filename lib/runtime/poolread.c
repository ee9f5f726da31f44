// SPDX-License-Identifier: BSD-2-Clause
/*
 * poolread.c: one look at the thread pools of a process.
 *
 * The threads are walked when there are others than before, or as long as
 * there is an executor: whether its threads are busy only their stacks tell.
 */
#include "runtime/poolread.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define REREAD 64 /* looks, after which everything is found anew */

void poolread_free(struct proc *proc)
{
	free(proc->pools);
	proc->pools = NULL;
}

static bool has_executor(const struct poolread *pools)
{
	for (uint32_t i = 0; i < pools->n; i++)
		if (pools->list[i].kind != WIRE_POOL_GEVENT)
			return true;
	return false;
}

/* Sizes may be changed, and threads may have come and gone between two looks. */
static void forget(struct poolread *pools)
{
	pools->n = pools->n_workers = 0;
}

static int look_at_python(struct proc *proc, uint32_t threads, struct poolread *pools,
			  struct namer_pools *out)
{
	bool anew = pools->looks++ % REREAD == 0, undecided = false;
	int err = 0;

	for (uint32_t i = 0; i < pools->n_workers; i++)
		undecided |= pools->workers[i].pool < 0 && pools->workers[i].tries;
	if (anew)
		forget(pools);
	if (anew || undecided || threads != pools->n_threads || has_executor(pools))
		err = pyworkers_walk(proc, pools, &out->pending);
	if (err)
		return err;
	pools->n_threads = threads;
	for (uint32_t i = 0; i < pools->n; i++) {
		err = pypools_read(proc, &pools->list[i], &out->list[out->n]);
		if (err == -ESRCH)
			return err;
		out->n += !err;
	}
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int poolread_look(struct proc *proc, uint32_t threads, struct namer_pools *out)
{
	uint64_t began = cpu_ns();
	int err = 0;

	if (!proc->pools)
		proc->pools = calloc(1, sizeof(*proc->pools));
	if (!proc->pools)
		return -ENOMEM;
	if (proc->python)
		err = look_at_python(proc, threads, proc->pools, out);
	if (!err && out->n < NAMER_POOLS_MAX && uvpool_read(proc, proc->pools, &out->list[out->n]))
		out->n++;
	out->no_uv = proc->pools->uv_hidden;
	out->cpu_ns = cpu_ns() - began;
	return err == -ESRCH ? err : 0; /* lists that moved under the look: not all, this time */
}
