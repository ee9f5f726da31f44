/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.h: which of a target's memory can be read without waiting for others.
 *
 * Reading a page that is not there makes the kernel ask the file system of
 * its mapping. One that does not answer (FUSE, a lost server) would hold the
 * reader, in a sleep that no signal ends, and with it the lock of the
 * target's address space: the target would stand still at its next mmap. So
 * a page is read that is there or swapped out, and one that is not there only
 * where a file on a disk is known to be mapped.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>
#include <stdint.h>
#include "name/maps.h"

#define PAGES_PATH "[pagemap]" /* what the keeper is asked for */

struct pages;

/* Takes the descriptor of /proc/PID/pagemap; the maps stay the caller's. 0 or -ENOMEM. */
int pages_open(struct pages **out, int fd, const struct maps *maps);

/* How many of size bytes from address on can be read; all of them where pages is NULL. */
size_t pages_readable(struct pages *pages, uint64_t address, size_t size);

/* Forgets what it has seen: a new request. pages may be NULL. */
void pages_forget(struct pages *pages);
void pages_close(struct pages *pages);

#endif
