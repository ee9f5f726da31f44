/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h: the live source in its parts. Private to lib/source.
 *
 * attach.c starts it, meet.c makes a loop that was found ready, watch.c runs it.
 */
#ifndef WATCH_H
#define WATCH_H

#include <time.h>
#include "greenwatch.h"
#include "source/inspect.h"
#include "source/live.h"
#include "source/procs.h"
#include "source/source.h"

#define AUDITS     32  /* processes of one run whose monkey patching is looked at */
#define PARKED_MAX 64  /* threads of a process made loops in one go */
#define LOOPS      256 /* slots for the processes of one command */

/* What user space knows of the loop in a slot. */
struct seat {
	uint32_t serial; /* 0: empty */
	uint32_t pid;
	uint32_t missed;    /* serial of a loop whose news did not come, at the last tick */
	uint32_t nstid;     /* tid in its own namespace */
	uint32_t aim_tries; /* left; 0: aimed, or given up */
	uint32_t aim_pause; /* ticks to go before the next look */
	uint32_t aim_wait;  /* pause after it */
	uint32_t aim_told;  /* 1: it has been noted why there are no greenlets */
	bool settled;       /* its last totals have been told */
	uint64_t fsbase;
	uint64_t user_ns, kernel_ns; /* CPU time of its thread when it was met */
	uint64_t named_ns;           /* begin of the slice named last while it lasted */
	uint64_t told_turn_ns;       /* open turn told of */
	uint64_t tell_at_ns;         /* its age at which to tell again */
	uint64_t lag_ns;             /* when its longest turn was told last */
	uint64_t *lag;               /* histogram of its turns then; NULL: not yet */
};

struct watch {
	struct source source;
	struct source_sink sink;
	struct live *live;
	const struct slots *slots; /* of live */
	struct namer *namer;
	struct procs procs;
	struct seat seats[LOOPS];
	struct wire_scratch *scratch; /* copy of a slot's */
	struct wire_slot *slot;       /* copy of a slot's */
	struct wire_memory *memory;   /* of the stack record that comes next; n 0: none */
	struct wire_calls *calls;     /* rows on their way */
	uint32_t calls_ended;         /* loops that have ended since rows were told last */
	uint64_t late_ns, consumed;
	uint64_t warm_until_ns; /* the warm-up is over then at the latest; 0: it is, or there is
				   none */
	bool warm_ready;        /* earlier when a watched process listens */
	struct inspect inspect; /* audits of monkey patching */
	uint32_t audits;        /* asked for */
	int epoll, timer, pool_timer;
	int audit_fd;      /* audit_fd: of the audit that epoll knows of; -1: none */
	uint32_t others;   /* processes without a loop that were met */
	uint32_t n_parked; /* threads seen parked that are yet to be made loops */
	uint32_t parked[PARKED_MAX];
	bool no_samples_told;
	bool ending; /* the last totals are being told */
};

uint64_t watch_clock(clockid_t clock); /* ns */
struct wire_head watch_head(uint16_t kind, size_t size);
int watch_hand_out(struct watch *w, const void *record);
int watch_note(struct watch *w, const char *what, const char *why, const char *fix);

void watch_keep(struct watch *w, const struct wire_head *record);

int watch_take_audit(void *ctx, const struct wire_head *record);

/* attach.c */
int attach_start(struct watch *w, const struct watch_opts *opts);

/* meet.c: a loop was found, a loop has ended; a process is told of. 0 or -errno. */
int meet(struct watch *w, const struct wire_found *found);
int part(struct watch *w, const struct wire_gone *gone);
int meet_aim(struct watch *w, uint32_t slot); /* finds the Python frames, if not done yet */
int tell_target(struct watch *w, struct proc *proc);
int meet_renewed(struct watch *w); /* processes asked for that have executed another image */
int tell_slot(struct watch *w, uint32_t slot);
int tell_holder(struct watch *w, const struct wire_stack *holder); /* with its name */
int tell_owner(struct watch *w,
	       struct wire_stack *slice); /* of the mutex a pending slice waits for */

/* lag.c: the longest turn since it was told last, when it is time. 0 or -errno. */
int lag_tell(struct watch *w, uint32_t slot, uint64_t now);

/* workers.c: threads that park in futexes. 0 or -errno. */
int workers_look(struct watch *w, struct proc *proc); /* at those asleep now */
int workers_asleep(struct watch *w, const struct wire_asleep *asleep);
int workers_tick(struct watch *w);
void workers_forget(struct watch *w, const struct proc *proc); /* it is dropped */
void workers_named(struct watch *w, const struct wire_stack *stack, const struct wire_names *names);

/* warmup.c: the beginning that is not summed up. 0 or -errno. */
int warmup_begin(struct watch *w, const struct watch_opts *opts);
int warmup_tick(struct watch *w);

/* ready.c: does one of the processes asked for listen on a socket, or one that they have started?
 */
bool ready_listens(const struct procs *procs);

/* ongoing.c: turns that go on. 0 or -errno. */
int ongoing_name(struct watch *w, uint32_t slot, uint64_t now); /* the call it sleeps in */
int ongoing_tell(struct watch *w, uint32_t slot, uint64_t now); /* if it is late and due */
int ongoing_end(struct watch *w);                               /* all that are late, once more */

/* watch.c: everything summed up so far, as it stands. */
int watch_tell_sums(struct watch *w);

/* poolwatch.c: thread pools. At every tick; when its timer rings; before a process is dropped; at
 * the end. 0 or -errno. */
int poolwatch_tick(struct watch *w);
int poolwatch_due(struct watch *w);
int poolwatch_forget(struct watch *w, struct proc *proc);
int poolwatch_end(struct watch *w);

/* watch.c: hands out up to budget records of the ring. 0 or -errno. */
int watch_drain(struct watch *w, uint32_t budget);

#endif
