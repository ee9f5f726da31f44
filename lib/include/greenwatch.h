/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * greenwatch: which turn of an event loop was late, and why.
 *
 *	GW_OPTS(opts, .pids = &pid, .n_pids = 1, .threshold_ns = 100000000);
 *	gw_open(&gw, &opts);
 *	while (gw_poll(gw, -1) >= 0 && !gw_ended(gw))
 *		;
 *	gw_end(gw, GW_ENDED_DURATION);
 *	gw_sink_end(sink, gw_report(gw));
 *	gw_close(gw);
 *
 * Functions return 0 or a count, or -errno. The reason, in words, goes to
 * opts->log. The object is always the first argument. Close takes NULL. What
 * a callback or a getter hands out is borrowed until the next call on that
 * object. A session belongs to one thread at a time. The library never
 * exits, prints, or touches signals; gw_fd() can live in an event loop.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC (_ns); at_ns counts from the
 * start of the run.
 */
#ifndef GREENWATCH_H
#define GREENWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define GW_API  __attribute__((visibility("default")))
#define GW_NONE UINT32_MAX /* no frame, no stack, no site */

struct gw;
struct gw_budget;
struct gw_diff;
struct gw_report;
struct gw_sink;
struct gw_suppressions;

enum gw_level {
	GW_WARN,
	GW_INFO,
	GW_DEBUG,
};

enum gw_cause {
	GW_CAUSE_UNKNOWN,
	GW_CAUSE_CPU,
	GW_CAUSE_GC,
	GW_CAUSE_SYSCALL,
	GW_CAUSE_LOCK,
	GW_CAUSE_GIL,
	GW_CAUSE_PAGEFAULT,
	GW_CAUSE_CROWD,
	GW_CAUSE_RUNQUEUE,
	GW_CAUSE_THROTTLED,
	GW_CAUSE_STOPPED,
};

enum gw_frame_kind {
	GW_FRAME_PYTHON,
	GW_FRAME_NATIVE,
	GW_FRAME_KERNEL,
	GW_FRAME_JAVASCRIPT,
	GW_FRAME_RUST,
	GW_FRAME_MARKER,
};

/* What the loop was running. */
enum gw_task_kind {
	GW_TASK_NONE,
	GW_TASK_GREENLET,
	GW_TASK_HUB,
	GW_TASK_MAIN,
	GW_TASK_TASK, /* asyncio */
	GW_TASK_CALLBACK,
};

/* Why the watching ended. */
enum gw_ended {
	GW_ENDED_NOT,
	GW_ENDED_DURATION,
	GW_ENDED_SIGNAL,
	GW_ENDED_TARGET, /* every process asked for is gone */
	GW_ENDED_ERROR,
	GW_ENDED_CHILD,     /* the command that was started has ended */
	GW_ENDED_FAIL_FAST, /* a budget was broken for good */
};

/* Where the wall time of a turn went; the first six add up to the whole. Of the others user, kernel
 * and gc are part of oncpu, gil, lock and pagefault of blocked; GW_UNKNOWN_NS: not measured. */
#define GW_UNKNOWN_NS UINT64_MAX
struct gw_ledger {
	uint64_t oncpu_ns, blocked_ns, runqueue_ns, throttled_ns, stopped_ns, unaccounted_ns;
	uint64_t user_ns, kernel_ns, gc_ns, gil_ns, lock_ns, pagefault_ns;
};

/* What a call slept on. Strings are interned; NULL: not known. */
struct gw_peer {
	const char *kind; /* tcp udp unix pipe fifo eventfd timerfd epoll inotify tty file block
			     memory futex-private futex-shared other */
	int32_t fd;       /* -1: none */
	const char *path, *local, *remote, *fstype;
	bool blocking_mode; /* the descriptor lacks O_NONBLOCK */
};

enum gw_confidence {
	GW_CONFIDENCE_LOW,
	GW_CONFIDENCE_MEDIUM,
	GW_CONFIDENCE_HIGH,
};

/* What to change, out of the knowledge base (rules.h). Strings are literals. */
struct gw_advice {
	const char *rule; /* "GW1001"; NULL: no rule has matched */
	const char *title, *fix;
	enum gw_confidence confidence;
};

