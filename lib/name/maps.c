// SPDX-License-Identifier: BSD-2-Clause
/*
 * maps.c: /proc/PID/maps, line by line, in pieces of 32 kB.
 *
 *	55d0c0a00000-55d0c0a21000 r-xp 00002000 fd:01 1234      /usr/bin/x
 *
 * A line that does not read like this is counted and skipped. The kernel
 * writes a newline in a path as \012, so a path cannot forge a line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/maps.h"

#define PIECE    (32 * 1024)
#define TEXT_MAX (16 * 1024 * 1024)

struct cursor {
	const char *at, *end;
	bool bad;
};

static uint64_t number(struct cursor *c, unsigned int base, char stop)
{
	uint64_t value = 0;
	bool any = false;

	for (; c->at < c->end && *c->at != stop; c->at++, any = true) {
		unsigned int digit = 99;

		if (*c->at >= '0' && *c->at <= '9')
			digit = (unsigned int)(*c->at - '0');
		else if (*c->at >= 'a' && *c->at <= 'f')
			digit = (unsigned int)(*c->at - 'a') + 10;
		if (digit >= base || value > (UINT64_MAX - digit) / base) {
			c->bad = true;
			return 0;
		}
		value = value * base + digit;
	}
	if (!any || (stop != '\n' && c->at == c->end))
		c->bad = true;
	if (c->at < c->end)
		c->at++;
	return value;
}

/* Neighbours mostly map the same file: then they share its path. */
static const char *keep_path(struct maps *maps, const char *path, size_t len)
{
	static const char deleted[] = " (deleted)";
	const char *last = maps->n ? maps->list[maps->n - 1].path : NULL;
	size_t tail = sizeof(deleted) - 1;

	if (len > tail && memcmp(path + len - tail, deleted, tail) == 0)
		len -= tail;
	if (len > MAPS_PATH)
		len = MAPS_PATH;
	if (!len)
		return "";
	if (last && strlen(last) == len && memcmp(last, path, len) == 0)
		return last;
	return arena_copy(&maps->paths, path, len);
}

static int keep(struct maps *maps, const struct mapping *map, const char *path, size_t len)
{
	struct mapping *slot;

	if (maps->n == maps->room) {
		size_t room = maps->room ? maps->room * 2 : 256;
		struct mapping *list;

		if (maps->n >= MAPS_MAX)
			return -E2BIG;
		list = realloc(maps->list, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		maps->list = list;
		maps->room = room;
	}
	slot = &maps->list[maps->n];
	*slot = *map;
	slot->path = keep_path(maps, path, len);
	if (!slot->path)
		return -ENOMEM;
	maps->n++;
	return 0;
}

static int parse_line(struct maps *maps, const char *line, size_t len)
{
	struct cursor c = { .at = line, .end = line + len };
	struct mapping map = { 0 };
	char perms[5];
	uint64_t major, minor;

	map.start = number(&c, 16, '-');
	map.end = number(&c, 16, ' ');
	if (c.bad || c.end - c.at < 5 || c.at[4] != ' ')
		goto bad;
	memcpy(perms, c.at, 5);
	c.at += 5;
	map.offset = number(&c, 16, ' ');
	major = number(&c, 16, ':');
	minor = number(&c, 16, ' ');
	map.inode = number(&c, 10, memchr(c.at, ' ', (size_t)(c.end - c.at)) ? ' ' : '\n');
	map.device = (uint32_t)(major << 20 | (minor & 0xfffff));
	map.write = perms[1] == 'w';
	map.exec = perms[2] == 'x';
	if (c.bad || map.start >= map.end || map.offset > UINT64_MAX - (map.end - map.start) ||
	    (maps->n && map.start < maps->list[maps->n - 1].end))
		goto bad;
	if (!map.exec && !map.inode)
		return 0;
	while (c.at < c.end && *c.at == ' ')
		c.at++;
	return keep(maps, &map, c.at, (size_t)(c.end - c.at));
bad:
	maps->bad++;
	return 0;
}

int maps_parse(struct maps *maps, const char *text, size_t len)
{
	const char *end = text + len;
	int err = 0;

	while (text < end && !err) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		if (!eol)
			break;
		err = parse_line(maps, text, (size_t)(eol - text));
		text = eol + 1;
	}
	return err;
}

/* Feeds whole lines to the parser; what is left of the last one moves to the front. */
static int read_pieces(struct maps *maps, int fd, char *piece)
{
	size_t used = 0, total = 0;

	while (total < TEXT_MAX) {
		ssize_t n = pread(fd, piece + used, PIECE - used, (off_t)total);
		char *last;
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return total ? 0 : -ESRCH;
		total += (size_t)n;
		used += (size_t)n;
		last = memrchr(piece, '\n', used);
		if (!last)
			return -EBADMSG;
		err = maps_parse(maps, piece, (size_t)(last + 1 - piece));
		if (err)
			return err;
		used -= (size_t)(last + 1 - piece);
		memmove(piece, last + 1, used);
	}
	return -E2BIG;
}

int maps_read(struct maps *maps, int fd)
{
	struct maps fresh = { 0 };
	char *piece = malloc(PIECE);
	int err;

	if (!piece)
		return -ENOMEM;
	err = read_pieces(&fresh, fd, piece);
	free(piece);
	if (err && err != -E2BIG) {
		maps_free(&fresh);
		return err;
	}
	maps_free(maps);
	*maps = fresh;
	return 0;
}

const struct mapping *maps_find(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == maps->n || maps->list[low].start > address)
		return NULL;
	return &maps->list[low];
}

const char *maps_base(const struct mapping *map)
{
	const char *slash = strrchr(map->path, '/');

	return slash ? slash + 1 : map->path;
}

void maps_free(struct maps *maps)
{
	free(maps->list);
	arena_free(&maps->paths);
	*maps = (struct maps){ 0 };
}
