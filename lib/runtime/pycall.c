// SPDX-License-Identifier: BSD-2-Clause
/*
 * pycall.c: from a frame at a call instruction to the name of the C function.
 *
 *	code object -> pydepth.h -> slot of the value stack -> callable -> "pickle.loads"
 *
 * The object itself is looked at, never a name in the source, so that `from
 * pickle import loads as l` makes no difference. If the frame has moved on
 * since its stack was taken, nothing is said. About 20 reads.
 *
 * Source of the layouts: Include/cpython/methodobject.h, descrobject.h.
 */
#include "runtime/pycall.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "greenwatch.h"
#include "runtime/pydepth.h"
#include "runtime/pyobject.h"

#define CODE_HEAD    256  /* bytes of a code object */
#define HANDLERS_MAX 8192 /* bytes of an exception table */
#define BYTES_SIZE   16   /* ob_size */
#define BYTES_DATA   32   /* PyBytesObject.ob_sval */
#define LOCALS_MAX   4096
#define FRAME_HEAD   128  /* bytes with all that is looked at, in any version */
#define FRAME_MAX    8192 /* bytes of a frame with its variables and values */
#define METHOD_HOPS  3    /* a bound method of a bound method */
#define METHOD_FUNC  16
#define METHOD_SELF  24 /* m_self, im_self */
#define METHOD_OWNER 32 /* m_module */
#define DESCR_TYPE   16
#define DESCR_METHOD 40
#define DEF_NAME     0
#define DEF_FUNCTION 8
#define BASES_MAX    20
#define TUPLE_ITEMS  24
#define NAMES_MAX    0xffff
#define GLOBALS_MAX  4096
#define LENT_FROM    8  /* versions in which the callable lies right before its arguments, and */
#define LENT_TO      12 /* these are passed as they lie on the stack */
#define PART         96 /* bytes of each half of a name */

struct caller {
	struct proc *proc;
	const struct wire_pyframe *raw;
	uint64_t code;
	unsigned char head[CODE_HEAD];
};

struct callee {
	char owner[PART];  /* module or type */
	char name[PART];   /* "": the type itself was called */
	uint64_t function; /* address of the C function; 0: not known */
};

