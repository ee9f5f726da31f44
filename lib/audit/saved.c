// SPDX-License-Identifier: BSD-2-Clause
/*
 * saved.c: what gevent's monkey patching replaced, by its own books.
 *
 *	gevent.monkey._state.saved (older: gevent.monkey.saved)
 *	  = { module: { attribute: original } }, and under a name of its own the
 *	    arguments of patch_all()
 *
 * From it: what was patched, which originals to look for, what was left out,
 * put back, patched too late or in the wrong thread.
 */
#include <stdio.h>
#include <string.h>
#include "audit/audit.h"

#define SETTINGS  "_gevent_saved_patch_all_module_settings"
#define NAMES_MAX 2048

struct saved {
	struct audit *a;
	const char *module;
	uint64_t dict; /* of the module as it is now */
	char names[NAMES_MAX];
	size_t used;
};

static void add_original(struct audit *a, uint64_t object, const char *module, const char *name)
{
	const struct audit_class *class = audit_class_of(a, object);
	const struct audit_original *policy;
	struct audit_original *original;
	unsigned int rank;
	uint64_t known;

	policy = audit_policy(module, name, &rank);
	if (!policy || !class ||
	    (class->what != AUDIT_CLASS && class->what != AUDIT_FUNCTION &&
	     class->what != AUDIT_BUILTIN))
		return;
	if (map_get(&a->originals, object, &known) &&
	    ((struct audit_original *)(uintptr_t)known)->rank <= rank)
		return;
	original = arena_alloc(&a->arena, sizeof(*original));
	if (!original)
		return;
	*original = *policy;
	original->rank = rank;
	map_put(&a->originals, object, (uint64_t)(uintptr_t)original);
}

/* The module holds the original again: somebody has undone the patch. */
static void check_put_back(struct saved *s, const char *name, uint64_t original)
{
	struct audit *a = s->a;
	uint64_t now, known;

	if (!s->dict || !map_get(&a->originals, original, &known) ||
	    pydict_get(a->mem, a->py, s->dict, AUDIT_DICT, name, &now) || now != original)
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_NOT_PATCHED,
			       .what = audit_format(a, "%s.%s", s->module, name),
			       .rule = ((struct audit_original *)(uintptr_t)known)->rule,
			       .more = "was patched, but holds the original again",
			       .fd = -1 });
}

static int take_attribute(void *ctx, uint64_t key, uint64_t value)
{
	struct saved *s = ctx;
	char name[AUDIT_TEXT];

	if (audit_over(s->a))
		return 1;
	if (!audit_text(s->a, key, name))
		return 0;
	if (s->used + strlen(name) + 2 < sizeof(s->names))
		s->used += (size_t)snprintf(s->names + s->used, sizeof(s->names) - s->used, "%s%s",
					    s->used ? " " : "", name);
	add_original(s->a, value, s->module, name);
	check_put_back(s, name, value);
	return 0;
}

static int take_module(void *ctx, uint64_t key, uint64_t value)
{
	struct audit *a = ctx;
	const struct audit_module *module;
	struct saved s = { .a = a };
	char name[AUDIT_TEXT];

	if (audit_over(a))
		return 1;
	if (!audit_text(a, key, name) || !strcmp(name, SETTINGS))
		return 0;
	module = audit_find(a, name);
	s.module = audit_format(a, "%s", name);
	s.dict = module ? module->dict : 0;
	pydict_walk(a->mem, a->py, value, AUDIT_DICT, take_attribute, &s);
	audit_patched(a, s.module, s.names);
	return 0;
}

/* The last module that patching imported: what came after it came after the patching. One whose
 * part was not patched may have been imported at any time since, by the application. */
static uint32_t find_patched_at(struct audit *a)
{
	static const struct {
		const char *module, *part;
	} green[] = {
		{ "gevent.os", "os" },          { "gevent.time", "time" },
		{ "gevent.thread", "_thread" }, { "gevent.threading", "threading" },
		{ "gevent.socket", "socket" },  { "gevent.select", "select" },
		{ "gevent.ssl", "ssl" },        { "gevent.subprocess", "subprocess" },
		{ "gevent.signal", "signal" },  { "gevent.selectors", "selectors" },
		{ "gevent.queue", "queue" },
	};
	uint32_t last = 0;
	uint64_t dict;

	for (size_t i = 0; i < sizeof(green) / sizeof(green[0]); i++) {
		const struct audit_module *module = audit_find(a, green[i].module);

		if (module && (uint32_t)(module - a->modules) > last &&
		    !pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, green[i].part, &dict))
			last = (uint32_t)(module - a->modules);
	}
	return last;
}

int audit_gevent(struct audit *a)
{
	char text[AUDIT_TEXT];

	if (!audit_find(a, "gevent"))
		return 0;
	a->library = "gevent";
	if (audit_text(a, audit_attribute(a, "gevent", "__version__"), text))
		a->version = audit_format(a, "%s", text);
	a->saved = audit_attribute(a, "gevent.monkey._state", "saved");
	if (!a->saved)
		a->saved = audit_attribute(a, "gevent.monkey", "saved");
	if (a->saved)
		pydict_walk(a->mem, a->py, a->saved, AUDIT_DICT, take_module, a);
	if (!a->n_patched)
		return 0;
	a->patched_at = find_patched_at(a);
	for (uint32_t i = a->patched_at + 1; i < a->n_modules; i++)
		a->modules[i].after = true;
	return 0;
}

