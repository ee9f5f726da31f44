// SPDX-License-Identifier: BSD-2-Clause
/*
 * objects.c: what only the collector's lists lead to: sockets, handlers of
 * logging, instances of the application's classes, the hub.
 */
#include <string.h>
#include "audit/audit.h"

#define OBJECTS_MAX 2000000
#define LOOKED_MAX  256 /* instances of a class */
#define FDS_MAX     4096
#define GREEN_WORDS 32
#define SOCK_FD     16
#define SOCK_BYTES  48
#define SOCK_WAIT   40 /* ns; 0: never waits, -1: for ever */

struct objects {
	struct audit *a;
	struct map green; /* descriptors that a green socket has */
	struct {
		int32_t fd;
		uint64_t object;
		const struct audit_class *class;
	} sockets[FDS_MAX];
	uint32_t n;
};

static void take_socket(struct objects *o, uint64_t object, const struct audit_class *class)
{
	unsigned char bytes[SOCK_BYTES];
	int64_t wait;
	int32_t fd;

	if (memory_read(o->a->mem, object, bytes, sizeof(bytes)))
		return;
	memcpy(&fd, bytes + SOCK_FD, sizeof(fd));
	memcpy(&wait, bytes + SOCK_WAIT, sizeof(wait));
	if (fd < 0)
		return;
	if (class->green) {
		map_put(&o->green, (uint64_t)fd, 1);
		return;
	}
	if (!wait || o->n == FDS_MAX)
		return;
	o->sockets[o->n].fd = fd;
	o->sockets[o->n].object = object;
	o->sockets[o->n++].class = class;
}

/* The green socket wraps one of C that the collector does not always know. */
static void take_green(struct objects *o, uint64_t object, const struct audit_class *class)
{
	uint64_t words[GREEN_WORDS];
	size_t n = class->class.basic / 8 < GREEN_WORDS ? class->class.basic / 8 : GREEN_WORDS;

	if (n < 3 || memory_read(o->a->mem, object, words, 8 * n))
		return;
	for (size_t i = 2; i < n; i++) {
		const struct audit_class *inner = audit_class_of(o->a, words[i]);
		int32_t fd;

		if (inner && inner->socket &&
		    !memory_read(o->a->mem, words[i] + SOCK_FD, &fd, sizeof(fd)) && fd >= 0)
			map_put(&o->green, (uint64_t)fd, 1);
	}
}

/* A green socket over the same descriptor is the one that is used. */
static void tell_sockets(struct objects *o)
{
	uint64_t known;

	for (uint32_t i = 0; i < o->n; i++) {
		const struct audit_class *class = o->sockets[i].class;

		if (map_get(&o->green, (uint64_t)o->sockets[i].fd, &known))
			continue;
		audit_found(o->a, &(struct audit_finding){ .kind = WIRE_PATCH_SOCKET,
							   .what = audit_format(o->a, "%s.%s",
										class->module,
										class->class.name),
							   .rule = "GW2001",
							   .fd = o->sockets[i].fd });
	}
}

struct handler {
	struct audit *a;
	const char *name;
	const char *lock; /* NULL: none that is native */
};

static int take_handler_field(void *ctx, uint64_t key, uint64_t value)
{
	struct handler *h = ctx;
	const struct audit_class *class = audit_class_of(h->a, value);
	char name[AUDIT_TEXT], text[AUDIT_TEXT];

	if (!class || !audit_text(h->a, key, name))
		return 0;
	if (!strcmp(name, "lock") && class->what == AUDIT_LOCK)
		h->lock = "threading.Lock";
	else if (!strcmp(name, "lock") &&
		 (class->what == AUDIT_RLOCK ||
		  (class->holds && audit_lock_inside(h->a, value, class, 0))))
		h->lock = "threading.RLock";
	if ((!strcmp(name, "_name") || !strcmp(name, "baseFilename")) &&
	    audit_text(h->a, value, text) && !h->name)
		h->name = audit_format(h->a, "%s", text);
	return 0;
}

/* The handler of last resort is as old as logging itself. */
static void take_handler(struct audit *a, uint64_t object, const struct audit_class *class)
{
	struct handler h = { .a = a };

	if (object == audit_attribute(a, "logging", "lastResort"))
		return;
	pyinstance_walk(a->mem, a->py, &class->class, object, take_handler_field, &h);
	if (!h.lock)
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_LOCK,
			       .what = h.lock,
			       .where = h.name ? audit_format(a, "%s.%s %s", class->module,
							      class->class.name, h.name)
					       : audit_format(a, "%s.%s", class->module,
							      class->class.name),
			       .rule = "GW3002",
			       .more = "the lock of a logging handler, made before patching",
			       .fd = -1 });
}

static void take_instance(struct audit *a, uint64_t object, struct audit_class *class)
{
	const struct audit_module *module;
	uint64_t known;

	if (class->home >= a->n_modules || class->looked >= LOOKED_MAX)
		return;
	module = &a->modules[class->home];
	if (module->home != AUDIT_OTHER || module->after || map_get(&a->seen, object, &known))
		return;
	class->looked++;
	audit_instance(a, object, class,
		       audit_format(a, "instance of %s.%s", module->name, class->class.name),
		       class->home);
}

static int take(void *ctx, uint64_t object)
{
	struct objects *o = ctx;
	struct audit_class *class;

	if (audit_over(o->a))
		return 1;
	o->a->n_objects++;
	class = audit_class_of(o->a, object);
	if (!class)
		return 0;
	o->a->hub |= class->hub;
	o->a->sqlite |= class->sqlite;
	if (class->socket)
		take_socket(o, object, class);
	else if (class->green && strstr(class->class.name, "ocket"))
		take_green(o, object, class);
	else if (class->what == AUDIT_INSTANCE)
		take_instance(o->a, object, class);
	if (class->handler)
		take_handler(o->a, object, class);
	audit_servers(o->a, object, class);
	return 0;
}

static bool over(void *ctx)
{
	return audit_over(((struct objects *)ctx)->a);
}

void audit_objects(struct audit *a)
{
	struct objects *o = arena_alloc(&a->arena, sizeof(*o));

	if (!o)
		return;
	o->a = a;
	pygc_walk(a->mem, a->py, OBJECTS_MAX, over, take, o);
	if (a->n_objects == OBJECTS_MAX)
		a->cut |= WIRE_AUDIT_CUT_ROOM;
	tell_sockets(o);
	map_free(&o->green);
}
