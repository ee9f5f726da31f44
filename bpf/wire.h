/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wire.h: what crosses from kernel to user, and what a tape holds.
 *
 * The one header both sides read. Every record begins with a wire_head, has
 * fixed-width fields and explicit padding, and is written whole: no byte of
 * it is left unset. Kinds are append-only; a retired number stays as a
 * comment. Kinds below 64 are made in the kernel; the others, made by the
 * source in user space, are laid out in lib/record.h.
 *
 * Times are CLOCK_MONOTONIC nanoseconds and end in _ns. pid is the process,
 * tid the thread. A loop is known by its serial number, never by its slot.
 */
#ifndef WIRE_H
#define WIRE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define WIRE_VERSION 1
#define WIRE_WAITS   8 /* distinct calls told apart within one turn */
#define WIRE_COMM    16
#define HIST_BUCKETS 514 /* see hist.h */

enum wire_kind {
	WIRE_LOOP = 1,   /* a thread turned out to be a loop */
	WIRE_SLICE = 2,  /* a stretch off the CPU, with the stack it began with */
	WIRE_SAMPLE = 3, /* a stack seen on the CPU in a turn half way to late */
	WIRE_TURN = 4,   /* a late turn has ended */
	WIRE_GONE = 5,   /* a loop's thread ended or its process executed another image */
	WIRE_MEMORY = 6, /* user stack of the stack record that follows */
	WIRE_HOLDER = 7, /* stack of who held the lock in the slice that follows */
	WIRE_ASLEEP =
		8, /* a thread that sleeps in a futex, no loop yet: one of user space's questions */

	WIRE_HELLO = 64,   /* when, where and with which settings */
	WIRE_TARGET = 65,  /* a process and what it runs */
	WIRE_SLOT = 66,    /* a loop's totals, as they stand */
	WIRE_OPEN = 67,    /* a late turn that still goes on */
	WIRE_LOSS = 68,    /* loss counters, as they stand */
	WIRE_NAMES = 69,   /* the namer's answer to the stack before it */
	WIRE_NOTE = 70,    /* something could not be done, and why */
	WIRE_TICK = 71,    /* the clock, when nothing else happens */
	WIRE_END = 72,     /* why and when the watching ended, what it cost */
	WIRE_CALLS = 73,   /* rows of the inventory of calls, as they stand */
	WIRE_TIMES = 74,   /* CPU time of a loop's thread in user space and in the kernel */
	WIRE_AUDIT = 75,   /* what monkey patching did in a process */
	WIRE_PATCH = 76,   /* one thing that it missed there */
	WIRE_LAG = 79,     /* a loop's longest turn since the record of its kind before */
	WIRE_POOL = 80,    /* a thread pool whose state has changed */
	WIRE_WARMUP = 84,  /* the warm-up begins, or is over */
	WIRE_COMMAND = 85, /* what run has started */
	WIRE_TAG = 86,     /* a word that the caller puts on the run */
	WIRE_CHILD = 87,   /* how what run has started has ended */
};

struct wire_head {
	__u16 kind;
	__u16 flags;  /* meaning depends on the kind */
	__u32 size;   /* bytes, head included */
	__u64 now_ns; /* when the record was made */
};

/* Where time went. The parts add up to the whole exactly. */
struct wire_ledger {
	__u64 oncpu_ns;
	__u64 blocked_ns;
	__u64 runqueue_ns;
	__u64 throttled_ns;
	__u64 stopped_ns;
	__u64 unaccounted_ns;
};

/* What a thread off the CPU is doing. */
enum wire_off {
	WIRE_ON = 0,        /* it is not off the CPU */
	WIRE_RUNNABLE = 1,  /* preempted or yielding: it could run */
	WIRE_BLOCKED = 2,   /* asleep in a call or a page fault */
	WIRE_STOPPED = 3,   /* SIGSTOP, debugger, freezer */
	WIRE_THROTTLED = 4, /* it could run, but its cgroup's quota is used up */
};

