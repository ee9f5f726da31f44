// SPDX-License-Identifier: BSD-2-Clause
/*
 * blame.c: causes as a table of small pure functions; the order is the policy.
 *
 * The ledger decides. Time in the run queue, throttled or stopped is the
 * machine's; it is blamed where it is the larger part, and the program's own
 * time would not have made the turn late.
 */
#include "blame.h"

#include <stdio.h>
#include <string.h>
#include "peer.h"
#include "place.h"
#include "rules.h"

#define CROWD_TASKS 4

/* A stall in the figures the causes look at. */
struct figures {
	const struct gw_report *report;
	const struct stall *stall;
	const struct wire_ledger *part;
	const struct wire_wait *wait;   /* the longest in sum; NULL: none */
	const struct wire_rival *rival; /* the largest share; NULL: none */
	const struct evidence *slept;   /* heaviest of that wait; NULL: none */
	const char *class;              /* of that wait; "" if none */
	uint64_t ran_ns, gc_ns;         /* sampled */
	uint64_t tasks_ns;              /* of the tasks told apart */
	uint64_t took_ns;
	bool own; /* the program is to blame: late by itself, or more than the machine */
};

struct cause_row {
	enum gw_cause cause;
	bool (*is)(const struct figures *f);
	void (*why)(const struct figures *f, const char *where, char *text, size_t size);
	enum gw_state evidence; /* which stacks show the place */
	bool placed;            /* there is code to blame */
};

static double ms(uint64_t ns)
{
	return ns / 1e6;
}

/* The machine's largest part, where the machine is to blame at all. */
static bool largest(const struct figures *f, uint64_t ns)
{
	const struct wire_ledger *p = f->part;

	return !f->own && ns && ns >= p->runqueue_ns && ns >= p->throttled_ns &&
	       ns >= p->stopped_ns;
}

static bool is_blocked(const struct figures *f)
{
	return f->own && f->part->blocked_ns > f->part->oncpu_ns;
}

static bool is_stopped(const struct figures *f)
{
	return largest(f, f->part->stopped_ns);
}

static bool is_throttled(const struct figures *f)
{
	return largest(f, f->part->throttled_ns);
}

static bool is_runqueue(const struct figures *f)
{
	return largest(f, f->part->runqueue_ns);
}

static bool is_gil(const struct figures *f)
{
	return is_blocked(f) && f->wait && f->wait->call == WIRE_CALL_GIL;
}

static bool is_pagefault(const struct figures *f)
{
	return is_blocked(f) && f->wait && f->wait->call == WIRE_CALL_FAULT;
}

/* Asleep in the collector: it waits for threads of its own. */
static bool is_gc_wait(const struct figures *f)
{
	return is_blocked(f) && f->slept && f->slept->named.gc;
}

static bool is_lock(const struct figures *f)
{
	return is_blocked(f) && f->wait && !strcmp(f->class, "lock");
}

static bool is_syscall(const struct figures *f)
{
	return is_blocked(f) && f->wait;
}

static bool is_cpu(const struct figures *f)
{
	const struct wire_ledger *p = f->part;

	return f->own && p->oncpu_ns && p->oncpu_ns >= p->blocked_ns &&
	       p->oncpu_ns >= p->unaccounted_ns;
}

static bool is_gc(const struct figures *f)
{
	return is_cpu(f) && f->gc_ns > f->ran_ns;
}

/* Many tasks, and none of them long by itself. */
static bool is_crowd(const struct figures *f)
{
	const struct stall *stall = f->stall;

	return is_cpu(f) && stall->n_tasks >= CROWD_TASKS &&
	       stall->tasks[0].share_ns <= f->tasks_ns / 5 * 2;
}

static bool is_unknown(const struct figures *f)
{
	(void)f;
	return true;
}

static void why_stopped(const struct figures *f, const char *where, char *text, size_t size)
{
	(void)where;
	snprintf(text, size, "stopped for %.1f of %.1f ms (signal, debugger or freezer)",
		 ms(f->part->stopped_ns), ms(f->took_ns));
}

static void why_throttled(const struct figures *f, const char *where, char *text, size_t size)
{
	(void)where;
	snprintf(text, size, "the cgroup's CPU quota was used up for %.1f of %.1f ms",
		 ms(f->part->throttled_ns), ms(f->took_ns));
}

