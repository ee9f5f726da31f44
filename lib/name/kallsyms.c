// SPDX-License-Identifier: BSD-2-Clause
/*
 * kallsyms.c: "ffffffff81000000 T _stext [module]", a hundred thousand times.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/kallsyms.h"

#define LOWEST     0xffffffff80000000ULL /* kernel and modules on x86-64 */
#define PIECE      4096                  /* what the kernel gives at a time */
#define PIECES     8
#define FUNCTION   (1U << 20) /* no function is larger: what is further off has no name */
#define ADDRESS    16         /* digits */
#define NAME_AT    (ADDRESS + 3)
#define IS_TEXT(c) ((c) == 't' || (c) == 'T' || (c) == 'w' || (c) == 'W')

static void *grow(void *list, size_t *room, size_t need, size_t size)
{
	size_t more = *room ? *room * 3 / 2 : 8192;
	void *grown;

	if (need <= *room)
		return list;
	if (more < need)
		more = need;
	grown = realloc(list, more * size);
	if (grown)
		*room = more;
	return grown;
}

static int add(struct kallsyms *syms, uint64_t address, const char *name, size_t len)
{
	void *grown;

	if (syms->n * sizeof(*syms->rows) + syms->n_names + len > KALLSYMS_BYTES)
		return -E2BIG;
	grown = grow(syms->rows, &syms->room, syms->n + 1, sizeof(*syms->rows));
	if (!grown)
		return -ENOMEM;
	syms->rows = grown;
	grown = grow(syms->names, &syms->names_room, syms->n_names + len + 1, 1);
	if (!grown)
		return -ENOMEM;
	syms->names = grown;
	syms->rows[syms->n++] = (struct kallsyms_row){
		.at = (uint32_t)(address - LOWEST),
		.name = (uint32_t)syms->n_names,
	};
	memcpy(syms->names + syms->n_names, name, len);
	syms->names[syms->n_names + len] = '\0';
	syms->n_names += len + 1;
	return 0;
}

/* Padding in front of functions has names too: half of the file. */
static bool is_padding(const char *name)
{
	return strncmp(name, "__pfx_", 6) == 0 || strncmp(name, "__cfi_", 6) == 0;
}

static int add_line(struct kallsyms *syms, const char *line)
{
	uint64_t address;
	char *end;

	address = strtoull(line, &end, 16);
	if (end != line + ADDRESS || address < LOWEST || strlen(line) <= NAME_AT ||
	    !IS_TEXT(line[ADDRESS + 1]) || is_padding(line + NAME_AT))
		return 0;
	return add(syms, address, line + NAME_AT, strcspn(line + NAME_AT, "\t "));
}

static int add_piece(struct kallsyms *syms, const char *piece, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err;

		if (piece[i] != '\n') {
			if (syms->line_len < sizeof(syms->line) - 1)
				syms->line[syms->line_len++] = piece[i];
			continue;
		}
		syms->line[syms->line_len] = '\0';
		syms->line_len = 0;
		err = add_line(syms, syms->line);
		if (err)
			return err;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct kallsyms_row *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Half a table would give wrong names: then there is none. */
static bool end(struct kallsyms *syms, bool whole)
{
	close(syms->fd);
	syms->fd = -1;
	if (!whole)
		kallsyms_close(syms);
	else if (syms->n)
		qsort(syms->rows, syms->n, sizeof(*syms->rows), by_address);
	return false;
}

bool kallsyms_more(struct kallsyms *syms)
{
	char piece[PIECE];

	if (syms->fd < 0)
		return false;
	for (unsigned int i = 0; i < PIECES; i++) {
		ssize_t n = read(syms->fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return end(syms, n == 0);
		if (add_piece(syms, piece, (size_t)n))
			return end(syms, false);
	}
	return true;
}

const char *kallsyms_name(const struct kallsyms *syms, uint64_t address)
{
	size_t low = 0, high = syms->n;
	uint32_t at;

	if (syms->fd >= 0 || address < LOWEST)
		return NULL;
	at = (uint32_t)(address - LOWEST);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (syms->rows[middle].at <= at)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || at - syms->rows[low - 1].at >= FUNCTION)
		return NULL;
	return syms->names + syms->rows[low - 1].name;
}

void kallsyms_close(struct kallsyms *syms)
{
	if (syms->fd >= 0)
		close(syms->fd);
	free(syms->rows);
	free(syms->names);
	*syms = (struct kallsyms){ .fd = -1 };
}