enum wire_phase {
	WIRE_OUT = 0,  /* nothing is known yet */
	WIRE_BUSY = 1, /* in a turn */
	WIRE_IDLE = 2, /* asleep in its own wait */
};

/* What stands in place of a system call number. */
enum wire_pseudo_call {
	WIRE_CALL_FAULT = -1,  /* page fault, or none */
	WIRE_CALL_OTHERS = -2, /* calls that found no row of their own */
	WIRE_CALL_GIL = -3,    /* futex inside the interpreter's lock */
};

/* Time off the CPU in one turn by the call it was in. */
struct wire_wait {
	__s32 call; /* system call number, or enum wire_pseudo_call */
	__u32 calls;
	__u64 total_ns;
	__u64 max_ns;
};

#define WIRE_RIVALS 4

/* Who had the CPU while the loop was ready to run, and how much of it. */
struct wire_rival {
	__u32 pid;
	__u32 tid;
	__u64 share_ns;
	char comm[WIRE_COMM];
};

/* The turn machine's state (turn.h), kept in the loop's slot. */
struct wire_turn {
	__u64 began_ns;
	__u64 last_ns;    /* accounted up to here */
	__u64 off_ns;     /* since when off the CPU; 0: running */
	__u64 wake_ns;    /* when it was woken; 0: not yet */
	__u64 early_ns;   /* a waking that came before its switch-out was seen */
	__u64 run_delay;  /* sched_info.run_delay at the last switch-out */
	__u64 exec_ns;    /* se.sum_exec_runtime then */
	__u64 gap_off_ns; /* preempted inside the gate: since when */
	__u64 gap_ns;     /* and for how long in all */
	__u32 phase;      /* enum wire_phase */
	__u32 off;        /* enum wire_off */
	__s32 call;       /* system call it went off in; -1: page fault or none */
	__u32 entering;   /* the gate is at work */
	__u64 args[3];    /* of that call */
	struct wire_ledger ledger;
	__u32 slices; /* stretches off the CPU so far */
	__u32 samples;
	__u64 sampled_ns; /* CPU time of the turn at the last of them */
	__u64 user_ns;    /* task's utime and stime when the turn began: kept by the tick */
	__u64 kernel_ns;
	__u32 waker_pid; /* who woke it last; 0: not seen */
	__u32 waker_tid;
	char waker_comm[WIRE_COMM];
};

enum wire_wait_class {
	WIRE_WAIT_NONE = 0,
	WIRE_WAIT_EPOLL = 1, /* epoll_wait, epoll_pwait, epoll_pwait2: known by descriptor */
	WIRE_WAIT_POLL = 2,  /* poll, ppoll, select, pselect6: no descriptor to know them by */
	WIRE_WAIT_URING = 3, /* io_uring_enter that waits: known by descriptor */
	WIRE_WAIT_PARK =
		4, /* a futex that a worker of a runtime parks in: known by struct wire_park */
};

enum wire_slot_state {
	WIRE_FREE = 0,
	WIRE_LIVE = 1,
	WIRE_ENDED = 2, /* its last totals wait to be fetched */
};

/* loops[]: present and past of one loop. Written by the kernel side alone. */
struct wire_loop {
	__u32 seq;   /* odd while being written */
	__u32 state; /* enum wire_slot_state */
	__u32 serial;
	__u32 pid;
	__u32 tid;
	__u32 parent;
	__u32 nstid;      /* tid in its own pid namespace */
	__u32 wait_class; /* enum wire_wait_class */
	__s32 wait_fd;
	__u32 pad;
	__u64 fsbase;   /* thread pointer: pthread_self() */
	__u64 since_ns; /* watched since */
	__u64 until_ns; /* last event */
	__u64 turns;
	__u64 idle_ns;
	struct wire_ledger total; /* finished turns and wake-ups; without idle */
	__u64 lag_max_ns;
	__u64 lag_sum_ns;
	__u64 delay_max_ns;
	__u64 delay_sum_ns;
	struct wire_turn turn;
	__u64 call_ns;      /* --calls=all: when the call it is in began; 0: none that counts */
	__u64 tell_ns;      /* pauses after the stacks of calls that went out reach up to here */
	__u64 folded_calls; /* that found no place in calls[] */
	__u64 folded_ns;
	__u64 light_at; /* CPU time at which the next light sample is due */
	__u64 fresh_ns; /* when the last light sample went out that is to be read at once */
	__u64 lag[HIST_BUCKETS];   /* turn lengths */
	__u64 delay[HIST_BUCKETS]; /* from being woken until running */
};

