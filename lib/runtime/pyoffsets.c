// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyoffsets.c: offsets as data.
 *
 * The table comes from CPython's Include/internal/pycore_runtime.h,
 * pycore_interp.h, pycore_frame.h, Include/cpython/pystate.h and code.h of
 * each version, taken from debug information of x86-64 builds and verified
 * live. The debug offsets are struct _Py_DebugOffsets of pycore_runtime.h
 * (3.13) and pycore_debug_offsets.h (3.14): groups of u64, each led by the
 * size of the struct that it describes.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "runtime/pyoffsets.h"

#define SHIM_OWNER 3 /* frames of this owner and above are entries of a C-level eval, 3.12+ */

static const struct pyoffsets known[] = {
	{ .minor = 7,
	  .interpreters_head = 24,
	  .interp_threads = 8,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 24,
	  .thread_id = 176,
	  .frame_code = 32,
	  .frame_back = 24,
	  .frame_instr = 104,
	  .code_filename = 96,
	  .code_name = 104,
	  .code_first = 36,
	  .code_lines = 112,
	  .ascii_size = 48,
	  .gil = 1264,
	  .gc = 320,
	  .gc_collecting = 312,
	  .interp_modules = 40,
	  .frame_generator = 96,
	  .code_flags = 32,
	  .code_stack = 28,
	  .code_code = 40,
	  .code_names = 56,
	  .frame_globals = 48,
	  .frame_locals = 360,
	  .frame_values = 64 },
	{ .minor = 8,
	  .interpreters_head = 32,
	  .interp_threads = 8,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 24,
	  .thread_id = 176,
	  .frame_code = 32,
	  .frame_back = 24,
	  .frame_instr = 104,
	  .code_filename = 104,
	  .code_name = 112,
	  .code_first = 40,
	  .code_lines = 120,
	  .ascii_size = 48,
	  .gil = 1152,
	  .gc = 344,
	  .gc_collecting = 200,
	  .interp_modules = 56,
	  .frame_generator = 96,
	  .code_flags = 36,
	  .code_stack = 32,
	  .code_code = 48,
	  .code_names = 64,
	  .frame_globals = 48,
	  .frame_locals = 360,
	  .frame_values = 64 },
	{ .minor = 9,
	  .interpreters_head = 32,
	  .interp_threads = 8,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 24,
	  .thread_id = 176,
	  .frame_code = 32,
	  .frame_back = 24,
	  .frame_instr = 104,
	  .code_filename = 104,
	  .code_name = 112,
	  .code_first = 40,
	  .code_lines = 120,
	  .ascii_size = 48,
	  .gil = 352,
	  .gc = 616,
	  .gc_collecting = 200,
	  .interp_modules = 856,
	  .frame_generator = 96,
	  .code_flags = 36,
	  .code_stack = 32,
	  .code_code = 48,
	  .code_names = 64,
	  .frame_globals = 48,
	  .frame_locals = 360,
	  .frame_values = 64 },
	{ .minor = 10,
	  .interpreters_head = 32,
	  .interp_threads = 8,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 24,
	  .thread_id = 176,
	  .frame_code = 32,
	  .frame_back = 24,
	  .frame_instr = 96,
	  .code_filename = 104,
	  .code_name = 112,
	  .code_first = 40,
	  .code_lines = 120,
	  .ascii_size = 48,
	  .gil = 352,
	  .gc = 616,
	  .gc_collecting = 200,
	  .interp_modules = 856,
	  .frame_generator = 88,
	  .code_flags = 36,
	  .code_stack = 32,
	  .code_code = 48,
	  .code_names = 64,
	  .frame_globals = 48,
	  .frame_locals = 352,
	  .frame_values = 64 },
	{ .minor = 11,
	  .interpreters_head = 40,
	  .interp_threads = 16,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 56,
	  .thread_id = 152,
	  .native_id = 160,
	  .cframe = 1,
	  .cframe_frame = 8,
	  .frame_code = 32,
	  .frame_back = 48,
	  .frame_instr = 56,
	  .frame_owner = 69,
	  .frame_entry = 68,
	  .code_filename = 112,
	  .code_name = 120,
	  .code_qualname = 128,
	  .code_first = 72,
	  .code_lines = 136,
	  .code_bytes = 184,
	  .ascii_size = 48,
	  .gil = 360,
	  .gc = 648,
	  .gc_collecting = 200,
	  .interp_modules = 888,
	  .code_flags = 48,
	  .generator_frame = 80,
	  .code_stack = 68,
	  .code_locals = 76,
	  .code_handlers = 40,
	  .code_names = 32,
	  .frame_globals = 8,
	  .frame_locals = 72,
	  .frame_values = 72 },
	{ .minor = 12,
	  .interpreters_head = 40,
	  .interp_threads = 72,
	  .tstate_next = 8,
	  .tstate_interp = 16,
	  .tstate_frame = 56,
	  .thread_id = 136,
	  .native_id = 144,
	  .cframe = 1,
	  .cframe_frame = 0,
	  .frame_code = 0,
	  .frame_back = 8,
	  .frame_instr = 56,
	  .frame_owner = 70,
	  .code_filename = 112,
	  .code_name = 120,
	  .code_qualname = 128,
	  .code_first = 68,
	  .code_lines = 136,
	  .code_bytes = 192,
	  .ascii_size = 40,
	  .gil = 384,
	  .gc = 112,
	  .gc_collecting = 200,
	  .interp_modules = 944,
	  .code_flags = 48,
	  .generator_frame = 72,
	  .code_stack = 64,
	  .code_locals = 72,
	  .code_handlers = 40,
	  .code_names = 32,
	  .frame_globals = 24,
	  .frame_locals = 72,
	  .frame_values = 72 },
};

