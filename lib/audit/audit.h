/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * audit.h: what monkey patching did to a process, and what it missed.
 *
 *	modules -> what the patcher saved -> who holds one of those, or a native
 *	lock, in modules, classes, functions -> objects of the collector
 *
 * Runs in the namer's process, on one look at the memory: nothing of the
 * target is executed, waited for or believed. Everything is bounded: pages,
 * modules, objects, findings, and the time; what did not fit is said.
 * Private to this room but for audit_run().
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/hash.h"
#include "name/proc.h"
#include "record.h"
#include "runtime/pyobject.h"

#define AUDIT_MODULES  8192
#define AUDIT_FINDINGS 1024
#define AUDIT_TEXT     256
#define AUDIT_DICT     20000 /* entries of one dict */

/* Reads the process and hands out one WIRE_AUDIT, then its WIRE_PATCH records. proc->python must
 * have been found. 0 or -errno. */
int audit_run(struct proc *proc, uint32_t budget_ms,
	      void (*emit)(void *ctx, const struct wire_head *record), void *ctx);

/* The answer for a process that cannot be audited. */
void audit_refuse(uint32_t pid, unsigned int state, const char *why,
		  void (*emit)(void *ctx, const struct wire_head *record), void *ctx);

enum audit_home {
	AUDIT_STANDARD, /* of the standard library, or built in */
	AUDIT_GREEN,    /* of the patcher itself */
	AUDIT_OTHER,    /* of the application, or a package */
};

struct audit_module {
	const char *name, *file; /* file "" if it has none */
	const char *shown;       /* file, below the root of project or package */
	uint64_t object, dict;
	enum audit_home home;
	bool after; /* its import began when patching was done */
	bool app;   /* the application's own */
};

/* A class of the target, and what of it is of interest. */
enum audit_what {
	AUDIT_PLAIN,
	AUDIT_MODULE,
	AUDIT_CLASS,
	AUDIT_FUNCTION,
	AUDIT_METHOD,
	AUDIT_BUILTIN,
	AUDIT_PARTIAL,
	AUDIT_WRAPPER, /* staticmethod, classmethod */
	AUDIT_PROPERTY,
	AUDIT_TUPLE,
	AUDIT_LIST,
	AUDIT_MAPPING,
	AUDIT_LOCK,
	AUDIT_RLOCK,
	AUDIT_QUEUE,
	AUDIT_INSTANCE, /* of a class statement */
};

struct audit_class {
	struct pyclass class;
	enum audit_what what;
	const char *module;                /* name, "" if not known */
	uint32_t home;                     /* index of it; AUDIT_MODULES: none */
	bool socket, handler, thread, hub; /* derives from it */
	bool sqlite, gunicorn;             /* a connection; the settings of gunicorn */
	bool green;                        /* of the patcher, or derives from a class of it */
	bool holds;                        /* a class of the library known to hold a lock */
	uint32_t looked;                   /* instances */
};

/* What patching replaced. */
struct audit_original {
	const char *module, *name;
	const char *rule; /* NULL: none */
	const char *note; /* of what it does when it is called; NULL: it blocks */
	unsigned int rank;
};

struct audit_finding {
	unsigned int kind; /* enum wire_patch_kind */
	const char *what, *where, *file, *rule, *more;
	uint32_t line, count;
	int32_t fd;
};

struct audit {
	struct proc *proc;
	struct memory *mem;
	const struct python *py;
	struct arena arena;
	uint64_t deadline_ns; /* of our own CPU time: a busy machine must not cut it short */
	uint32_t cut;         /* WIRE_AUDIT_CUT_... */
	uint32_t steps;
	unsigned int nesting; /* of classes being read */

	struct audit_module *modules;
	uint32_t n_modules;
	struct map by_name, by_dict; /* to index */
	uint32_t patched_at;         /* index of the last module that patching imported */

	struct map classes;   /* address to struct audit_class * */
	struct map originals; /* address to struct audit_original * */
	struct map methods;   /* eventlet: PyMethodDef to the same */
	struct map names;     /* eventlet: hash of module and name to the same */
	struct map seen;      /* functions and classes that were looked into */
	struct map known;     /* findings, by hash, to index */
	struct audit_finding *findings;
	uint32_t n_findings;

	const char *library, *version; /* "gevent", "eventlet" or "" */
	unsigned int state;            /* enum wire_audit_state */
	char *patched;                 /* "module\0name name\0"... */
	size_t patched_used, patched_room;
	uint32_t n_patched;
	uint64_t saved; /* gevent's dict; 0: none */
	uint32_t n_objects;
	bool hub, sqlite; /* one was seen */
};

/* Time or budget is used up; remembers it. */
bool audit_over(struct audit *a);

/* modules.c */
int audit_modules(struct audit *a);
struct audit_module *audit_find(const struct audit *a, const char *name); /* NULL: not imported */
uint64_t audit_attribute(struct audit *a, const char *module, const char *name); /* 0: none */
bool audit_text(struct audit *a, uint64_t object, char out[AUDIT_TEXT]);

/* classes.c */
struct audit_class *audit_class(struct audit *a, uint64_t address); /* NULL: cannot be read */
struct audit_class *audit_class_of(struct audit *a, uint64_t object);

/* saved.c: what was patched, and what of it was not. */
int audit_gevent(struct audit *a);
void audit_gevent_missed(struct audit *a);
void audit_late(struct audit *a);

/* eventlet.c */
int audit_eventlet(struct audit *a);

/* holders.c */
void audit_holders(struct audit *a);
struct audit_original *audit_is_original(struct audit *a, uint64_t object);
bool audit_lock_inside(struct audit *a, uint64_t object, const struct audit_class *class,
		       unsigned int depth);
const char *audit_lock_rule(const char *what);
/* The attributes of an instance, one finding for each name. */
void audit_instance(struct audit *a, uint64_t object, struct audit_class *class, const char *where,
		    uint32_t module);

/* objects.c */
void audit_objects(struct audit *a);

/* clients.c */
void audit_clients(struct audit *a);
void audit_servers(struct audit *a, uint64_t object, const struct audit_class *class);
void audit_uwsgi(struct audit *a);

/* findings.c */
void audit_found(struct audit *a, const struct audit_finding *finding);
void audit_patched(struct audit *a, const char *module, const char *names);
void audit_emit(struct audit *a, uint64_t took_ns,
		void (*emit)(void *ctx, const struct wire_head *record), void *ctx);
const char *audit_format(struct audit *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* harmless.c */
const struct audit_original *audit_policy(const char *module, const char *name, unsigned int *rank);
bool audit_harmless(const char *module, const char *name);
bool audit_holding_class(const char *module, const char *name);

#endif
