// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyworkers.c: which threads work for a pool, and who of them has work.
 *
 *	outermost frames: _bootstrap, _bootstrap_inner, run, _worker(reference, queue, ...)
 *	                  _begin, run(self)                                 (gevent)
 *
 * A thread is classified once, by the outermost frames of its stack; its
 * local variables lead to the pool. From then on one look at its innermost
 * frame tells: that of the function that takes work, or another.
 */
#include <errno.h>
#include <string.h>
#include "runtime/poolread.h"

#define DEPTH  2048 /* frames of a thread */
#define OUTER  12   /* of which the outermost are looked at */
#define LOCALS 4
#define TRIES  8 /* looks */

struct outer {
	uint64_t frame, code;
};

struct round {
	struct proc *proc;
	struct poolread *pools;
	uint32_t pending;
};

static int read_code(struct proc *proc, uint64_t frame, uint64_t *code, uint64_t *back)
{
	const struct pyoffsets *o = &proc->python->offsets;
	unsigned char bytes[128];
	struct wire_python layout;
	int err;

	pyoffsets_layout(o, &layout);
	err = memory_read(&proc->mem, frame, bytes, layout.frame_size);
	if (err)
		return err;
	memcpy(code, bytes + layout.frame_code, sizeof(*code));
	memcpy(back, bytes + layout.frame_back, sizeof(*back));
	*code &= ~7ULL;
	return 0;
}

/* The last OUTER frames, the outermost last; how many. -errno. */
static int walk_out(struct proc *proc, uint64_t tstate, struct outer out[OUTER])
{
	struct outer ring[OUTER];
	uint64_t frame;
	unsigned int n = 0;
	int err = pythread_head(&proc->mem, &proc->python->offsets, tstate, &frame);

	while (!err && frame && n < DEPTH) {
		struct outer *at = &ring[n++ % OUTER];

		at->frame = frame;
		err = read_code(proc, frame, &at->code, &frame);
	}
	if (err)
		return err;
	for (unsigned int i = 0; i < OUTER && i < n; i++)
		out[i] = ring[(n > OUTER ? n + i : i) % OUTER];
	return (int)(n < OUTER ? n : OUTER);
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && !strcmp(text + n - m, with);
}

static const struct pycode *code_of(struct proc *proc, uint64_t address)
{
	const char *why;

	if (!pyobject_plausible(address) || address == proc->python->none)
		return NULL;
	return pycode_get(&proc->mem, proc->python, proc->cwd, address, &why);
}

/* The first local variables of a frame. */
static int read_locals(struct proc *proc, uint64_t frame, uint64_t locals[LOCALS])
{
	const struct pyoffsets *o = &proc->python->offsets;
	uint32_t at = o->minor >= 11 ? o->frame_values : o->frame_locals;
	int err = at ? memory_read(&proc->mem, frame + at, locals, LOCALS * sizeof(*locals))
		     : -ENOENT;

	if (err)
		return err;
	for (unsigned int i = 0; i < LOCALS; i++)
		locals[i] &= ~7ULL;
	return 0;
}

/* The executor by the weak reference that every worker has: an argument, mostly the first. */
static int try_executor(struct proc *proc, uint64_t frame, struct poolfound *out)
{
	uint64_t locals[LOCALS];
	int err = read_locals(proc, frame, locals);

	for (unsigned int i = 0; !err && i < LOCALS; i++) {
		struct pytype type;

		if (pyobject_plausible(locals[i]) && !pytype_of(&proc->mem, locals[i], &type) &&
		    strstr(type.name, "weakref"))
			return pypools_executor(proc, locals[i], out);
	}
	return err ? err : -ENOENT;
}

static int try_gevent(struct proc *proc, uint64_t frame, struct poolfound *out)
{
	uint64_t locals[LOCALS];
	int err = read_locals(proc, frame, locals);

	if (!err && !pyobject_plausible(locals[0]))
		err = -ENOENT;
	return err ? err : pypools_gevent(proc, locals[0], out);
}

/* Is the frame that of a worker? Then *out is its pool. 0, -ENOENT: it is not, other -errno. */
static int try_frame(struct proc *proc, const struct outer *outer, struct poolfound *out)
{
	const struct pycode *code = code_of(proc, outer->code);
	int err = -ENOENT;

	memset(out, 0, sizeof(*out));
	if (code && ends(code->name, "_worker") && ends(code->file, "futures/thread.py"))
		err = try_executor(proc, outer->frame, out);
	else if (code && ends(code->name, "run") && ends(code->file, "gevent/threadpool.py"))
		err = try_gevent(proc, outer->frame, out);
	return err;
}

