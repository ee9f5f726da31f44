/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.h: memory that is freed in one call.
 *
 * Blocks grow as needed; nothing inside is freed alone. All functions take
 * a failed allocation as NULL and leave the arena usable.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t bytes; /* handed out so far */
};

void *arena_alloc(struct arena *arena, size_t size); /* zeroed, 16-aligned; NULL: no memory */
char *arena_copy(struct arena *arena, const char *text, size_t len); /* adds a NUL */
char *arena_format(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *arena); /* keeps one block for the next use */
void arena_free(struct arena *arena);

#endif
