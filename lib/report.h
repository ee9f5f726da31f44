/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h: the document of a run: loops, sites, stalls, stacks, quality.
 *
 * What every sink renders and nothing else. Frames and stacks are tables
 * referred to by index; equal stacks have equal indexes. Owns all it points
 * to. collect_sort() sorts: sites by total, then fingerprint; stalls by time.
 */
#ifndef REPORT_H
#define REPORT_H

#include <string.h>

#include "greenwatch.h"
#include "base/arena.h"
#include "base/hist.h"
#include "record.h"

struct report_target {
	uint32_t pid, parent;
	bool asked;                                       /* named by the caller */
	const char *comm, *exe, *cwd, *runtime, *version; /* NULL: not known */
	const char *why_no_names;                         /* NULL: they can be had */
	const char **argv;                                /* redacted */
	uint32_t argc;
};

#define REPORT_TREND 64  /* steps of a task's trend */
#define REPORT_LAGS  256 /* of a loop's */

/* Percentiles as a file says them: its histogram is coarser than the one they were made of. */
#define REPORT_SHARES 4 /* 0.5, 0.9, 0.99, 0.999 */
struct report_said {
	bool known;
	uint64_t ns[REPORT_SHARES]; /* GW_UNKNOWN_NS: not said */
};

/* What a loop had summed up when the warm-up was over, and what else belongs to it. */
struct report_warm {
	uint64_t since_ns, turns, idle_ns, lag_sum_ns, delay_sum_ns, folded_calls, folded_ns;
	uint64_t straddled_ns; /* longest late turn that began in it and ended after it */
	struct gw_ledger time;
	uint64_t lag[HIST_BUCKETS], delay[HIST_BUCKETS];
};

struct report_tag {
	const char *key, *value;
};

struct report_loop {
	uint32_t serial, pid, tid;
	bool ended;
	const char *comm;            /* of the thread */
	const char *runtime;         /* never NULL */
	uint64_t since_ns, until_ns; /* monotonic */
	uint64_t turns, idle_ns;
	struct gw_ledger time;
	uint64_t lag_max_ns, lag_sum_ns, delay_max_ns, delay_sum_ns;
	uint64_t stalls, stalled_ns;
	uint64_t folded_calls, folded_ns; /* that found no place in the inventory */
	uint64_t lag[HIST_BUCKETS], delay[HIST_BUCKETS];
	uint64_t lags[REPORT_LAGS]; /* longest turn that ended in each lag_step_ns; 0: none did */
	struct report_said lag_said, delay_said; /* of a report that was read */
	struct report_warm *warm; /* taken off the sums; NULL: it came after the warm-up */
};

struct report_stack {
	uint32_t first, depth; /* into indexes[]; innermost first */
};

struct report_median {
	uint64_t ns, count; /* of so many stalls */
};

struct report_site {
	char fingerprint[21]; /* gw1- and 16 hex digits */
	enum gw_cause cause;
	const char *title, *call; /* call: NULL if none */
	const char *callee;       /* Python function that frame called; NULL if none */
	uint64_t count, total_ns, max_ns;
	uint64_t charged_ns; /* of total_ns, without what the machine took; 0: not known */
	uint64_t warmups;    /* stalls in the warm-up, which count has not */
	uint64_t *lengths;   /* of up to 1,024 stalls, for the median */
	uint32_t n_lengths;
	struct report_median *medians; /* of reports that were read, instead of lengths */
	uint32_t n_medians, room_medians;
	uint32_t frame, stack;      /* GW_NONE: none */
	const struct gw_peer *peer; /* NULL: none */
	struct gw_advice advice;
	const char *suppressed_by; /* reason of the entry that covers all of it; NULL: none */
	enum gw_change change;     /* against the baseline */
	bool blamed;               /* it adds to a broken budget of level error */
};

/* Calls of one loop from one place, late or not. */
struct report_call {
	uint32_t loop;              /* GW_NONE: it is in the report no more */
	const char *call, *class;   /* never NULL */
	const struct gw_peer *peer; /* of the longest; NULL: none, or not known */
	uint32_t frame, stack;      /* GW_NONE: not known */
	uint64_t calls, total_ns, max_ns;
	struct gw_advice advice;
};

#define REPORT_SPAWNS 4

struct report_spawn {
	uint32_t stack;
	uint64_t cpu_ns; /* of those seen to come from there */
};

