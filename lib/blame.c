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
#include "base/hash.h"

/* A stall in the figures the causes look at. */
struct figures {
	const struct stall *stall;
	const struct wire_ledger *part;
	const struct wire_wait *wait;   /* the longest in sum; NULL: none */
	const struct wire_rival *rival; /* the largest share; NULL: none */
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

static bool is_pagefault(const struct figures *f)
{
	return is_blocked(f) && f->wait && f->wait->call == -1;
}

static bool is_syscall(const struct figures *f)
{
	return is_blocked(f) && f->wait && f->wait->call != -1;
}

static bool is_cpu(const struct figures *f)
{
	const struct wire_ledger *p = f->part;

	return f->own && p->oncpu_ns && p->oncpu_ns >= p->blocked_ns &&
	       p->oncpu_ns >= p->unaccounted_ns;
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
	if (f->rival && n > 0 && (size_t)n < size)
		snprintf(text + n, size - n, "; %.15s (%u) had the CPU", f->rival->comm,
			 f->rival->pid);
}

static void why_pagefault(const struct figures *f, const char *where, char *text, size_t size)
{
	snprintf(text, size, "%.1f of %.1f ms in %u page faults%s%s", ms(f->wait->total_ns),
		 ms(f->took_ns), f->wait->calls, where[0] ? " in " : "", where);
}

static void why_syscall(const struct figures *f, const char *where, char *text, size_t size)
{
	char calls[48] = "";

	if (f->wait->calls > 1)
		snprintf(calls, sizeof(calls), " (%u calls, longest %.1f ms)", f->wait->calls,
			 ms(f->wait->max_ns));
	snprintf(text, size, "%.1f of %.1f ms blocked in %s%s%s%s", ms(f->wait->total_ns),
		 ms(f->took_ns), call_name(f->wait->call), calls, where[0] ? " in " : "", where);
}

static void why_cpu(const struct figures *f, const char *where, char *text, size_t size)
{
	snprintf(text, size, "%.1f of %.1f ms on the CPU%s%s", ms(f->part->oncpu_ns),
		 ms(f->took_ns), where[0] ? " in " : "", where);
}

static void why_unknown(const struct figures *f, const char *where, char *text, size_t size)
{
	(void)where;
	snprintf(text, size, "%.1f ms; %.1f ms of them could not be accounted for", ms(f->took_ns),
		 ms(f->part->unaccounted_ns));
}

static const struct cause_row causes[] = {
	{ GW_CAUSE_STOPPED, is_stopped, why_stopped, GW_STATE_STOPPED, false },
	{ GW_CAUSE_THROTTLED, is_throttled, why_throttled, GW_STATE_RUNQUEUE, false },
	{ GW_CAUSE_RUNQUEUE, is_runqueue, why_runqueue, GW_STATE_RUNQUEUE, false },
	{ GW_CAUSE_PAGEFAULT, is_pagefault, why_pagefault, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_SYSCALL, is_syscall, why_syscall, GW_STATE_BLOCKED, true },
	{ GW_CAUSE_CPU, is_cpu, why_cpu, GW_STATE_ONCPU, true },
	{ GW_CAUSE_UNKNOWN, is_unknown, why_unknown, GW_STATE_ONCPU, true },
};

static struct figures look(const struct gw_report *report, const struct stall *stall)
{
	struct figures f = { .stall = stall,
			     .part = &stall->ledger,
			     .took_ns = stall->ended_ns - stall->began_ns };
	uint64_t own;

