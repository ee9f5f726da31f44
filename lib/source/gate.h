/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate.h: by which of the kernel's hooks turns and samples are seen here.
 *
 * Each way is tried before it is taken, never concluded from a version. What
 * the hooks do is bpf/turn.bpf.c and bpf/sample.bpf.c.
 */
#ifndef GATE_H
#define GATE_H

#include <stdbool.h>

#define GATE_LINKS 8 /* wait calls */

struct bpf_link;
struct bpf_program;

enum gate {
	GATE_FENTRY,     /* fentry of the wait calls: costs nobody else anything */
	GATE_TRACEPOINT, /* their classic tracepoints, entry only */
	GATE_RAW,        /* raw_tp/sys_enter, where there is no tracefs */
};

enum gate gate_choose(void);
const char *gate_name(enum gate gate);

/* Attaches the classic tracepoints; nothing to do for the other gates. The links are the caller's
 * to destroy, also after an error. 0 or -errno. */
int gate_attach(enum gate gate, const struct bpf_program *enter, struct bpf_link **links);

/* Does the scheduler's tick interrupt every running thread and fire hrtimer_expire_entry? */
bool gate_tick_comes(void);

#endif