/* Tasks of one loop that run the same function. */
struct report_task {
	const char *name; /* never NULL */
	enum gw_task_kind kind;
	uint32_t loop;               /* GW_NONE: it is in the report no more */
	uint32_t frame;              /* the function; GW_NONE: not known */
	uint32_t family;             /* an id inside the run */
	uint64_t samples, instances; /* that many different ones were seen at least */
	uint64_t cpu_ns, blocked_ns, longest_ns, holds_ns, stalls;
	uint64_t holds[HIST_BOUNDS + 1];
	uint64_t trend[REPORT_TREND]; /* CPU time by trend_step_ns */
	struct report_spawn spawns[REPORT_SPAWNS];
	uint32_t n_spawns;
};

/* Of one process; enum wire_audit_state. */
struct report_audit {
	uint32_t pid;
	enum wire_audit_state state;
	bool complete;                       /* nothing was cut short */
	const char *library, *version, *why; /* NULL: not known */
	uint32_t modules, objects;           /* looked at */
	uint64_t took_ns;
	const char **patched; /* 2 * n_patched: a module, and the names replaced in it */
	uint32_t n_patched;
};

struct report_patch {
	uint32_t pid;
	const char *kind;
	const char *what, *where, *file, *rule, *more; /* NULL: not known */
	uint32_t line, count;
	int32_t fd; /* -1: none */
};

#define REPORT_POOL_NEXT 4

/* A thread pool beside the loops (pools.h). */
struct report_pool {
	uint32_t pid;
	enum wire_pool_kind kind;
	const char *name; /* NULL: no memory */
	uint32_t size, threads, busy_max, queued_max;
	uint64_t since_ns, until_ns; /* monotonic */
	uint64_t saturated_ns;
	uint64_t waits, wait_sum_ns, wait_max_ns; /* of work that was seen waiting */
	uint64_t wait_off_ns;                     /* a wait may be off by that much at most */
	uint64_t wait[HIST_BUCKETS];
	const char *next[REPORT_POOL_NEXT]; /* functions that waited */
	uint32_t n_next;
};

struct report_note {
	const char *what, *why, *fix;
};

struct report_lost {
	const char *reason;
	uint64_t count;
};
#define REPORT_LOST 12 /* reason NULL: no row */

/* Index into flaws[]: the bits of enum wire_flaw. */
enum report_flaw { REPORT_CUT, REPORT_TORN, REPORT_UNREADABLE, REPORT_CIRCLE };

struct report_vec { /* a growing array */
	void *items;
	uint32_t count, room;
};

/* One expression judged. actual and limit are in unit. */
struct report_budget {
	const char *expr; /* without its level */
	bool warn;
	enum gw_outcome outcome; /* of this expression */
	bool measured, limited;  /* actual is known; limit is known */
	double actual, limit;
	double far;        /* how far from holding; of an expression the larger is the worse */
	const char *unit;  /* ns us ms s % count /s /min; never NULL */
	const char *worst; /* fingerprint, or PID/TID of a loop; NULL */
	const char *why;   /* why there is no verdict; NULL */
};

struct report_suppressed {
	const char *known, *until, *site; /* until NULL: always; site: fingerprint */
	uint64_t count, total_ns;
};

/* What gw_judge() found, the last time. Strings live in memory. */
struct report_judged {
	struct arena memory;
	struct report_vec budgets, suppressed;
	struct report_vec fixed; /* struct report_site: of the baseline, not seen now; count 0 */
	struct gw_verdict verdict;
	bool done;  /* there was something to judge */
	int status; /* exit code that goes before the verdict's; 0: none */
};

void *report_vec_add(struct report_vec *vec, size_t size); /* a new zeroed item; NULL: no memory */

struct report_judged *report_judged_new(void);
void report_judged_free(struct report_judged *judged);