/* Strings are interned and live as long as the session; NULL: not known. */
/* File of a native frame that stands for the C function which Python code was calling: the
 * bytecode says which one, so it has its name where the machine code has none. */
#define GW_FILE_BYTECODE "<bytecode>"

struct gw_frame {
	enum gw_frame_kind kind;
	bool app;             /* the application's own code */
	uint32_t line;        /* 0: not known */
	uint64_t offset;      /* in its module; native frames */
	const char *name;     /* never NULL */
	const char *file;     /* relative to the project or package root */
	const char *module;   /* file name of the shared object, or package */
	const char *nameless; /* why there is no real name */
};

/* Off-CPU time of one stall by what it waited in. */
struct gw_wait {
	const char *call;  /* system call, or "pagefault" */
	const char *class; /* sleep lock file network poll process pagefault other */
	uint32_t calls;
	uint32_t stack; /* GW_NONE: not taken */
	uint64_t total_ns, max_ns;
	const struct gw_peer *peer; /* of its longest slice; NULL: not known */
};

enum gw_state {
	GW_STATE_ONCPU,
	GW_STATE_BLOCKED,
	GW_STATE_RUNQUEUE,
	GW_STATE_STOPPED,
	GW_STATE_GIL,
	GW_STATE_GC,
};

/* A stack seen during the stall, and the time it stands for. */
struct gw_sample {
	uint32_t stack;
	enum gw_state state;
	uint64_t weight_ns;
	const char *task; /* name of the task that ran; NULL: not known */
};

/* Another thread or process the stall is due to. */
struct gw_culprit {
	const char *role; /* gil-holder lock-owner preemptor waker */
	const char *comm;
	uint32_t pid, tid;
	uint32_t stack; /* of what it did; GW_NONE: not taken */
	uint64_t share_ns;
};

/* One of the tasks that made up a turn. */
struct gw_task {
	const char *name;
	enum gw_task_kind kind;
	uint64_t share_ns;
	uint32_t spawned_at; /* stack; GW_NONE: not known */
	uint32_t frame;      /* what it runs; of a greenlet, the outermost of the application */
	uint32_t chain;      /* stack of its coroutines, each awaited by the next; GW_NONE: none */
};

/* One late turn. Valid until the callback returns. */
struct gw_stall {
	uint32_t loop; /* index of the loop in the report */
	uint32_t pid, tid;
	uint64_t at_ns; /* begin of the turn */
	uint64_t duration_ns;
	bool open;     /* still going on; duration_ns is its age */
	bool cut;      /* ended by exit or exec of the process */
	bool warmup;   /* began in the warm-up: listed, not judged */
	bool underway; /* had begun before the run: at_ns is 0, how long before is an estimate */
	enum gw_cause cause;
	const char *why;       /* one sentence with the figures */
	uint32_t site;         /* index of its site in the report */
	uint32_t frame, stack; /* GW_NONE: none */
	struct gw_ledger ledger;
	const struct gw_wait *waits;
	const struct gw_sample *samples;
	const struct gw_culprit *culprits;
	const struct gw_task *tasks; /* by share */
	uint32_t n_waits, n_samples, n_culprits, n_tasks;
	struct gw_advice advice;
	uint32_t ready; /* descriptors that its wait found ready afterwards; GW_NONE: not known */
	uint64_t longest_ns; /* how long the one of them that waited longest had; 0: not known */
};

/* What is going on at this moment, for a status line. */
struct gw_now {
	uint32_t targets, loops; /* processes and loops alive */
	uint64_t elapsed_ns;
	uint64_t turns;
	uint64_t stalls;
	uint64_t late_ns; /* age of the oldest turn in progress that is late, else 0 */
	uint64_t lag_max_ns;
	uint64_t lost;
};

