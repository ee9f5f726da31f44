/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kallsyms.h: names of addresses in the kernel.
 *
 * Reads an open /proc/kallsyms in pieces, so that it can be done while
 * nobody waits; there are no names before the last piece. Where the kernel
 * hides its addresses the table stays empty. Some 2 MB.
 */
#ifndef KALLSYMS_H
#define KALLSYMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KALLSYMS_BYTES (4U << 20) /* of the table, names and all */

struct kallsyms_row {
	uint32_t at;   /* from the lowest address of kernel code on */
	uint32_t name; /* in names */
};

struct kallsyms {
	int fd; /* -1: read, or never given */
	struct kallsyms_row *rows;
	size_t n, room;
	char *names;
	size_t n_names, names_room;
	char line[512]; /* the beginning of one that has not come whole */
	size_t line_len;
};

/* Reads one more piece; takes less than a millisecond. True: there is more. */
bool kallsyms_more(struct kallsyms *syms);

/* Borrowed; NULL: not known. */
const char *kallsyms_name(const struct kallsyms *syms, uint64_t address);

void kallsyms_close(struct kallsyms *syms);

#endif
