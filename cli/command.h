/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command.h: a command is a function and a row in main.c.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "opts.h"

enum { /* exit codes, the same for every command */
       EXIT_DONE = 0,
       EXIT_ERROR = 1,
       EXIT_USAGE = 2,
       EXIT_BROKEN = 3,     /* what was asked for does not hold */
       EXIT_NO_VERDICT = 4, /* it cannot be told */
       EXIT_OURS = 125,     /* run: greenwatch failed before the command began */
       EXIT_NOT_EXECUTABLE = 126,
       EXIT_NOT_FOUND = 127,
       EXIT_LEFT = 130, /* second ^C */
};

struct command {
	const char *name;
	int (*run)(struct options *options); /* options->words: without the command word */
	const char *usage, *help;            /* help NULL: left out of the first page */
	int bit;                             /* which options it takes */
};

extern const struct command commands[]; /* the last one has no name */

int cmd_watch(struct options *options);
int cmd_run(struct options *options);
int cmd_record(struct options *options);
int cmd_replay(struct options *options);
int cmd_report(struct options *options);
int cmd_audit(struct options *options);
int cmd_check(struct options *options);
int cmd_diff(struct options *options);
int cmd_explain(struct options *options);
int cmd_help(struct options *options);

/* Targets by name, and bare words: numbers are process ids, others are names. Adds them
 * to options->pids. 0; or EXIT_USAGE or EXIT_ERROR, and said why. */
int targets(struct options *options);

/* Says "greenwatch: WHY" and is EXIT_USAGE. */
int usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The exit code after printing to stdout: a full disk is an error, a reader who left is none. */
int printed(void);

void help_command(const struct command *command);

#endif