struct gw_report {
	/* run */
	const char *tool, *id, *kernel, *arch, *host, *gate;
	uint64_t start_ns, wall_ns, duration_ns, threshold_ns, period_ns;
	uint32_t cpus;
	uint64_t warmup_ns; /* of duration_ns */
	bool calls_all;     /* those that never slept are in the inventory too */
	enum gw_ended ended;
	bool warming;         /* the warm-up goes on; warmup_ns is its limit */
	const char **command; /* of run, redacted; NULL: none */
	uint32_t n_command;
	bool command_watched; /* else it is the load */
	int child_exit;       /* WIRE_STATUS_NONE: it had not ended */
	/* tables; use the macros below */
	struct report_vec targets, loops, frames, stacks, indexes, sites, stalls, notes, calls,
		tasks, audits, patches, tags, pools;
	struct report_vec diagnosis; /* const char *: sentences of a report that was read */
	/* quality */
	struct report_lost lost[REPORT_LOST];
	uint64_t stalls_warmup; /* of stalls_seen, in the warm-up */
	uint64_t stalls_seen, stalls_folded, frames_seen, frames_nameless;
	uint64_t loops_left_out;    /* ended without a stall, their places reused */
	uint64_t loops_lost;        /* found no place at all */
	uint64_t stack_faults;      /* Python stacks that end early */
	uint64_t flaws[WIRE_FLAWS]; /* stacks named, by what they lack; bit i of enum wire_flaw */
	uint64_t repaired;          /* switch-ins never traced, made good */
	uint64_t trend_step_ns;     /* of the tasks' trends */
	uint64_t lag_step_ns;       /* of the loops' lags; 0: there are none */
	uint64_t calls_rest, calls_rest_ns; /* calls that are in no row */
	uint64_t cpu_ns, rss_bytes, bpf_ns, bpf_runs;
	uint32_t max_stalls;
	uint32_t merged;              /* made of so many reports; 0: of one */
	bool said_incomplete;         /* by the file, for a reason this version does not know */
	struct report_judged *judged; /* never NULL in a report of collect_new() */
	struct report_memory *memory; /* arena, strings, look-ups: report.c's own */
};

#define report_each(report, table, type, it)                                                       \
	for (type *it = (report)->table.items;                                                     \
	     it && it < (type *)(report)->table.items + (report)->table.count; it++)

static inline struct report_loop *report_loop(const struct gw_report *r, uint32_t i)
{
	return (struct report_loop *)r->loops.items + i;
}

static inline struct report_site *report_site(const struct gw_report *r, uint32_t i)
{
	return (struct report_site *)r->sites.items + i;
}

static inline const struct gw_frame *report_frame(const struct gw_report *r, uint32_t i)
{
	return (const struct gw_frame *)r->frames.items + i;
}

/* Of an interpreted language, whose native frames beside it differ from sample to sample. */
static inline bool report_is_script(const struct gw_frame *frame)
{
	return frame->kind == GW_FRAME_PYTHON || frame->kind == GW_FRAME_JAVASCRIPT;
}

/* The C function that Python code was calling, by its bytecode: outside of all native frames. */
static inline bool report_is_called(const struct gw_frame *frame)
{
	return frame->kind == GW_FRAME_NATIVE && frame->file &&
	       !strcmp(frame->file, GW_FILE_BYTECODE);
}

static inline const struct gw_stall *report_stall(const struct gw_report *r, uint32_t i)
{
	return (const struct gw_stall *)r->stalls.items + i;
}

static inline const struct report_target *report_target(const struct gw_report *r, uint32_t i)
{
	return (const struct report_target *)r->targets.items + i;
}

static inline const struct report_note *report_note(const struct gw_report *r, uint32_t i)
{
	return (const struct report_note *)r->notes.items + i;
}

/* Frame indexes of a stack, innermost first. */
static inline uint32_t report_stack(const struct gw_report *r, uint32_t i, const uint32_t **frames)
{
	const struct report_stack *s = (const struct report_stack *)r->stacks.items + i;

	*frames = (const uint32_t *)r->indexes.items + s->first;
	return s->depth;
}

/* Length of a stall without the time that the machine took. */
uint64_t report_charged(const struct gw_stall *stall);

/* Sum over lost[] of what makes a report incomplete. */
uint64_t report_lost_total(const struct gw_report *report);
/* Of that, what can hide a stall or invent one; and stacks that have come without their names. */
uint64_t report_lost_events(const struct gw_report *report);
uint64_t report_lost_names(const struct gw_report *report);
bool report_complete(const struct gw_report *report);
uint64_t report_site_median(const struct report_site *site);

/* The shares of struct report_said, and one of them of a loop's turns or wake-up delays;
 * GW_UNKNOWN_NS: the file that was read does not say it. */
extern const double report_shares[REPORT_SHARES];
uint64_t report_lag(const struct report_loop *loop, unsigned int share);
uint64_t report_delay(const struct report_loop *loop, unsigned int share);

#endif
