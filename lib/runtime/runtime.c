// SPDX-License-Identifier: BSD-2-Clause
/*
 * runtime.c: the table of runtimes. The first match wins: a gevent program
 * may have imported asyncio, and all of them are Python.
 */
#include <string.h>
#include "runtime/runtime.h"

static bool path_has(const struct proc *proc, const char *word)
{
	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];

		if (map->inode && strstr(map->path, word))
			return true;
	}
	return false;
}

static bool is_gevent(struct proc *proc)
{
	return proc_mapped(proc, "_gevent_c") || proc_mapped(proc, "corecext") ||
	       path_has(proc, "/gevent/");
}

static bool is_uvloop(struct proc *proc)
{
	return path_has(proc, "/uvloop/loop");
}

static bool is_asyncio(struct proc *proc)
{
	return proc_mapped(proc, "_asyncio") != NULL;
}

/* Embedded interpreters show by the extension modules they have loaded. */
static bool is_python(struct proc *proc)
{
	return proc_mapped(proc, "python") || path_has(proc, "/lib-dynload/");
}

static bool is_node(struct proc *proc)
{
	for (size_t i = 0; i < proc->maps.n; i++) {
		const char *base = maps_base(&proc->maps.list[i]);

		if (strcmp(base, "node") == 0 || strcmp(base, "nodejs") == 0)
			return true;
	}
	return false;
}

static bool is_native(struct proc *proc)
{
	(void)proc;
	return true;
}

static const struct runtime runtimes[] = {
	{ "gevent", is_gevent, python_attach, python_thread, python_name, python_detach },
	{ "uvloop", is_uvloop, python_attach, python_thread, python_name, python_detach },
	{ "asyncio", is_asyncio, python_attach, python_thread, python_name, python_detach },
	{ "python", is_python, python_attach, python_thread, python_name, python_detach },
	{ "node", is_node, node_attach, NULL, node_name, NULL },
	{ "tokio", is_tokio, NULL, NULL, tokio_name, NULL },
	{ "native", is_native, NULL, NULL, native_name, NULL },
};

const struct runtime *runtime_detect(struct proc *proc)
{
	const struct runtime *found = runtimes;

	while (!found->detect(proc))
		found++;
	return found;
}
