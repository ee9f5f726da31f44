// SPDX-License-Identifier: BSD-2-Clause
/*
 * holders.c: who still holds an original, or a lock that is not green.
 *
 *	module -> attribute -> function: defaults, closure
 *	                    -> class: bases, its own dict
 *	                    -> partial, method, property, containers
 *	                    -> instance: its attributes
 *
 * The standard library and the patcher itself may hold what they like. What
 * began after the patching can only have got an original on purpose, or from
 * one that is named here.
 */
#include <stdio.h>
#include <string.h>
#include "audit/audit.h"

#define DEPTH_MAX   4
#define ITEMS_MAX   256 /* of a tuple, list or dict */
#define LOCKS_DEPTH 3
#define FUNC        16 /* of methods, wrappers, partials, properties; a cell's content */
#define METHOD_DEF  16

struct place {
	struct audit *a;
	const char *where; /* "early.fetch" */
	const char *how;   /* "default argument"; NULL: held as it is */
	uint64_t code;     /* of the function it was found in; 0: none */
	uint32_t module;   /* index */
	unsigned int depth;
};

static void look(const struct place *place, uint64_t value);

const char *audit_lock_rule(const char *what)
{
	return strstr(what, "Queue") ? "GW3003" : "GW3002";
}

static const char *lock_name(enum audit_what what)
{
	return what == AUDIT_LOCK    ? "threading.Lock"
	       : what == AUDIT_RLOCK ? "threading.RLock"
	       : what == AUDIT_QUEUE ? "queue.SimpleQueue"
				     : NULL;
}

/* Where the code of a function begins; else the file of the module. */
static void fill_file(const struct place *place, struct audit_finding *finding)
{
	struct audit *a = place->a;
	const struct pycode *code = NULL;
	const char *why;

	if (place->code)
		code = pycode_get(a->mem, a->proc->python, a->proc->cwd, place->code, &why);
	finding->file = place->module < a->n_modules ? a->modules[place->module].shown : "";
	if (!code)
		return;
	finding->file = audit_format(a, "%s", code->file);
	finding->line = code->first;
}

static void tell(const struct place *place, unsigned int kind, const char *what, const char *rule,
		 const char *more)
{
	struct audit_finding finding = { .kind = kind,
					 .what = what,
					 .where = place->where,
					 .rule = rule,
					 .more = more,
					 .fd = -1 };

	if (place->how)
		finding.where = audit_format(place->a, "%s (%s)", place->where, place->how);
	fill_file(place, &finding);
	audit_found(place->a, &finding);
}

static struct audit_original *by_nature(struct audit *a, uint64_t object,
					const struct audit_class *class)
{
	char full[AUDIT_TEXT];
	const struct audit_class *self;
	uint64_t method, known;

	if (class->what == AUDIT_BUILTIN && !memory_word(a->mem, object + METHOD_DEF, &method) &&
	    map_get(&a->methods, method, &known))
		return (struct audit_original *)(uintptr_t)known;
	if (class->what != AUDIT_CLASS)
		return NULL;
	self = audit_class(a, object);
	if (!self || self->green)
		return NULL;
	snprintf(full, sizeof(full), "%s%s%s", self->module, self->module[0] ? "." : "",
		 self->class.name);
	if (!map_get(&a->names, hash_add(HASH_START, full, strlen(full)) >> 1, &known))
		return NULL;
	return (struct audit_original *)(uintptr_t)known;
}

struct audit_original *audit_is_original(struct audit *a, uint64_t object)
{
	const struct audit_class *class;
	uint64_t known;

	if (map_get(&a->originals, object, &known))
		return (struct audit_original *)(uintptr_t)known;
	if (!a->names.used)
		return NULL;
	class = audit_class_of(a, object);
	return class ? by_nature(a, object, class) : NULL;
}

/* One thing at a time: with it, a way back into the same object ends. */
static bool is_new(struct audit *a, uint64_t object)
{
	uint64_t known;

	return !map_get(&a->seen, object, &known) && !map_put(&a->seen, object, 1);
}

