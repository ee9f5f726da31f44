/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h: what the caller says of a run: its tags, and the command it started.
 *
 * Made into records, so that a tape holds it, and taken from those into the
 * report. Arguments are redacted before anything keeps them.
 */
#ifndef RUN_H
#define RUN_H

#include "event.h"
#include "report.h"

typedef int (*run_take)(void *ctx, const struct wire_head *record);

/* Hands out the records of opts: WIRE_COMMAND, WIRE_TAG. 0 or -errno. */
int run_tell(const struct gw_opts *opts, uint64_t now_ns, run_take take, void *ctx);
int run_tell_child(int status, uint64_t now_ns, run_take take, void *ctx);
int run_tell_note(const char *what, const char *why, const char *fix, uint64_t now_ns,
		  run_take take, void *ctx);

/* Takes them into the report. 0 or -ENOMEM. */
int run_command(struct gw_report *report, const struct event_command *command);
int run_tag(struct gw_report *report, const struct event_tag *tag);

#endif
