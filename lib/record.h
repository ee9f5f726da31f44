/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h: records made in user space, beside those of bpf/wire.h.
 *
 * The source adds what the kernel side does not know, in the same form and
 * the same stream, so that a tape alone holds all that a report is made from.
 * Kinds are those of enum wire_kind from 64 on.
 */
#ifndef RECORD_H
#define RECORD_H

#include "bpf/wire.h"

struct wire_hello {
	struct wire_head head;
	__u32 version; /* WIRE_VERSION */
	__u32 cpus;
	__u64 wall_ns; /* CLOCK_REALTIME at head.now_ns */
	__u64 late_ns;
	__u64 period_ns;
	char id[32];
	char kernel[64];
	char arch[16];
	char host[64];
	__u32 calls_all; /* calls that never sleep are counted too */
	__u32 pad;
	char gate[16]; /* fentry or tracepoint, see report.md */
	char tool[32]; /* version of greenwatch that made it */
};

/* Strings follow the fixed part: runtime, version, exe, cwd, why (no Python frames), then
 * argc arguments; each with its NUL. */
struct wire_target {
	struct wire_head head;
	__u32 pid;
	__u32 parent;
	__u32 asked; /* named by the caller, not a child found */
	__u32 argc;
	char comm[WIRE_COMM];
};

/* WIRE_SLOT: the slot as it stood; wire_loop follows the head. */
struct wire_slot {
	struct wire_head head;
	struct wire_loop loop;
};

/* WIRE_TIMES: follows the WIRE_SLOT of that loop: growth of its thread's utime and stime since it
 * was found; coarse, a ratio. */
struct wire_times {
	struct wire_head head;
	__u32 serial;
	__u32 pad;
	__u64 user_ns;
	__u64 kernel_ns;
};

/* WIRE_LAG: of the turns that ended since the last one of that loop; the upper end of its bucket.
 */
struct wire_lag {
	struct wire_head head;
	__u32 serial;
	__u32 pad;
	__u64 max_ns;
};

/* WIRE_OPEN: follows the pending slice of that turn, if any. head.flags: 1 at the end of the run,
 * when the turn is told of for the last time. */
struct wire_open {
	struct wire_head head;
	__u32 serial;
	__u32 pid;
	__u32 n_waits;
	__u32 n_rivals;
	struct wire_turn turn;
	struct wire_wait waits[WIRE_WAITS];
	struct wire_rival rivals[WIRE_RIVALS];
};

/* WIRE_LOSS; head.flags: 1 at the end, when every record has come or is lost. */
struct wire_loss {
	struct wire_head head;
	struct wire_stats stats;
	__u64 consumed;   /* records taken from the ring */
	__u64 namer_lost; /* stacks left without names: dead line missed or namer crashed */
};

/* WIRE_NOTE: three strings follow: what, why, fix; each with its NUL. */
struct wire_note {
	struct wire_head head;
};

struct wire_tick {
	struct wire_head head;
};

/* WIRE_WARMUP; head.flags: 0 it begins, 1 it is over: what was summed up so far does not count. */
struct wire_warmup {
	struct wire_head head;
	__u64 limit_ns; /* how long it lasts at most */
};

/* WIRE_COMMAND: argc arguments follow, redacted, each with its NUL. */
struct wire_command {
	struct wire_head head;
	__u32 argc;
	__u32 watched; /* it is what is watched; else that is another process, and it the load */
};

/* WIRE_TAG: key and value follow, each with its NUL. */
struct wire_tag {
	struct wire_head head;
};

#define WIRE_STATUS_NONE (-1) /* it had not ended */

struct wire_child {
	struct wire_head head;
	__s32 status; /* exit status; 128 + n: killed by signal n */
	__u32 pad;
};

#define WIRE_NAMES_FRAMES 640 /* kernel, native and Python together */
#define WIRE_NAMES_SPAWN  16
#define WIRE_NAMES_CHAIN  16

/* What a stack lacks, or was found to be. Each is marked in the frames too. */
enum wire_flaw {
	WIRE_FLAW_NONE = 0,
	WIRE_FLAW_CUT = 1,  /* deeper than we go: frames were left out */
	WIRE_FLAW_TORN = 2, /* the native stack leads to what is none: moved on, or overwritten */
	WIRE_FLAW_UNREADABLE = 4, /* a Python frame could not be read */
	WIRE_FLAW_CIRCLE = 8,     /* a Python frame comes round again */
};
#define WIRE_FLAWS 4 /* kinds of them */

/* What the names of a stack tell besides. */
enum wire_names_flag {
	WIRE_NAMES_AWAY =
		1,         /* no work of the loop: a worker parks, or has left the loop to others */
	WIRE_NAMES_GC = 2, /* garbage is being collected */
};

/* WIRE_NAMES: n_frames packed frames follow, innermost first, then n_spawn more: where the task was
 * spawned, then n_chain: the coroutines it is made of, innermost first; of a callback its function.
 * A frame is u8 kind (enum gw_frame_kind), u8 app, u16 0, u32 line, u64 offset, then name, file,
 * module, nameless, each with its NUL. Not aligned. Then the task's name with its NUL, "" if
 * there is none; at last, if has_path, the path of the mapped file that a page fault wanted. */