static const char *key_name(struct audit *a, uint64_t key)
{
	char name[AUDIT_TEXT];

	return audit_text(a, key, name) ? audit_format(a, "%s", name) : NULL;
}

static void look_items(const struct place *place, uint64_t tuple, const char *how)
{
	struct audit *a = place->a;
	uint64_t n, items[ITEMS_MAX], first = a->py->offsets.minor >= 14 ? 32 : 24;
	struct place inner = *place;

	if (!pyobject_plausible(tuple) || memory_word(a->mem, tuple + 16, &n) || !n)
		return;
	if (n > ITEMS_MAX)
		n = ITEMS_MAX;
	if (memory_read(a->mem, tuple + first, items, 8 * n))
		return;
	inner.how = how;
	inner.depth++;
	for (uint64_t i = 0; i < n; i++)
		look(&inner, items[i]);
}

static int take_item(void *ctx, uint64_t key, uint64_t value)
{
	(void)key;
	look(ctx, value);
	return 0;
}

static void look_dict(const struct place *place, uint64_t dict, const char *how)
{
	struct place inner = *place;

	inner.how = how;
	inner.depth++;
	if (pyobject_plausible(dict))
		pydict_walk(place->a->mem, place->a->py, dict, ITEMS_MAX, take_item, &inner);
}

static void look_cells(const struct place *place, uint64_t tuple)
{
	struct audit *a = place->a;
	uint64_t n, cells[64], first = a->py->offsets.minor >= 14 ? 32 : 24, value;
	struct place inner = *place;

	if (!pyobject_plausible(tuple) || memory_word(a->mem, tuple + 16, &n) || !n || n > 64 ||
	    memory_read(a->mem, tuple + first, cells, 8 * n))
		return;
	inner.how = "closure";
	inner.depth++;
	for (uint64_t i = 0; i < n; i++) {
		if (pyobject_plausible(cells[i]) && !memory_word(a->mem, cells[i] + FUNC, &value))
			look(&inner, value);
	}
}

/* Of the module that is looked through, or of one as strange: decorators wrap. */
static void look_function(const struct place *place, uint64_t function)
{
	struct audit *a = place->a;
	bool young = a->py->offsets.minor >= 10;
	uint64_t words[14], module;
	struct place inner = *place;

	if (memory_read(a->mem, function, words, sizeof(words)))
		return;
	if (!map_get(&a->by_dict, words[young ? 2 : 3], &module) ||
	    a->modules[module].home != AUDIT_OTHER || (!place->depth && module != place->module) ||
	    !is_new(a, function))
		return;
	inner.code = words[young ? 6 : 2];
	if (place->how && !strcmp(place->how, "closure"))
		inner.module = (uint32_t)module;
	look_items(&inner, words[young ? 7 : 4], "default argument");
	look_dict(&inner, words[young ? 8 : 5], "default argument");
	look_cells(&inner, words[young ? 9 : 6]);
}

static int take_member(void *ctx, uint64_t key, uint64_t value)
{
	const struct place *class = ctx;
	struct place member = *class;
	const char *name = key_name(class->a, key);

	if (!name || audit_over(class->a))
		return !name ? 0 : 1;
	member.where = audit_format(class->a, "%s.%s", class->where, name);
	look(&member, value);
	return 0;
}

static void look_bases(const struct place *place, const struct audit_class *class)
{
	struct audit *a = place->a;
	uint64_t n, items[16], first = a->py->offsets.minor >= 14 ? 32 : 24;
	struct place base = *place;

	if (!pyobject_plausible(class->class.bases) ||
	    memory_word(a->mem, class->class.bases + 16, &n) || !n || n > 16 ||
	    memory_read(a->mem, class->class.bases + first, items, 8 * n))
		return;
	base.how = "base class";
	for (uint64_t i = 0; i < n; i++) {
		const struct audit_original *original = audit_is_original(a, items[i]);

		if (original)
			tell(&base, WIRE_PATCH_CAPTURED,
			     audit_format(a, "%s.%s", original->module, original->name),
			     original->rule, original->note);
	}
}