/* Its place in the list; -1: there is no room. */
static int place_of(struct poolread *pools, const struct poolfound *found)
{
	for (uint32_t i = 0; i < pools->n; i++)
		if (pools->list[i].object == found->object && pools->list[i].type == found->type)
			return (int)i;
	if (pools->n == NAMER_POOLS_MAX)
		return -1;
	pools->list[pools->n] = *found;
	return (int)pools->n++;
}

static int classify(struct proc *proc, struct poolread *pools, struct worker *worker)
{
	struct outer outer[OUTER];
	struct poolfound found;
	int n = walk_out(proc, worker->tstate, outer), err;

	worker->tries--;
	if (n < 0)
		return n == -ESRCH || n == -EDQUOT ? n : 0;
	for (int i = n; i-- > 0;) {
		err = try_frame(proc, &outer[i], &found);
		if (err == -ESRCH || err == -EDQUOT)
			return err;
		if (err)
			continue;
		worker->pool = place_of(pools, &found);
		worker->code = outer[i].code;
		worker->tries = 0;
		break;
	}
	return 0;
}

static struct worker *worker_of(struct poolread *pools, const struct pythread *thread)
{
	struct worker *worker;

	for (uint32_t i = 0; i < pools->n_workers; i++) {
		worker = &pools->workers[i];
		if (worker->tstate == thread->address && worker->thread_id == thread->thread_id)
			return worker;
	}
	if (pools->n_workers == POOLREAD_WORKERS)
		return NULL;
	worker = &pools->workers[pools->n_workers++];
	*worker = (struct worker){ .tstate = thread->address,
				   .thread_id = thread->thread_id,
				   .pool = -1,
				   .tries = TRIES };
	return worker;
}

/* Does anything run but the function that takes work? */
static int count_busy(struct proc *proc, const struct worker *worker, struct poolfound *pool)
{
	uint64_t frame, code, back;
	int err = pythread_head(&proc->mem, &proc->python->offsets, worker->tstate, &frame);

	pool->workers++;
	if (err || !frame || pool->kind == WIRE_POOL_GEVENT)
		return err;
	err = read_code(proc, frame, &code, &back);
	pool->busy += !err && code != worker->code;
	return err;
}

static int visit(void *ctx, const struct pythread *thread)
{
	struct round *round = ctx;
	struct poolread *pools = round->pools;
	struct worker *worker = worker_of(pools, thread);
	int err = 0;

	if (!worker)
		return 0;
	worker->seen = true;
	if (worker->pool < 0 && worker->tries)
		err = classify(round->proc, pools, worker);
	if (!err && worker->pool >= 0)
		err = count_busy(round->proc, worker, &pools->list[worker->pool]);
	round->pending += worker->pool < 0 && worker->tries;
	return err == -ESRCH || err == -EDQUOT ? err : 0;
}

/* A pool all of whose threads have ended is none. */
static void drop_pool(struct poolread *pools, uint32_t i)
{
	uint32_t last = --pools->n;

	for (uint32_t k = 0; k < pools->n_workers; k++) {
		if (pools->workers[k].pool == (int)i)
			pools->workers[k].pool = -1;
		if (pools->workers[k].pool == (int)last)
			pools->workers[k].pool = (int)i;
	}
	pools->list[i] = pools->list[last];
}

static void forget_ended(struct poolread *pools)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < pools->n_workers; i++)
		if (pools->workers[i].seen)
			pools->workers[kept++] = pools->workers[i];
	pools->n_workers = kept;
	for (uint32_t i = pools->n; i-- > 0;)
		if (!pools->list[i].workers)
			drop_pool(pools, i);
}

int pyworkers_walk(struct proc *proc, struct poolread *pools, uint32_t *pending)
{
	struct round round = { .proc = proc, .pools = pools };
	int err;

	for (uint32_t i = 0; i < pools->n_workers; i++)
		pools->workers[i].seen = false;
	for (uint32_t i = 0; i < pools->n; i++)
		pools->list[i].workers = pools->list[i].busy = 0;
	err = pythread_walk(&proc->mem, proc->python, visit, &round);
	*pending = round.pending;
	if (!err)
		forget_ended(pools);
	return err;
}
