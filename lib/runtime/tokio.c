// SPDX-License-Identifier: BSD-2-Clause
/*
 * tokio.c: programs on tokio: what is the runtime's and what the program's,
 * and which stacks are no work of a loop.
 *
 *	futex <- std <- park_condvar <- worker::Context::park <- run      parks
 *	futex <- std <- app <- task::poll <- worker::Context::run_task    waits
 *	app <- block_in_place <- app <- task::poll                        has left
 *
 * A worker parks when the first frame outside the standard library is the
 * scheduler's own. Threads of the pool for blocking calls have no frame of
 * the scheduler, so they are never taken for workers.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/native.h"
#include "runtime/runtime.h"
#include "runtime/tokio.h"

#define TEXT_MAX (16U << 20) /* bytes of constants searched */
#define PIECE    (32U << 10)
#define OVERLAP  64
#define CRATE    "/tokio"
#define SOURCE   "/src/runtime/"

static const char *const linked[] = {
	"std::",       "core::",         "alloc::",
	"tokio::",     "mio::",          "parking_lot",
	"futures",     "tokio_util",     "tokio_rustls",
	"hyper",       "h2::",           "tower",
	"hashbrown",   "crossbeam",      "async_trait",
	"axum::",      "tracing",        "socket2",
	"bytes::",     "log::",          "rustls",
	"serde",       "rand::",         "regex",
	"reqwest",     "tonic::",        "prost",
	"libc::",      "memchr",         "ring::",
	"sqlx",        "std_detect",     "compiler_builtins",
	"actix_web::", "actix_server::", "actix_rt::",
	"warp::",      "addr2line",      "gimli",
};

/* <T as Trait>::f and <T>::f belong where T does; what stands between later brackets does not
 * count. */
static bool begins_with(const char *name, const char *const *list, size_t n)
{
	while (*name && strchr("<&*([", *name))
		name++;
	if (!strncmp(name, "mut ", 4) || !strncmp(name, "dyn ", 4))
		name += 4;
	for (size_t i = 0; i < n; i++)
		if (!strncmp(name, list[i], strlen(list[i])))
			return true;
	return false;
}

#define BEGINS_WITH(name, list) begins_with(name, list, sizeof(list) / sizeof((list)[0]))

bool native_library(const char *name)
{
	if (!strstr(name, "::"))
		return !strncmp(name, "__rust", 6) || !strcmp(name, "_start");
	return BEGINS_WITH(name, linked);
}

/* "tokio-1.38.0/src/runtime/" or, of vendored sources, "tokio/src/runtime/": the version's length.
 */
static bool is_source(const char *at, const char *end, size_t *version)
{
	size_t n = 0;

	if (at < end && *at == '-')
		for (n = 1; at + n < end && (isdigit((unsigned char)at[n]) || at[n] == '.');)
			n++;
	*version = n ? n - 1 : 0;
	return (size_t)(end - at) >= n + sizeof(SOURCE) - 1 &&
	       !memcmp(at + n, SOURCE, sizeof(SOURCE) - 1);
}

/* Paths of its source, for the words of a panic, are among a program's constants. */
static bool search(struct proc *proc, const char *text, size_t n)
{
	const char *at = text, *end = text + n;
	size_t version;

	while ((at = memmem(at, (size_t)(end - at), CRATE, sizeof(CRATE) - 1))) {
		at += sizeof(CRATE) - 1;
		if (!is_source(at, end, &version))
			continue;
		if (version && version < sizeof(proc->version)) {
			memcpy(proc->version, at + 1, version);
			proc->version[version] = '\0';
		}
		return true;
	}
	return false;
}

static bool search_mapping(struct proc *proc, const struct mapping *map, size_t *left)
{
	char *piece = malloc(PIECE + OVERLAP);
	bool found = false;

	for (uint64_t at = map->start; piece && !found && at < map->end && *left >= PIECE;
	     at += PIECE) {
		uint64_t n = map->end - at < PIECE + OVERLAP ? map->end - at : PIECE + OVERLAP;

		if (memory_read(&proc->mem, at, piece, n))
			break;
		found = search(proc, piece, n);
		*left -= PIECE;
	}
	free(piece);
	return found;
}

