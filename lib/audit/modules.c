// SPDX-License-Identifier: BSD-2-Clause
/*
 * modules.c: sys.modules, in order of import.
 *
 * The order tells who came before the patching: a module enters the dict as
 * its import begins. The standard library is where os.py lies.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/audit.h"
#include "runtime/pypath.h"

#define MODULE_DICT 16

bool audit_text(struct audit *a, uint64_t object, char out[AUDIT_TEXT])
{
	char text[PYTHON_TEXT + 1];

	if (!pyobject_plausible(object) || pytext_read(a->mem, a->py, object, text, sizeof(text)))
		return false;
	snprintf(out, AUDIT_TEXT, "%.*s", AUDIT_TEXT - 1, text);
	return true;
}

struct audit_module *audit_find(const struct audit *a, const char *name)
{
	uint64_t i;

	if (!map_get(&a->by_name, hash_add(HASH_START, name, strlen(name)) >> 1, &i))
		return NULL;
	return strcmp(a->modules[i].name, name) ? NULL : &a->modules[i];
}

uint64_t audit_attribute(struct audit *a, const char *module, const char *name)
{
	const struct audit_module *found = audit_find(a, module);
	uint64_t value;

	if (!found || pydict_get(a->mem, a->py, found->dict, AUDIT_DICT, name, &value))
		return 0;
	return value;
}

static int add_module(struct audit *a, const char *name, uint64_t object, uint64_t dict)
{
	struct audit_module *module = &a->modules[a->n_modules];
	char file[PYTHON_TEXT + 1] = "";
	struct pypath place;
	uint64_t at;

	if (!pydict_get(a->mem, a->py, dict, 64, "__file__", &at) &&
	    pytext_read(a->mem, a->py, at, file, sizeof(file)))
		file[0] = '\0';
	*module = (struct audit_module){ .object = object, .dict = dict };
	module->name = arena_copy(&a->arena, name, strlen(name));
	module->file = arena_copy(&a->arena, file, strlen(file));
	if (!module->name || !module->file)
		return -ENOMEM;
	pypath_place(module->file, a->proc->cwd, &place);
	module->shown = place.file;
	module->app = place.app;
	if (map_put(&a->by_dict, dict, a->n_modules) ||
	    map_put(&a->by_name, hash_add(HASH_START, name, strlen(name)) >> 1, a->n_modules))
		return -ENOMEM;
	a->n_modules++;
	return 0;
}

static int take(void *ctx, uint64_t key, uint64_t value)
{
	struct audit *a = ctx;
	char name[AUDIT_TEXT];
	uint64_t dict, seen;
	const struct audit_class *class;

	if (audit_over(a))
		return 1;
	if (a->n_modules == AUDIT_MODULES) {
		a->cut |= WIRE_AUDIT_CUT_ROOM;
		return 1;
	}
	class = audit_class_of(a, value);
	if (!class || class->what != AUDIT_MODULE || !audit_text(a, key, name) ||
	    memory_word(a->mem, value + MODULE_DICT, &dict) || !pyobject_plausible(dict) ||
	    map_get(&a->by_dict, dict, &seen))
		return 0;
	return add_module(a, name, value, dict);
}

static bool is_green(const char *name)
{
	static const char *const roots[] = { "gevent", "greenlet", "eventlet" };

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		size_t n = strlen(roots[i]);

		if (!strncmp(name, roots[i], n) && (!name[n] || name[n] == '.'))
			return true;
	}
	return false;
}

static enum audit_home home_of(const struct audit_module *module, const char *root, size_t len)
{
	if (is_green(module->name))
		return AUDIT_GREEN;
	if (!strcmp(module->name, "__main__") || !strcmp(module->name, "__mp_main__"))
		return AUDIT_OTHER;
	if (!module->file[0])
		return AUDIT_STANDARD;
	return len && !strncmp(module->file, root, len) &&
			       !strstr(module->file + len, "site-packages/") &&
			       !strstr(module->file + len, "dist-packages/")
		       ? AUDIT_STANDARD
		       : AUDIT_OTHER;
}

static void place_all(struct audit *a)
{
	const struct audit_module *os = audit_find(a, "os");
	const char *root = os ? os->file : "", *slash = strrchr(root, '/');
	size_t len = slash ? (size_t)(slash + 1 - root) : 0;

	for (uint32_t i = 0; i < a->n_modules; i++)
		a->modules[i].home = home_of(&a->modules[i], root, len);
}

int audit_modules(struct audit *a)
{
	uint64_t interp = 0, dict = 0;
	int err = memory_word(a->mem, a->py->runtime + a->py->offsets.interpreters_head, &interp);

	if (!err)
		err = memory_word(a->mem, interp + a->py->offsets.interp_modules, &dict);
	if (err)
		return err;
	a->modules = calloc(AUDIT_MODULES, sizeof(*a->modules));
	if (!a->modules)
		return -ENOMEM;
	err = pydict_walk(a->mem, a->py, dict, AUDIT_MODULES * 2, take, a);
	place_all(a);
	if (err < 0)
		return err;
	return a->n_modules ? 0 : -ENOENT;
}
