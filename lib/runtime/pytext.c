// SPDX-License-Identifier: BSD-2-Clause
/*
 * pytext.c: strings of a CPython, whichever width they are stored in.
 *
 *	length @16, state u32 @32: kind = state >> 2 & 7, compact bit 5, ascii bit 6;
 *	characters behind PyASCIIObject if ascii, else behind PyCompactUnicodeObject
 *
 * Source: Include/cpython/unicodeobject.h, 3.7 to 3.14. Names and paths are
 * always compact; what is not is refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "runtime/python.h"

#define HEAD_MAX            144 /* ascii_size is at most 128 */
#define CUT                 "\xe2\x80\xa6"
#define COMPACT_MORE(minor) ((minor) >= 12 ? 16U : 24U)

/* Appends one character; false when it does not fit any more. */
static bool put(char *out, size_t size, size_t *used, uint32_t c)
{
	unsigned char bytes[4];
	size_t n;

	/* surrogateescape: dc80 to dcff stand for bytes that were not UTF-8 */
	if ((c >= 0xdc80 && c <= 0xdcff) || (c && c < 0x80)) {
		bytes[0] = (unsigned char)c;
		n = 1;
	} else if (c && c < 0x800) {
		bytes[0] = (unsigned char)(0xc0 | c >> 6);
		bytes[1] = (unsigned char)(0x80 | (c & 0x3f));
		n = 2;
	} else {
		if (!c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			c = 0xfffd;
		n = c < 0x10000 ? 3 : 4;
		for (size_t i = n - 1; i; i--, c >>= 6)
			bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
		bytes[0] = (unsigned char)((n == 3 ? 0xe0 : 0xf0) | c);
	}
	if (n > size - 1 - *used)
		return false;
	memcpy(out + *used, bytes, n);
	*used += n;
	return true;
}

static void convert(const unsigned char *data, size_t n, uint32_t width, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t c = 0;

		memcpy(&c, data + i * width, width);
		if (!put(out, size, &used, c))
			break;
	}
	out[used] = '\0';
}

/* Of a copy that is shorter than the string. */
static int convert_part(const unsigned char *data, size_t n, uint32_t width, char *out, size_t size)
{
	convert(data, n, width, out, size - sizeof(CUT));
	strcat(out, CUT); /* NOLINT: room was left */
	return 0;
}

int pytext_read(struct memory *mem, const struct python *py, uint64_t address, char *out,
		size_t size)
{
	unsigned char bytes[HEAD_MAX + 256], more[4 * PYTHON_TEXT];
	const unsigned char *data;
	uint32_t state, kind, skip = py->offsets.ascii_size;
	uint64_t type, length;
	size_t n;
	int got = memory_read_some(mem, address, bytes, sizeof(bytes)), err;

	if (got < 0)
		return got;
	if (got < (int)skip)
		return -EFAULT;
	memcpy(&type, bytes + 8, sizeof(type));
	memcpy(&length, bytes + 16, sizeof(length));
	memcpy(&state, bytes + 32, sizeof(state));
	kind = state >> 2 & 7;
	if (type != py->text_type || !(state & 1U << 5) || (kind != 1 && kind != 2 && kind != 4))
		return -EBADMSG;
	if (!(state & 1U << 6))
		skip += COMPACT_MORE(py->offsets.minor);
	n = length < PYTHON_TEXT ? (size_t)length : PYTHON_TEXT;
	data = bytes + skip;
	if (skip + n * kind > (size_t)got) {
		err = memory_read(mem, address + skip, more, n * kind);
		if (err == -ENODATA && (size_t)got > skip)
			return convert_part(data, ((size_t)got - skip) / kind, kind, out, size);
		if (err)
			return err;
		data = more;
	}
	convert(data, n, kind, out, size);
	return 0;
}
