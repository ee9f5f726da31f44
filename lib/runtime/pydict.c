// SPDX-License-Identifier: BSD-2-Clause
/*
 * pydict.c: dicts of a CPython, walked in order of their entries.
 *
 *	dict: ma_keys @32, ma_values @40
 *	keys, 3.10-: dk_size @8, dk_nentries @32, indices @40, then entries of 24 bytes
 *	      3.11+: log2 of the bytes of indices @9, kind @10, dk_nentries @24, indices @32;
 *	             kind 0 has entries of 24 bytes (hash, key, value), others of 16
 *
 * Source: Objects/dict-common.h, Include/internal/pycore_dict.h. The hash of
 * a key is secret to the process, so a look-up is a walk.
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"

#define CHUNK     128 /* entries read at a time */
#define INDEX_MAX 28  /* log2 of bytes of indices that are believed */
#define KEY_MAX   64

struct shape {
	uint64_t entries;       /* address of the first */
	uint32_t n, width, key; /* key: offset in an entry; value: 8 on */
	uint64_t values;        /* split table; 0: none */
};

static uint64_t word_at(const unsigned char *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static int old_shape(const unsigned char *head, uint64_t keys, struct shape *out)
{
	uint64_t size = word_at(head, 8), n = word_at(head, 32);
	uint32_t width = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;

	if (!size || size > 1U << INDEX_MAX || (size & (size - 1)) || n > size)
		return -EBADMSG;
	out->entries = keys + 40 + size * width;
	out->n = (uint32_t)n;
	out->width = 24;
	out->key = 8;
	return 0;
}

static int young_shape(const unsigned char *head, uint64_t keys, struct shape *out)
{
	uint64_t n = word_at(head, 24);

	if (head[9] > INDEX_MAX || head[10] > 3 || n > 1U << INDEX_MAX)
		return -EBADMSG;
	out->entries = keys + 32 + (1ULL << head[9]);
	out->n = (uint32_t)n;
	out->width = head[10] ? 16 : 24;
	out->key = head[10] ? 0 : 8;
	return 0;
}

/* values: those of a split table; 0: they are with the keys. */
static int keys_shape(struct memory *mem, const struct python *py, uint64_t keys, uint64_t values,
		      struct shape *out)
{
	unsigned char head[40];
	int err;

	if (!pyobject_plausible(keys) || (values && !pyobject_plausible(values)))
		return -EBADMSG;
	out->values = values && py->offsets.minor >= 13 ? values + 8 : values;
	err = memory_read(mem, keys, head, sizeof(head));
	if (err)
		return err;
	return py->offsets.minor >= 11 ? young_shape(head, keys, out) : old_shape(head, keys, out);
}

static int find_shape(struct memory *mem, const struct python *py, uint64_t dict, struct shape *out)
{
	unsigned char bytes[48];
	int err = memory_read(mem, dict, bytes, sizeof(bytes));

	return err ? err : keys_shape(mem, py, word_at(bytes, 32), word_at(bytes, 40), out);
}

static int visit_chunk(const struct shape *shape, const unsigned char *entries,
		       const uint64_t *values, uint32_t n, int (*visit)(void *, uint64_t, uint64_t),
		       void *ctx)
{
	int result = 0;

	for (uint32_t i = 0; !result && i < n; i++) {
		uint64_t key = word_at(entries, i * shape->width + shape->key);
		uint64_t value = shape->values
					 ? values[i]
					 : word_at(entries, i * shape->width + shape->key + 8);

		if (pyobject_plausible(key) && pyobject_plausible(value))
			result = visit(ctx, key, value);
	}
	return result;
}

static int walk(struct memory *mem, const struct shape *shape, uint32_t max,
		int (*visit)(void *ctx, uint64_t key, uint64_t value), void *ctx)
{
	unsigned char entries[CHUNK * 24];
	uint64_t values[CHUNK];
	uint32_t count = shape->n < max ? shape->n : max;
	int result = 0;

	for (uint32_t at = 0; !result && at < count; at += CHUNK) {
		uint32_t n = count - at < CHUNK ? count - at : CHUNK;

		result = memory_read(mem, shape->entries + (uint64_t)at * shape->width, entries,
				     (size_t)n * shape->width);
		if (!result && shape->values)
			result = memory_read(mem, shape->values + 8ULL * at, values, 8UL * n);
		if (!result)
			result = visit_chunk(shape, entries, values, n, visit, ctx);
	}
	return result;
}

int pydict_walk(struct memory *mem, const struct python *py, uint64_t dict, uint32_t max,
		int (*visit)(void *ctx, uint64_t key, uint64_t value), void *ctx)
{
	struct shape shape;
	int err = find_shape(mem, py, dict, &shape);

	return err ? err : walk(mem, &shape, max, visit, ctx);
}

int pysplit_walk(struct memory *mem, const struct python *py, const struct pysplit *split,
		 uint32_t max, int (*visit)(void *ctx, uint64_t key, uint64_t value), void *ctx)
{
	struct shape shape;
	int err = keys_shape(mem, py, split->keys, split->values, &shape);

	return err ? err : walk(mem, &shape, max, visit, ctx);
}

struct wanted {
	struct memory *mem;
	const struct python *py;
	const char *key;
	uint64_t value;
};

/* Is this the string? One read a key: most are not. */
static int match(void *ctx, uint64_t key, uint64_t value)
{
	struct wanted *wanted = ctx;
	uint32_t head = wanted->py->offsets.ascii_size, state;
	unsigned char bytes[144 + KEY_MAX];
	size_t len = strlen(wanted->key);
	int got = memory_read_some(wanted->mem, key, bytes, head + len);

	if (got == -ESRCH || got == -EDQUOT)
		return got;
	if (got < (int)(head + len))
		return 0;
	memcpy(&state, bytes + 32, sizeof(state));
	if (word_at(bytes, 8) != wanted->py->text_type || word_at(bytes, 16) != len ||
	    (state >> 5 & 3) != 3 || memcmp(bytes + head, wanted->key, len))
		return 0;
	wanted->value = value;
	return 1;
}

int pydict_get(struct memory *mem, const struct python *py, uint64_t dict, uint32_t max,
	       const char *key, uint64_t *value)
{
	struct wanted wanted = { .mem = mem, .py = py, .key = key };
	int found;

	if (strlen(key) > KEY_MAX)
		return -EINVAL;
	found = pydict_walk(mem, py, dict, max, match, &wanted);
	if (found < 0)
		return found;
	*value = wanted.value;
	return found ? 0 : -ENOENT;
}