/* What patch_all() can patch, and the name of its argument. */
static const struct {
	const char *argument, *module, *names, *rule;
} parts[] = {
	{ "time", "time", "time.sleep", "GW3001" },
	{ "thread", "_thread", "locks, queues and threads (threading, _thread)", "GW3002" },
	{ "socket", "socket", "sockets (socket)", "GW2001" },
	{ "select", "select", "select, poll and selectors", "GW2010" },
	{ "ssl", "ssl", "TLS (ssl)", "GW2002" },
	{ "os", "os", "os.fork and os.waitpid", "GW3007" },
	{ "subprocess", "subprocess", "child processes (subprocess)", "GW3007" },
	{ "queue", "queue", "queue.SimpleQueue", "GW3003" },
};

static bool was_false(struct audit *a, uint64_t settings, const char *argument)
{
	const struct audit_class *class;
	uint64_t value, number;

	if (!settings || pydict_get(a->mem, a->py, settings, 64, argument, &value))
		return false;
	class = audit_class_of(a, value);
	return class && !strcmp(class->class.name, "bool") &&
	       !pybool_read(a->mem, a->py, value, &number) && !number;
}

static void check_part(struct audit *a, size_t i, uint64_t settings)
{
	bool off = was_false(a, settings, parts[i].argument);
	uint64_t dict;

	if (!pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, parts[i].module, &dict) ||
	    !audit_find(a, parts[i].module))
		return;
	audit_found(a,
		    &(struct audit_finding){
			    .kind = WIRE_PATCH_NOT_PATCHED,
			    .what = parts[i].names,
			    .rule = parts[i].rule,
			    .more = off ? audit_format(a, "patch_all(%s=False)", parts[i].argument)
					: audit_format(a, "patch_%s() was not called",
						       parts[i].argument),
			    .fd = -1 });
}

static void check_dns(struct audit *a)
{
	uint64_t dict, original;

	if (pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, "socket", &dict) ||
	    !pydict_get(a->mem, a->py, dict, AUDIT_DICT, "getaddrinfo", &original))
		return;
	audit_found(a, &(struct audit_finding){ .kind = WIRE_PATCH_NOT_PATCHED,
						.what = "name look-ups (socket.getaddrinfo)",
						.rule = "GW2011",
						.more = "patch_socket(dns=False)",
						.fd = -1 });
}

void audit_gevent_missed(struct audit *a)
{
	uint64_t settings = 0;

	if (a->state == WIRE_AUDIT_UNPATCHED) {
		audit_found(a, &(struct audit_finding){
				       .kind = WIRE_PATCH_NOT_PATCHED,
				       .what = "everything",
				       .more = "a hub of gevent runs, and monkey.patch_all() was "
					       "never called in this process",
				       .fd = -1 });
		return;
	}
	if (pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, SETTINGS, &settings))
		settings = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		check_part(a, i, settings);
	check_dns(a);
}

/* Where it was called there, the main thread is known by its greenlet from then on. */
struct main_thread {
	struct audit *a;
	uint64_t object;
	bool native; /* still known by what the C library calls it */
};

static int has_id(void *ctx, const struct pythread *thread)
{
	return thread->thread_id == *(const uint64_t *)ctx;
}

static int take_active(void *ctx, uint64_t key, uint64_t value)
{
	struct main_thread *m = ctx;
	uint64_t ident;

	if (value != m->object || pyint_read(m->a->mem, m->a->py, key, &ident))
		return 0;
	m->native = pythread_walk(m->a->mem, m->a->py, has_id, &ident) == 1;
	return 1;
}

static void check_thread(struct audit *a)
{
	struct main_thread m = { .a = a,
				 .object = audit_attribute(a, "threading", "_main_thread") };
	uint64_t active = audit_attribute(a, "threading", "_active"), dict;

	if (!m.object || !active ||
	    pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, "threading", &dict))
		return;
	pydict_walk(a->mem, a->py, active, AUDIT_DICT, take_active, &m);
	if (!m.native)
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_LATE,
			       .what = "monkey patching",
			       .more = "was called in another thread than the main one; locks and "
				       "thread-locals of the main thread stay native",
			       .fd = -1 });
}

/* Harmless, as gevent itself says, unless somebody took what was replaced later. */
static bool ssl_is_held(const struct audit *a)
{
	for (uint32_t i = 0; i < a->n_findings; i++)
		if (a->findings[i].kind == WIRE_PATCH_CAPTURED &&
		    !strncmp(a->findings[i].what, "ssl.", 4))
			return true;
	return false;
}

/* Loading ssl by patching puts nothing of gevent's between it and gevent.ssl. */
static void check_ssl(struct audit *a)
{
	const struct audit_module *ssl = audit_find(a, "ssl"), *green = audit_find(a, "gevent.ssl");
	uint64_t dict;

	if (!ssl || !green || !ssl_is_held(a) ||
	    pydict_get(a->mem, a->py, a->saved, AUDIT_DICT, "ssl", &dict))
		return;
	for (const struct audit_module *at = ssl + 1; at < green; at++) {
		if (strncmp(at->name, "gevent", 6) || !strncmp(at->name, "gevent._ssl", 11))
			continue;
		audit_found(a,
			    &(struct audit_finding){ .kind = WIRE_PATCH_LATE,
						     .what = "ssl",
						     .rule = "GW2002",
						     .more = "was imported before it was patched",
						     .fd = -1 });
		return;
	}
}

void audit_late(struct audit *a)
{
	check_thread(a);
	check_ssl(a);
}
