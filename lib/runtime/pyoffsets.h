/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pyoffsets.h: where things lie in a CPython of a given version.
 *
 * 3.7 to 3.12 are a table; 3.13 and 3.14 tell their own offsets. A version
 * that is neither is refused, never guessed. 64-bit, little-endian, with a
 * GIL.
 */
#ifndef PYOFFSETS_H
#define PYOFFSETS_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/wire.h"

#define PYOFFSETS_WORDS 87 /* of _Py_DebugOffsets, as far as it is needed */

struct pyoffsets {
	uint32_t minor;
	uint32_t interpreters_head; /* in _PyRuntime */
	uint32_t interp_next, interp_threads;
	uint32_t tstate_next, tstate_interp, tstate_frame;
	uint32_t thread_id, native_id; /* in the thread state; native_id 0: none */
	uint32_t cframe, cframe_frame; /* cframe: 1 if there is one between thread and frame */
	uint32_t frame_code, frame_back, frame_instr;
	uint32_t frame_owner;                             /* 0: none */
	uint32_t frame_entry;                             /* 3.11's is_entry, u8; 0: none */
	uint32_t code_filename, code_name, code_qualname; /* code_qualname 0: none */
	uint32_t code_first, code_lines, code_bytes;      /* code_bytes 0: f_lasti is an offset */
	uint32_t ascii_size;                              /* sizeof PyASCIIObject */
	/* Not needed for frames; 0: not known. */
	uint32_t gil; /* its struct in _PyRuntime, or, 3.12+, a pointer in the interpreter */
	uint32_t gc;  /* struct in the interpreter, up to 3.8 in _PyRuntime */
	uint32_t gc_collecting;   /* in that struct */
	uint32_t interp_modules;  /* sys.modules */
	uint32_t frame_generator; /* 3.10 and older: f_gen */
	uint32_t code_flags;      /* co_flags, u32 */
	uint32_t generator_frame; /* 3.11+: the frame inside its generator or coroutine */
	/* What a frame calls; frame_values 0: not known. */
	uint32_t code_stack;    /* co_stacksize */
	uint32_t code_code;     /* 3.10 and older: co_code */
	uint32_t code_locals;   /* 3.11+: co_nlocalsplus */
	uint32_t code_handlers; /* 3.11+: co_exceptiontable */
	uint32_t code_names;    /* co_names */
	uint32_t frame_globals; /* f_globals */
	uint32_t frame_locals;  /* the first local variable */
	uint32_t frame_values;  /* f_valuestack, a pointer; 3.11+: localsplus, it begins behind them
				 */
};

/* 3.7 to 3.12: 0; -ENOENT. */
int pyoffsets_known(uint32_t minor, struct pyoffsets *out);

/* The words at _PyRuntime, 3.13 and 3.14. -ENOTSUP or -EBADMSG with *why, a literal. */
int pyoffsets_debug(const uint64_t words[PYOFFSETS_WORDS], struct pyoffsets *out, const char **why);

void pyoffsets_layout(const struct pyoffsets *offsets, struct wire_python *out);

#endif