/* The program itself is what is mapped first, in code. */
static const struct mapping *program(const struct proc *proc)
{
	for (size_t i = 0; i < proc->maps.n; i++)
		if (proc->maps.list[i].exec && proc->maps.list[i].inode)
			return &proc->maps.list[i];
	return NULL;
}

bool is_tokio(struct proc *proc)
{
	const struct mapping *code = program(proc), *map;
	size_t left = TEXT_MAX;
	struct elf *elf;
	const char *why;
	bool found = false;

	for (size_t i = 0; code && !found && i < proc->maps.n; i++) {
		map = &proc->maps.list[i];
		if (map->inode == code->inode && map->device == code->device && !map->exec &&
		    !map->write)
			found = search_mapping(proc, map, &left);
	}
	if (!found)
		return false;
	elf = proc_elf(proc, code, &why);
	proc->parks = elf && elf_is_full(elf) ? NAMER_PARKS : NAMER_PARKS_ANY;
	return true;
}

static const char *const scheduler[] = { "tokio::runtime::scheduler::multi_thread",
					 "tokio::runtime::scheduler::current_thread",
					 "tokio::runtime::thread_pool",
					 "tokio::runtime::basic_scheduler" };

/* A thread outside that waits for one future. */
static const char *const outside[] = { "tokio::runtime::scheduler::multi_thread::MultiThread",
				       "tokio::runtime::thread_pool::ThreadPool" };

/* What lies between the scheduler and the call. */
static const char *const waiting[] = {
	"std::",
	"core::",
	"parking_lot",
	"tokio::loom::",
	"tokio::park::",
	"tokio::time::driver::",
	"tokio::runtime::park::",
	"tokio::runtime::driver::",
	"tokio::runtime::time::",
	"tokio::runtime::io::",
	"tokio::runtime::signal::",
	"tokio::runtime::process::",
};

static const char *const leaving[] = {
	"tokio::task::blocking::block_in_place",
	"tokio::runtime::scheduler::block_in_place",
	"tokio::runtime::scheduler::multi_thread::worker::block_in_place",
	"tokio::runtime::thread_pool::worker::block_in_place",
};

void tokio_read(struct tokio_reading *r, const char *name, unsigned int i)
{
	if (!name)
		return;
	r->left |= BEGINS_WITH(name, leaving);
	if (r->decided || BEGINS_WITH(name, waiting))
		return;
	r->decided = true;
	r->parks = BEGINS_WITH(name, scheduler) && !BEGINS_WITH(name, outside);
	r->at = i;
}

static const char *known_name(const struct native *native)
{
	return native->frame.nameless || strstr(native->frame.module, ".so") ? NULL : native->name;
}

/* The return address into the scheduler, and how far from the leaf it lies. */
static void tell_park(struct proc *proc, const struct walk *steps, unsigned int at)
{
	uint64_t lies = steps->frames[at].sp - sizeof(uint64_t) - steps->frames[0].sp;

	if (at && lies < UINT32_MAX)
		proc->park =
			(struct wire_park){ .ret = steps->frames[at].pc, .off = (uint32_t)lies };
}

void tokio_name(struct proc *proc, const struct wire_stack *stack, const struct wire_memory *memory,
		struct frames *out)
{
	struct tokio_reading r = { 0 };
	struct native native;
	struct walk steps;

	walk(proc, stack, memory, &steps);
	for (unsigned int i = 0; i < steps.n && i < NATIVE_MAX; i++) {
		native_frame(proc, &steps.frames[i], &native);
		frames_add(out, &native.frame);
		tokio_read(&r, known_name(&native), i);
	}
	if (steps.n > NATIVE_MAX)
		frames_cut(out);
	else
		native_broken(&steps, out);
	r.parks &= stack->head.kind == WIRE_SLICE && stack->call == 202;
	if (r.parks)
		tell_park(proc, &steps, r.at);
	if (r.parks || r.left)
		out->flags |= WIRE_NAMES_AWAY;
}
