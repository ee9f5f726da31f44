// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyversion.c: the version, from the memory of the process.
 *
 * 3.13 and later lead their debug offsets with it, 3.11 and 3.12 export
 * Py_Version. Older ones keep the text of Py_GetVersion() in a buffer that
 * start-up always fills: it is searched for in the writable segments. The
 * file's read-only data is of no use: linkers merge "3.9.18" into paths.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/pyversion.h"

#define PIECE       (32 * 1024)
#define OVERLAP     64
#define SEGMENTS    4
#define SEGMENT_MAX (8 * 1024 * 1024)

static void from_hex(uint32_t hex, struct pyversion *out)
{
	out->major = hex >> 24;
	out->minor = hex >> 16 & 0xff;
	out->micro = hex >> 8 & 0xff;
}

static size_t digits(const char *text, size_t len, uint32_t *out)
{
	size_t n = 0;

	for (*out = 0; n < len && n < 3 && text[n] >= '0' && text[n] <= '9'; n++)
		*out = *out * 10 + (uint32_t)(text[n] - '0');
	return n;
}

int pyversion_parse(const char *text, size_t len, struct pyversion *out)
{
	uint32_t *parts[] = { &out->major, &out->minor, &out->micro };
	size_t at = 0;

	for (unsigned int i = 0; i < 3; i++) {
		size_t n = digits(text + at, len - at, parts[i]);

		at += n;
		if (!n || (i < 2 && (at >= len || text[at++] != '.')))
			return -ENOENT;
	}
	/* a1, b2, rc3, + and the like may stand between it and the build */
	for (unsigned int i = 0;
	     i < 8 && at < len && (isalnum((unsigned char)text[at]) || text[at] == '+'); i++)
		at++;
	return at + 1 < len && text[at] == ' ' && text[at + 1] == '(' ? 0 : -ENOENT;
}

static int search(const char *text, size_t len, struct pyversion *out)
{
	const char *at = text, *end = text + len;

	while ((at = memchr(at, '.', (size_t)(end - at)))) {
		if (at > text && (at[-1] == '3' || at[-1] == '2') &&
		    (at - 1 == text || at[-2] == '\0') &&
		    !pyversion_parse(at - 1, (size_t)(end - at) + 1, out))
			return 0;
		at++;
	}
	return -ENOENT;
}

static int search_segment(struct memory *mem, uint64_t start, uint64_t size, char *piece,
			  struct pyversion *out)
{
	uint64_t at = 0;

	if (size > SEGMENT_MAX)
		size = SEGMENT_MAX;
	while (at < size) {
		size_t want = size - at < PIECE ? (size_t)(size - at) : PIECE;
		int got = memory_read_some(mem, start + at, piece, want);

		if (got == -ESRCH || got == -EDQUOT)
			return got;
		if (got > 0 && !search(piece, (size_t)got, out))
			return 0;
		/* A hole is stepped over by pages; else the next piece overlaps this one. */
		at += got > OVERLAP && (size_t)got == want ? (uint64_t)got - OVERLAP
		      : got > 0                            ? (uint64_t)got + 4096
							   : 4096;
		if (want < PIECE)
			break;
	}
	return -ENOENT;
}

static int search_memory(struct memory *mem, struct elf *elf, uint64_t bias, struct pyversion *out)
{
	char *piece = malloc(PIECE);
	uint64_t vaddr, size;
	int err = -ENOENT;

	if (!piece)
		return -ENOMEM;
	for (unsigned int i = 0; i < SEGMENTS && err; i++) {
		if (elf_data(elf, i, &vaddr, &size))
			break;
		err = search_segment(mem, vaddr + bias, size, piece, out);
	}
	free(piece);
	return err;
}

int pyversion_find(struct memory *mem, struct elf *elf, uint64_t bias, uint64_t runtime,
		   struct pyversion *out)
{
	uint64_t value;
	uint32_t hex;
	int err;

	memset(out, 0, sizeof(*out));
	err = memory_read(mem, runtime, out->words, sizeof(out->words));
	if (err)
		return err;
	if (memcmp(out->words, "xdebugpy", 8) == 0) {
		out->debug = true;
		from_hex((uint32_t)out->words[1], out);
		return 0;
	}
	if (elf_dynamic(elf, "Py_Version", &value))
		return search_memory(mem, elf, bias, out);
	err = memory_read(mem, value + bias, &hex, sizeof(hex));
	if (!err)
		from_hex(hex, out);
	return err;
}
