// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyobject.c: types, ints and functions, by the layouts that have not
 * changed from 3.7 to 3.14 (Include/cpython/object.h, methodobject.h,
 * Objects/funcobject.c, Modules/_functoolsmodule.c).
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"

#define BASES_MAX    20
#define HOPS_MAX     4 /* a partial of a method of ... */
#define TYPE_SIZE    296
#define TYPE_NAME    24
#define TYPE_BASIC   32
#define TYPE_CALL    128
#define TYPE_FLAGS   168
#define TYPE_BASE    256
#define TYPE_DICT    288
#define METHOD_FUNC  16 /* im_func, fn of a partial, m_ml of a builtin */
#define DIGIT_BITS   30
#define INT_DIGITS   24
#define INT_NEGATIVE 2 /* lv_tag, 3.12+: 0 positive, 1 zero */

const char *pytype_short(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot[1] ? dot + 1 : name;
}

int pytype_read(struct memory *mem, uint64_t address, struct pytype *out)
{
	unsigned char bytes[TYPE_SIZE];
	uint64_t name;
	int err = memory_read(mem, address, bytes, sizeof(bytes)), got;

	if (err)
		return err;
	memcpy(&name, bytes + TYPE_NAME, sizeof(name));
	memcpy(&out->basic, bytes + TYPE_BASIC, sizeof(out->basic));
	memcpy(&out->base, bytes + TYPE_BASE, sizeof(out->base));
	memcpy(&out->dict, bytes + TYPE_DICT, sizeof(out->dict));
	memcpy(&out->call, bytes + TYPE_CALL, sizeof(out->call));
	memcpy(&out->flags, bytes + TYPE_FLAGS, sizeof(out->flags));
	memset(out->name, 0, sizeof(out->name));
	got = memory_read_some(mem, name, out->name, sizeof(out->name) - 1);
	if (got < 0)
		return got;
	return out->name[0] ? 0 : -EBADMSG;
}

int pytype_of(struct memory *mem, uint64_t object, struct pytype *out)
{
	uint64_t type;
	int err = memory_word(mem, object + 8, &type);

	if (err)
		return err;
	return pyobject_plausible(type) ? pytype_read(mem, type, out) : -EBADMSG;
}

int pytype_find(struct memory *mem, const struct pytype *type, const char *name, struct pytype *out)
{
	*out = *type;
	for (unsigned int i = 0; i < BASES_MAX; i++) {
		int err;

		if (strcmp(pytype_short(out->name), name) == 0)
			return 0;
		if (!out->base)
			return -ENOENT;
		if (!pyobject_plausible(out->base))
			return -EBADMSG;
		err = pytype_read(mem, out->base, out);
		if (err)
			return err;
	}
	return -ENOENT;
}

static int number_read(struct memory *mem, const struct python *py, const char *name,
		       uint64_t object, uint64_t *value)
{
	unsigned char bytes[INT_DIGITS + 8];
	struct pytype type;
	uint64_t size;
	uint32_t digits[2];
	int err = pytype_of(mem, object, &type);

	if (!err)
		err = memory_read(mem, object, bytes, sizeof(bytes));
	if (err)
		return err;
	if (strcmp(type.name, name))
		return -EBADMSG;
	memcpy(&size, bytes + 16, sizeof(size));
	memcpy(digits, bytes + INT_DIGITS, sizeof(digits));
	if (py->offsets.minor >= 12)
		size = size & INT_NEGATIVE ? UINT64_MAX : size >> 3;
	if (size > 2)
		return -ERANGE;
	*value = size ? digits[0] : 0;
	if (size == 2)
		*value |= (uint64_t)digits[1] << DIGIT_BITS;
	return 0;
}

int pyint_read(struct memory *mem, const struct python *py, uint64_t object, uint64_t *value)
{
	return number_read(mem, py, "int", object, value);
}

int pybool_read(struct memory *mem, const struct python *py, uint64_t object, uint64_t *value)
{
	return number_read(mem, py, "bool", object, value);
}

static int function_texts(struct memory *mem, const struct python *py, uint64_t object, char *name,
			  size_t size, uint64_t *code)
{
	bool young = py->offsets.minor >= 10;
	uint64_t at;
	int err = memory_word(mem, object + (young ? 48 : 16), code);

	if (!err)
		err = memory_word(mem, object + (young ? 40 : 104), &at);
	return err ? err : pytext_read(mem, py, at, name, size);
}

/* PyMethodDef.ml_name is a C string. */
static int builtin_text(struct memory *mem, uint64_t object, char *name, size_t size)
{
	uint64_t at;
	int err = memory_word(mem, object + METHOD_FUNC, &at), got;

	if (!err)
		err = memory_word(mem, at, &at);
	if (err)
		return err;
	memset(name, 0, size);
	got = memory_read_some(mem, at, name, size - 1);
	return got < 0 ? got : 0;
}

int pyfunction_read(struct memory *mem, const struct python *py, uint64_t object, char *name,
		    size_t size, uint64_t *code)
{
	struct pytype type;
	int err = 0;

	*code = 0;
	for (unsigned int i = 0; !err && i < HOPS_MAX; i++) {
		err = pytype_of(mem, object, &type);
		if (err)
			return err;
		if (strcmp(type.name, "function") == 0)
			return function_texts(mem, py, object, name, size, code);
		if (strcmp(type.name, "builtin_function_or_method") == 0)
			return builtin_text(mem, object, name, size);
		if (strcmp(type.name, "method") && strcmp(type.name, "functools.partial"))
			return -ENOENT;
		err = memory_word(mem, object + METHOD_FUNC, &object);
	}
	return err ? err : -ENOENT;
}
