// SPDX-License-Identifier: BSD-2-Clause
/*
 * pycode.c: code objects, read once and known by address and fingerprint.
 *
 * One read tells whether an address still holds the code object it held
 * before. What was read stays until the cache is full, and then all of it
 * goes: that is rare, and cheaper than to keep books.
 */
#include <errno.h>
#include <string.h>
#include "runtime/pylines.h"
#include "runtime/pypath.h"
#include "runtime/python.h"

#define CODE_MAX    256 /* bytes of a code object that are of interest */
#define CODES_MAX   4096
#define CACHE_MAX   (1024 * 1024)
#define BYTES_DATA  32         /* PyBytesObject.ob_sval; ob_size @16 */
#define BYTES_FIRST 1024       /* read at first; most tables are shorter */
#define OFFSET_MAX  (64 << 20) /* bytecode longer than this is no bytecode */

static uint64_t word_at(const unsigned char *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static size_t code_size(const struct pyoffsets *o)
{
	const uint32_t ends[] = { o->code_filename, o->code_name, o->code_qualname, o->code_first,
				  o->code_lines };
	uint32_t last = 8;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		last = ends[i] > last ? ends[i] : last;
	return last + 8;
}

static void fingerprint(const struct pyoffsets *o, const unsigned char *bytes, struct pycode *out)
{
	out->name_at = word_at(bytes, o->code_qualname ? o->code_qualname : o->code_name);
	out->file_at = word_at(bytes, o->code_filename);
	out->lines_at = word_at(bytes, o->code_lines);
	memcpy(&out->first, bytes + o->code_first, sizeof(out->first));
}

static bool same(const struct pycode *a, const struct pycode *b)
{
	return a->name_at == b->name_at && a->file_at == b->file_at && a->lines_at == b->lines_at &&
	       a->first == b->first;
}

/* A table that cannot be had costs the line, not the name. */
static void read_lines(struct memory *mem, struct python *py, struct pycode *code)
{
	unsigned char bytes[BYTES_DATA + BYTES_FIRST];
	int got = memory_read_some(mem, code->lines_at, bytes, sizeof(bytes));
	uint64_t size;
	uint8_t *lines;

	if (got < BYTES_DATA)
		return;
	size = word_at(bytes, 16);
	if (size > MEMORY_CALL_MAX)
		size = MEMORY_CALL_MAX;
	lines = arena_alloc(&py->arena, (size_t)size + 1);
	if (!lines)
		return;
	if (size <= (uint64_t)(got - BYTES_DATA))
		memcpy(lines, bytes + BYTES_DATA, (size_t)size);
	else if (memory_read(mem, code->lines_at + BYTES_DATA, lines, (size_t)size))
		return;
	code->lines = lines;
	code->n_lines = (size_t)size;
}

static int read_texts(struct memory *mem, struct python *py, const char *cwd, struct pycode *code)
{
	char text[PYTHON_TEXT + 1];
	struct pypath place;
	int err = pytext_read(mem, py, code->name_at, text, sizeof(text));

	if (err)
		return err;
	code->shim = strcmp(text, "<shim>") == 0;
	code->name = arena_copy(&py->arena, text, strlen(text));
	err = pytext_read(mem, py, code->file_at, text, sizeof(text));
	if (err)
		return err;
	pypath_place(text, cwd, &place);
	code->app = place.app;
	code->file = arena_copy(&py->arena, place.file, strlen(place.file));
	code->module = arena_copy(&py->arena, place.module, strlen(place.module));
	return code->name && code->file && code->module ? 0 : -ENOMEM;
}

static const char *reason(int err)
{
	switch (-err) {
	case ESRCH:
		return "memory of the process is gone";
	case EDQUOT:
		return "reading budget of this stack used up";
	case EBADMSG:
		return "no code object (any more)";
	case ENOMEM:
		return "out of memory";
	default:
		return "memory could not be read";
	}
}

static void make_room(struct python *py)
{
	if (py->codes.used < CODES_MAX && py->arena.bytes < CACHE_MAX)
		return;
	map_free(&py->codes);
	arena_reset(&py->arena);
}

static int read_code(struct memory *mem, struct python *py, const char *cwd, uint64_t address,
		     const struct pycode *seen, struct pycode **out)
{
	struct pycode *code;
	int err;

	make_room(py);
	code = arena_alloc(&py->arena, sizeof(*code));
	if (!code)
		return -ENOMEM;
	*code = *seen;
	err = read_texts(mem, py, cwd, code);
	if (err)
		return err;
	read_lines(mem, py, code);
	*out = code;
	return map_put(&py->codes, address, (uint64_t)(uintptr_t)code);
}

const struct pycode *pycode_get(struct memory *mem, struct python *py, const char *cwd,
				uint64_t address, const char **why)
{
	unsigned char bytes[CODE_MAX];
	struct pycode seen = { 0 }, *code = NULL;
	uint64_t known;
	int err = memory_read(mem, address, bytes, code_size(&py->offsets));

	if (map_get(&py->codes, address, &known))
		code = (struct pycode *)(uintptr_t)known;
	if (err == -ESRCH && code)
		return code;
	if (!err && word_at(bytes, 8) != py->code_type)
		err = -EBADMSG;
	if (!err) {
		fingerprint(&py->offsets, bytes, &seen);
		if (code && same(code, &seen))
			return code;
		err = read_code(mem, py, cwd, address, &seen, &code);
	}
	if (!err)
		return code;
	*why = reason(err);
	return NULL;
}

uint32_t pycode_line(const struct python *py, const struct pycode *code, uint64_t address,
		     uint64_t instr)
{
	const struct pyoffsets *o = &py->offsets;
	int64_t offset;

	if (o->code_bytes)
		offset = (int64_t)(instr - (address + o->code_bytes));
	else
		offset = (int64_t)(int32_t)(uint32_t)instr * (o->minor == 10 ? 2 : 1);
	if (offset > OFFSET_MAX)
		return 0;
	return pylines_find(o->minor, code->lines, code->n_lines, offset, code->first);
}