int pyoffsets_known(uint32_t minor, struct pyoffsets *out)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].minor == minor) {
			*out = known[i];
			return 0;
		}
	}
	return -ENOENT;
}

/* Word of each field, and of the size of the struct it lies in. */
struct field {
	unsigned char size_word[2], word[2]; /* 3.13, 3.14 */
	unsigned char width;                 /* bytes of the field */
	size_t to;                           /* in struct pyoffsets */
};

#define FIELD(name, size13, word13, size14, word14, width)                                         \
	{                                                                                          \
		{ size13, size14 }, { word13, word14 }, width, offsetof(struct pyoffsets, name)    \
	}

static const struct field fields[] = {
	FIELD(interpreters_head, 3, 5, 3, 5, 8), FIELD(interp_next, 6, 8, 6, 8, 8),
	FIELD(interp_threads, 6, 9, 6, 9, 8),    FIELD(tstate_next, 19, 21, 22, 24, 8),
	FIELD(tstate_interp, 19, 22, 22, 25, 8), FIELD(tstate_frame, 19, 23, 22, 26, 8),
	FIELD(thread_id, 19, 24, 22, 27, 8),     FIELD(native_id, 19, 25, 22, 28, 8),
	FIELD(frame_back, 28, 29, 31, 32, 8),    FIELD(frame_code, 28, 30, 31, 33, 8),
	FIELD(frame_instr, 28, 31, 31, 34, 8),   FIELD(frame_owner, 28, 33, 31, 36, 1),
	FIELD(code_filename, 34, 35, 39, 40, 8), FIELD(code_name, 34, 36, 39, 41, 8),
	FIELD(code_qualname, 34, 37, 39, 42, 8), FIELD(code_lines, 34, 38, 39, 43, 8),
	FIELD(code_first, 34, 39, 39, 44, 4),    FIELD(code_bytes, 34, 43, 39, 48, 1),
	FIELD(ascii_size, 67, 70, 77, 80, 0),
};

/* What costs only itself when it makes no sense. */
static const struct field extras[] = {
	FIELD(gil, 6, 14, 6, 15, 8),
	FIELD(gc, 6, 10, 6, 11, 8),
	FIELD(gc_collecting, 71, 72, 81, 82, 4),
	FIELD(interp_modules, 6, 11, 6, 12, 8),
	FIELD(frame_values, 28, 32, 31, 35, 8),
};

/* 3.13 and 3.14 do not tell these. */
#define CODE_STACK         64
#define CODE_LOCALS        72
#define CODE_HANDLERS      40
#define GENERATOR_SIZE_14  83
#define GENERATOR_FRAME_13 72 /* 3.13 does not tell */
#define CODE_FLAGS         48 /* neither version does */
#define GENERATOR_FRAME_14 85