#include "wirestack.h"
#include "wirecalls.h"

/* WIRE_LOOP */
struct wire_found {
	struct wire_head head;
	__u32 serial;
	__u32 slot;
	__u32 pid;
	__u32 tid;
	__u32 parent; /* process */
	__u32 nstid;  /* tid in its own pid namespace */
	__u64 fsbase; /* thread pointer: pthread_self() */
	__u32 wait_class;
	__s32 wait_fd;
	char comm[WIRE_COMM];
};

enum wire_end_flag {
	WIRE_BY_EXIT = 1,
	WIRE_BY_EXEC = 2,
};

#define WIRE_NO_COUNT 0xffffffffU /* not known, as against none */

/* WIRE_TURN; head.flags: 0, or enum wire_end_flag when it was cut short */
struct wire_late {
	struct wire_head head;
	__u32 serial;
	__u32 pid;
	__u64 began_ns;
	__u64 ended_ns;
	struct wire_ledger ledger;
	__u64 user_ns; /* growth of utime and stime: coarse, a ratio */
	__u64 kernel_ns;
	__u32 ready; /* descriptors its wait finds ready; 255: that or more; WIRE_NO_COUNT */
	__u32 pad;
	__u64 oldest_ns; /* since data came for the one that waits longest; 0: not known */
	__u32 slices;
	__u32 samples;
	__u32 n_waits;
	__u32 n_rivals;
	struct wire_wait waits[WIRE_WAITS];
	struct wire_rival rivals[WIRE_RIVALS];
};

/* WIRE_ASLEEP: serves user space, and goes no further. */
struct wire_asleep {
	struct wire_head head;
	__u32 pid;
	__u32 tid;
	__u64 regs[WIRE_REGS]; /* of user space, as in struct wire_stack */
};

/* WIRE_GONE; head.flags: enum wire_end_flag, 0: the thread goes on but is no loop */
struct wire_gone {
	struct wire_head head;
	__u32 serial;
	__u32 slot;
	__u32 pid;
	__u32 tid;
};

/* Every way the kernel side can lose something. Per CPU; all of them reach every sink. */
struct wire_stats {
	__u64 attempted;     /* records to be sent */
	__u64 ring_full;     /* of those, dropped */
	__u64 slots_full;    /* loops that found no slot */
	__u64 state_full;    /* threads without storage */
	__u64 stack_fault;   /* Python walks that met an unreadable frame */
	__u64 turn_repaired; /* switch-ins never traced, made good by run_delay */
};

/* Settings, assigned whole before loading. */
struct wire_config {
	__u64 late_ns;   /* a turn longer than this is late */
	__u64 period_ns; /* CPU time between two samples of a turn half way to late */
	__u64 light_ns;  /* and at any time */
	__u32 follow;    /* children too */
	__u32 calls_all; /* calls that never sleep too */
};

/* A size that changes is a new WIRE_VERSION. */
_Static_assert(sizeof(struct wire_head) == 16, "wire_head");
_Static_assert(sizeof(struct wire_ledger) == 48, "wire_ledger");
_Static_assert(sizeof(struct wire_turn) == 216, "wire_turn");
_Static_assert(WIRE_STACK_BASE == 560, "wire_stack");
_Static_assert(sizeof(struct wire_found) == 72, "wire_found");
_Static_assert(sizeof(struct wire_late) == 456, "wire_late");
_Static_assert(sizeof(struct wire_gone) == 32, "wire_gone");
_Static_assert(sizeof(struct wire_loop) % 8 == 0, "wire_loop");

#endif
