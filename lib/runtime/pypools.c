// SPDX-License-Identifier: BSD-2-Clause
/*
 * pypools.c: the pools of concurrent.futures and gevent, as objects.
 *
 *	executor: _threads, _work_queue, _max_workers; who is busy is seen by the stacks
 *	ThreadPool: _maxsize, _worker_greenlets, task_queue { _queue, unfinished_tasks };
 *	            greenlets wait in a semaphore before they may put anything into the queue
 *
 * Source: Lib/concurrent/futures/thread.py of 3.7 to 3.14, gevent/threadpool.py
 * of 20 to 26. Private names of both: what is not found is no pool.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "runtime/poolread.h"

#define REFERENT    16 /* of a weakref */
#define METHOD_SELF 24 /* of a bound method */
#define SET_USED    24
#define PARTIAL     24  /* functools.partial: args */
#define GATE_MAX    256 /* bytes of gevent's semaphore */

static int type_name(struct memory *mem, uint64_t object, struct pytype *type)
{
	return pyobject_plausible(object) ? pytype_of(mem, object, type) : -EBADMSG;
}

static bool is_a(struct memory *mem, uint64_t object, const char *name)
{
	struct pytype type;

	return !type_name(mem, object, &type) && !strcmp(type.name, name);
}

static int small_int(struct memory *mem, const struct python *py, uint64_t object, uint32_t *out)
{
	uint64_t value;
	int err = pyint_read(mem, py, object, &value);

	if (!err && value > WIRE_POOL_MOST)
		err = -EBADMSG;
	if (!err)
		*out = (uint32_t)value;
	return err;
}

static int set_size(struct memory *mem, uint64_t object, uint32_t *out)
{
	uint64_t used;
	int err = memory_word(mem, object + SET_USED, &used);

	if (!err && used > WIRE_POOL_MOST)
		err = -EBADMSG;
	if (!err)
		*out = (uint32_t)used;
	return err;
}

int pypools_executor(struct proc *proc, uint64_t reference, struct poolfound *out)
{
	static const char *const names[] = { "_max_workers", "_threads", "_work_queue",
					     "_thread_name_prefix" };
	struct memory *mem = &proc->mem;
	uint64_t values[4];
	int err = memory_word(mem, reference + REFERENT, &out->object);

	if (!err && (!pyobject_plausible(out->object) || out->object == proc->python->none))
		return -ENOENT;
	if (!err)
		err = memory_word(mem, out->object + 8, &out->type);
	if (!err)
		err = pyattr_get(mem, proc->python, out->object, names, 4, values);
	if (!err && (!is_a(mem, values[1], "set") || !is_a(mem, values[2], "_queue.SimpleQueue")))
		err = -ENOENT;
	if (!err)
		err = small_int(mem, proc->python, values[0], &out->size);
	if (err)
		return err;
	out->threads = values[1];
	out->queue = values[2];
	if (!values[3] || pytext_read(mem, proc->python, values[3], out->name, sizeof(out->name)))
		snprintf(out->name, sizeof(out->name), "ThreadPoolExecutor");
	out->kind = strcmp(out->name, "asyncio") ? WIRE_POOL_EXECUTOR : WIRE_POOL_ASYNCIO;
	return 0;
}

/* Where gevent's semaphore keeps those that wait: a slot, or compiled, the only list in it. */
static uint32_t find_links(struct memory *mem, uint64_t gate)
{
	static const char *const name[] = { "_links" };
	uint64_t words[GATE_MAX / 8], address;
	struct pytype type;
	uint32_t offset;

	if (type_name(mem, gate, &type) || type.basic > GATE_MAX || type.basic < 24 ||
	    memory_word(mem, gate + 8, &address))
		return 0;
	if (!pyattr_slots(mem, address, name, 1, &offset))
		return offset;
	if (memory_read(mem, gate, words, type.basic & ~7UL))
		return 0;
	for (uint32_t i = 2; i < type.basic / 8; i++)
		if (is_a(mem, words[i], "list"))
			return 8 * i;
	return 0;
}

