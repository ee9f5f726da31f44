// SPDX-License-Identifier: BSD-2-Clause
/*
 * detail.c: see detail.h. Judges nothing: who is to blame is blame.c's.
 */
#include "detail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tables.h"

#define CULPRITS_MAX 8
#define RIVAL_NS     100000 /* less is everyday scheduling */

static int copy_samples(struct gw_report *report, const struct stall *stall, struct gw_stall *out)
{
	struct gw_sample *samples = tables_bytes(report, stall->n_evidence * sizeof(*samples));

	if (!samples)
		return -ENOMEM;
	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		samples[i].stack = stall->evidence[i].named.stack;
		samples[i].state = stall->evidence[i].state;
		samples[i].weight_ns = stall->evidence[i].weight_ns;
		samples[i].task = stall->evidence[i].named.task;
	}
	out->samples = samples;
	out->n_samples = stall->n_evidence;
	return 0;
}

/* The heaviest evidence of a call. */
static const struct evidence *evidence_of(const struct stall *stall, int32_t call)
{
	const struct evidence *best = NULL;

	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];

		if ((e->state == GW_STATE_BLOCKED || e->state == GW_STATE_GIL) && e->call == call &&
		    (!best || e->weight_ns >= best->weight_ns))
			best = e;
	}
	return best;
}

static int copy_waits(struct gw_report *report, const struct stall *stall, struct gw_stall *out)
{
	struct gw_wait *waits = tables_bytes(report, stall->n_waits * sizeof(*waits));

	if (!waits)
		return -ENOMEM;
	for (uint32_t i = 0; i < stall->n_waits; i++) {
		const struct wire_wait *from = &stall->waits[i];
		const struct evidence *e = evidence_of(stall, from->call);

		waits[i] = (struct gw_wait){ .call = call_name(from->call),
					     .class = e ? e->named.class : call_class(from->call),
					     .calls = from->calls,
					     .stack = e ? e->named.stack : GW_NONE,
					     .total_ns = from->total_ns,
					     .max_ns = from->max_ns,
					     .peer = e ? e->named.peer : NULL };
	}
	out->waits = waits;
	out->n_waits = stall->n_waits;
	return 0;
}

static struct gw_culprit *add_culprit(struct gw_culprit *list, uint32_t *n,
				      const struct gw_culprit *one)
{
	for (uint32_t i = 0; i < *n; i++) {
		if (list[i].tid != one->tid || strcmp(list[i].role, one->role))
			continue;
		/* a thread may take its name while it goes on */
		if (one->share_ns > list[i].share_ns)
			list[i].comm = one->comm;
		list[i].share_ns += one->share_ns;
		return &list[i];
	}
	if (*n == CULPRITS_MAX)
		return NULL;
	list[*n] = *one;
	return &list[(*n)++];
}

/* Who held the GIL. */
static void add_holders(struct gw_report *report, const struct stall *stall,
			struct gw_culprit *list, uint32_t *n)
{
	for (uint32_t i = 0; i < stall->n_holders; i++) {
		const struct stall_holder *h = &stall->holders[i];
		struct gw_culprit one = { .role = "gil-holder",
					  .comm = tables_string(report, h->comm[0] ? h->comm : "?"),
					  .pid = h->tid ? h->pid : stall->pid,
					  .tid = h->tid,
					  .stack = h->stack,
					  .share_ns = h->share_ns };

		if (h->call == WIRE_CALL_GIL)
			add_culprit(list, n, &one);
	}
}

/* Who ended a wait for a lock: who unlocks it held it, and a mutex of pthreads says so itself. */
static void add_wakers(struct gw_report *report, const struct stall *stall, struct gw_culprit *list,
		       uint32_t *n)
{
	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];
		const struct stall_holder *h = stall_holder(stall, e->call, e->waker_tid);
		struct gw_culprit one = { .role = e->owner == e->waker_tid ? "lock-owner" : "waker",
					  .comm = tables_string(report, e->waker_comm),
					  .pid = e->waker_pid,
					  .tid = e->waker_tid,
					  .stack = h && e->waker_tid ? h->stack : GW_NONE,
					  .share_ns = e->weight_ns };

		if (e->state == GW_STATE_BLOCKED && e->waker_pid && !strcmp(e->named.class, "lock"))
			add_culprit(list, n, &one);
	}
}

/* Who had the CPU meanwhile. pid 0 is the idle CPU. */
static void add_rivals(struct gw_report *report, const struct stall *stall, struct gw_culprit *list,
		       uint32_t *n)
{
	for (uint32_t i = 0; i < stall->n_rivals; i++) {
		const struct wire_rival *from = &stall->rivals[i];
		struct gw_culprit one = { .role = "preemptor",
					  .pid = from->pid,
					  .tid = from->tid,
					  .stack = GW_NONE,
					  .share_ns = from->share_ns };
		char comm[WIRE_COMM + 1] = "";

		if (!from->pid || from->share_ns < RIVAL_NS)
			continue;
		memcpy(comm, from->comm, WIRE_COMM);
		one.comm = tables_string(report, comm);
		add_culprit(list, n, &one);
	}
}

