/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opts.h: the command line as one struct; one table feeds parsing and help.
 */
#ifndef OPTS_H
#define OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
	OPT_FLAG,
	OPT_COUNTED, /* a flag that may be repeated */
	OPT_TIME,    /* a bare number is seconds */
	OPT_EXACT,   /* a time that needs a unit */
	OPT_NUMBER,
	OPT_MAYBE,  /* text, only as --name=TEXT; the default is "" */
	OPT_TEXT,   /* the last one counts */
	OPT_TEXTS,  /* repeatable */
	OPT_PIDS,   /* repeatable, and lists with commas */
	OPT_CHOICE, /* one of the words; the field is an int, their place among them */
};

enum opt_color {
	OPT_COLOR_AUTO,
	OPT_COLOR_ALWAYS,
	OPT_COLOR_NEVER,
};

enum opt_calls {
	OPT_CALLS_SLEPT,
	OPT_CALLS_ALL,
};

enum opt_aggregate {
	OPT_AGGREGATE_WORST,
	OPT_AGGREGATE_MEDIAN,
};

enum { /* which commands take an option */
       OPT_WATCH = 1,
       OPT_REPLAY = 2,
       OPT_EXPLAIN = 4,
       OPT_AUDIT = 8,
       OPT_CHECK = 16,
       OPT_DIFF = 32,
       OPT_SAVED = 64, /* shows saved reports */
       OPT_RUN = 128,
       OPT_LIVE = OPT_WATCH | OPT_RUN,                           /* whatever watches loops */
       OPT_TARGET = OPT_LIVE | OPT_AUDIT,                        /* and at processes */
       OPT_SHOW = OPT_LIVE | OPT_REPLAY | OPT_CHECK | OPT_SAVED, /* in any format */
       OPT_REPORT = OPT_SHOW | OPT_AUDIT,                        /* whatever shows a report */
       OPT_JUDGE = OPT_LIVE | OPT_REPLAY | OPT_CHECK,            /* whatever gives a verdict */
       OPT_ANY = ~0,
};

struct opt {
	int letter; /* 0: none */
	const char *name;
	enum opt_type type;
	size_t offset;
	const char *arg, *help; /* help NULL: left out of the help */
	int commands;
	uint64_t min, max;        /* of times and numbers */
	const char *const *words; /* of choices; ends with NULL */
};

struct opt_texts {
	const char **items;
	size_t count;
};

struct opt_pids {
	uint32_t *items;
	size_t count;
};

struct options {
	struct opt_pids pids;
	struct opt_texts outputs;
	struct opt_texts fail_on;
	struct opt_texts budgets, budget_files;
	struct opt_texts names; /* of processes to watch */
	struct opt_texts tags;  /* KEY=VALUE */
	struct opt_texts words; /* bare words, in order */
	size_t rest;            /* of words, the first one after "--" */
	bool has_rest;          /* there was a "--" */
	uint64_t warmup_ns, grace_ns;
	uint64_t duration_ns;                         /* 0: until ^C */
	uint64_t threshold_ns, period_ns, max_stalls; /* 0: the library's default */
	enum opt_color color;
	enum opt_calls calls;
	enum opt_aggregate aggregate;
	const char *suppress, *baseline; /* NULL: not given */
	const char *format;              /* of stdout and -o; NULL: by extension, else text */
	uint64_t min_turns;              /* 0: the library's default */
	bool fail_fast, markdown;
	unsigned verbose;
	bool json, jsonl, quiet, no_follow, no_clobber, help, schema;
	bool as_root;
	bool text_on_stderr; /* stdout is somebody else's; set by the command */
	const char *version; /* "", "json"; NULL: not asked for */
	const char *tape;
	uint64_t seen;   /* bit i: row i of the table was given */
	char *env;       /* what the strings of GREENWATCH_OPTIONS live in */
	char error[700]; /* why parsing failed, for people */
};

/* env: GREENWATCH_OPTIONS or NULL. 0, -EINVAL with out->error, or -ENOMEM. Free out in any case. */
int options_parse(struct options *out, int argc, char **argv, const char *env);
/* Adds "4242" or "4242,4243"; name is said in errors. */
int options_add_pids(struct options *out, const char *name, const char *text);
/* Was the option with this long name given? */
bool options_given(const struct options *options, const char *name);
/* Options that a command does not take: -EINVAL with out->error. */
int options_check(struct options *out, const char *command, int bit);
/* Each --label is KEY=VALUE: 0, or -EINVAL with out->error. */
int tags_check(struct options *out);
void options_free(struct options *out);

/* Row i of the table; NULL past the end. */
const struct opt *options_row(size_t i);

#endif