static void why_runqueue(const struct figures *f, const char *where, char *text, size_t size)
{
	int n = snprintf(text, size, "ready to run for %.1f of %.1f ms", ms(f->part->runqueue_ns),
			 ms(f->took_ns));

	(void)where;
	if (!f->rival || n < 0 || (size_t)n >= size)
		return;
	n += snprintf(text + n, size - n, "; %.15s (%u) had the CPU", f->rival->comm,
		      f->rival->pid);
	if (f->rival->share_ns < f->part->runqueue_ns / 10 * 9 && (size_t)n < size)
		snprintf(text + n, size - n, " for %.1f ms of it", ms(f->rival->share_ns));
}

static void why_pagefault(const struct figures *f, const char *where, char *text, size_t size)
{
	char peer[96];

	peer_text(f->slept ? f->slept->named.peer : NULL, peer, sizeof(peer));
	snprintf(text, size, "%.1f of %.1f ms in %u page faults%s%s%s%s", ms(f->wait->total_ns),
		 ms(f->took_ns), f->wait->calls, peer[0] ? " on " : "", peer,
		 where[0] ? " in " : "", where);
}

/* " (3 calls, longest 1.2 ms)", "" for one. */
static const char *calls_text(const struct figures *f, char *text, size_t size)
{
	text[0] = '\0';
	if (f->wait->calls > 1)
		snprintf(text, size, " (%u calls, longest %.1f ms)", f->wait->calls,
			 ms(f->wait->max_ns));
	return text;
}

struct thread_did {
	const char *comm;
	uint32_t tid;
	const char *did;
};

/* "; thread hog (123) held it in crunch" */
static void thread_text(const struct figures *f, struct thread_did t, const struct stall_holder *h,
			char *text, size_t size)
{
	uint32_t at, frame = place_app_frame(f->report, h ? h->stack : GW_NONE, &at);

	snprintf(text, size, "; thread %.15s (%u) %s it%s%.40s", t.comm, t.tid, t.did,
		 frame == GW_NONE ? "" : " in ",
		 frame == GW_NONE ? "" : report_frame(f->report, frame)->name);
}

static void why_gil(const struct figures *f, const char *where, char *text, size_t size)
{
	const struct stall_holder *h = stall_holder(f->stall, WIRE_CALL_GIL, 0);
	int n = snprintf(text, size, "%.1f of %.1f ms waiting for the GIL%s%s",
			 ms(f->wait->total_ns), ms(f->took_ns), where[0] ? " in " : "", where);

	if (n < 0 || (size_t)n >= size)
		return;
	if (h && h->tid)
		thread_text(f, (struct thread_did){ h->comm, h->tid, "held" }, h, text + n,
			    size - n);
	else if (h)
		snprintf(text + n, size - n, "; another thread held it");
}

static void why_lock(const struct figures *f, const char *where, char *text, size_t size)
{
	const struct evidence *e = f->slept;
	char calls[48];
	int n = snprintf(text, size, "%.1f of %.1f ms waiting for a lock in %s%s%s%s",
			 ms(f->wait->total_ns), ms(f->took_ns), call_name(f->wait->call),
			 calls_text(f, calls, sizeof(calls)), where[0] ? " in " : "", where);

	if (e && e->waker_tid && n > 0 && (size_t)n < size)
		thread_text(f,
			    (struct thread_did){ e->waker_comm, e->waker_tid,
						 e->owner == e->waker_tid ? "held" : "ended" },
			    stall_holder(f->stall, e->call, e->waker_tid), text + n, size - n);
}

static void why_syscall(const struct figures *f, const char *where, char *text, size_t size)
{
	char calls[48], peer[96];

	peer_text(f->slept ? f->slept->named.peer : NULL, peer, sizeof(peer));
	snprintf(text, size, "%.1f of %.1f ms blocked in %s%s%s%s%s%s", ms(f->wait->total_ns),
		 ms(f->took_ns), call_name(f->wait->call), peer[0] ? " on " : "", peer,
		 calls_text(f, calls, sizeof(calls)), where[0] ? " in " : "", where);
}

static void why_gc(const struct figures *f, const char *where, char *text, size_t size)
{
	snprintf(text, size, "%.1f of %.1f ms on the CPU, %.0f %% of it collecting garbage%s%s",
		 ms(f->part->oncpu_ns), ms(f->took_ns),
		 100.0 * (double)f->gc_ns / (double)(f->gc_ns + f->ran_ns),
		 where[0] ? ", set off in " : "", where);
}

static void why_gc_wait(const struct figures *f, const char *where, char *text, size_t size)
{
	snprintf(text, size, "%.1f of %.1f ms asleep in %s while garbage was collected%s%s",
		 ms(f->wait->total_ns), ms(f->took_ns), call_name(f->wait->call),
		 where[0] ? ", set off in " : "", where);
}

