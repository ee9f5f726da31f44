// SPDX-License-Identifier: BSD-2-Clause
/*
 * procs.c: the table of watched processes. See procs.h.
 */
#include "source/procs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCS_MAX     4096
#define LOOK_AGAIN_NS 100000000

struct proc *procs_find(const struct procs *procs, uint32_t pid)
{
	for (uint32_t i = 0; i < procs->count; i++)
		if (procs->items[i]->keeper.pid == pid)
			return procs->items[i];
	return NULL;
}

static int make_room(struct procs *procs)
{
	uint32_t room = procs->room ? procs->room * 2 : 16;
	struct proc **items;

	if (procs->count < procs->room)
		return 0;
	if (room > PROCS_MAX)
		return -ENOSPC;
	items = realloc(procs->items, room * sizeof(*items));
	if (!items)
		return -ENOMEM;
	procs->items = items;
	procs->room = room;
	return 0;
}

struct proc *procs_add(struct procs *procs, uint32_t pid, bool asked, int *err)
{
	struct proc *proc = procs_find(procs, pid);

	*err = 0;
	if (proc)
		return proc;
	proc = calloc(1, sizeof(*proc));
	*err = proc ? make_room(procs) : -ENOMEM;
	if (!*err)
		*err = keeper_open(&proc->keeper, pid);
	if (*err) {
		free(proc);
		return NULL;
	}
	proc->asked = asked;
	procs->items[procs->count++] = proc;
	return proc;
}

void procs_drop(struct procs *procs, struct proc *proc)
{
	namer_forget(procs->namer, proc->keeper.pid);
	keeper_close(&proc->keeper);
	for (uint32_t i = 0; i < procs->count; i++) {
		if (procs->items[i] == proc) {
			procs->items[i] = procs->items[--procs->count];
			break;
		}
	}
	free(proc->pools);
	free(proc);
}

void procs_free(struct procs *procs)
{
	while (procs->count) {
		struct proc *last = procs->items[--procs->count];

		keeper_close(&last->keeper);
		free(last->pools);
		free(last);
	}
	free(procs->items);
	procs->items = NULL;
}

bool proc_is_stale(const struct proc *proc)
{
	char byte;

	if (proc->keeper.maps < 0 || lseek(proc->keeper.maps, 0, SEEK_SET) < 0)
		return true;
	return read(proc->keeper.maps, &byte, 1) != 1;
}

bool proc_has_ended(const struct proc *proc)
{
	struct pollfd fd = { .fd = proc->keeper.pidfd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static char *put(char *at, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(at, text, len);
	return at + len;
}

static size_t argv_bytes(const struct keeper_proc *keeper)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < keeper->argc && bytes < sizeof(keeper->argv); i++)
		bytes += strnlen(keeper->argv + bytes, sizeof(keeper->argv) - bytes) + 1;
	return bytes < sizeof(keeper->argv) ? bytes : sizeof(keeper->argv);
}

struct wire_target *procs_record(const struct proc *proc, const struct namer_look *look,
				 uint64_t now_ns)
{
	const struct keeper_proc *keeper = &proc->keeper;
	size_t args = argv_bytes(keeper);
	size_t size = sizeof(struct wire_target) + strlen(look->runtime) + strlen(look->version) +
		      strlen(keeper->exe) + strlen(keeper->cwd) + strlen(look->why_no_python) + 5 +
		      args;
	struct wire_target *target = calloc(1, (size + 7) & ~7UL);
	char *at;

	if (!target)
		return NULL;
	target->head.kind = WIRE_TARGET;
	target->head.size = size;
	target->head.now_ns = now_ns;
	target->pid = keeper->pid;
	target->parent = keeper->parent;
	target->asked = proc->asked;
	target->argc = keeper->argc;
	memcpy(target->comm, keeper->comm, sizeof(target->comm));
	at = put((char *)(target + 1), look->runtime);
	at = put(at, look->version);
	at = put(at, keeper->exe);
	at = put(at, keeper->cwd);
	at = put(at, look->why_no_python);
	memcpy(at, keeper->argv, args);
	return target;
}

struct wire_target *procs_look(struct procs *procs, struct proc *proc, uint64_t now_ns)
{
	struct namer_look look = { .runtime = "native", .version = "", .why_no_python = "" };
	int err = namer_look(procs->namer, proc->keeper.pid, proc->keeper.mem, proc->keeper.maps,
			     proc->keeper.cwd, &look);

	if (err) {
		look.runtime = "native";
		look.version = "";
		look.has_layout = 0;
		look.why_no_python = err == -ETIME ? "reading the process took too long"
						   : "the process could not be read";
	}
	proc->looked_ns = now_ns;
	proc->look_wait_ns = proc->look_wait_ns ? 2 * proc->look_wait_ns : LOOK_AGAIN_NS;
	proc->has_layout = look.has_layout;
	proc->parks = look.parks;
	snprintf(proc->runtime, sizeof(proc->runtime), "%s", look.runtime);
	proc->layout = look.layout;
	snprintf(proc->why, sizeof(proc->why), "%s", look.why_no_python);
	return procs_record(proc, &look, now_ns);
}

void procs_refuse(uint32_t pid, int err, char *line, size_t size)
{
	uint32_t process = err == -ESRCH ? keeper_process_of(pid) : 0;

	if (process && process != pid)
		snprintf(line, size, "%u is a thread of process %u; watch that: greenwatch -p %u",
			 pid, process, process);
	else if (err == -ESRCH)
		snprintf(line, size, "no process with pid %u", pid);
	else if (err == -ENXIO)
		snprintf(line, size, "process %u is a kernel thread, which has no event loop", pid);
	else if (err == -EACCES || err == -EPERM)
		snprintf(line, size,
			 "no right to look into process %u; run as root, or with CAP_SYS_PTRACE "
			 "and CAP_DAC_READ_SEARCH",
			 pid);
	else
		snprintf(line, size, "cannot open process %u: %s", pid, strerror(-err));
}
