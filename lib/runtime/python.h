/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * python.h: one CPython, as it was found in a process; shared by the py*.c
 * files of this room alone.
 */
#ifndef PYTHON_H
#define PYTHON_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/hash.h"
#include "name/frames.h"
#include "name/proc.h"
#include "runtime/pyoffsets.h"

#define PYTHON_TEXT 1024 /* bytes of a string read; paths are shortened before they are cut */

/* A code object that has been read. */
struct pycode {
	uint64_t name_at, file_at, lines_at; /* fingerprint, with first: addresses are reused */
	uint32_t first;
	bool app, shim;
	const char *name, *file, *module; /* in the arena */
	const uint8_t *lines;
	size_t n_lines;
};

#define PYTASKS_SEGMENTS 4

/* What is known of greenlets and asyncio, for pytask.h. */
struct pytasks {
	bool greenlets, asyncio, uvloop; /* their modules are mapped */
	struct {
		uint64_t at, size;
	} data[PYTASKS_SEGMENTS]; /* writable segments of the module of greenlets */
	unsigned int n_data;
	uint32_t stop;          /* offset of stack_stop in a greenlet's state; 0: not known */
	uint32_t running_task;  /* 3.14: in the thread state; 0: not told */
	uint64_t current_tasks; /* dict of asyncio: loop to task; 0: not known */
	uint32_t coro, name;    /* in a task of C: its coroutine and its name; 0: not known */
	uint32_t wait;          /* stacks to go before it is looked for again */
};

struct python {
	struct pyoffsets offsets;
	uint64_t runtime;              /* address of _PyRuntime */
	uint64_t code_type, text_type; /* PyCode_Type, PyUnicode_Type */
	uint64_t frame_type;           /* PyFrame_Type; 0: not exported */
	uint64_t none;                 /* _Py_NoneStruct; 0: not exported */
	struct pytasks tasks;
	uint64_t eval;    /* _PyEval_EvalFrameDefault; 0: not exported */
	uint64_t dealloc; /* _Py_Dealloc; 0: not exported */
	uint64_t inode;   /* of the file that is the interpreter */
	uint32_t device;
	struct map codes; /* address to struct pycode * */
	struct arena arena;
};

/* A thread state. Borrowed until the visit returns. */
struct pythread {
	uint64_t address;
	uint64_t thread_id; /* pthread_self() */
	uint64_t native_id; /* gettid() in its own namespace; 0 before 3.11 */
};

/* Visits every thread state until visit returns non-zero, and returns that. 0: all seen.
 * -EBADMSG: the lists make no sense; other -errno: memory. */
int pythread_walk(struct memory *mem, const struct python *py,
		  int (*visit)(void *ctx, const struct pythread *thread), void *ctx);

/* Any thread state. 0 or -errno. */
int pythread_first(struct memory *mem, const struct python *py, uint64_t *tstate);

/* Innermost frame of a thread; 0 with *frame 0 when it has none. */
int pythread_head(struct memory *mem, const struct pyoffsets *offsets, uint64_t tstate,
		  uint64_t *frame);

/* The offsets against what the process itself says. 0, or -errno with *why, a literal. */
int pycheck(struct memory *mem, const struct python *py, const char **why);

/* A str of the target as UTF-8, surrogate escapes as the bytes they stand for. 0 or -errno. */
int pytext_read(struct memory *mem, const struct python *py, uint64_t address, char *out,
		size_t size);

/* A code object, from memory or, when that is gone, from what is known. NULL with *why. */
const struct pycode *pycode_get(struct memory *mem, struct python *py, const char *cwd,
				uint64_t address, const char **why);

/* What a frame of Python code is called; name has 32 bytes. False: it is a C entry. */
bool python_text(struct proc *proc, const struct wire_pyframe *raw, char *name,
		 struct frame_text *out);

/* A frame of Python code. */
void python_frame(struct proc *proc, const struct wire_pyframe *raw, struct frames *out);

/* The stack, native and Python frames in one order. */
void pystack_name(struct proc *proc, const struct wire_stack *stack,
		  const struct wire_memory *memory, struct frames *out);

/* Fills the Python frames of a thread, known by its tid in its own pid namespace. */
void pyowner_walk(struct proc *proc, uint32_t nstid, struct wire_stack *stack);

/* Line at an instruction, as pywalk.h recorded it. 0: none. */
uint32_t pycode_line(const struct python *py, const struct pycode *code, uint64_t address,
		     uint64_t instr);

#endif
