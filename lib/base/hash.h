/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hash.h: FNV-1a 64 and a map from 64-bit keys to 64-bit values.
 *
 * FNV-1a is an identity here, not a security feature: one fixed hash, so
 * that fingerprints of different builds agree (docs/reports.md).
 */
#ifndef HASH_H
#define HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_START 0xcbf29ce484222325ULL

uint64_t hash_add(uint64_t hash, const void *bytes, size_t len);

/* Open addressing, grows by itself; zeroed memory is an empty map. */
struct map {
	uint64_t *keys; /* stored as key + 1; 0: free */
	uint64_t *values;
	size_t size, used;
};

bool map_get(const struct map *map, uint64_t key, uint64_t *value);
int map_put(struct map *map, uint64_t key, uint64_t value); /* 0 or -ENOMEM */
void map_free(struct map *map);

#endif
