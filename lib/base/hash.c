// SPDX-License-Identifier: BSD-2-Clause
/*
 * hash.c: FNV-1a and an open-addressed map that doubles at 2/3 full.
 *
 * Keys are never taken out, so probing needs no tombstones. The key
 * UINT64_MAX cannot be stored: it is refused with -EINVAL.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

#define MAP_FIRST 64 /* slots; always a power of two */

uint64_t hash_add(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		hash ^= p[i];
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

/* Where the key is, or the free slot where it belongs. There is always a free slot. */
static size_t probe(const uint64_t *keys, size_t size, uint64_t key)
{
	uint64_t mixed = key * 0x9e3779b97f4a7c15ULL;
	size_t i = (size_t)(mixed ^ (mixed >> 32)) & (size - 1);

	while (keys[i] && keys[i] != key + 1)
		i = (i + 1) & (size - 1);
	return i;
}

bool map_get(const struct map *map, uint64_t key, uint64_t *value)
{
	size_t i;

	if (!map->size || key == UINT64_MAX)
		return false;
	i = probe(map->keys, map->size, key);
	if (!map->keys[i])
		return false;
	*value = map->values[i];
	return true;
}

static int grow(struct map *map)
{
	struct map bigger = { .size = map->size ? map->size * 2 : MAP_FIRST };

	bigger.keys = calloc(bigger.size, sizeof(*bigger.keys));
	bigger.values = calloc(bigger.size, sizeof(*bigger.values));
	if (!bigger.keys || !bigger.values) {
		map_free(&bigger);
		return -ENOMEM;
	}
	for (size_t i = 0; i < map->size; i++) {
		size_t to;

		if (!map->keys[i])
			continue;
		to = probe(bigger.keys, bigger.size, map->keys[i] - 1);
		bigger.keys[to] = map->keys[i];
		bigger.values[to] = map->values[i];
	}
	free(map->keys);
	free(map->values);
	map->keys = bigger.keys;
	map->values = bigger.values;
	map->size = bigger.size;
	return 0;
}

int map_put(struct map *map, uint64_t key, uint64_t value)
{
	size_t i;

	if (key == UINT64_MAX)
		return -EINVAL;
	if (map->used >= map->size / 3 * 2) {
		int err = grow(map);

		if (err)
			return err;
	}
	i = probe(map->keys, map->size, key);
	if (!map->keys[i])
		map->used++;
	map->keys[i] = key + 1;
	map->values[i] = value;
	return 0;
}

void map_free(struct map *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct map){ 0 };
}
