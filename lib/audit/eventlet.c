// SPDX-License-Identifier: BSD-2-Clause
/*
 * eventlet.c: what eventlet's monkey patching replaced.
 *
 *	eventlet.patcher.already_patched = { "time": True, ... }
 *	eventlet.green.NAME.__patched__  = names of what it replaces in NAME
 *	__original_module_NAME           = copies of the modules, made anew
 *
 * Originals are not kept. Built-in functions are known by their method
 * table, which the copies share; classes by their module and name.
 */
#include <stdio.h>
#include <string.h>
#include "audit/audit.h"

#define NAMES_MAX   2048
#define PATCHED_MAX 128
#define METHOD_DEF  16

static const struct {
	const char *key, *module, *green, *rule;
} parts[] = {
	{ "os", "os", "eventlet.green.os", "GW3007" },
	{ "select", "select", "eventlet.green.select", "GW2010" },
	{ "select", "selectors", "eventlet.green.selectors", NULL },
	{ "socket", "socket", "eventlet.green.socket", "GW2001" },
	{ "socket", "ssl", "eventlet.green.ssl", NULL },
	{ "thread", "_thread", "eventlet.green.thread", "GW3002" },
	{ "thread", "threading", "eventlet.green.threading", NULL },
	{ "thread", "queue", "eventlet.green.Queue", NULL },
	{ "time", "time", "eventlet.green.time", "GW3001" },
	{ "subprocess", "subprocess", "eventlet.green.subprocess", NULL },
};

static void add_original(struct audit *a, const char *module, const char *name)
{
	const struct audit_original *policy;
	struct audit_original *original;
	char copy[AUDIT_TEXT], full[AUDIT_TEXT];
	const struct audit_class *class;
	uint64_t object, method;
	unsigned int rank;

	policy = audit_policy(module, name, &rank);
	original = policy ? arena_alloc(&a->arena, sizeof(*original)) : NULL;
	if (!original)
		return;
	*original = *policy;
	original->rank = rank;
	if (snprintf(full, sizeof(full), "%s.%s", module, name) < (int)sizeof(full))
		map_put(&a->names, hash_add(HASH_START, full, strlen(full)) >> 1,
			(uint64_t)(uintptr_t)original);
	snprintf(copy, sizeof(copy), "__original_module_%s", module);
	object = audit_attribute(a, copy, name);
	class = audit_class_of(a, object);
	if (!class)
		return;
	if (class->what == AUDIT_BUILTIN && !memory_word(a->mem, object + METHOD_DEF, &method))
		map_put(&a->methods, method, (uint64_t)(uintptr_t)original);
	else if (class->what == AUDIT_CLASS || class->what == AUDIT_FUNCTION)
		map_put(&a->originals, object, (uint64_t)(uintptr_t)original);
}

static void take_names(struct audit *a, size_t part)
{
	uint64_t list = audit_attribute(a, parts[part].green, "__patched__");
	uint64_t items[PATCHED_MAX], head[2];
	char names[NAMES_MAX] = "", name[AUDIT_TEXT];
	size_t used = 0;

	if (!list || memory_read(a->mem, list + 16, head, sizeof(head)) || head[0] > PATCHED_MAX ||
	    !head[0] || memory_read(a->mem, head[1], items, 8 * head[0]))
		return;
	for (uint64_t i = 0; i < head[0]; i++) {
		if (!audit_text(a, items[i], name))
			continue;
		if (used + strlen(name) + 2 < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? " " : "", name);
		add_original(a, parts[part].module, name);
	}
	audit_patched(a, parts[part].module, names);
}

static bool has_key(struct audit *a, uint64_t dict, const char *key)
{
	uint64_t value;

	return !pydict_get(a->mem, a->py, dict, 64, key, &value);
}

static void take_part(struct audit *a, size_t i, uint64_t done)
{
	const struct audit_module *green = audit_find(a, parts[i].green);

	if (!has_key(a, done, parts[i].key))
		return;
	take_names(a, i);
	if (green && (uint32_t)(green - a->modules) > a->patched_at)
		a->patched_at = (uint32_t)(green - a->modules);
}

static void check_part(struct audit *a, size_t i, uint64_t done)
{
	if (!parts[i].rule || has_key(a, done, parts[i].key) || !audit_find(a, parts[i].module))
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_NOT_PATCHED,
			       .what = parts[i].module,
			       .rule = parts[i].rule,
			       .more = audit_format(a, "monkey_patch() without %s", parts[i].key),
			       .fd = -1 });
}

int audit_eventlet(struct audit *a)
{
	uint64_t done = audit_attribute(a, "eventlet.patcher", "already_patched");
	char text[AUDIT_TEXT];

	if (!audit_find(a, "eventlet"))
		return 0;
	a->library = "eventlet";
	if (audit_text(a, audit_attribute(a, "eventlet", "__version__"), text))
		a->version = audit_format(a, "%s", text);
	for (size_t i = 0; done && i < sizeof(parts) / sizeof(parts[0]); i++)
		take_part(a, i, done);
	if (!a->n_patched)
		return 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		check_part(a, i, done);
	for (uint32_t i = a->patched_at + 1; i < a->n_modules; i++)
		a->modules[i].after = true;
	return 0;
}
