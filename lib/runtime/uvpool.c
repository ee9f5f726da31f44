// SPDX-License-Identifier: BSD-2-Clause
/*
 * uvpool.c: the thread pool of libuv, by the variables of its threadpool.c.
 *
 *	nthreads, idle_threads: u32
 *	wq, slow_io_pending_wq: rings of struct uv__work, linked at 24
 *	run_slow_work_message: stands in wq for the slow ones (look-ups of names)
 *	slow_io_work_running: u32; of those, half of the threads may be busy with at a time
 *
 * They are in .symtab alone: Node's own binaries have it, libuv as packaged
 * by distributions and in uvloop does not. There is one pool a process.
 * Source: libuv's src/threadpool.c, 1.24 to 1.50.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "runtime/poolread.h"

#define HOPS      4096 /* in a ring: more work is counted as that much */
#define WORK_LINK 24   /* in struct uv__work: work, done, loop, then the link */

enum { THREADS, IDLE, QUEUE, SLOW, MESSAGE, SLOW_BUSY, VARIABLES };

static bool has_uv(const struct mapping *map)
{
	const char *base = maps_base(map);

	return !strcmp(base, "node") || !strcmp(base, "nodejs") || !strncmp(base, "libuv.so", 8) ||
	       !strncmp(base, "libnode.so", 10) || strstr(map->path, "/uvloop/loop.");
}

static void find(struct proc *proc, struct poolread *pools)
{
	static const char *const names[VARIABLES] = {
		"nthreads",           "idle_threads",          "wq",
		"slow_io_pending_wq", "run_slow_work_message", "slow_io_work_running"
	};
	const char *why;

	pools->uv_known = true;
	for (size_t i = 0; i < proc->maps.n && !pools->uv[0]; i++) {
		const struct mapping *map = &proc->maps.list[i];
		uint64_t bias, values[VARIABLES];
		struct elf *elf;

		if (!map->exec || !map->inode || !has_uv(map))
			continue;
		pools->uv_hidden = true;
		elf = proc_elf(proc, map, &why);
		if (!elf || proc_bias(proc, map, elf, &bias) ||
		    elf_statics(elf, "threadpool.c", names, VARIABLES, values))
			continue;
		for (unsigned int k = 0; k < VARIABLES; k++)
			pools->uv[k] = values[k] + bias;
	}
	pools->uv_hidden &= !pools->uv[0];
}

/* A ring of waiting work behind its head: the first ids, and how many. What is beyond HOPS or the
 * budget is not counted. Not 0: it is changing, so that the walk has come into another ring. */
static int walk_ring(struct proc *proc, uint64_t head, uint64_t message, struct pyqueue *out)
{
	uint64_t link, passed = 0;
	int err = memory_word(&proc->mem, head, &link);

	for (uint32_t hops = 0; !err && link != head && hops < HOPS; hops++) {
		if (!pyobject_plausible(link) || link == passed)
			return -1;
		if (!(hops & (hops - 1)))
			passed = link;
		if (link != message && out->n < WIRE_POOL_ITEMS)
			out->ids[out->n++] = link;
		out->total += link != message;
		err = memory_word(&proc->mem, link, &link);
	}
	return err == -EDQUOT ? 0 : err;
}

/* The function that a piece of work runs. */
static void name_work(struct proc *proc, uint64_t link, char out[WIRE_POOL_NAME])
{
	const struct mapping *map;
	const char *why;
	struct elf *elf;
	uint64_t work, vaddr;

	if (memory_word(&proc->mem, link - WORK_LINK, &work))
		return;
	map = proc_find(proc, work);
	elf = map ? proc_elf(proc, map, &why) : NULL;
	if (!elf || elf_vaddr(elf, work - map->start + map->offset, true, &vaddr) ||
	    elf_name(elf, vaddr, out, WIRE_POOL_NAME, &why))
		out[0] = '\0';
}

bool uvpool_read(struct proc *proc, struct poolread *pools, struct namer_pool *out)
{
	struct pyqueue queue = { 0 };
	uint32_t threads, idle, slow, quick;

	if (!pools->uv_known)
		find(proc, pools);
	if (!pools->uv[0] ||
	    memory_read(&proc->mem, pools->uv[THREADS], &threads, sizeof(threads)) ||
	    memory_read(&proc->mem, pools->uv[IDLE], &idle, sizeof(idle)) ||
	    memory_read(&proc->mem, pools->uv[SLOW_BUSY], &slow, sizeof(slow)) || !threads ||
	    threads > 1024 || idle > threads ||
	    walk_ring(proc, pools->uv[QUEUE], pools->uv[MESSAGE], &queue))
		return false;
	quick = queue.total;
	if (walk_ring(proc, pools->uv[SLOW], pools->uv[MESSAGE], &queue))
		return false;
	memset(out, 0, sizeof(*out));
	out->id = pools->uv[QUEUE];
	out->kind = WIRE_POOL_UV;
	out->size = out->threads = threads;
	out->busy = threads - idle;
	out->queued = queue.total;
	out->n_queued = queue.n;
	out->full = queue.total > quick && slow >= (threads + 1) / 2;
	memcpy(out->ids, queue.ids, queue.n * sizeof(out->ids[0]));
	snprintf(out->name, sizeof(out->name), "libuv");
	if (queue.n)
		name_work(proc, queue.ids[0], out->next);
	return true;
}
