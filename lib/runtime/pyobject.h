/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pyobject.h: objects of a CPython: their types, dicts, ints and functions.
 *
 * Every chain is bounded, every pointer is the target's word: what makes no
 * sense is -EBADMSG, and nothing is cached by address, for addresses are
 * reused.
 */
#ifndef PYOBJECT_H
#define PYOBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include "runtime/python.h"

#define PYTYPE_NAME 96

struct pytype {
	uint64_t base;  /* tp_base; 0: none */
	uint64_t basic; /* tp_basicsize */
	int64_t dict;   /* tp_dictoffset */
	uint64_t flags; /* tp_flags */
	uint64_t call;  /* tp_call; 0: cannot be called */
	char name[PYTYPE_NAME];
};

/* A class, as much as is needed to look into its instances. */
struct pyclass {
	uint64_t address, flags, basic, base, bases, dict;
	int64_t dict_offset; /* of the instances' dict; -1: managed */
	uint64_t keys;       /* names of attributes that lie in the instance; 0: none */
	char name[PYTYPE_NAME];
};

#define PYCLASS_MANAGED (1U << 4)  /* 3.11+ */
#define PYCLASS_INLINE  (1U << 2)  /* 3.13+ */
#define PYCLASS_HEAP    (1U << 9)  /* made by a class statement, mostly */
#define PYCLASS_TYPE    (1U << 31) /* instances are classes */

/* An address that an object of the target may have. */
static inline bool pyobject_plausible(uint64_t address)
{
	return address >= 4096 && address < 0x0000800000000000ULL && address % 8 == 0;
}

/* The last part of a dotted name. */
const char *pytype_short(const char *name);

int pytype_read(struct memory *mem, uint64_t address, struct pytype *out);
int pytype_of(struct memory *mem, uint64_t object, struct pytype *out);

/* The first of a type and its bases whose short name is this one. 0, -ENOENT, or other -errno. */
int pytype_find(struct memory *mem, const struct pytype *type, const char *name,
		struct pytype *out);

/* Visits keys and values, up to max entries, until visit returns non-zero, and returns that.
 * 0: all seen. -errno: memory, or no dict. */
int pydict_walk(struct memory *mem, const struct python *py, uint64_t dict, uint32_t max,
		int (*visit)(void *ctx, uint64_t key, uint64_t value), void *ctx);

/* The same over names and their values where there is no dict (yet). */
struct pysplit {
	uint64_t keys, values;
};

int pysplit_walk(struct memory *mem, const struct python *py, const struct pysplit *split,
		 uint32_t max, int (*visit)(void *ctx, uint64_t key, uint64_t value), void *ctx);

int pyclass_read(struct memory *mem, const struct python *py, uint64_t address,
		 struct pyclass *out);

/* Attributes of an instance, the first 128, as pydict_walk(). 0 also when it has none. */
int pyinstance_walk(struct memory *mem, const struct python *py, const struct pyclass *class,
		    uint64_t object, int (*visit)(void *ctx, uint64_t key, uint64_t value),
		    void *ctx);

/* Every object that the collector tracks, up to max and until over() says so. 0, -ENOENT: no list
 * was found; else as above. A list that breaks off, for the program goes on, ends there. */
int pygc_walk(struct memory *mem, const struct python *py, uint32_t max, bool (*over)(void *ctx),
	      int (*visit)(void *ctx, uint64_t object), void *ctx);

/* The value of a key that is an ASCII string. 0, -ENOENT, or other -errno. */
int pydict_get(struct memory *mem, const struct python *py, uint64_t dict, uint32_t max,
	       const char *key, uint64_t *value);

/* An int of up to 60 bits. 0 or -errno. */
int pyint_read(struct memory *mem, const struct python *py, uint64_t object, uint64_t *value);

/* 0: False, 1: True. 0 or -errno. */
int pybool_read(struct memory *mem, const struct python *py, uint64_t object, uint64_t *value);

/* Qualified name of a function, bound method, partial or builtin; code: its code object, 0 if it
 * has none. 0 or -errno. */
int pyfunction_read(struct memory *mem, const struct python *py, uint64_t object, char *name,
		    size_t size, uint64_t *code);

#endif
