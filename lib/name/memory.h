/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h: bounded reads of a target's memory through its held mem file.
 *
 * Every request has a budget of reads and bytes; what it does not cover is
 * not read. A read is whole or it fails. No bytes at all mean that the
 * address space is gone: the process has ended or executed another image.
 * Where the pages are known, none is read that would have to be waited for.
 *
 * With a cache, pages are read once and kept: a look at much of a process
 * that costs one call a page, and sees each page as it was at one moment.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "name/pages.h"

#define MEMORY_CALL_MAX    (64 * 1024)   /* one read */
#define MEMORY_STACK_MAX   (1024 * 1024) /* one stack */
#define MEMORY_STACK_READS 2048          /* one stack: 256 functions never met before */

struct memory_cache;

struct memory {
	int fd;
	struct pages *pages; /* NULL: not known */
	bool gone;
	size_t bytes; /* left of the budget */
	unsigned int reads;
	struct {
		uint64_t at;
		const void *bytes; /* borrowed */
		size_t n;          /* 0: none */
	} copy;
	struct memory_cache *cache; /* NULL: none */
};

void memory_budget(struct memory *mem, size_t bytes, unsigned int reads);

/* What was read at an address earlier stands for what is there now, until n is 0; a read that goes
 * beyond its end is -ENODATA. */
void memory_copy(struct memory *mem, uint64_t address, const void *bytes, size_t n);

/* 0; -ESRCH: gone; -EDQUOT: budget used up; -EFAULT and others: cannot be read. */
int memory_read(struct memory *mem, uint64_t address, void *out, size_t size);

/* As much as there is up to a hole: bytes read (at least 1) or -errno. */
int memory_read_some(struct memory *mem, uint64_t address, void *out, size_t size);

/* Pages are kept from here on, until the end. 0 or -ENOMEM. */
int memory_cache_begin(struct memory *mem);
void memory_cache_end(struct memory *mem);
void memory_cache_drop(struct memory *mem); /* what was kept: pages are read anew */

int memory_word(struct memory *mem, uint64_t address, uint64_t *out);

#endif
