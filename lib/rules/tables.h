/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.h: the knowledge base as data: texts of the rules, and what is evidence for them.
 *
 * texts*.c are made by tests/causes.py out of lib/causes.tsv; evidence is written by hand, a row
 * for each way in which one stall can show a rule. A rule without a row is only explained.
 */
#ifndef TABLES_H_RULES
#define TABLES_H_RULES

#include <stddef.h>
#include "greenwatch.h"

/* What lies between the innermost frame of a language and the kernel. */
enum rule_leaf {
	LEAF_FREE,   /* whatever */
	LEAF_CLEAN,  /* no library but the interpreter's own is known there */
	LEAF_BARE,   /* the same, and there is a frame of Python or JavaScript */
	LEAF_PLAIN,  /* the same, and no function without a name, which could be anything */
	LEAF_SEEN,   /* as bare, and the interpreter itself was seen */
	LEAF_DIRECT, /* the same, and it has called the innermost function itself */
};

/*
 * Conditions; all that are set must hold. Lists are words with blanks between
 * them, most of them globs, and one word is enough.
 *
 * Library frames are those that the application's innermost frame has called:
 * what called the application is no evidence. Of native frames those count
 * that are further in than any frame of Python or JavaScript.
 */
struct rule_evidence {
	const char *id;
	const char *runtimes;  /* as in struct rule_case */
	const char *causes;    /* never NULL */
	const char *calls;     /* system calls */
	const char *slept;     /* system calls it slept most in, where the cause is another one */
	const char *classes;   /* of the call */
	const char *peers;     /* kinds of descriptors */
	const char *ports;     /* remote */
	const char *paths;     /* of files and unix sockets */
	const char *fstypes;   /* file systems */
	const char *modules;   /* shared objects in the stack, by base name */
	const char *symbols;   /* native, Rust and kernel functions; in one of modules, if set */
	const char *called;    /* C functions, by the bytecode that calls them: pickle.loads */
	const char *files;     /* of library frames of Python or JavaScript */
	const char *functions; /* in one of files, if set; the last part of a name is enough */
	const char *own;       /* files of the application's frame: templates */
	const char *without;   /* no library frame has such a file */
	enum rule_leaf leaf;
	bool blocking;        /* the descriptor lacks O_NONBLOCK */
	bool standard;        /* stdout or stderr */
	bool top;             /* files: of the innermost library frame */
	bool weak;            /* low confidence, whatever the evidence */
	uint32_t calls_least; /* how often it slept in the call or in slept, at least */
	uint64_t each_least;  /* ns that the longest of them took, at least */
	uint64_t each_most;   /* ... at most */
	uint32_t gc_percent;  /* of the turn, at least */
};

/* Rows of one file. */
struct rule_rows {
	const struct rule_evidence *rows;
	size_t n;
};

struct rule_texts {
	const struct gw_rule *rows;
	size_t n;
};

extern const struct rule_rows evidence_data, evidence_net, evidence_locks, evidence_files,
	evidence_cpu, evidence_other;
extern const struct rule_texts texts_net, texts_os, texts_other;

/* Row i of all evidence; NULL past the last. */
const struct rule_evidence *rules_evidence(size_t i);
/* What a row is worth when it holds. */
enum gw_confidence rules_confidence(const struct rule_evidence *row);

/* Words used in many rows. */
#define PYTHON   "gevent asyncio uvloop python"
#define ASYNC    "asyncio uvloop"
#define BLOCKED  "syscall lock"
#define ANYWAY   "cpu syscall lock pagefault"
#define SOCKETS  "tcp unix"
#define POLLS    "poll ppoll select pselect6 epoll_wait epoll_pwait epoll_pwait2"
#define EPOLLS   "epoll_wait epoll_pwait epoll_pwait2"
#define RECEIVES "recvfrom recvmsg read readv"
#define SENDS    "sendto sendmsg sendmmsg write writev"
#define READS    "read readv pread64 preadv preadv2"
#define WRITES   "write writev pwrite64 pwritev pwritev2"

#endif
