// SPDX-License-Identifier: BSD-2-Clause
/*
 * classes.c: what the classes of the target are, each read once.
 */
#include <stdlib.h>
#include <string.h>
#include "audit/audit.h"

#define BASES_MAX 24
#define DICT_MAX  4096

static const struct {
	const char *name;
	enum audit_what what;
} builtin[] = {
	{ "module", AUDIT_MODULE },
	{ "function", AUDIT_FUNCTION },
	{ "method", AUDIT_METHOD },
	{ "builtin_function_or_method", AUDIT_BUILTIN },
	{ "functools.partial", AUDIT_PARTIAL },
	{ "staticmethod", AUDIT_WRAPPER },
	{ "classmethod", AUDIT_WRAPPER },
	{ "property", AUDIT_PROPERTY },
	{ "tuple", AUDIT_TUPLE },
	{ "list", AUDIT_LIST },
	{ "dict", AUDIT_MAPPING },
	{ "_thread.lock", AUDIT_LOCK },
	{ "_thread.RLock", AUDIT_RLOCK },
	{ "_queue.SimpleQueue", AUDIT_QUEUE },
};

static enum audit_what what_is(const struct pyclass *class)
{
	if (class->flags & PYCLASS_TYPE)
		return AUDIT_CLASS;
	for (size_t i = 0; i < sizeof(builtin) / sizeof(builtin[0]); i++) {
		if (!strcmp(class->name, builtin[i].name))
			return builtin[i].what;
	}
	/* tp_name of what a class statement makes has no dots */
	return class->flags & PYCLASS_HEAP && !strchr(class->name, '.') ? AUDIT_INSTANCE
									: AUDIT_PLAIN;
}

static void find_module(struct audit *a, struct audit_class *out)
{
	char text[AUDIT_TEXT] = "";
	const struct audit_module *module;
	uint64_t at;

	out->module = "";
	out->home = AUDIT_MODULES;
	if (!(out->class.flags & PYCLASS_HEAP) || !pyobject_plausible(out->class.dict) ||
	    pydict_get(a->mem, a->py, out->class.dict, DICT_MAX, "__module__", &at) ||
	    !audit_text(a, at, text))
		return;
	module = audit_find(a, text);
	if (module)
		out->home = (uint32_t)(module - a->modules);
	out->module = module ? module->name : arena_copy(&a->arena, text, strlen(text));
	if (!out->module)
		out->module = "";
}

static bool is_green(const struct audit *a, const struct audit_class *class)
{
	return class->home < a->n_modules && a->modules[class->home].home == AUDIT_GREEN;
}

/* What it is by its bases: one chain, as the interpreter lays out instances. */
static void find_bases(struct audit *a, struct audit_class *out)
{
	const struct pyclass *class = &out->class;
	const struct audit_class *base;

	out->socket = !strcmp(class->name, "_socket.socket");
	out->handler = !strcmp(class->name, "Handler") && !strcmp(out->module, "logging");
	out->thread = !strcmp(class->name, "Thread") && !strcmp(out->module, "threading");
	out->hub = !strcmp(pytype_short(class->name), "WaitOperationsGreenlet") ||
		   (!strcmp(class->name, "BaseHub") && !strcmp(out->module, "eventlet.hubs.hub"));
	out->green = is_green(a, out) || !strncmp(class->name, "gevent.", 7);
	out->sqlite = !strcmp(class->name, "sqlite3.Connection");
	out->gunicorn = !strcmp(class->name, "Config") && !strcmp(out->module, "gunicorn.config");
	out->holds = audit_holding_class(out->module, class->name);
	if (a->nesting >= BASES_MAX || !pyobject_plausible(class->base))
		return;
	a->nesting++;
	base = audit_class(a, class->base);
	a->nesting--;
	if (!base)
		return;
	out->socket |= base->socket;
	out->handler |= base->handler;
	out->thread |= base->thread;
	out->hub |= base->hub;
	out->sqlite |= base->sqlite;
	out->green |= base->green;
	out->holds |= base->holds;
	if (out->what == AUDIT_INSTANCE && base->what == AUDIT_MODULE)
		out->what = AUDIT_MODULE;
}

struct audit_class *audit_class(struct audit *a, uint64_t address)
{
	struct audit_class *class;
	uint64_t known;

	if (map_get(&a->classes, address, &known))
		return (struct audit_class *)(uintptr_t)known;
	if (!pyobject_plausible(address))
		return NULL;
	class = arena_alloc(&a->arena, sizeof(*class));
	/* known before it is read: a chain of bases that bites its tail ends here */
	if (!class || map_put(&a->classes, address, 0))
		return NULL;
	if (pyclass_read(a->mem, a->py, address, &class->class))
		return NULL;
	class->what = what_is(&class->class);
	find_module(a, class);
	find_bases(a, class);
	return map_put(&a->classes, address, (uint64_t)(uintptr_t) class) ? NULL : class;
}

struct audit_class *audit_class_of(struct audit *a, uint64_t object)
{
	uint64_t type;

	if (!pyobject_plausible(object) || memory_word(a->mem, object + 8, &type))
		return NULL;
	return audit_class(a, type);
}
