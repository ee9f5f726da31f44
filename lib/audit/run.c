// SPDX-License-Identifier: BSD-2-Clause
/*
 * run.c: the steps of an audit, in order. See audit.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "audit/audit.h"

#define BYTES (768U << 20) /* of pages: a page may be read more than once */
#define READS 400000
#define STEPS 64 /* between two looks at the clock */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

bool audit_over(struct audit *a)
{
	if (!a->mem->reads || a->mem->bytes < 65536)
		a->cut |= WIRE_AUDIT_CUT_MEMORY;
	if (++a->steps % STEPS == 0 && clock_ns(CLOCK_PROCESS_CPUTIME_ID) >= a->deadline_ns)
		a->cut |= WIRE_AUDIT_CUT_TIME;
	return a->cut & (WIRE_AUDIT_CUT_MEMORY | WIRE_AUDIT_CUT_TIME);
}

/* Patched by the one that did patch; both may be installed and imported. */
static void find_patcher(struct audit *a)
{
	audit_gevent(a);
	if (!a->n_patched)
		audit_eventlet(a);
	if (!a->n_patched && audit_find(a, "gevent"))
		a->library = "gevent";
	a->state = a->n_patched ? WIRE_AUDIT_PATCHED
		   : a->library ? WIRE_AUDIT_IDLE
				: WIRE_AUDIT_NONE;
}

static void look(struct audit *a)
{
	find_patcher(a);
	if (a->state == WIRE_AUDIT_NONE)
		return;
	if (a->state == WIRE_AUDIT_PATCHED)
		audit_holders(a);
	audit_objects(a);
	if (a->state == WIRE_AUDIT_IDLE && a->hub)
		a->state = WIRE_AUDIT_UNPATCHED;
	if (a->state == WIRE_AUDIT_IDLE) {
		a->n_findings = 0; /* what is native is as it should be */
		return;
	}
	if (!strcmp(a->library, "gevent")) {
		audit_gevent_missed(a);
		audit_late(a);
	}
	audit_clients(a);
	audit_uwsgi(a);
}

static void clear(struct audit *a)
{
	struct map *maps[] = { &a->by_name, &a->by_dict, &a->classes, &a->originals,
			       &a->methods, &a->names,   &a->seen,    &a->known };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_free(maps[i]);
	memory_cache_end(a->mem);
	arena_free(&a->arena);
	free(a->modules);
	free(a->findings);
	free(a->patched);
	free(a);
}

int audit_run(struct proc *proc, uint32_t budget_ms,
	      void (*emit)(void *ctx, const struct wire_head *record), void *ctx)
{
	uint64_t began = clock_ns(CLOCK_MONOTONIC);
	struct audit *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->proc = proc;
	a->mem = &proc->mem;
	a->py = proc->python;
	a->deadline_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + budget_ms * 1000000ULL;
	memory_budget(a->mem, BYTES, READS);
	a->findings = calloc(AUDIT_FINDINGS, sizeof(*a->findings));
	err = a->findings ? memory_cache_begin(a->mem) : -ENOMEM;
	if (!err)
		err = audit_modules(a);
	map_free(&a->classes); /* modules were not known when the first of them were read */
	if (!err) {
		look(a);
		audit_emit(a, clock_ns(CLOCK_MONOTONIC) - began, emit, ctx);
	}
	clear(a);
	return err;
}