static int by_share(const void *a, const void *b)
{
	const struct gw_culprit *x = a, *y = b;

	if (x->share_ns != y->share_ns)
		return x->share_ns < y->share_ns ? 1 : -1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int copy_culprits(struct gw_report *report, const struct stall *stall, struct gw_stall *out)
{
	struct gw_culprit *list = tables_bytes(report, CULPRITS_MAX * sizeof(*list));
	uint32_t n = 0;

	if (!list)
		return -ENOMEM;
	add_holders(report, stall, list, &n);
	add_wakers(report, stall, list, &n);
	add_rivals(report, stall, list, &n);
	qsort(list, n, sizeof(*list), by_share);
	out->culprits = list;
	out->n_culprits = n;
	return 0;
}

/* Where the task began, as far as it is the application's own code. */
static uint32_t outermost_app(const struct gw_report *report, uint32_t stack)
{
	const uint32_t *frames = NULL;
	uint32_t n = stack == GW_NONE ? 0 : report_stack(report, stack, &frames);

	while (n-- > 0)
		if (report_frame(report, frames[n])->app)
			return frames[n];
	return GW_NONE;
}

/* Of a greenlet that, of a task or callback what the loop called. */
static uint32_t root_of(const struct gw_report *report, const struct named *named)
{
	const uint32_t *frames = NULL;
	uint32_t n = named->chain == GW_NONE ? 0 : report_stack(report, named->chain, &frames);

	return n ? frames[n - 1] : outermost_app(report, named->stack);
}

static int copy_tasks(struct gw_report *report, const struct stall *stall, struct gw_stall *out)
{
	struct gw_task *tasks = tables_bytes(report, stall->n_tasks * sizeof(*tasks));

	if (!tasks)
		return -ENOMEM;
	for (uint32_t i = 0; i < stall->n_tasks; i++) {
		const struct named *named = stall->tasks[i].named;

		tasks[i] = (struct gw_task){ .name = named->task,
					     .kind = named->kind,
					     .share_ns = stall->tasks[i].share_ns,
					     .spawned_at = named->spawned,
					     .frame = root_of(report, named),
					     .chain = named->kind == GW_TASK_TASK ? named->chain
										  : GW_NONE };
	}
	out->tasks = tasks;
	out->n_tasks = stall->n_tasks;
	return 0;
}

/* part of whole, as part : part + rest. */
static uint64_t share_of(uint64_t whole, uint64_t part, uint64_t rest)
{
	return (uint64_t)((double)whole * (double)part / (double)(part + rest));
}

void detail_share(struct gw_ledger *ledger, uint64_t user_ns, uint64_t kernel_ns)
{
	if (!user_ns && !kernel_ns)
		return;
	ledger->user_ns = share_of(ledger->oncpu_ns, user_ns, kernel_ns);
	ledger->kernel_ns = ledger->oncpu_ns - ledger->user_ns;
}

static void fill_ledger(const struct stall *stall, struct gw_ledger *ledger)
{
	uint64_t gc = 0, ran = 0;

	detail_share(ledger, stall->user_ns, stall->kernel_ns);
	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];

		gc += e->state == GW_STATE_GC ? e->weight_ns : 0;
		ran += e->state == GW_STATE_ONCPU ? e->weight_ns : 0;
	}
	if (gc + ran)
		ledger->gc_ns = share_of(ledger->oncpu_ns, gc, ran);
	ledger->gil_ns = 0;
	ledger->lock_ns = 0;
	ledger->pagefault_ns = 0;
	for (uint32_t i = 0; i < stall->n_waits; i++) {
		const struct wire_wait *wait = &stall->waits[i];
		const char *class = call_class(wait->call);

		if (wait->call == WIRE_CALL_GIL)
			ledger->gil_ns += wait->total_ns;
		else if (wait->call == WIRE_CALL_FAULT)
			ledger->pagefault_ns += wait->total_ns;
		else if (!strcmp(class, "lock"))
			ledger->lock_ns += wait->total_ns;
	}
}

int detail_fill(struct gw_report *report, const struct stall *stall, struct gw_stall *out)
{
	int err = copy_waits(report, stall, out);

	if (!err)
		err = copy_samples(report, stall, out);
	if (!err)
		err = copy_culprits(report, stall, out);
	if (!err)
		err = copy_tasks(report, stall, out);
	if (!err)
		fill_ledger(stall, &out->ledger);
	return err;
}