/* Is it the pool that the hub made for itself? Look-ups of names go there. */
static bool is_hubs(struct proc *proc, uint64_t pool, uint32_t hub_slot)
{
	static const char *const name[] = { "_threadpool" };
	uint64_t hub, own;

	return !memory_word(&proc->mem, pool + hub_slot, &hub) && pyobject_plausible(hub) &&
	       !pyattr_get(&proc->mem, proc->python, hub, name, 1, &own) && own == pool;
}

/* The ThreadPool that a worker of gevent belongs to. */
static int pool_of(struct proc *proc, uint64_t worker, struct poolfound *out)
{
	static const char *const name[] = { "_unregister_worker" };
	struct memory *mem = &proc->mem;
	uint64_t method;
	int err = pyattr_get(mem, proc->python, worker, name, 1, &method);

	if (!err && !is_a(mem, method, "method"))
		err = -ENOENT;
	if (!err)
		err = memory_word(mem, method + METHOD_SELF, &out->object);
	if (!err && !pyobject_plausible(out->object))
		err = -EBADMSG;
	return err ? err : memory_word(mem, out->object + 8, &out->type);
}

int pypools_gevent(struct proc *proc, uint64_t worker, struct poolfound *out)
{
	static const char *const slots[] = { "_maxsize", "_worker_greenlets", "task_queue",
					     "_available_worker_threads_greenlet_sem", "hub" };
	static const char *const parts[] = { "_queue", "unfinished_tasks" };
	struct memory *mem = &proc->mem;
	uint32_t at[5], inner[2];
	uint64_t queue, type, gate;
	int err = pool_of(proc, worker, out);

	if (!err)
		err = pyattr_slots(mem, out->type, slots, 5, at);
	if (!err)
		err = memory_word(mem, out->object + at[2], &queue);
	if (!err)
		err = memory_word(mem, queue + 8, &type);
	if (!err)
		err = pyattr_slots(mem, type, parts, 2, inner);
	if (err)
		return err;
	out->kind = WIRE_POOL_GEVENT;
	out->slot.max = at[0];
	out->slot.threads = at[1];
	out->slot.queue = at[2];
	out->slot.gate = at[3];
	out->slot.items = inner[0];
	out->slot.unfinished = inner[1];
	out->slot.links = 0;
	if (!memory_word(mem, out->object + at[3], &gate))
		out->slot.links = find_links(mem, gate);
	snprintf(out->name, sizeof(out->name), "gevent.threadpool%s",
		 is_hubs(proc, out->object, at[4]) ? "" : ".ThreadPool");
	return 0;
}

/* asyncio.to_thread() hands over partial(context.run, function). */
static uint64_t inner_function(struct proc *proc, uint64_t function)
{
	struct memory *mem = &proc->mem;
	uint64_t args, first, target;
	struct pytype type;

	if (!is_a(mem, function, "functools.partial") || memory_word(mem, function + 16, &target) ||
	    type_name(mem, target, &type) || strcmp(type.name, "builtin_function_or_method") ||
	    memory_word(mem, function + PARTIAL, &args) || !is_a(mem, args, "tuple") ||
	    pyqueue_tuple(mem, proc->python, args, 0, &first))
		return function;
	return first;
}

/* The function that an item of a queue is to run. */
static void name_item(struct proc *proc, enum wire_pool_kind kind, uint64_t item, char *out)
{
	static const char *const names[] = { "fn", "task" };
	struct memory *mem = &proc->mem;
	uint64_t values[2] = { 0, item }, code;
	int err = 0;

	if (kind != WIRE_POOL_GEVENT)
		err = pyattr_get(mem, proc->python, item, names, 2, values);
	if (!err && !values[0] && is_a(mem, values[1], "tuple"))
		err = pyqueue_tuple(mem, proc->python, values[1], 0, &values[0]);
	if (!err && pyobject_plausible(values[0]))
		err = pyfunction_read(mem, proc->python, inner_function(proc, values[0]), out,
				      WIRE_POOL_NAME, &code);
	if (err)
		out[0] = '\0';
}