#define GW_THRESHOLD_NS 100000000
struct gw_opts {
	size_t sz;
	const uint32_t *pids; /* processes to watch */
	size_t n_pids;
	bool no_follow; /* leave children out */
	bool calls_all; /* count calls that never sleep too; costs every process of the host */
	bool audit;     /* only say what monkey patching missed: no kernel side, no loops */
	uint64_t threshold_ns; /* 0: GW_THRESHOLD_NS */
	uint64_t period_ns; /* CPU time between samples, at least; 0: 10 ms. Near late: 4 ms at most
			     */
	uint32_t max_stalls; /* kept one by one in the report; 0: 10,000 */
	uint64_t warmup_ns;  /* the beginning that is listed and not summed up; 0: none */
	bool warmup_ready;   /* it is over earlier when a watched process listens on a socket */
	const char *const *command; /* argv of what the caller starts, for the report; NULL */
	bool command_watched;       /* it is one of pids and has not begun yet */
	const char *const *tags;    /* "KEY=VALUE" for the report; n_tags of them */
	size_t n_tags;
	const char *record; /* tape to write; NULL: none */
	const char *replay; /* tape to read instead of the kernel; NULL: none */
	void (*stall)(void *ctx, const struct gw_stall *stall);
	void (*log)(void *ctx, enum gw_level level, const char *line);
	void *ctx;
};
#define GW_OPTS(name, ...) struct gw_opts name = { .sz = sizeof(struct gw_opts), __VA_ARGS__ }

/*
 * Sessions. gw_open attaches; when it returns, nothing that happens in the
 * targets is missed. Errors: -ESRCH no such process, -EPERM privileges are
 * missing, -ENOSYS the kernel lacks something (BTF, or older than 5.15),
 * -EINVAL options, -EBADMSG damaged tape; the log says which and what to do.
 */
GW_API int gw_open(struct gw **gw, const struct gw_opts *opts);
GW_API int gw_fd(struct gw *gw); /* pollable: readable when gw_poll has work to do */
GW_API int gw_poll(struct gw *gw, int timeout_ms); /* stalls delivered, or -errno */
GW_API enum gw_ended gw_ended(const struct gw *gw);
GW_API int gw_now(struct gw *gw, struct gw_now *out); /* up to 0.2 s old */
GW_API int gw_end(struct gw *gw, enum gw_ended why);  /* final totals; call once before gw_report */

/* For the report: how the command has ended (128 + n: killed by signal n; -1: it has not), and
 * something to be said beside the measurements. After gw_end, too. 0 or -errno. */
GW_API int gw_child_exit(struct gw *gw, int status);
GW_API int gw_note(struct gw *gw, const char *what, const char *why, const char *fix);

/* Processes by name: exact comm, or file name of argv[0] or of the script that an interpreter
 * runs. Of those that descend from one another only the eldest. How many there are, up to max of
 * them in out; or -errno. */
struct gw_process {
	uint32_t pid;
	char comm[16];
	char line[200]; /* command line, redacted */
};
GW_API int gw_find(const char *name, struct gw_process *out, size_t max);

/*
 * The report as it stands. Its address stays the same until gw_close, and a stall callback uses
 * the one it has: gw_report() brings the report up to date, which moves sites.
 */
GW_API const struct gw_report *gw_report(struct gw *gw);
GW_API void gw_close(struct gw *gw);

/*
 * What monkey patching missed (docs/reports.md, patches): how many findings of a kind, "any" for
 * all. -EINVAL: there is no such kind; report may be NULL to ask for that alone.
 */
GW_API int gw_patches(const struct gw_report *report, const char *kind);
/* 0: every process was audited, and whole; -EAGAIN: not every, or not whole; -ENODATA: none. */
GW_API int gw_audited(const struct gw_report *report);

/*
 * Saved reports: the JSON document that this library writes, read back into what every sink takes.
 * A report made here is the caller's and goes with gw_report_free(); those of gw_report() do not.
 *
 * gw_load reads one document up to its end: at most GW_LOAD_MAX bytes, nested GW_LOAD_DEPTH deep.
 * name is what errors call it; error gets one line: what, where in it, what to do. 0; -EBADMSG it
 * is no report, or damaged; -EPROTO another major version; -EFBIG over a limit; -ENOMEM; or the
 * errno of reading.
 *
 * gw_merge adds a report to *into, NULL at first: sites of one fingerprint become one, loops and
 * processes of one host too; of more than 10,000 stalls the longest are kept, the others counted.
 * from stays the caller's and nothing of it is kept. 0; -EPROTO: fingerprints of another recipe;
 * -EFBIG: over 4,096 loops; -ENOMEM. After an error *into may hold a part of it, and is sound.
 */