static uint64_t word_at(const unsigned char *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static uint32_t int_at(const unsigned char *bytes, uint32_t offset)
{
	uint32_t value;

	memcpy(&value, bytes + offset, sizeof(value));
	return value;
}

/* The contents of a bytes object, at most that many. Bytes or -errno. */
static int64_t read_bytes(struct memory *mem, uint64_t address, uint8_t *out, size_t most)
{
	uint64_t size;
	int err = memory_word(mem, address + BYTES_SIZE, &size);

	if (err)
		return err;
	if (size > most)
		return -E2BIG;
	err = size ? memory_read(mem, address + BYTES_DATA, out, (size_t)size) : 0;
	return err ? err : (int64_t)size;
}

/* Its bytecode and exception table, in out and handlers. 0 or -errno. */
static int read_code(struct caller *c, uint8_t *out, uint8_t *handlers, struct pydepth_code *code)
{
	const struct pyoffsets *o = &c->proc->python->offsets;
	struct memory *mem = &c->proc->mem;
	int64_t n;

	*code = (struct pydepth_code){ .minor = o->minor, .bytes = out, .handlers = handlers };
	if (!o->code_bytes) {
		n = read_bytes(mem, word_at(c->head, o->code_code), out, PYDEPTH_CODE);
		code->n = n < 0 ? 0 : (size_t)n;
		return n < 0 ? (int)n : 0;
	}
	code->n = (size_t)word_at(c->head, BYTES_SIZE) * 2;
	if (code->n > PYDEPTH_CODE)
		return -E2BIG;
	n = read_bytes(mem, word_at(c->head, o->code_handlers), handlers, HANDLERS_MAX);
	if (n < 0)
		return (int)n;
	code->n_handlers = (size_t)n;
	return memory_read(mem, c->code + o->code_bytes, out, code->n);
}

/* Offset of the frame's instruction in bytes. */
static uint64_t instr_offset(const struct caller *c)
{
	const struct pyoffsets *o = &c->proc->python->offsets;

	if (o->code_bytes)
		return c->raw->instr - (c->code + o->code_bytes);
	return (c->raw->instr & 0xffffffff) * (o->minor == 10 ? 2 : 1);
}

static int find_call(struct caller *c, struct pydepth_call *call)
{
	uint8_t *bytes = malloc(PYDEPTH_CODE + HANDLERS_MAX);
	struct pydepth_code code;
	int err;

	if (!bytes)
		return -ENOMEM;
	err = read_code(c, bytes, bytes + PYDEPTH_CODE, &code);
	if (!err)
		err = pydepth_find(&code, instr_offset(c), call);
	free(bytes);
	return err;
}

static int find_values(const struct caller *c, uint64_t *at)
{
	const struct pyoffsets *o = &c->proc->python->offsets;
	uint32_t locals;

	*at = c->raw->frame + o->frame_values;
	if (!o->code_bytes)
		return memory_word(&c->proc->mem, *at, at);
	locals = int_at(c->head, o->code_locals);
	*at += 8ULL * locals;
	return locals > LOCALS_MAX ? -EBADMSG : 0;
}

/* Slots of the value stack, of a frame that is where it was when its stack was taken: both in one
 * read, for a frame that runs is soon elsewhere, and there again. 0 or -errno. */
static int read_slots(const struct caller *c, uint32_t slot, uint64_t out[2])
{
	const struct pyoffsets *o = &c->proc->python->offsets;
	unsigned char bytes[FRAME_MAX];
	uint64_t values, end, instr;
	int err = find_values(c, &values);

	end = values + 8ULL * slot + 16 - c->raw->frame;
	if (!err && (values < c->raw->frame || o->frame_instr > FRAME_HEAD - 8 ||
		     o->frame_code > FRAME_HEAD - 8 || end > sizeof(bytes)))
		err = -E2BIG;
	if (!err)
		err = memory_read(&c->proc->mem, c->raw->frame, bytes,
				  end < FRAME_HEAD ? FRAME_HEAD : (size_t)end);
	if (err)
		return err;
	instr = o->code_bytes ? word_at(bytes, o->frame_instr) : int_at(bytes, o->frame_instr);
	if (instr != c->raw->instr || (word_at(bytes, o->frame_code) & ~7ULL) != c->code)
		return -EAGAIN;
	memcpy(out, bytes + end - 16, 16);
	return 0;
}

static int read_text(struct memory *mem, uint64_t at, char out[PART])
{
	int got;

	memset(out, 0, PART);
	got = memory_read_some(mem, at, out, PART - 1);
	return got < 0 ? got : out[0] ? 0 : -EBADMSG;
}

static bool is_heap(const struct pytype *type)
{
	return type->flags & 1 << 9; /* Py_TPFLAGS_HEAPTYPE */
}

/* Types of C modules have dotted names also where they are made at run time, classes have not. */
static bool is_class(const struct pytype *type)
{
	return is_heap(type) && !strchr(type->name, '.');
}

/* A type of C code: this one, or the first that it is derived from. */
static int native_type(struct memory *mem, struct pytype *type, char out[PART])
{
	for (unsigned int i = 0; is_class(type); i++) {
		int err = i < BASES_MAX && pyobject_plausible(type->base)
				  ? pytype_read(mem, type->base, type)
				  : -EBADMSG;

		if (err)
			return err;
	}
	snprintf(out, PART, "%s", type->name);
	return 0;
}

/* The modules that people know are mostly those without the underscore. */
static void public_name(char module[PART])
{
	static const char *const known[] = { "_abc",         "_bisect",    "_bz2",     "_codecs",
					     "_collections", "_csv",       "_ctypes",  "_datetime",
					     "_decimal",     "_functools", "_hashlib", "_heapq",
					     "_io",          "_json",      "_lzma",    "_operator",
					     "_pickle",      "_queue",     "_random",  "_socket",
					     "_sqlite3",     "_ssl",       "_struct",  "_weakref" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(module, known[i]) == 0)
			memmove(module, module + 1, strlen(module));
	}
}

