// SPDX-License-Identifier: BSD-2-Clause
/*
 * clients.c: what patching cannot reach: clients written in C that wait by
 * themselves, and servers that import the application before they patch.
 */
#include <string.h>
#include "audit/audit.h"

#define DATA_MAX    (256 * 1024) /* of a shared object's variables */
#define SEGMENTS    4
#define SETTINGS    256
#define CLIENT_FILE "_psycopg."

static const struct {
	const char *module, *green, *what, *rule, *more;
} clients[] = {
	{ "MySQLdb._mysql", NULL, "mysqlclient (MySQLdb)", "GW1004", "waits in C" },
	{ "_mysql_connector", NULL, "mysql-connector's C extension", "GW1005", "waits in C" },
	{ "pymssql._pymssql", NULL, "pymssql", "GW1006",
	  "waits in C, unless it has a wait callback" },
	{ "pyodbc", NULL, "pyodbc", "GW1007", "waits in C" },
	{ "cx_Oracle", NULL, "cx_Oracle", "GW1007", "waits in C" },
	{ "ibm_db", NULL, "ibm_db", "GW1007", "waits in C" },
	{ "_pylibmc", NULL, "pylibmc", "GW1013", "waits in C" },
	{ "_ldap", NULL, "python-ldap", "GW1013", "waits in C" },
	{ "pycurl", NULL, "pycurl", "GW2004", "perform() waits in C" },
	{ "grpc._cython.cygrpc", "grpc.experimental.gevent", "grpcio", "GW2005",
	  "init_gevent() was not called" },
	{ "zmq.backend.cython", "zmq.green", "pyzmq", "GW2007", "zmq.green is not used" },
	{ "confluent_kafka.cimpl", NULL, "confluent-kafka", "GW2008", "waits in C" },
};

static void tell_client(struct audit *a, const char *what, const char *rule, const char *more)
{
	audit_found(a, &(struct audit_finding){ .kind = WIRE_PATCH_CLIENT,
						.what = what,
						.rule = rule,
						.more = more,
						.fd = -1 });
}

/* A word among the variables of psycopg2 that leads to something to call can only be that. */
static bool calls(struct audit *a, uint64_t at, uint64_t size)
{
	uint64_t words[512];

	for (uint64_t done = 0; done < size; done += sizeof(words)) {
		uint64_t left = size - done;
		int n = memory_read_some(a->mem, at + done, words,
					 left < sizeof(words) ? left : sizeof(words));

		for (int i = 0; i < n / 8; i++) {
			const struct audit_class *class = audit_class_of(a, words[i]);

			if (class && (class->what == AUDIT_FUNCTION ||
				      class->what == AUDIT_METHOD || class->what == AUDIT_PARTIAL))
				return true;
		}
	}
	return false;
}

static bool has_callback(struct audit *a, const struct mapping *map)
{
	const char *why;
	struct elf *elf = proc_elf(a->proc, map, &why);
	uint64_t bias, at, size;

	if (!elf || proc_bias(a->proc, map, elf, &bias))
		return true; /* not known: no accusation */
	for (unsigned int i = 0; i < SEGMENTS && !elf_data(elf, i, &at, &size); i++) {
		if (size <= DATA_MAX && calls(a, (at + bias + 7) & ~7ULL, size))
			return true;
	}
	return false;
}

static void check_psycopg(struct audit *a)
{
	const struct proc *proc = a->proc;

	if (!audit_find(a, "psycopg2._psycopg"))
		return;
	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];

		if (!map->exec || !map->inode ||
		    strncmp(maps_base(map), CLIENT_FILE, strlen(CLIENT_FILE)))
			continue;
		if (!has_callback(a, map))
			tell_client(a, "psycopg2", "GW1001", "no wait callback is set");
		return;
	}
}

void audit_clients(struct audit *a)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (audit_find(a, clients[i].module) &&
		    (!clients[i].green || !audit_find(a, clients[i].green)))
			tell_client(a, clients[i].what, clients[i].rule, clients[i].more);
	}
	if (a->sqlite)
		tell_client(a, "sqlite3", "GW1009", "a connection is open; it waits for the disk");
	check_psycopg(a);
}

/* A setting of gunicorn's: its value. */
struct setting {
	struct audit *a;
	const char *name;
	uint64_t value;
};

static int take_value(void *ctx, uint64_t key, uint64_t value)
{
	struct setting *s = ctx;
	char name[AUDIT_TEXT];

	if (!audit_text(s->a, key, name) || strcmp(name, s->name))
		return 0;
	s->value = value;
	return 1;
}

static uint64_t field(struct audit *a, uint64_t object, const char *name)
{
	const struct audit_class *class = audit_class_of(a, object);
	struct setting s = { a, name, 0 };

	if (class)
		pyinstance_walk(a->mem, a->py, &class->class, object, take_value, &s);
	return s.value;
}

static uint64_t setting(struct audit *a, uint64_t config, const char *name)
{
	uint64_t settings = field(a, config, "settings"), one;

	if (!settings || pydict_get(a->mem, a->py, settings, SETTINGS, name, &one))
		return 0;
	return field(a, one, "value");
}

/* One of the application's own, imported while nothing was patched. */
static const struct audit_module *early(const struct audit *a)
{
	for (uint32_t i = 0; i < a->n_modules; i++) {
		const struct audit_module *module = &a->modules[i];

		if (module->app && !module->after && module->home == AUDIT_OTHER &&
		    strncmp(module->name, "__", 2))
			return module;
	}
	return NULL;
}

void audit_servers(struct audit *a, uint64_t object, const struct audit_class *class)
{
	const struct audit_module *module;
	uint64_t value, on = 0;

	if (!class->gunicorn || a->state != WIRE_AUDIT_PATCHED)
		return;
	value = setting(a, object, "preload_app");
	module = early(a);
	if (!value || pybool_read(a->mem, a->py, value, &on) || !on || !module)
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_LATE,
			       .what = "gunicorn --preload",
			       .where = module->name,
			       .file = module->shown,
			       .more = "the application is imported before the worker patches",
			       .fd = -1 });
}

void audit_uwsgi(struct audit *a)
{
	uint64_t opt = audit_attribute(a, "uwsgi", "opt"), value;

	if (!opt || a->state != WIRE_AUDIT_UNPATCHED ||
	    pydict_get(a->mem, a->py, opt, SETTINGS, "gevent", &value))
		return;
	audit_found(a, &(struct audit_finding){
			       .kind = WIRE_PATCH_LATE,
			       .what = "uWSGI",
			       .more = "runs gevent without gevent-early-monkey-patch or "
				       "gevent-monkey-patch",
			       .fd = -1 });
}