#define GW_LOAD_MAX   (256u << 20)
#define GW_LOAD_DEPTH 32
GW_API int gw_load(struct gw_report **out, FILE *from, const char *name, char *error, size_t size);
GW_API int gw_merge(struct gw_report **into, const struct gw_report *from);
GW_API void gw_report_free(struct gw_report *report); /* takes NULL */

/* Stall i of those kept one by one, in order of time, to be told to sinks; -ENOENT: no more. */
GW_API int gw_stall_at(const struct gw_report *report, size_t i, struct gw_stall *out);

/* One line about what a process without loops is doing; for "no event loop yet". */
GW_API int gw_describe(struct gw *gw, char *line, size_t size);

/*
 * Sinks. formats: those of gw_format_at(). A sink writes to a stream that stays the caller's.
 * gw_sink_stall is called as stalls come, gw_sink_end once.
 */
struct gw_sink_opts {
	size_t sz;
	bool color, utf8, quiet, verbose;
	uint32_t width;   /* columns; 0: 80 */
	const char *next; /* text: command to suggest in the last line; NULL: none */
};

GW_API int gw_sink_open(struct gw_sink **sink, const char *format, FILE *to,
			const struct gw_sink_opts *opts);
GW_API int gw_sink_start(struct gw_sink *sink, const struct gw_report *report);
GW_API int gw_sink_stall(struct gw_sink *sink, const struct gw_report *report,
			 const struct gw_stall *stall);
GW_API int gw_sink_end(struct gw_sink *sink, const struct gw_report *report);
GW_API void gw_sink_close(struct gw_sink *sink);

/* What gw_sink_open() takes, in the order of the help. */
struct gw_format {
	const char *name;      /* "speedscope" */
	const char *extension; /* of files, ".speedscope.json"; NULL: none picks it */
	const char *help;      /* NULL: left out of lists */
	bool binary;           /* not for terminals */
};

GW_API int gw_format_at(size_t i, struct gw_format *out); /* -ENOENT: past the last */

/* The line that says what is being watched: "watching 4 gevent loops: ...". */
GW_API int gw_watching(const struct gw_report *report, char *line, size_t size);

/*
 * Judging (docs/budgets.md). A budget is a list of expressions such as "stalls(>100ms) == 0",
 * "lag.p99 < 20ms @warn", "@default", "@strict", or "@report" and "none", which judge nothing.
 * Where text is refused, -EINVAL, why gets one line that names the column (and in files the line);
 * size 256 always suffices. Files are read by the caller: text of len bytes. What fails changes
 * nothing.
 */
enum gw_outcome {
	GW_PASS, /* also when there was nothing to judge */
	GW_BROKEN,
	GW_NO_VERDICT,
};

enum gw_aggregate {
	GW_WORST,
	GW_MEDIAN,
};

/* Of a site, against a baseline; none: there is no baseline. */
enum gw_change {
	GW_CHANGE_NONE,
	GW_CHANGE_NEW,
	GW_CHANGE_REGRESSED,
	GW_CHANGE_UNCHANGED,
	GW_CHANGE_IMPROVED,
	GW_CHANGE_FIXED,
};

GW_API int gw_budget_open(struct gw_budget **out);
GW_API int gw_budget_add(struct gw_budget *budget, const char *expr, char *why, size_t size);
GW_API int gw_budget_add_file(struct gw_budget *budget, const char *text, size_t len, char *why,
			      size_t size);
GW_API uint32_t gw_budget_count(const struct gw_budget *budget); /* expressions; 0: judges none */
/* Before a run: can each expression be judged with this threshold? 0, or -EINVAL and why. */
GW_API int gw_budget_check(const struct gw_budget *budget, uint64_t threshold_ns, char *why,
			   size_t size);
