// SPDX-License-Identifier: BSD-2-Clause
/*
 * pyattr.c: attributes by name: in the dict of an instance, or in the slots
 * of its class.
 *
 *	PyMemberDef, 40 bytes: name @0, type @8, offset @16; a name of 0 is the end
 *
 * Source: Include/descrobject.h, Objects/typeobject.c (type_new).
 */
#include <errno.h>
#include <string.h>
#include "runtime/poolread.h"

#define NAME        64
#define MEMBER      40
#define MEMBERS     64 /* of one class */
#define BASES       8
#define TYPE_MEMBER 240
#define TYPE_BASE   256
#define INSTANCE    4096

struct wanted {
	struct memory *mem;
	const struct python *py;
	const char *const *names;
	unsigned int n;
	uint64_t *values;
};

static int match(void *ctx, uint64_t key, uint64_t value)
{
	struct wanted *wanted = ctx;
	char text[NAME];
	int err = pytext_read(wanted->mem, wanted->py, key, text, sizeof(text));

	if (err)
		return err == -ESRCH || err == -EDQUOT ? err : 0;
	for (unsigned int i = 0; i < wanted->n; i++)
		if (!strcmp(text, wanted->names[i]))
			wanted->values[i] = value;
	return 0;
}

int pyattr_get(struct memory *mem, const struct python *py, uint64_t object,
	       const char *const *names, unsigned int n, uint64_t *values)
{
	struct wanted wanted = { mem, py, names, n, values };
	struct pyclass class;
	uint64_t type;
	int err = memory_word(mem, object + 8, &type);

	memset(values, 0, n * sizeof(*values));
	if (!err && !pyobject_plausible(type))
		err = -EBADMSG;
	if (!err)
		err = pyclass_read(mem, py, type, &class);
	return err ? err : pyinstance_walk(mem, py, &class, object, match, &wanted);
}

/* What of the names is among the members of this one class. */
static int search_members(struct memory *mem, uint64_t members, const char *const *names,
			  unsigned int n, uint32_t *offsets)
{
	for (unsigned int i = 0; pyobject_plausible(members) && i < MEMBERS; i++) {
		uint64_t member[MEMBER / 8];
		char text[NAME] = "";
		int err = memory_read(mem, members + i * MEMBER, member, sizeof(member));

		if (err || !member[0])
			return err;
		err = memory_read_some(mem, member[0], text, sizeof(text) - 1);
		if (err < 0)
			return err;
		for (unsigned int k = 0; k < n; k++)
			if (!offsets[k] && !strcmp(text, names[k]) && member[2] < INSTANCE &&
			    member[2] % 8 == 0)
				offsets[k] = (uint32_t)member[2];
	}
	return 0;
}

int pyattr_slots(struct memory *mem, uint64_t type, const char *const *names, unsigned int n,
		 uint32_t *offsets)
{
	uint64_t members;

	memset(offsets, 0, n * sizeof(*offsets));
	for (unsigned int i = 0; i < BASES && pyobject_plausible(type); i++) {
		int err = memory_word(mem, type + TYPE_MEMBER, &members);

		if (!err)
			err = search_members(mem, members, names, n, offsets);
		if (!err)
			err = memory_word(mem, type + TYPE_BASE, &type);
		if (err)
			return err;
	}
	for (unsigned int k = 0; k < n; k++)
		if (!offsets[k])
			return -ENOENT;
	return 0;
}