static int read_executor(struct proc *proc, const struct poolfound *pool, struct namer_pool *out,
			 struct pyqueue *queued)
{
	int err = pyqueue_simple(&proc->mem, proc->python, pool->queue, queued);

	if (!err)
		err = set_size(&proc->mem, pool->threads, &out->threads);
	out->size = pool->size;
	out->busy = pool->busy;
	return err;
}

/* Greenlets in front of the queue. */
static void read_gate(struct proc *proc, const struct poolfound *pool, struct pyqueue *out)
{
	uint64_t gate, list;

	if (!pool->slot.links || memory_word(&proc->mem, pool->object + pool->slot.gate, &gate) ||
	    memory_word(&proc->mem, gate + pool->slot.links, &list) ||
	    !is_a(&proc->mem, list, "list") || pyqueue_list(&proc->mem, list, out))
		*out = (struct pyqueue){ 0 };
}

static int read_gevent(struct proc *proc, const struct poolfound *pool, struct namer_pool *out,
		       struct pyqueue *queued, struct pyqueue *waiting)
{
	struct memory *mem = &proc->mem;
	uint64_t max, threads, queue, items, count;
	uint32_t unfinished = 0;
	int err = memory_word(mem, pool->object + pool->slot.max, &max);

	if (!err)
		err = memory_word(mem, pool->object + pool->slot.threads, &threads);
	if (!err)
		err = memory_word(mem, pool->object + pool->slot.queue, &queue);
	if (!err)
		err = memory_word(mem, queue + pool->slot.items, &items);
	if (!err)
		err = memory_word(mem, queue + pool->slot.unfinished, &count);
	if (!err)
		err = small_int(mem, proc->python, max, &out->size);
	if (!err)
		err = set_size(mem, threads, &out->threads);
	if (!err)
		err = small_int(mem, proc->python, count, &unfinished);
	if (!err)
		err = pyqueue_deque(mem, items, queued);
	out->busy = unfinished > queued->total ? unfinished - queued->total : 0;
	read_gate(proc, pool, waiting);
	return err;
}

static void put_ids(struct namer_pool *out, const struct pyqueue *queued,
		    const struct pyqueue *waiting)
{
	uint32_t room = WIRE_POOL_ITEMS - queued->n;

	out->queued = queued->total;
	out->waiting = waiting->total;
	out->n_queued = queued->n;
	out->n_waiting = waiting->n < room ? waiting->n : room;
	memcpy(out->ids, queued->ids, out->n_queued * sizeof(out->ids[0]));
	memcpy(out->ids + out->n_queued, waiting->ids, out->n_waiting * sizeof(out->ids[0]));
}

int pypools_read(struct proc *proc, struct poolfound *pool, struct namer_pool *out)
{
	struct pyqueue queued = { 0 }, waiting = { 0 };
	uint64_t type;
	int err = memory_word(&proc->mem, pool->object + 8, &type);

	if (!err && type != pool->type)
		err = -ENOENT;
	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	out->id = pool->object;
	out->kind = pool->kind;
	err = pool->kind == WIRE_POOL_GEVENT ? read_gevent(proc, pool, out, &queued, &waiting)
					     : read_executor(proc, pool, out, &queued);
	if (err)
		return err;
	/* a thread may begin between two reads */
	if (out->busy > out->threads)
		out->busy = out->threads;
	put_ids(out, &queued, &waiting);
	snprintf(out->name, sizeof(out->name), "%s", pool->name);
	if (queued.n && queued.ids[0] != pool->named)
		name_item(proc, pool->kind, queued.ids[0], pool->next);
	pool->named = queued.n ? queued.ids[0] : 0;
	if (queued.n)
		memcpy(out->next, pool->next, sizeof(out->next));
	return 0;
}