	for (uint32_t i = 0; i < stall->n_waits; i++)
		if (!f.wait || stall->waits[i].total_ns > f.wait->total_ns)
			f.wait = &stall->waits[i];
	for (uint32_t i = 0; i < stall->n_rivals; i++)
		if (!f.rival || stall->rivals[i].share_ns > f.rival->share_ns)
			f.rival = &stall->rivals[i];
	own = f.part->oncpu_ns + f.part->blocked_ns + f.part->unaccounted_ns;
	f.own = own > report->threshold_ns || own > f.took_ns - own;
	return f;
}

static bool is_made_up(const char *file)
{
	return file && file[0] == '<';
}

uint32_t blame_app_frame(const struct gw_report *report, uint32_t stack, uint32_t *at)
{
	const uint32_t *frames;
	uint32_t n, fallback = GW_NONE;

	if (stack == GW_NONE)
		return GW_NONE;
	n = report_stack(report, stack, &frames);
	for (uint32_t i = 0; i < n; i++) {
		const struct gw_frame *frame = report_frame(report, frames[i]);

		if (frame->app) {
			*at = i;
			return frames[i];
		}
		/* python -c, exec: better than nothing */
		if (fallback == GW_NONE && frame->kind == GW_FRAME_PYTHON &&
		    is_made_up(frame->file) && strncmp(frame->file, "<frozen", 7)) {
			*at = i;
			fallback = frames[i];
		}
	}
	return fallback;
}

static bool counts(const struct evidence *e, const struct cause_row *row, const struct figures *f)
{
	if (e->state != row->evidence)
		return false;
	return e->state != GW_STATE_BLOCKED || !f->wait || e->call == f->wait->call ||
	       f->wait->call == -2;
}

static bool same_function(const struct gw_report *report, uint32_t a, uint32_t b)
{
	const struct gw_frame *x, *y;

	if (a == GW_NONE || b == GW_NONE)
		return a == b;
	x = report_frame(report, a);
	y = report_frame(report, b);
	return x->name == y->name && x->file == y->file && x->module == y->module;
}

/* The Python function that the application's frame had called; GW_NONE: it is the leaf itself. */
static uint32_t callee_of(const struct gw_report *report, uint32_t stack, uint32_t at)
{
	const uint32_t *frames;

	if (at == 0 || stack == GW_NONE)
		return GW_NONE;
	report_stack(report, stack, &frames);
	return report_frame(report, frames[at - 1])->kind == GW_FRAME_PYTHON ? frames[at - 1]
									     : GW_NONE;
}

/* Weight of the evidence in the same function as like; with callee, that called the same one. */
static uint64_t weight_like(const struct gw_report *report, const struct figures *f,
			    const struct cause_row *row, const struct evidence *like, bool callee)
{
	uint32_t at = 0, like_at = 0;
	uint32_t frame = blame_app_frame(report, like->stack, &like_at);
	uint32_t called = callee_of(report, like->stack, like_at);
	uint64_t weight = 0;

	for (uint32_t i = 0; i < f->stall->n_evidence; i++) {
		const struct evidence *e = &f->stall->evidence[i];

		at = 0;
		if (!counts(e, row, f) ||
		    !same_function(report, blame_app_frame(report, e->stack, &at), frame))
			continue;
		if (!callee || same_function(report, callee_of(report, e->stack, at), called))
			weight += e->weight_ns;
	}
	return weight;
}

/* The place: the application's function with the most weight, in it what it called most, and of
 * that the heaviest stack. */
static uint32_t heaviest(const struct gw_report *report, const struct figures *f,
			 const struct cause_row *row)
{
	uint64_t best[3] = { 0, 0, 0 };
	uint32_t stack = GW_NONE;

	for (uint32_t i = 0; i < f->stall->n_evidence; i++) {
		const struct evidence *e = &f->stall->evidence[i];
		uint64_t weight[3];

		if (!counts(e, row, f))
			continue;
		weight[0] = weight_like(report, f, row, e, false);
		weight[1] = weight_like(report, f, row, e, true);
		weight[2] = e->weight_ns;
		if (stack != GW_NONE && (weight[0] != best[0]   ? weight[0] < best[0]
					 : weight[1] != best[1] ? weight[1] < best[1]
								: weight[2] <= best[2]))
			continue;
		stack = e->stack;
		memcpy(best, weight, sizeof(best));
	}
	return stack;
}

/* A frame's line in the fingerprint: without what changes from build to build. */
static uint64_t hash_frame(uint64_t hash, const struct gw_frame *frame)
{
	static const char *const cuts[] = { ".constprop.", ".lto_priv.", ".cold", "::h" };
	const char *where = frame->kind == GW_FRAME_NATIVE ? frame->module : frame->file;
	const char *name = frame->name, *end;
	size_t len;

	end = frame->nameless ? strstr(name, "0x") : NULL; /* an address */
	if (end && end > name && end[-1] == '+')
		end--;
	for (size_t i = 0; !end && i < sizeof(cuts) / sizeof(cuts[0]); i++)
		end = strstr(name, cuts[i]);
	len = end ? (size_t)(end - name) : strlen(name);
	hash = hash_add(hash, name, len);
	hash = hash_add(hash, "\t", 1);
	if (where)
		hash = hash_add(hash, where, strlen(where));
	return hash_add(hash, "\n", 1);
}

static bool has_python(const struct gw_report *report, const uint32_t *frames, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (report_frame(report, frames[i])->kind == GW_FRAME_PYTHON)
			return true;
	return false;
}

static uint64_t hash_line(uint64_t hash, const char *text)
{
	if (text)
		hash = hash_add(hash, text, strlen(text));
	return hash_add(hash, "\n", 1);
}

/* Kernel frames and markers never; nor the native leaf of Python code on the CPU, which is another
 * one in every sample. */
static bool identifies(const struct gw_frame *frame, enum gw_cause cause, bool python)
{
	if (frame->kind == GW_FRAME_KERNEL || frame->kind == GW_FRAME_MARKER)
		return false;
	return !(frame->kind == GW_FRAME_NATIVE && python && cause == GW_CAUSE_CPU);
}

/* The recipe is docs/reports.md, section 4. */
static void fingerprint(const struct gw_report *report, struct verdict *v, uint32_t at)
{
	uint64_t hash = hash_line(HASH_START, gw_cause_name(v->cause));
	const uint32_t *frames = NULL;
	uint32_t n = v->stack == GW_NONE ? 0 : report_stack(report, v->stack, &frames);
	uint32_t most = 3;

	hash = hash_line(hash, v->call_name);
	if (v->frame == GW_NONE) {
		hash = hash_line(hash, NULL);
		at = n < 3 ? n : 3;
	} else {
		hash = hash_frame(hash, report_frame(report, v->frame));
	}
	/* what runs deeper inside a library is another thing in every sample */
	if (v->cause == GW_CAUSE_CPU && v->frame != GW_NONE)
		most = 1;
	for (uint32_t i = 0; i < at && i < most; i++) {
		const struct gw_frame *frame = report_frame(report, frames[at - 1 - i]);

		if (identifies(frame, v->cause, has_python(report, frames, n)))
			hash = hash_frame(hash, frame);
	}
	snprintf(v->fingerprint, sizeof(v->fingerprint), "gw1-%016llx", (unsigned long long)hash);
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
	else if (v->cause == GW_CAUSE_CPU)
		what = v->callee;
	else if (v->cause == GW_CAUSE_UNKNOWN)
		what = "not enough evidence";
	if (!what || !what[0])
		what = "on the CPU";
	snprintf(v->title, sizeof(v->title), "%.100s%s%.140s", what, where[0] ? " in " : "", where);
}

void blame(const struct gw_report *report, const struct stall *stall, struct verdict *out)
{
	struct figures f = look(report, stall);
	const struct cause_row *row = causes;
	char where[224];
	uint32_t at = 0, callee;

	while (!row->is(&f))
		row++;
	memset(out, 0, sizeof(*out));
	out->cause = row->cause;
	out->call = row->evidence == GW_STATE_BLOCKED && f.wait ? f.wait->call : -1;
	if (row->evidence == GW_STATE_BLOCKED && f.wait)
		out->call_name = call_name(f.wait->call);
	out->stack = row->placed ? heaviest(report, &f, row) : GW_NONE;
	out->frame = blame_app_frame(report, out->stack, &at);
	callee = callee_of(report, out->stack, at);
	if (out->frame != GW_NONE && callee != GW_NONE)
		out->callee = report_frame(report, callee)->name;
	place_text(report, out->frame, where, sizeof(where));
	row->why(&f, where, out->why, sizeof(out->why));
	title(out, where);
	fingerprint(report, out, at);
}