static int read_definition(struct memory *mem, uint64_t definition, struct callee *out)
{
	uint64_t name;
	int err = memory_word(mem, definition + DEF_NAME, &name);

	if (!err)
		err = memory_word(mem, definition + DEF_FUNCTION, &out->function);
	return err ? err : read_text(mem, name, out->name);
}

/* A function of a module, or the method of an object or a type, which is its self. */
static int builtin(struct memory *mem, const struct python *py, uint64_t object, struct callee *out)
{
	uint64_t words[3];
	struct pytype self;
	int err = memory_read(mem, object + METHOD_FUNC, words, sizeof(words));

	if (!err)
		err = read_definition(mem, words[0], out);
	if (err)
		return err;
	if (words[2] && !pytext_read(mem, py, words[2], out->owner, PART)) {
		public_name(out->owner);
		return 0;
	}
	if (!words[1])
		return -ENOENT;
	err = pytype_of(mem, words[1], &self);
	if (!err && strcmp(self.name, "type") == 0)
		err = pytype_read(mem, words[1], &self);
	return err ? err : native_type(mem, &self, out->owner);
}

static int descriptor(struct memory *mem, uint64_t object, struct callee *out)
{
	uint64_t at, definition;
	struct pytype type;
	int err = memory_word(mem, object + DESCR_TYPE, &at);

	if (!err)
		err = memory_word(mem, object + DESCR_METHOD, &definition);
	if (!err)
		err = read_definition(mem, definition, out);
	if (!err)
		err = pytype_read(mem, at, &type);
	return err ? err : native_type(mem, &type, out->owner);
}

static int called_type(struct memory *mem, uint64_t object, struct callee *out)
{
	struct pytype type;
	int err = pytype_read(mem, object, &type);

	if (!err && is_class(&type))
		err = -ENOENT; /* calls its __init__ */
	if (!err)
		snprintf(out->owner, PART, "%s", type.name);
	return err;
}

/* -ENOENT: not of C, or not known what. */
static int resolve(struct memory *mem, const struct python *py, uint64_t object, struct callee *out)
{
	struct pytype type;
	int err = 0;

	for (unsigned int i = 0; !err && i < METHOD_HOPS; i++) {
		err = pytype_of(mem, object, &type);
		if (err)
			return err;
		if (strcmp(type.name, "builtin_function_or_method") == 0 ||
		    strcmp(type.name, "builtin_method") == 0 ||
		    strcmp(pytype_short(type.name), "cython_function_or_method") == 0)
			return builtin(mem, py, object, out);
		if (strcmp(type.name, "method_descriptor") == 0 ||
		    strcmp(type.name, "classmethod_descriptor") == 0)
			return descriptor(mem, object, out);
		if (strcmp(type.name, "type") == 0)
			return called_type(mem, object, out);
		if (strcmp(type.name, "function") == 0)
			return -ENOENT;
		if (strcmp(type.name, "method"))
			return is_class(&type) || !type.call ? -ENOENT
							     : native_type(mem, &type, out->owner);
		err = memory_word(mem, object + METHOD_FUNC, &object);
	}
	return err ? err : -ENOENT;
}

struct global {
	uint64_t name, value;
	bool same;
};

static int is_global(void *ctx, uint64_t key, uint64_t value)
{
	struct global *global = ctx;

	global->same = key == global->name && value == global->value;
	return key == global->name;
}

