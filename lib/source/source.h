/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h: where records come from: the kernel now, or a tape.
 *
 * A source hands out wire records, whole and in order, and names stacks. All
 * that a report is made from comes as records, so that a tape gives the same
 * report as the run it was made in. A record is borrowed during the callback.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record.h"

struct source;

struct source_sink {
	int (*take)(void *ctx, const struct wire_head *record); /* negative ends the polling */
	void (*log)(void *ctx, int level, const char *line);    /* enum gw_level */
	void *ctx;
};

struct source_ops {
	int (*fd)(const struct source *source);
	int (*poll)(struct source *source, int timeout_ms); /* 1: nothing will come any more */
	/* The stack's names, borrowed until the next call; 0 or -errno. */
	int (*names)(struct source *source, const struct wire_stack *stack,
		     const struct wire_names **out);
	int (*snapshot)(struct source *source); /* hands out WIRE_SLOT and WIRE_LOSS */
	int (*calls)(struct source *source);    /* hands out WIRE_CALLS: all rows as they stand */
	int (*end)(struct source *source, enum wire_ended why); /* last totals, then WIRE_END */
	int (*describe)(struct source *source, char *line, size_t size);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
};

struct watch_opts {
	const uint32_t *pids;
	size_t n_pids;
	bool follow;
	uint64_t late_ns, period_ns;
	bool calls_all;
	uint64_t warmup_ns; /* at most; 0: none */
	bool warmup_ready;  /* until a watched process listens */
};

/* The live kernel. -ESRCH, -EPERM, -ENOSYS, ...; the log says why. */
int watch_open(struct source **out, const struct watch_opts *opts, const struct source_sink *sink);

/* Memory alone: audits of the processes, then it is over. Errors as of watch_open(). */
int audit_open(struct source **out, const struct watch_opts *opts, const struct source_sink *sink);

/* A tape, read to its end as fast as it is polled. -EBADMSG: not a tape, or damaged. */
int tape_open(struct source **out, const char *path, const struct source_sink *sink);

/* Writing a tape. */
struct tape;
int tape_create(struct tape **out, const char *path);
int tape_write(struct tape *tape, const struct wire_head *record);
int tape_finish(struct tape *tape); /* flushes; 0 or the first error met; frees */

#endif
