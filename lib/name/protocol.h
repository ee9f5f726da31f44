/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.h: the packets between namer.c and its child.
 *
 * One socketpair of SOCK_SEQPACKET; one request at a time. While it works
 * on one, the child may ask for files: a NAMER_FILE is answered with a
 * NAMER_FILE that carries the descriptor. Every packet begins with a head
 * and has the size its kind says, at most 64 KiB.
 *
 *	parent  LOOK + mem + maps  ->         LOOK
 *	        THREAD             ->         THREAD
 *	        STACK              -> FILE* , then the names
 *	        FORGET             ->         (no answer)
 *	        AUDIT              -> FILE* , { AUDIT + a record }*, AUDIT
 *	        POOLS              -> FILE* , POOLS
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>
#include "name/namer.h"
#include "record.h"

#define NAMER_PACKET (64 * 1024)
#define NAMER_PATH   1024
#define NAMER_PROCS  1024 /* introduced at a time */
#define NAMER_WHY    96

enum namer_kind {
	NAMER_LOOK = 1,
	NAMER_THREAD = 2,
	NAMER_STACK = 3,
	NAMER_FORGET = 4,
	NAMER_FILE = 5,
	NAMER_AUDIT = 6,
	NAMER_POOLS = 7,
};

struct namer_head {
	uint32_t kind;   /* enum namer_kind */
	uint32_t serial; /* of the request */
	uint32_t pid;
	int32_t result; /* answers: 0 or -errno */
};

struct namer_ask_look {
	struct namer_head head;
	uint32_t load; /* 1: read the large symbol tables now, there is time */
	char cwd[256];
};

struct namer_got_look {
	struct namer_head head;
	char runtime[32];
	char version[32];
	char why[160];
	uint32_t has_layout;
	uint32_t parks; /* enum namer_parks */
	struct wire_python layout;
};

struct namer_ask_thread {
	struct namer_head head;
	uint32_t nstid;
	uint32_t pad;
	uint64_t fsbase;
};

struct namer_got_thread {
	struct namer_head head;
	struct wire_aim aim; /* layout and serial are the caller's to fill */
	char why[NAMER_WHY]; /* the running greenlet cannot be told; "" if it can, or there is none
			      */
	uint32_t pending;    /* 1: it may be told later: ask again */
	uint32_t pad;
};

/* Sent up to the last byte of memory used. */
struct namer_ask_stack {
	struct namer_head head;
	struct wire_stack stack;
	struct wire_memory memory; /* n 0: none */
};

/* Names follow: a whole WIRE_NAMES record. */
struct namer_got_stack {
	struct namer_head head;
	struct wire_park park; /* how the thread parks; ret 0: it does not */
};

struct namer_ask_audit {
	struct namer_head head;
	uint32_t budget_ms; /* of its CPU time; the child ends the look by then */
	uint32_t pad;
};

/* A WIRE_AUDIT or WIRE_PATCH record follows, or nothing: that is the last. */
struct namer_got_audit {
	struct namer_head head;
};

struct namer_ask_pools {
	struct namer_head head;
	uint32_t threads; /* that the process has */
	uint32_t pad;
};

/* Sent up to the last pool. */
struct namer_got_pools {
	struct namer_head head;
	struct namer_pools pools;
};
#define NAMER_POOLS_BASE                                                                           \
	(sizeof(struct namer_got_pools) - sizeof(struct namer_pool[NAMER_POOLS_MAX]))

struct namer_file {
	struct namer_head head;
	uint64_t start, end;
	char path[NAMER_PATH];
};

/* The child's whole life: gives up its rights, answers, never returns. Implemented in the
 * room runtime, which knows what is to be looked for. */
_Noreturn void namer_serve(int sock, uint32_t parent);

#endif