static const char *kind_text(enum gw_task_kind kind)
{
	return kind == GW_TASK_TASK || kind == GW_TASK_CALLBACK ? "tasks" : "greenlets";
}

static void why_crowd(const struct figures *f, const char *where, char *text, size_t size)
{
	const struct stall_task *top = f->stall->tasks;

	snprintf(text, size,
		 "%.1f of %.1f ms on the CPU in %u%s %s in one turn, none over %.1f ms%s%s",
		 ms(f->part->oncpu_ns), ms(f->took_ns), f->stall->n_tasks,
		 f->stall->n_tasks == TASKS_MAX ? " or more" : "", kind_text(top->named->kind),
		 ms(top->share_ns), where[0] ? ", most in " : "", where);
}

static void why_cpu(const struct figures *f, const char *where, char *text, size_t size)
{
	const struct stall_task *top = f->stall->n_tasks > 1 ? f->stall->tasks : NULL;
	int n = snprintf(text, size, "%.1f of %.1f ms on the CPU%s%s", ms(f->part->oncpu_ns),
			 ms(f->took_ns), where[0] ? " in " : "", where);

	if (top && n > 0 && (size_t)n < size)
		snprintf(text + n, size - n, "; %.60s held the loop for most of it",
			 top->named->task);
}

static void why_unknown(const struct figures *f, const char *where, char *text, size_t size)
{
	(void)where;
	snprintf(text, size, "%.1f ms; %.1f ms of them could not be accounted for", ms(f->took_ns),
		 ms(f->part->unaccounted_ns));
}

bool blame_is_on_task(enum gw_cause cause)
{
	switch (cause) {
	case GW_CAUSE_CPU:
	case GW_CAUSE_GC:
	case GW_CAUSE_SYSCALL:
	case GW_CAUSE_LOCK:
	case GW_CAUSE_PAGEFAULT:
	case GW_CAUSE_CROWD:
		return true;
	case GW_CAUSE_UNKNOWN:
	case GW_CAUSE_GIL:
	case GW_CAUSE_RUNQUEUE:
	case GW_CAUSE_THROTTLED:
	case GW_CAUSE_STOPPED:
		break;
	}
	return false;
}

static const struct cause_row causes[] = {
	{ GW_CAUSE_STOPPED, is_stopped, why_stopped, GW_STATE_STOPPED, false },
	{ GW_CAUSE_THROTTLED, is_throttled, why_throttled, GW_STATE_RUNQUEUE, false },
	{ GW_CAUSE_RUNQUEUE, is_runqueue, why_runqueue, GW_STATE_RUNQUEUE, false },
	{ GW_CAUSE_GIL, is_gil, why_gil, GW_STATE_GIL, true },
	{ GW_CAUSE_PAGEFAULT, is_pagefault, why_pagefault, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_GC, is_gc_wait, why_gc_wait, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_LOCK, is_lock, why_lock, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_SYSCALL, is_syscall, why_syscall, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_GC, is_gc, why_gc, GW_STATE_GC, true },
	{ GW_CAUSE_CROWD, is_crowd, why_crowd, GW_STATE_ONCPU, true },
	{ GW_CAUSE_CPU, is_cpu, why_cpu, GW_STATE_ONCPU, true },
	{ GW_CAUSE_UNKNOWN, is_unknown, why_unknown, GW_STATE_ONCPU, true },
};

static void look_at_evidence(const struct stall *stall, struct figures *f)
{
	for (uint32_t i = 0; i < stall->n_evidence; i++) {
		const struct evidence *e = &stall->evidence[i];

		if (e->state == GW_STATE_ONCPU)
			f->ran_ns += e->weight_ns;
		else if (e->state == GW_STATE_GC)
			f->gc_ns += e->weight_ns;
		else if (f->wait && e->call == f->wait->call &&
			 (!f->slept || e->weight_ns > f->slept->weight_ns))
			f->slept = e;
	}
	for (uint32_t i = 0; i < stall->n_tasks; i++)
		f->tasks_ns += stall->tasks[i].share_ns;
}

static struct figures look(const struct gw_report *report, const struct stall *stall)
{
	struct figures f = { .report = report,
			     .stall = stall,
			     .part = &stall->ledger,
			     .class = "",
			     .took_ns = stall->ended_ns - stall->began_ns };
	uint64_t own;