static bool has_name(const struct caller *c, uint64_t text, const struct callee *callee)
{
	const char *wanted = callee->name[0] ? callee->name : pytype_short(callee->owner);
	char name[PART];

	return !pytext_read(&c->proc->mem, c->proc->python, text, name, sizeof(name)) &&
	       strcmp(name, wanted) == 0;
}

/* Is that the object which the instruction has loaded, by its name or by where it lies? */
static bool was_loaded(const struct caller *c, const struct pydepth_load *load, uint64_t object,
		       const struct callee *callee)
{
	const struct pyoffsets *o = &c->proc->python->offsets;
	struct memory *mem = &c->proc->mem;
	bool half = load->load == PYLOAD_GLOBAL_HALF || load->load == PYLOAD_ATTR_HALF;
	uint64_t at = word_at(c->head, o->code_names) + TUPLE_ITEMS;
	struct global global = { .value = object };

	if (load->load == PYLOAD_NONE || load->arg > NAMES_MAX)
		return false;
	if (load->load == PYLOAD_LOCAL)
		return !memory_word(mem, c->raw->frame + o->frame_locals + 8ULL * load->arg, &at) &&
		       at == object;
	if (memory_word(mem, at + 8ULL * (half ? load->arg / 2 : load->arg), &global.name))
		return false;
	if (has_name(c, global.name, callee))
		return true;
	if (load->load == PYLOAD_ATTR || load->load == PYLOAD_ATTR_HALF ||
	    memory_word(mem, c->raw->frame + o->frame_globals, &at))
		return false;
	return pydict_walk(mem, c->proc->python, at, GLOBALS_MAX, is_global, &global) > 0 &&
	       global.same;
}

/* While it runs, what is called may put something else where it lies, if that is right before its
 * arguments: PY_VECTORCALL_ARGUMENTS_OFFSET, bound methods and partials do. */
static bool is_lent(const struct caller *c, const struct pydepth_call *call, bool second)
{
	uint32_t minor = c->proc->python->offsets.minor;

	return minor >= LENT_FROM && minor <= LENT_TO && !call->spread && (second || !call->paired);
}

/* What is called. 0 or -errno. */
static int find_callee(struct caller *c, struct callee *out)
{
	const struct python *py = c->proc->python;
	struct memory *mem = &c->proc->mem;
	struct pydepth_call call;
	uint64_t slots[2];
	bool second;
	int err = memory_read(mem, c->code, c->head, sizeof(c->head));

	if (!err && word_at(c->head, 8) != py->code_type)
		err = -EBADMSG;
	if (!err)
		err = find_call(c, &call);
	if (!err && call.slot + 1 + call.paired > int_at(c->head, py->offsets.code_stack))
		err = -EBADMSG;
	if (!err)
		err = read_slots(c, call.slot, slots);
	if (err)
		return err;
	second = call.paired && !slots[0];
	slots[second] &= ~7ULL; /* 3.14 tags it */
	err = pyobject_plausible(slots[second]) ? resolve(mem, py, slots[second], out) : -EBADMSG;
	if (!err && is_lent(c, &call, second) &&
	    !was_loaded(c, &call.load[second], slots[second], out))
		err = -ENOENT;
	return err;
}

void pycall_frame(struct proc *proc, const struct wire_pyframe *raw, struct frames *out)
{
	struct frame_text frame = { .kind = GW_FRAME_NATIVE, .file = GW_FILE_BYTECODE };
	struct caller caller = { .proc = proc, .raw = raw, .code = raw->code << 8 >> 8 };
	struct callee callee = { .function = 0 };
	const struct mapping *map;
	char name[2 * PART];

	if (!proc->python->offsets.frame_values || find_callee(&caller, &callee))
		return;
	snprintf(name, sizeof(name), "%s%s%s", callee.owner, callee.name[0] ? "." : "",
		 callee.name);
	frame.name = name;
	map = callee.function ? proc_find(proc, callee.function) : NULL;
	frame.module = map ? maps_base(map) : NULL;
	frames_add(out, &frame);
}