#define SIZE_MAX_PLAUSIBLE (4 * 1024 * 1024) /* _PyRuntimeState holds an interpreter */

static bool sound(const uint64_t words[PYOFFSETS_WORDS], const struct field *f, unsigned int column)
{
	uint64_t size = words[f->size_word[column]], offset = words[f->word[column]];

	return size <= SIZE_MAX_PLAUSIBLE && offset <= size && f->width <= size - offset &&
	       (f->width < 4 || offset % f->width == 0);
}

static void take_extras(const uint64_t words[PYOFFSETS_WORDS], unsigned int column,
			struct pyoffsets *out)
{
	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		uint32_t value = (uint32_t)words[extras[i].word[column]];

		if (sound(words, &extras[i], column))
			memcpy((char *)out + extras[i].to, &value, sizeof(value));
	}
	out->code_stack = CODE_STACK;
	out->code_locals = CODE_LOCALS;
	out->code_handlers = CODE_HANDLERS;
	out->code_flags = CODE_FLAGS;
	out->generator_frame = GENERATOR_FRAME_13;
	if (column)
		out->generator_frame = words[GENERATOR_FRAME_14] < words[GENERATOR_SIZE_14] &&
						       words[GENERATOR_SIZE_14] < 1024
					       ? (uint32_t)words[GENERATOR_FRAME_14]
					       : 0;
}

int pyoffsets_debug(const uint64_t words[PYOFFSETS_WORDS], struct pyoffsets *out, const char **why)
{
	uint32_t minor = (uint32_t)(words[1] >> 16 & 0xff);
	unsigned int column = minor == 14;

	memset(out, 0, sizeof(*out));
	*why = "debug offsets of the interpreter make no sense";
	if (memcmp(words, "xdebugpy", 8) || (minor != 13 && minor != 14))
		return -ENOTSUP;
	if (words[2]) {
		*why = "free-threaded build is not supported";
		return -ENOTSUP;
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];
		uint32_t value = (uint32_t)words[f->word[column]];

		if (!sound(words, f, column))
			return -EBADMSG;
		memcpy((char *)out + f->to, &value, sizeof(value));
	}
	if (out->frame_owner > 127 || out->frame_instr > 120 || out->frame_code > 120 ||
	    out->frame_back > 120 || out->native_id > 248 || out->thread_id > 248 ||
	    out->code_lines > 248 || out->code_filename > 248 || out->code_name > 248 ||
	    out->code_qualname > 248 || out->code_first > 248 || out->ascii_size > 128)
		return -EBADMSG;
	take_extras(words, column, out);
	out->minor = minor;
	return 0;
}

static void cover(uint32_t *size, uint32_t offset, uint32_t width)
{
	uint32_t need = (offset + width + 7) & ~7U;

	if (*size < need)
		*size = need;
}

void pyoffsets_layout(const struct pyoffsets *offsets, struct wire_python *out)
{
	uint32_t size = 0;

	cover(&size, offsets->frame_code, 8);
	cover(&size, offsets->frame_back, 8);
	cover(&size, offsets->frame_instr, offsets->code_bytes ? 8 : 4);
	if (offsets->frame_owner)
		cover(&size, offsets->frame_owner, 1);
	else
		cover(&size, offsets->frame_generator, 8);
	*out = (struct wire_python){
		.tstate_frame = offsets->tstate_frame,
		.cframe = offsets->cframe,
		.cframe_frame = offsets->cframe_frame,
		.frame_code = offsets->frame_code,
		.frame_back = offsets->frame_back,
		.frame_instr = offsets->frame_instr,
		.frame_owner = offsets->frame_owner,
		.instr_is_int = !offsets->code_bytes,
		.frame_size = size > 128 ? 128 : size,
		.shim_owner = offsets->minor >= 12 ? SHIM_OWNER : 0,
		.frame_generator = offsets->frame_generator,
		.generator_frame = offsets->generator_frame,
		.tstate_next = offsets->tstate_next,
		.thread_id = offsets->thread_id,
		.native_id = offsets->native_id,
	};
}
