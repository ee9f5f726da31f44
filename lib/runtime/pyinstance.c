// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyinstance.c: the attributes of an object, wherever its version puts them.
 *
 *	3.10-: a dict at tp_dictoffset
 *	3.11:  values 4 words before the object, else a dict 3 words before it
 *	3.12:  one word, 3 before: values less 1 byte if bit 0 is set, else a dict
 *	3.13+: a dict 3 words before; none yet: values behind the object's own bytes
 *
 * Values have their names in the class (ht_cached_keys). Objects whose class
 * has slots alone show nothing. Source: Include/internal/pycore_object.h,
 * pycore_dict.h, Include/cpython/object.h.
 */
#include <errno.h>
#include <string.h>
#include "runtime/pyobject.h"

#define CLASS_BYTES    896
#define CLASS_NAME     24
#define CLASS_BASIC    32
#define CLASS_FLAGS    168
#define CLASS_BASE     256
#define CLASS_DICT     264
#define CLASS_OFFSET   288
#define CLASS_BASES    336
#define KEYS_311       872
#define KEYS_312       880
#define VALUES_VALID   3 /* 3.13+: byte of the head that tells whether they hold */
#define INSTANCE_BYTES (1 << 20)
#define ATTRIBUTES     128

static uint64_t word_at(const unsigned char *bytes, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

int pyclass_read(struct memory *mem, const struct python *py, uint64_t address, struct pyclass *out)
{
	unsigned char bytes[CLASS_BYTES] = { 0 };
	uint32_t keys = py->offsets.minor >= 12 ? KEYS_312 : KEYS_311;
	int got = memory_read_some(mem, address, bytes, sizeof(bytes)), err;

	if (got < 0)
		return got;
	if (got < CLASS_BASES + 8)
		return -EFAULT;
	*out = (struct pyclass){ .address = address,
				 .basic = word_at(bytes, CLASS_BASIC),
				 .flags = word_at(bytes, CLASS_FLAGS),
				 .base = word_at(bytes, CLASS_BASE),
				 .dict = word_at(bytes, CLASS_DICT),
				 .dict_offset = (int64_t)word_at(bytes, CLASS_OFFSET),
				 .bases = word_at(bytes, CLASS_BASES) };
	if (out->flags & PYCLASS_HEAP && py->offsets.minor >= 11 && got >= (int)keys + 8)
		out->keys = word_at(bytes, keys);
	err = memory_read_some(mem, word_at(bytes, CLASS_NAME), out->name, sizeof(out->name) - 1);
	out->name[sizeof(out->name) - 1] = '\0';
	return err < 0 ? err : out->name[0] ? 0 : -EBADMSG;
}

/* Where the instance keeps them: one of both, or neither. */
static int find(struct memory *mem, const struct python *py, const struct pyclass *class,
		uint64_t object, uint64_t *dict, uint64_t *values)
{
	uint64_t words[2];
	int err;

	*dict = *values = 0;
	if (!(class->flags & PYCLASS_MANAGED) || py->offsets.minor < 11)
		return class->dict_offset > 0 && class->dict_offset < INSTANCE_BYTES
			       ? memory_word(mem, object + (uint64_t) class->dict_offset, dict)
			       : 0;
	err = memory_read(mem, object - 32, words, sizeof(words));
	if (err)
		return err;
	*dict = words[1];
	if (py->offsets.minor == 11) {
		*values = words[0];
	} else if (py->offsets.minor == 12 && words[1] & 1) {
		*values = words[1] + 1;
	} else if (py->offsets.minor >= 13 && !words[1] && class->flags & PYCLASS_INLINE &&
		   class->basic < INSTANCE_BYTES) {
		*values = object + class->basic;
		err = memory_word(mem, *values, words);
		if (!(words[0] >> (8 * VALUES_VALID) & 0xff))
			*values = 0;
	}
	if (*values)
		*dict = 0;
	return err;
}

int pyinstance_walk(struct memory *mem, const struct python *py, const struct pyclass *class,
		    uint64_t object, int (*visit)(void *ctx, uint64_t key, uint64_t value),
		    void *ctx)
{
	struct pysplit split = { .keys = class->keys };
	uint64_t dict;
	int err = find(mem, py, class, object, &dict, &split.values);

	if (err)
		return err;
	if (split.values)
		return split.keys ? pysplit_walk(mem, py, &split, ATTRIBUTES, visit, ctx) : 0;
	return pyobject_plausible(dict) ? pydict_walk(mem, py, dict, ATTRIBUTES, visit, ctx) : 0;
}