/* A class is looked into where it is defined. */
static void look_class(const struct place *place, uint64_t address)
{
	struct audit *a = place->a;
	const struct audit_class *class = audit_class(a, address);
	struct place inner = *place;

	if (!class || class->home != place->module || !is_new(a, address))
		return;
	inner.where = audit_format(a, "%s.%s", a->modules[class->home].name, class->class.name);
	inner.how = NULL;
	inner.depth++;
	look_bases(&inner, class);
	if (pyobject_plausible(class->class.dict))
		pydict_walk(a->mem, a->py, class->class.dict, 4096, take_member, &inner);
}

static void look_words(const struct place *place, uint64_t object, unsigned int n)
{
	struct place inner = *place;
	uint64_t words[3];

	if (memory_read(place->a->mem, object + FUNC, words, 8UL * n))
		return;
	inner.depth++;
	for (unsigned int i = 0; i < n; i++)
		look(&inner, words[i]);
}

static void look_partial(const struct place *place, uint64_t object)
{
	struct place inner = *place;
	uint64_t words[3];

	if (memory_read(place->a->mem, object + FUNC, words, sizeof(words)))
		return;
	inner.how = place->how ? place->how : "functools.partial";
	inner.depth++;
	look(&inner, words[0]);
	look_items(&inner, words[1], inner.how);
	look_dict(&inner, words[2], inner.how);
}

struct inside {
	struct audit *a;
	unsigned int depth;
};

static int take_inside(void *ctx, uint64_t key, uint64_t value)
{
	const struct inside *inside = ctx;
	const struct audit_class *class = audit_class_of(inside->a, value);

	(void)key;
	if (!class)
		return 0;
	if (class->what == AUDIT_LOCK || class->what == AUDIT_RLOCK)
		return 1;
	return class->holds && audit_lock_inside(inside->a, value, class, inside->depth + 1);
}

bool audit_lock_inside(struct audit *a, uint64_t object, const struct audit_class *class,
		       unsigned int depth)
{
	struct inside inside = { a, depth };

	return depth < LOCKS_DEPTH &&
	       pyinstance_walk(a->mem, a->py, &class->class, object, take_inside, &inside) == 1;
}

static void look_instance(const struct place *place, uint64_t object, struct audit_class *class)
{
	struct audit *a = place->a;

	if (class->holds) {
		if (audit_lock_inside(a, object, class, 0))
			tell(place, WIRE_PATCH_LOCK,
			     audit_format(a, "%s.%s", class->module, class->class.name),
			     audit_lock_rule(class->class.name), "has a lock made before patching");
		return;
	}
	if (class->home < a->n_modules && a->modules[class->home].home == AUDIT_OTHER &&
	    is_new(a, object))
		audit_instance(a, object, class, place->where, place->module);
}

struct members {
	struct place place;
	const struct audit_class *class;
};

/* What Thread itself keeps is its own affair, and the lock of a handler has a finding of its own.
 */
static bool is_kept(const struct audit_class *class, const char *name)
{
	return (class->thread && name[0] == '_') || (class->handler && !strcmp(name, "lock")) ||
	       audit_harmless(class->module, name);
}

static int take_field(void *ctx, uint64_t key, uint64_t value)
{
	const struct members *m = ctx;
	struct place field = m->place;
	struct audit *a = field.a;
	const struct audit_class *class = audit_class_of(a, value);
	const char *name;

	if (!class || audit_over(a))
		return !class ? 0 : 1;
	if (!lock_name(class->what) && !class->holds && class->what != AUDIT_PARTIAL &&
	    class->what != AUDIT_BUILTIN && class->what != AUDIT_CLASS &&
	    class->what != AUDIT_FUNCTION && !class->sqlite)
		return 0;
	name = key_name(a, key);
	if (!name || is_kept(m->class, name))
		return 0;
	field.where = audit_format(a, "%s.%s", field.where, name);
	look(&field, value);
	return 0;
}

/* A native lock in an object whose class came after the patching is there on purpose. */
void audit_instance(struct audit *a, uint64_t object, struct audit_class *class, const char *where,
		    uint32_t module)
{
	struct members m = { .class = class };

	if (class->green || class->home >= a->n_modules || a->modules[class->home].after)
		return;
	m.place =
		(struct place){ .a = a, .where = where, .module = module, .depth = DEPTH_MAX - 1 };
	pyinstance_walk(a->mem, a->py, &class->class, object, take_field, &m);
}

