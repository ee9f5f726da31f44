// SPDX-License-Identifier: BSD-2-Clause
/*
 * namer.c: the caller's side of the namer. Sends a request, serves the
 * files it asks for, and takes the answer or its life.
 *
 *	ask -> [start] -> [introduce] -> send -> { file }* -> answer
 *	                                   `-> late, dead or nonsense: kill, strike
 *
 * A namer that died between two requests is nobody's strike. Its successor
 * knows no process: each is introduced again when it is next asked about.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/child.h"
#include "name/frames.h"
#include "name/namer.h"
#include "name/protocol.h"
#include "name/targets.h"

struct namer {
	struct namer_opener opener;
	void (*log)(void *ctx, const char *line);
	void *log_ctx;
	struct child child;
	unsigned int generation;
	uint32_t serial;
	struct targets targets;
	uint64_t lost;
	struct namer_got_look look;
	struct namer_got_thread thread;
	struct namer_ask_stack ask;
	struct wire_park park;                          /* of the stack named last */
	_Alignas(8) unsigned char packet[NAMER_PACKET]; /* answers, and records made here */
};

struct request {
	struct target *target;
	void *packet; /* begins with struct namer_head */
	size_t size;
	unsigned int n_fds;
	uint64_t deadline_ns;
	bool load; /* an introduction: have the large tables read */
};