struct wire_names {
	struct wire_head head;
	__u32 n_frames;
	__u8 task_kind; /* enum gw_task_kind */
	__u8 n_spawn;
	__u8 n_chain;
	__u8 flaws;    /* enum wire_flaw */
	__u8 has_path; /* 0 or 1 */
	__u8 flags;    /* enum wire_names_flag */
	__u8 pad[6];
};

#define WIRE_CALL_ROWS 512

/* WIRE_CALLS; head.flags: 1 when they are told of for the last time. Sent up to the last row. */
struct wire_calls {
	struct wire_head head;
	__u32 n;
	__u32 pad;
	struct wire_call_row rows[WIRE_CALL_ROWS];
};
#define WIRE_CALLS_BASE (sizeof(struct wire_calls) - WIRE_CALL_ROWS * sizeof(struct wire_call_row))

enum wire_audit_state {
	WIRE_AUDIT_FAILED = 0,    /* it could not be read: why says so */
	WIRE_AUDIT_NO_PYTHON = 1, /* it is no Python */
	WIRE_AUDIT_NONE = 2,      /* neither gevent nor eventlet is imported */
	WIRE_AUDIT_IDLE = 3,      /* one is, but has no hub and has patched nothing */
	WIRE_AUDIT_UNPATCHED = 4, /* a hub runs, and nothing is patched */
	WIRE_AUDIT_PATCHED = 5,
};

enum wire_audit_cut {
	WIRE_AUDIT_CUT_TIME = 1,
	WIRE_AUDIT_CUT_MEMORY = 2, /* what may be read of it */
	WIRE_AUDIT_CUT_ROOM = 4,   /* more modules, objects or findings than are kept */
};

#define WIRE_AUDIT_PATCHED_MAX 64 /* modules */

/* WIRE_AUDIT, before its WIRE_PATCHes. Strings follow: library, version, why; then n_patched pairs:
 * a module, and the names that were replaced in it with a space between them. */
struct wire_audit {
	struct wire_head head;
	__u32 pid;
	__u32 state; /* enum wire_audit_state */
	__u32 cut;   /* enum wire_audit_cut, or'ed */
	__u32 n_modules;
	__u32 n_objects;
	__u32 n_patched;
	__u64 took_ns;
};

enum wire_patch_kind {
	WIRE_PATCH_NOT_PATCHED = 0,
	WIRE_PATCH_CAPTURED = 1,
	WIRE_PATCH_LOCK = 2,
	WIRE_PATCH_SOCKET = 3,
	WIRE_PATCH_LATE = 4,
	WIRE_PATCH_CLIENT = 5,
	WIRE_PATCH_KINDS = 6,
};

/* WIRE_PATCH. Strings follow: what, where, file, rule, more; each with its NUL, "" if not known. */
struct wire_patch {
	struct wire_head head;
	__u32 pid;
	__u32 kind; /* enum wire_patch_kind */
	__u32 line; /* 0: not known */
	__u32 count;
	__s32 fd; /* -1: none */
	__u32 pad;
};

enum wire_pool_kind {
	WIRE_POOL_EXECUTOR = 0, /* concurrent.futures.ThreadPoolExecutor */
	WIRE_POOL_ASYNCIO = 1,  /* the one that asyncio makes for itself */
	WIRE_POOL_GEVENT = 2,
	WIRE_POOL_UV = 3,
	WIRE_POOL_KINDS = 4,
};

#define WIRE_POOL_ITEMS 64
#define WIRE_POOL_NAME  64
#define WIRE_POOL_MOST  1000000 /* threads, or items that wait: more is nonsense */

/* WIRE_POOL, when a look finds another state than the one before. Up to before_ns it was as the
 * record before tells. head.flags: 1: as the record before, up to head.now_ns; the pool is looked
 * at no more. n_queued and n_waiting ids of those that wait follow, the first to start first; then
 * two strings: what it is called, and the function that the first of them is to run, "" if that is
 * not known. */
struct wire_pool {
	struct wire_head head;
	__u32 pid;
	__u32 kind;      /* enum wire_pool_kind */
	__u64 id;        /* address in the process */
	__u64 before_ns; /* the look before this one; 0: there was none */
	__u32 size;      /* it may have that many threads */
	__u32 threads;   /* and has */
	__u32 busy;
	__u32 queued;    /* in its queue, in all */
	__u32 waiting;   /* for a place in that queue, in all */
	__u32 n_queued;  /* ids */
	__u32 n_waiting; /* ids */
	__u32 full;      /* 1: for what waits there is no thread, though not all are busy */
};

enum wire_ended {
	WIRE_ENDED_DURATION = 0,
	WIRE_ENDED_SIGNAL = 1,
	WIRE_ENDED_TARGET = 2,
	WIRE_ENDED_ERROR = 3,
	WIRE_ENDED_CHILD = 4,     /* what run has started has ended */
	WIRE_ENDED_FAIL_FAST = 5, /* a budget was broken for good */
};

struct wire_end {
	struct wire_head head;
	__u32 why; /* enum wire_ended */
	__u32 pad;
	__u64 cpu_ns; /* of greenwatch itself, all its processes */
	__u64 rss_bytes;
	__u64 bpf_ns; /* 0: not measured */
	__u64 bpf_runs;
};

#endif
