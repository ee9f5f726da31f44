// SPDX-License-Identifier: BSD-2-Clause
/*
 * arena.c: blocks in a list, handed out from the newest one.
 *
 * A block is twice as large as the one before it, up to 256 kB, so that a
 * short stall costs one allocation. Nothing inside is freed alone, and a
 * failed allocation changes nothing.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define ALIGN       16
#define BLOCK_FIRST 4096
#define BLOCK_LAST  (256 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size, used; /* of data[] */
	_Alignas(ALIGN) unsigned char data[];
};

static int grow(struct arena *arena, size_t need)
{
	size_t size = arena->head ? arena->head->size * 2 : BLOCK_FIRST;
	struct arena_block *block;

	if (size > BLOCK_LAST)
		size = BLOCK_LAST;
	if (size < need)
		size = need;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return -1;
	block->next = arena->head;
	block->size = size;
	block->used = 0;
	arena->head = block;
	return 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block;
	void *out;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!size)
		size = ALIGN;
	block = arena->head;
	if (!block || block->size - block->used < size) {
		if (grow(arena, size))
			return NULL;
		block = arena->head;
	}
	out = block->data + block->used;
	block->used += size;
	arena->bytes += size;
	return memset(out, 0, size);
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *out = len < SIZE_MAX ? arena_alloc(arena, len + 1) : NULL;

	if (out && len)
		memcpy(out, text, len);
	return out;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *out;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	out = arena_alloc(arena, (size_t)len + 1);
	if (!out)
		return NULL;
	va_start(args, format);
	vsnprintf(out, (size_t)len + 1, format, args);
	va_end(args);
	return out;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *keep = arena->head;

	arena->bytes = 0;
	if (!keep)
		return;
	while (keep->next) {
		struct arena_block *old = keep->next;

		keep->next = old->next;
		free(old);
	}
	keep->used = 0;
}

void arena_free(struct arena *arena)
{
	arena_reset(arena);
	free(arena->head);
	arena->head = NULL;
}