static void say(struct namer *namer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct namer *namer, const char *format, ...)
{
	char line[160];
	va_list args;

	if (!namer->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	namer->log(namer->log_ctx, line);
}

static int start(struct namer *namer)
{
	int err;

	if (namer->child.sock >= 0)
		return 0;
	err = child_start(&namer->child);
	if (err) {
		say(namer, "namer: cannot be started: %s", strerror(-err));
		return err;
	}
	if (namer->generation++)
		say(namer, "namer: started again as process %d", namer->child.pid);
	return 0;
}

static void strike(struct namer *namer, struct target *target, int err)
{
	target->strikes++;
	say(namer, "namer: %s over process %u; killed, strike %u of %d",
	    err == -ETIME   ? "no answer in time"
	    : err == -EPIPE ? "died"
			    : "nonsense answered",
	    target->pid, target->strikes, NAMER_STRIKES);
	child_kill(&namer->child);
}

static int serve_file(struct namer *namer, int size, const struct request *request)
{
	struct namer_file *file = (struct namer_file *)(void *)namer->packet;
	struct namer_head head = file->head;
	int fd = -ENOSYS, err;

	if (size != sizeof(*file) || head.pid != request->target->pid)
		return -EBADMSG;
	file->path[sizeof(file->path) - 1] = '\0';
	if (namer->opener.file)
		fd = namer->opener.file(namer->opener.ctx, head.pid, file->start, file->end,
					file->path);
	head.result = fd < 0 ? fd : 0;
	err = child_send(&namer->child, &head, sizeof(head), &fd, fd >= 0, request->deadline_ns);
	if (fd >= 0)
		close(fd);
	return err;
}

/* Size of the answer in namer->packet, or why there is none. */
static int transact(struct namer *namer, const struct request *request)
{
	const struct namer_head *got = (const void *)namer->packet;
	struct namer_head *asked = request->packet;
	int n, err;

	asked->serial = ++namer->serial;
	err = child_send(&namer->child, request->packet, request->size, request->target->fds,
			 request->n_fds, request->deadline_ns);
	if (err)
		return err == -EPIPE ? -EOWNERDEAD : err;
	for (;;) {
		n = child_receive(&namer->child, namer->packet, sizeof(namer->packet),
				  request->deadline_ns);
		if (n < 0)
			return n;
		if ((size_t)n < sizeof(*got) || got->serial != asked->serial)
			return -EBADMSG;
		if (got->kind == asked->kind)
			return n;
		err = got->kind == NAMER_FILE ? serve_file(namer, n, request) : -EBADMSG;
		if (err)
			return err;
	}
}

/* Errors after which a namer is of no use. */
static bool fatal(int err)
{
	return err == -ETIME || err == -EPIPE || err == -EBADMSG;
}

/* What the namer reports may not pass for a failure of the namer. */
static int reported(int32_t result)
{
	return result < 0 && result > -4096 && !fatal(result) && result != -EOWNERDEAD ? result
										       : -EIO;
}

static bool layout_sound(const struct wire_python *py)
{
	return py->tstate_frame < 4096 && py->cframe <= 1 && py->cframe_frame < 4096 &&
	       py->frame_size && py->frame_size <= 128 && py->frame_size % 8 == 0 &&
	       py->frame_code <= py->frame_size - 8 && py->frame_back <= py->frame_size - 8 &&
	       py->frame_instr <= py->frame_size - 4 && py->frame_owner < py->frame_size &&
	       py->instr_is_int <= 1 && py->shim_owner < 256 && py->tstate_next >= 8 &&
	       py->tstate_next < 4096 && py->thread_id < 4096 && py->native_id < 4096;
}

static int check_look(struct namer *namer, struct target *target, int size)
{
	struct namer_got_look *look = &namer->look;

	if (size != sizeof(*look))
		return -EBADMSG;
	memcpy(look, namer->packet, sizeof(*look));
	look->runtime[sizeof(look->runtime) - 1] = '\0';
	look->version[sizeof(look->version) - 1] = '\0';
	look->why[sizeof(look->why) - 1] = '\0';
	if (look->head.result)
		return reported(look->head.result);
	if (!look->runtime[0] || (look->has_layout && !layout_sound(&look->layout)))
		return -EBADMSG;
	target->shim_owner = look->has_layout ? look->layout.shim_owner : 0;
	target->known_to = namer->generation;
	return 0;
}

/* Into namer->look. */
static int introduce(struct namer *namer, struct target *target, bool load, uint64_t deadline_ns)
{
	struct namer_ask_look ask = {
		.head = { .kind = NAMER_LOOK, .pid = target->pid },
		.load = load,
	};
	struct request request = { target, &ask, sizeof(ask), 2, deadline_ns, load };
	int n;

	memcpy(ask.cwd, target->cwd, sizeof(ask.cwd));
	n = transact(namer, &request);
	return n < 0 ? n : check_look(namer, target, n);
}

static int attempt(struct namer *namer, const struct request *request)
{
	struct target *target = request->target;
	int err = start(namer);

	if (err)
		return err;
	if (target->known_to != namer->generation) {
		err = introduce(namer, target, request->load, request->deadline_ns);
		if (err || !request->packet)
			return err;
	}
	return request->packet ? transact(namer, request) : 0;
}

/* A request without a packet is an introduction. */
static int ask(struct namer *namer, const struct request *request)
{
	int n;

	if (request->target->strikes >= NAMER_STRIKES)
		return -ETIME;
	n = attempt(namer, request);
	if (n == -EOWNERDEAD) {
		say(namer, "namer: process %d is gone", namer->child.pid);
		child_kill(&namer->child);
		n = attempt(namer, request);
		if (n == -EOWNERDEAD)
			n = -EPIPE;
	}
	if (fatal(n))
		strike(namer, request->target, n);
	return n;
}

static uint64_t deadline_in(unsigned int ms)
{
	return child_now_ns() + ms * 1000000ULL;
}

int namer_open(struct namer **out, const struct namer_opener *opener,
	       void (*log)(void *ctx, const char *line), void *ctx)
{
	struct namer *namer = calloc(1, sizeof(*namer));
	int err;

	if (!namer)
		return -ENOMEM;
	child_new(&namer->child);
	if (opener)
		namer->opener = *opener;
	namer->log = log;
	namer->log_ctx = ctx;
	err = start(namer);
	if (err) {
		namer_close(namer);
		return err;
	}
	*out = namer;
	return 0;
}

int namer_look(struct namer *namer, uint32_t pid, int mem, int maps, const char *cwd,
	       struct namer_look *out)
{
	struct request request = {
		.deadline_ns = deadline_in(NAMER_LOOK_DEADLINE_MS),
		.load = true,
	};
	int err;

	namer_forget(namer, pid);
	err = targets_add(&namer->targets, pid, mem, maps, cwd, &request.target);
	if (err)
		return err;
	err = ask(namer, &request);
	if (err == -ETIME) {
		/* One of its files does not answer: the interpreter's may. */
		request.load = false;
		request.deadline_ns = deadline_in(NAMER_LOOK_DEADLINE_MS);
		err = ask(namer, &request);
	}
	if (err)
		return err;
	*out = (struct namer_look){
		.runtime = namer->look.runtime,
		.version = namer->look.version,
		.why_no_python = namer->look.why,
		.has_layout = namer->look.has_layout != 0,
		.parks = namer->look.parks,
		.layout = namer->look.layout,
	};
	return 0;
}

int namer_thread(struct namer *namer, uint32_t pid, uint32_t nstid, uint64_t fsbase,
		 struct namer_aim *out)
{
	struct namer_ask_thread packet = {
		.head = { .kind = NAMER_THREAD, .pid = pid },
		.nstid = nstid,
		.fsbase = fsbase,
	};
	struct request request = { targets_find(&namer->targets, pid), &packet, sizeof(packet), 0,
				   deadline_in(NAMER_DEADLINE_MS),     false };
	struct namer_got_thread *got = &namer->thread;
	int n;

	if (!request.target)
		return -ESRCH;
	n = ask(namer, &request);
	if (n < 0)
		return n;
	if (n != sizeof(*got)) {
		strike(namer, request.target, -EBADMSG);
		return -EBADMSG;
	}
	memcpy(got, namer->packet, sizeof(*got));
	got->why[sizeof(got->why) - 1] = '\0';
	if (got->head.result)
		return reported(got->head.result);
	*out = (struct namer_aim){ got->aim, got->why, got->pending != 0 };
	return 0;
}

static const char *apology(const struct target *target, int err)
{
	if (!target)
		return "process not introduced to the namer";
	if (target->strikes >= NAMER_STRIKES)
		return "given up: the namer failed three times over this process";
	if (err == -EAGAIN)
		return "too many namers are stuck in a file system";
	if (err == -ESRCH)
		return "the process has ended";
	return err == -ETIME   ? "the namer missed its deadline"
	       : err == -EPIPE ? "the namer crashed"
			       : "the namer gave no answer";
}

/* Answers begin with a head; records made here do not. */
static int take_names(struct namer *namer, struct target *target, int n,
		      const struct wire_names **out)
{
	const struct namer_got_stack *got = (const void *)namer->packet;
	const unsigned char *record = namer->packet + sizeof(*got);

	if (n < 0)
		return n;
	if (got->head.result)
		return reported(got->head.result);
	if (frames_check(record, (size_t)n - sizeof(*got))) {
		strike(namer, target, -EBADMSG);
		return -EBADMSG;
	}
	namer->park = got->park;
	*out = (const void *)record;
	return 0;
}

/* The record as far as it is used, counts made sound. */
static void pack_stack(struct namer_ask_stack *packet, const struct wire_stack *stack,
		       const struct wire_memory *memory)
{
	unsigned int n_python = stack->n_python < WIRE_FRAMES ? stack->n_python : WIRE_FRAMES;

	memcpy(&packet->stack, stack, WIRE_STACK_BASE + n_python * sizeof(struct wire_pyframe));
	packet->stack.n_python = (__u16)n_python;
	if (packet->stack.n_kernel > WIRE_KERNEL)
		packet->stack.n_kernel = WIRE_KERNEL;
	if (memory && memory->n <= WIRE_MEMORY_MAX)
		memcpy(&packet->memory, memory, WIRE_MEMORY_BASE + memory->n);
	else
		memset(&packet->memory, 0, WIRE_MEMORY_BASE);
}

int namer_stack(struct namer *namer, const struct wire_stack *stack,
		const struct wire_memory *memory, const struct wire_names **out)
{
	struct target *target = targets_find(&namer->targets, stack->pid);
	struct namer_ask_stack *packet = &namer->ask;
	struct request request = { target, packet, 0, 0, deadline_in(NAMER_DEADLINE_MS), false };
	int err = -ESRCH;

	namer->park.ret = 0;
	pack_stack(packet, stack, memory);
	if (target) {
		packet->head = (struct namer_head){ .kind = NAMER_STACK, .pid = stack->pid };
		request.size = sizeof(*packet) - WIRE_MEMORY_MAX + packet->memory.n;
		err = take_names(namer, target, ask(namer, &request), out);
	}
	if (!err)
		return 0;
	namer->lost++;
	frames_bare(&packet->stack, target ? target->shim_owner : 0, apology(target, err),
		    namer->packet, sizeof(namer->packet));
	*out = (const void *)namer->packet;
	return err;
}

static bool pool_sound(const struct namer_pool *pool)
{
	return pool->kind < WIRE_POOL_KINDS && pool->size <= WIRE_POOL_MOST &&
	       pool->threads <= WIRE_POOL_MOST && pool->busy <= pool->threads &&
	       pool->queued <= WIRE_POOL_MOST && pool->waiting <= WIRE_POOL_MOST &&
	       pool->n_queued <= pool->queued && pool->n_waiting <= pool->waiting &&
	       pool->n_queued <= WIRE_POOL_ITEMS &&
	       pool->n_waiting <= WIRE_POOL_ITEMS - pool->n_queued &&
	       memchr(pool->name, 0, sizeof(pool->name)) &&
	       memchr(pool->next, 0, sizeof(pool->next));
}

/* 0, -EBADMSG, or what the namer reports. */
static int take_pools(const struct namer_got_pools *got, size_t size, struct namer_pools *out)
{
	if (size < NAMER_POOLS_BASE || got->pools.n > NAMER_POOLS_MAX ||
	    size != NAMER_POOLS_BASE + got->pools.n * sizeof(got->pools.list[0]))
		return -EBADMSG;
	for (uint32_t i = 0; i < got->pools.n; i++)
		if (!pool_sound(&got->pools.list[i]))
			return -EBADMSG;
	if (got->head.result)
		return reported(got->head.result);
	memcpy(out, &got->pools, size - sizeof(got->head));
	return 0;
}

int namer_pools(struct namer *namer, uint32_t pid, uint32_t threads, struct namer_pools *out)
{
	struct namer_ask_pools packet = { .head = { .kind = NAMER_POOLS, .pid = pid },
					  .threads = threads };
	struct request request = { targets_find(&namer->targets, pid),   &packet, sizeof(packet), 0,
				   deadline_in(NAMER_POOLS_DEADLINE_MS), false };
	int n, err;

	if (!request.target)
		return -ESRCH;
	if (request.target->strikes >= NAMER_STRIKES)
		return -ETIME;
	n = ask(namer, &request);
	/* names are not given up for it: it is the caller who asks no more */
	if (fatal(n) && request.target->strikes)
		request.target->strikes--;
	if (n < 0)
		return n;
	err = take_pools((const void *)namer->packet, (size_t)n, out);
	if (err == -EBADMSG)
		strike(namer, request.target, err);
	return err;
}

const struct wire_park *namer_park(const struct namer *namer)
{
	return namer->park.ret ? &namer->park : NULL;
}

void namer_forget(struct namer *namer, uint32_t pid)
{
	struct namer_head head = { .kind = NAMER_FORGET, .pid = pid };
	struct target *target = targets_find(&namer->targets, pid);

	if (!target)
		return;
	if (namer->child.sock >= 0 && target->known_to == namer->generation &&
	    child_send(&namer->child, &head, sizeof(head), NULL, 0, deadline_in(NAMER_DEADLINE_MS)))
		child_kill(&namer->child);
	targets_drop(&namer->targets, target);
}

uint64_t namer_lost(const struct namer *namer)
{
	return namer->lost;
}

int namer_pid(const struct namer *namer)
{
	return namer->child.pid;
}

uint64_t namer_cpu_ns(const struct namer *namer)
{
	return namer->child.cpu_ns;
}

void namer_close(struct namer *namer)
{
	if (!namer)
		return;
	child_free(&namer->child);
	targets_free(&namer->targets);
	free(namer);
}
