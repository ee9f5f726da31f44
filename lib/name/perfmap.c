// SPDX-License-Identifier: BSD-2-Clause
/*
 * perfmap.c: see perfmap.h.
 */
#include "name/perfmap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE      65536
#define LINE_BYTES 1024
#define BACK       16 /* entries that begin before an address and may cover it */

void perfmap_open(struct perfmap *map, int fd)
{
	memset(map, 0, sizeof(*map));
	map->fd = fd;
}

void perfmap_close(struct perfmap *map)
{
	if (map->fd >= 0)
		close(map->fd);
	free(map->list);
	arena_free(&map->names);
	perfmap_open(map, -1);
}

static int grow(struct perfmap *map)
{
	size_t room = map->room ? map->room * 2 : 1024;
	struct perfmap_entry *list;

	if (map->n < map->room)
		return 0;
	if (map->n >= PERFMAP_ENTRIES)
		return -1;
	list = realloc(map->list, room * sizeof(*list));
	if (!list)
		return -1;
	map->list = list;
	map->room = room;
	return 0;
}

/* "7f80d804d900 378 JS:~busyHandler /tmp/n.js:2:21" */
static void add_line(struct perfmap *map, const char *line, size_t len)
{
	char text[LINE_BYTES + 1], *end;
	uint64_t start, size;

	if (len > LINE_BYTES)
		len = LINE_BYTES;
	memcpy(text, line, len);
	text[len] = '\0';
	start = strtoull(text, &end, 16);
	if (end == text || *end != ' ')
		return;
	size = strtoull(end + 1, &end, 16);
	if (*end != ' ' || !end[1] || !size || size > UINT32_MAX || grow(map))
		return;
	map->list[map->n] =
		(struct perfmap_entry){ .start = start,
					.size = (uint32_t)size,
					.order = (uint32_t)map->n,
					.name = arena_copy(&map->names, end + 1, strlen(end + 1)) };
	map->n += map->list[map->n].name != NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct perfmap_entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Takes the whole lines of a piece; bytes taken. */
static size_t take_lines(struct perfmap *map, const char *piece, size_t n)
{
	size_t taken = 0;
	const char *end;

	while ((end = memchr(piece + taken, '\n', n - taken))) {
		add_line(map, piece + taken, (size_t)(end - piece) - taken);
		taken = (size_t)(end - piece) + 1;
	}
	/* a line that fills the piece is none */
	return !taken && n == PIECE ? n : taken;
}

/* What was written since. */
static void read_on(struct perfmap *map)
{
	size_t before = map->n;
	struct stat st;
	char *piece;
	ssize_t n;

	if (map->fd < 0 || fstat(map->fd, &st) || (uint64_t)st.st_size <= map->read)
		return;
	piece = malloc(PIECE);
	while (piece && map->read < PERFMAP_BYTES &&
	       (n = pread(map->fd, piece, PIECE, (off_t)map->read)) > 0) {
		size_t taken = take_lines(map, piece, (size_t)n);

		if (!taken)
			break;
		map->read += taken;
	}
	free(piece);
	if (map->n > before)
		qsort(map->list, map->n, sizeof(*map->list), by_start);
}

static const char *find(const struct perfmap *map, uint64_t address)
{
	const struct perfmap_entry *found = NULL;
	size_t low = 0, high = map->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->list[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t back = 0; low && back < BACK; back++) {
		const struct perfmap_entry *entry = &map->list[--low];

		if (address - entry->start < entry->size && (!found || entry->order > found->order))
			found = entry;
	}
	return found ? found->name : NULL;
}

const char *perfmap_name(struct perfmap *map, uint64_t address)
{
	const char *name = find(map, address);

	if (name)
		return name;
	read_on(map);
	return find(map, address);
}