	for (uint32_t i = 0; i < stall->n_waits; i++)
		if (!f.wait || stall->waits[i].total_ns > f.wait->total_ns)
			f.wait = &stall->waits[i];
	for (uint32_t i = 0; i < stall->n_rivals; i++)
		if (!f.rival || stall->rivals[i].share_ns > f.rival->share_ns)
			f.rival = &stall->rivals[i];
	look_at_evidence(stall, &f);
	if (f.wait)
		f.class = f.slept && f.slept->named.class ? f.slept->named.class
							  : call_class(f.wait->call);
	own = f.part->oncpu_ns + f.part->blocked_ns + f.part->unaccounted_ns;
	f.own = own > report->threshold_ns || own > f.took_ns - own;
	return f;
}

/* "render (app/views.py)"; "" when no frame is known. */
static void place_text(const struct gw_report *report, uint32_t frame, char *text, size_t size)
{
	const struct gw_frame *f = frame == GW_NONE ? NULL : report_frame(report, frame);
	const char *file = f ? f->file ? f->file : f->module : NULL;

	text[0] = 0;
	if (f && file)
		snprintf(text, size, "%.100s (%.100s)", f->name, file);
	else if (f)
		snprintf(text, size, "%.100s", f->name);
}

static void title(struct verdict *v, const char *where)
{
	const char *what = v->call_name;

	if (v->cause == GW_CAUSE_RUNQUEUE)
		what = "ready to run, but no CPU was given";
	else if (v->cause == GW_CAUSE_THROTTLED)
		what = "the cgroup's CPU quota was used up";
	else if (v->cause == GW_CAUSE_STOPPED)
		what = "stopped by a signal, a debugger or the freezer";
	else if (v->cause == GW_CAUSE_GIL)
		what = "waiting for the GIL";
	else if (v->cause == GW_CAUSE_LOCK)
		what = "waiting for a lock";
	else if (v->cause == GW_CAUSE_GC)
		what = "garbage collection";
	else if (v->cause == GW_CAUSE_CROWD)
		what = "many short tasks in one turn";
	else if (v->cause == GW_CAUSE_CPU)
		what = v->callee;
	else if (v->cause == GW_CAUSE_UNKNOWN)
		what = "not enough evidence";
	if (!what || !what[0])
		what = "on the CPU";
	snprintf(v->title, sizeof(v->title), "%.100s%s%.140s", what, where[0] ? " in " : "", where);
}

/* The call that the heaviest wait was in, as it goes into the report. */
static void blame_call(const struct figures *f, const struct cause_row *row, struct verdict *out)
{
	bool blocked = row->evidence == GW_STATE_BLOCKED || row->evidence == GW_STATE_GIL;

	out->call = blocked && f->wait ? f->wait->call : WIRE_CALL_FAULT;
	if (!blocked || !f->wait)
		return;
	out->call_name = call_name(f->wait->call);
	out->peer = f->slept ? f->slept->named.peer : NULL;
}

/* What to change, by the knowledge base. */
static void advise(const struct gw_report *report, const struct figures *f, const char *runtime,
		   struct verdict *out)
{
	bool waited = out->call_name && f->wait;
	struct rule_case c = { .report = report,
			       .runtime = runtime,
			       .cause = out->cause,
			       .call = out->call_name,
			       .class = waited ? f->class : NULL,
			       .peer = out->peer,
			       .stack = out->stack,
			       .calls = waited ? f->wait->calls : 0,
			       .slept = f->wait ? call_name(f->wait->call) : NULL,
			       .slept_calls = f->wait ? f->wait->calls : 0,
			       .took_ns = f->took_ns,
			       .total_ns = waited ? f->wait->total_ns : 0,
			       .max_ns = waited ? f->wait->max_ns : 0,
			       .gc_ns = f->gc_ns,
			       .tasks = f->stall->n_tasks };

	rules_match(&c, &out->advice);
}

void blame(const struct gw_report *report, const struct stall *stall, const char *runtime,
	   struct verdict *out)
{
	struct figures f = look(report, stall);
	const struct cause_row *row = causes;
	struct looked_for want;
	char where[224];
	uint32_t at = 0, callee;

	while (!row->is(&f))
		row++;
	memset(out, 0, sizeof(*out));
	want = (struct looked_for){ .state = row->evidence, .wait = f.wait };
	out->cause = row->cause;
	blame_call(&f, row, out);
	out->stack = row->placed ? place_heaviest(report, stall, &want) : GW_NONE;
	out->frame = place_app_frame(report, out->stack, &at);
	callee = place_callee(report, out->stack, at);
	if (out->frame != GW_NONE && callee != GW_NONE)
		out->callee = report_frame(report, callee)->name;
	place_text(report, out->frame, where, sizeof(where));
	row->why(&f, where, out->why, sizeof(out->why));
	title(out, where);
	blame_fingerprint(report, out, at);
	advise(report, &f, runtime, out);
}
