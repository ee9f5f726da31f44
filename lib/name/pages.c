// SPDX-License-Identifier: BSD-2-Clause
/*
 * pages.c: /proc/PID/pagemap, 2 MB of address space at a time.
 *
 * What was seen serves for one request, and is looked at once more before a
 * page counts as not there. Between the look and the read a page may still be
 * taken away: then the namer's deadline is what is left.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/pages.h"

#define PAGE         4096UL
#define WINDOW       512U /* pages */
#define WINDOWS      16U
#define THERE        (1ULL << 63 | 1ULL << 62) /* present, swapped out */
#define DEVICE_MAJOR 20

struct window {
	uint64_t first; /* page number; a multiple of WINDOW */
	uint64_t seen;  /* in which request and at which look; 0: nothing in here */
	uint64_t there[WINDOW / 64];
};

struct pages {
	int fd;
	const struct maps *maps;
	uint64_t looks;
	struct window windows[WINDOWS];
};

int pages_open(struct pages **out, int fd, const struct maps *maps)
{
	struct pages *pages = calloc(1, sizeof(*pages));

	if (!pages) {
		close(fd);
		return -ENOMEM;
	}
	pages->fd = fd;
	pages->maps = maps;
	*out = pages;
	return 0;
}

/* False: the process has no memory any more, which reading it will tell. */
static bool look(struct pages *pages, struct window *window, uint64_t first)
{
	uint64_t entries[WINDOW];
	ssize_t n;

	do {
		n = pread(pages->fd, entries, sizeof(entries), (off_t)(first * sizeof(uint64_t)));
	} while (n < 0 && errno == EINTR);
	memset(window, 0, sizeof(*window));
	if (n <= 0)
		return false;
	window->first = first;
	window->seen = ++pages->looks;
	for (size_t i = 0; i < (size_t)n / sizeof(entries[0]); i++) {
		if (entries[i] & THERE)
			window->there[i / 64] |= 1ULL << i % 64;
	}
	return true;
}

static bool has(const struct window *window, uint64_t page)
{
	uint64_t i = page % WINDOW;

	return window->there[i / 64] >> i % 64 & 1;
}

/* That of the page, else the one not looked at for longest. */
static struct window *find(struct pages *pages, uint64_t first)
{
	struct window *oldest = &pages->windows[0];

	for (unsigned int i = 0; i < WINDOWS; i++) {
		struct window *window = &pages->windows[i];

		if (window->seen && window->first == first)
			return window;
		if (window->seen < oldest->seen)
			oldest = window;
	}
	return oldest;
}

static bool is_there(struct pages *pages, uint64_t page)
{
	uint64_t first = page - page % WINDOW;
	struct window *window = find(pages, first);

	if (window->seen && window->first == first && has(window, page))
		return true;
	return !look(pages, window, first) || has(window, page);
}

/* Devices without a disk have the number 0: FUSE, NFS, but also overlayfs and tmpfs. */
static bool on_disk(const struct pages *pages, uint64_t address)
{
	const struct mapping *map = maps_find(pages->maps, address);

	return map && map->inode && map->device >> DEVICE_MAJOR;
}

size_t pages_readable(struct pages *pages, uint64_t address, size_t size)
{
	uint64_t end = address + size, at = address;

	if (!pages)
		return size;
	while (at < end) {
		if (!on_disk(pages, at) && !is_there(pages, at / PAGE))
			break;
		at = (at / PAGE + 1) * PAGE;
	}
	return (size_t)((at < end ? at : end) - address);
}

void pages_forget(struct pages *pages)
{
	if (!pages)
		return;
	for (unsigned int i = 0; i < WINDOWS; i++)
		pages->windows[i].seen = 0;
	pages->looks = 0;
}

void pages_close(struct pages *pages)
{
	if (!pages)
		return;
	close(pages->fd);
	free(pages);
}
