/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h: what the files of the reader share: objects read by tables of keys.
 *
 * A key is a row that says where its value goes; a key without a row is of a
 * newer minor version, and skipped. What is absent keeps the value that the
 * struct had. References between tables are looked at once all is read, so
 * the order of keys in the document does not matter.
 */
#ifndef LOAD_H
#define LOAD_H

#include "load/text.h"
#include "report.h"
#include "tables.h"

#define LOAD_LOOPS   4096 /* rows of a table; a report over one of them is not read */
#define LOAD_TARGETS 16384
#define LOAD_FRAMES  131072
#define LOAD_INDEXES 4194304
#define LOAD_SITES   65536
#define LOAD_STALLS  100000
#define LOAD_CALLS   65536        /* and tasks, patches, notes */
#define LOAD_PARTS   4096         /* waits, samples, ... of one stall */
#define LOAD_BYTES   (400u << 20) /* of everything in the tables */

union load_part {
	struct gw_wait wait;
	struct gw_sample sample;
	struct gw_culprit culprit;
	struct gw_task task;
	struct report_spawn spawn;
};

struct load {
	struct text in;
	struct gw_report *report;
	bool schema;                       /* seen, and one that is known */
	bool lines;                        /* the first of JSON lines */
	union load_part parts[LOAD_PARTS]; /* the list being read */
	char safe[4 * TEXT_WORD + 8];      /* the last text that had to be escaped */
};

enum load_type {
	LOAD_NUMBER,   /* uint64_t */
	LOAD_SMALL,    /* uint32_t */
	LOAD_FLAG,     /* bool */
	LOAD_TEXT,     /* const char *: interned */
	LOAD_SENTENCE, /* the same, of texts that hardly repeat */
	LOAD_PART,     /* whatever part() reads */
};

struct load_key {
	const char *key; /* NULL: the last row */
	enum load_type type;
	size_t at;
	void (*part)(struct load *load, void *object);
};

void load_object(struct load *load, const struct load_key *keys, void *object);

/* The strings of words[n], in order; 0 and more, or -1: one that is not known. */
int load_word(struct load *load, const char *const *words, int n);
const char *load_intern(struct load *load, const char *text);

/* A list of objects of that size into parts: begin sets what is absent. Copied to the report. */
const void *load_list(struct load *load, const struct load_key *keys, const void *absent,
		      size_t size, uint32_t *count);

/* Strings of a list; *out is an array in the report. How many. */
uint32_t load_texts(struct load *load, const char ***out);

/* A new row; NULL after an error. */
void *load_row(struct load *load, struct report_vec *table, size_t size, uint32_t most,
	       const char *name);

/* "PID/TID" or a fingerprint: the index of its row, made if it is not there yet. GW_NONE: none. */
uint32_t load_loop_id(struct load *load, uint32_t *pid, uint32_t *tid);
uint32_t load_site_id(struct load *load);

/* Lists of the document. */
void load_run(struct load *load, void *report);
void load_targets(struct load *load, void *report);
void load_loops(struct load *load, void *report);
void load_frames(struct load *load, void *report);
void load_stacks(struct load *load, void *report);
void load_sites(struct load *load, void *report);
void load_stalls(struct load *load, void *report);
void load_calls(struct load *load, void *report);
void load_tasks(struct load *load, void *report);
void load_patches(struct load *load, void *report);
void load_pools(struct load *load, void *report);
void load_quality(struct load *load, void *report);
void load_budgets(struct load *load, void *report);
void load_suppressed(struct load *load, void *report);

/* Parts that several objects have. */
struct gw_ledger load_no_ledger(void); /* of which nothing is known */
/* idle_ns: of a loop, which has it among its parts; NULL: of a stall. */
void load_ledger(struct load *load, struct gw_ledger *ledger, uint64_t *idle_ns);
void load_peer(struct load *load, const struct gw_peer **peer);
void load_advice(struct load *load, struct gw_advice *advice);
void load_histogram(struct load *load, uint64_t counts[HIST_BOUNDS + 1], uint64_t *sum_ns);
int load_cause(struct load *load);

/* Every index of the report leads somewhere: 0, or -EBADMSG and why. */
int load_check(const struct gw_report *report, char *why, size_t size);

#endif