GW_API void gw_budget_close(struct gw_budget *budget);

GW_API int gw_suppressions_open(struct gw_suppressions **out, const char *text, size_t len,
				char *why, size_t size);
/* Entry number i of those that ended before wall_ns, as one line; -ENOENT: no more. */
GW_API int gw_suppressions_expired(const struct gw_suppressions *suppressions, uint64_t wall_ns,
				   uint32_t i, char *line, size_t size);
GW_API void gw_suppressions_close(struct gw_suppressions *suppressions);

struct gw_judge_opts {
	size_t sz;
	const struct gw_budget *budget;             /* NULL: nothing is judged */
	const struct gw_suppressions *suppressions; /* NULL: none */
	const struct gw_report *baseline;           /* NULL: none */
	uint64_t min_turns; /* fewer turns: no verdict; 0: 3, unless one was late */
	uint64_t asked_ns;  /* duration asked for; ended before half of it: no verdict; 0: none */
	uint64_t wall_ns;   /* now, for suppressions that end; 0: the start of the run */
	int status; /* exit code that goes before the verdict's, say of a command; 0: none */
};

struct gw_verdict {
	enum gw_outcome outcome;
	bool for_good; /* broken, and nothing that may still come can mend it: for fail-fast */
	uint32_t held, broken, unjudged, warned; /* expressions; warned: broken at level warn */
	const char *why; /* why there is no verdict on the whole run; NULL; lives as the report */
};

/*
 * Judges a report, live (gw_report()) or loaded, and keeps with it what sinks show: results of
 * the expressions, what was suppressed, how sites changed. May be called again and again while a
 * run goes on; the last call counts. 0 or -errno.
 */
GW_API int gw_judge(const struct gw_report *report, const struct gw_judge_opts *opts,
		    struct gw_verdict *out);
/* Judges each of n reports; into, often all of them merged, gets the results put together. */
GW_API int gw_judge_all(const struct gw_report *const *reports, size_t n, enum gw_aggregate how,
			const struct gw_judge_opts *opts, const struct gw_report *into,
			struct gw_verdict *out);

/* Sites of two sides matched by fingerprint, each side of one or several runs. formats: text,
 * markdown. Sites that the machine is to blame for are listed, never counted. */
GW_API int gw_diff_open(struct gw_diff **out, const struct gw_report *const *base, size_t n_base,
			const struct gw_report *const *now, size_t n_now, enum gw_aggregate how);
GW_API bool gw_diff_complete(const struct gw_diff *diff); /* no events were lost in any run */
GW_API uint32_t gw_diff_count(const struct gw_diff *diff, enum gw_change change);
GW_API int gw_diff_print(const struct gw_diff *diff, const char *format, FILE *to,
			 const struct gw_sink_opts *opts);
GW_API void gw_diff_close(struct gw_diff *diff);
GW_API const char *gw_change_name(enum gw_change change); /* "new"; "" for none */

/* Foreign text made safe to print: control, bidi and invalid bytes become \xNN or \u{}. */
GW_API size_t gw_escape(char *out, size_t size, const char *text);

/*
 * The knowledge base, in order of id. A rule that is not matched is only explained: one stall does
 * not show it.
 */
enum gw_pool { /* does it help to call it in the thread pool? */
	       GW_POOL_YES,
	       GW_POOL_NO,
	       GW_POOL_LATENCY, /* the loop is late less, no more work is done */
	       GW_POOL_NONE,    /* there is nothing to move */
};

struct gw_rule {
	const char *id, *area, *title;   /* "GW1001" */
	const char *looks, *fix, *steps; /* steps: one a line, the smallest change first */
	const char *source;
	enum gw_pool pool;
	bool matched;
};

GW_API const struct gw_rule *gw_rule_at(size_t i);         /* NULL: past the last */
GW_API const struct gw_rule *gw_rule_find(const char *id); /* NULL: there is none */

GW_API const char *gw_cause_name(enum gw_cause cause);
GW_API const char *gw_schema(void); /* JSON schema of the report */
GW_API const char *gw_version(void);

#endif