static void look_further(const struct place *place, uint64_t value, struct audit_class *class)
{
	switch (class->what) {
	case AUDIT_FUNCTION:
		look_function(place, value);
		break;
	case AUDIT_CLASS:
		look_class(place, value);
		break;
	case AUDIT_METHOD:
	case AUDIT_WRAPPER:
		look_words(place, value, 1);
		break;
	case AUDIT_PROPERTY:
		look_words(place, value, 3);
		break;
	case AUDIT_PARTIAL:
		look_partial(place, value);
		break;
	case AUDIT_TUPLE:
		look_items(place, value, place->how ? place->how : "tuple");
		break;
	case AUDIT_MAPPING:
		look_dict(place, value, place->how ? place->how : "dict");
		break;
	case AUDIT_INSTANCE:
		look_instance(place, value, class);
		break;
	case AUDIT_PLAIN:
	case AUDIT_MODULE:
	case AUDIT_BUILTIN:
	case AUDIT_LIST:
	case AUDIT_LOCK:
	case AUDIT_RLOCK:
	case AUDIT_QUEUE:
		break;
	}
}

static void look(const struct place *place, uint64_t value)
{
	struct audit *a = place->a;
	struct audit_class *class = audit_class_of(a, value);
	const struct audit_original *original;
	const char *lock;

	if (!class || audit_over(a))
		return;
	a->sqlite |= class->sqlite;
	original = audit_is_original(a, value);
	lock = lock_name(class->what);
	if (original)
		tell(place, WIRE_PATCH_CAPTURED,
		     audit_format(a, "%s.%s", original->module, original->name), original->rule,
		     original->note);
	else if (lock)
		tell(place, WIRE_PATCH_LOCK, lock, audit_lock_rule(lock),
		     class->what == AUDIT_RLOCK
			     ? "made before patching; greenlets of one thread all get it at once"
			     : "made before patching");
	else if (place->depth < DEPTH_MAX)
		look_further(place, value, class);
}

struct module_walk {
	struct place place;
	bool asked; /* a name of the patcher has been seen: what follows may be on purpose */
};

/* "native = monkey.get_original('time', 'sleep')": under another name than its own, below the
 * import of the patcher. */
static bool on_purpose(struct module_walk *walk, const char *name, uint64_t value)
{
	struct audit *a = walk->place.a;
	const struct audit_original *original = audit_is_original(a, value);

	return walk->asked && original && strcmp(name, original->name);
}

static bool is_patcher(struct audit *a, uint64_t value)
{
	const struct audit_class *class = audit_class_of(a, value);
	uint64_t dict, module;

	if (!class || class->what != AUDIT_MODULE || memory_word(a->mem, value + 16, &dict) ||
	    !map_get(&a->by_dict, dict, &module))
		return false;
	return a->modules[module].home == AUDIT_GREEN;
}

static int take_name(void *ctx, uint64_t key, uint64_t value)
{
	struct module_walk *walk = ctx;
	struct audit *a = walk->place.a;
	const char *module = a->modules[walk->place.module].name, *name;
	struct place place = walk->place;

	if (audit_over(a))
		return 1;
	walk->asked |= is_patcher(a, value);
	name = key_name(a, key);
	if (!name || audit_harmless(module, name) || on_purpose(walk, name, value) ||
	    !strcmp(name, "__builtins__"))
		return 0;
	place.where = audit_format(a, "%s.%s", module, name);
	look(&place, value);
	return 0;
}

void audit_holders(struct audit *a)
{
	for (uint32_t i = 0; i < a->n_modules && !audit_over(a); i++) {
		struct module_walk walk = { .place = { .a = a, .module = i } };

		if (a->modules[i].home == AUDIT_OTHER && !a->modules[i].after)
			pydict_walk(a->mem, a->py, a->modules[i].dict, AUDIT_DICT, take_name,
				    &walk);
	}
}
