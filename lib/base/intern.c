// SPDX-License-Identifier: BSD-2-Clause
/*
 * intern.c: a hash set of strings over an arena.
 *
 * No deletes: a string lives as long as the set, and its address is its
 * identity. Hashes only find the place; strings are always compared, since
 * most of them come from the target and may collide on purpose.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/intern.h"

#define INTERN_FIRST 256  /* slots; always a power of two */
#define INTERN_MAX   4096 /* bytes of one string */

struct slot {
	uint64_t hash;
	const char *text; /* NULL: free */
};

struct intern {
	struct slot *slots;
	size_t size, used;
	struct arena arena;
};

int intern_new(struct intern **out)
{
	struct intern *in = calloc(1, sizeof(*in));

	if (!in)
		return -ENOMEM;
	in->size = INTERN_FIRST;
	in->slots = calloc(in->size, sizeof(*in->slots));
	if (!in->slots) {
		intern_free(in);
		return -ENOMEM;
	}
	*out = in;
	return 0;
}

static int grow(struct intern *in)
{
	size_t size = in->size * 2;
	struct slot *slots = calloc(size, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < in->size; i++) {
		size_t to = in->slots[i].hash & (size - 1);

		if (!in->slots[i].text)
			continue;
		while (slots[to].text)
			to = (to + 1) & (size - 1);
		slots[to] = in->slots[i];
	}
	free(in->slots);
	in->slots = slots;
	in->size = size;
	return 0;
}

static bool same(const struct slot *slot, uint64_t hash, const char *text, size_t len)
{
	return slot->hash == hash && !strncmp(slot->text, text, len) && !slot->text[len];
}

const char *intern(struct intern *in, const char *text)
{
	size_t len, i;
	uint64_t hash;
	char *copy;

	if (!text)
		return NULL;
	if (in->used >= in->size / 2 && grow(in))
		return NULL;
	len = strnlen(text, INTERN_MAX);
	hash = hash_add(HASH_START, text, len);
	for (i = hash & (in->size - 1); in->slots[i].text; i = (i + 1) & (in->size - 1)) {
		if (same(&in->slots[i], hash, text, len))
			return in->slots[i].text;
	}
	copy = arena_copy(&in->arena, text, len);
	if (!copy)
		return NULL;
	in->slots[i] = (struct slot){ .hash = hash, .text = copy };
	in->used++;
	return copy;
}

void intern_free(struct intern *in)
{
	if (!in)
		return;
	free(in->slots);
	arena_free(&in->arena);
	free(in);
}
