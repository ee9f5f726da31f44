// SPDX-License-Identifier: BSD-2-Clause
/*
 * inspect.c: the queue of audits. See inspect.h.
 */
#include "source/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PEER_SIZE 160

bool inspect_ask(struct inspect *inspect, uint32_t pid)
{
	for (uint32_t i = 0; i < inspect->n; i++)
		if (inspect->list[i] == pid)
			return false;
	if (inspect->n == INSPECT_MAX)
		return false;
	inspect->list[inspect->n++] = pid;
	return true;
}

bool inspect_busy(const struct inspect *inspect)
{
	return inspect->auditor || inspect->next < inspect->n;
}

int inspect_fd(const struct inspect *inspect)
{
	return inspect->auditor ? auditor_fd(inspect->auditor) : -1;
}

static int hand_out(struct inspect *inspect, struct wire_head *record)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	record->now_ns = (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
	record->flags = 0;
	return inspect->take(inspect->ctx, record);
}

/* The last string of a socket's record is empty: the peer goes there. */
static int tell_socket(struct inspect *inspect, const struct wire_patch *patch, size_t size)
{
	_Alignas(8) char bytes[2048 + PEER_SIZE];
	struct wire_patch *copy = (struct wire_patch *)(void *)bytes;
	const struct proc *proc = procs_find(inspect->procs, inspect->pid);
	char peer[PEER_SIZE] = "";

	if (size > 2048 || ((const char *)patch)[size - 1])
		return hand_out(inspect, (struct wire_head *)(uintptr_t)&patch->head);
	if (proc && sockets_describe(&proc->keeper, patch->fd, peer, sizeof(peer)) == -ENOENT)
		return 0;
	memcpy(bytes, patch, size);
	memcpy(bytes + size - 1, peer, strlen(peer) + 1);
	copy->head.size = (uint32_t)(size + strlen(peer));
	return hand_out(inspect, &copy->head);
}

static int look(struct inspect *inspect)
{
	struct proc *proc = procs_find(inspect->procs, inspect->pid);
	struct namer_look found;

	if (inspect->looked || !proc || !inspect->look)
		return 0;
	inspect->looked = true;
	auditor_look(inspect->auditor, &found);
	return inspect->look(inspect->ctx, proc, &found);
}

static int take(void *ctx, const struct wire_head *record, size_t size)
{
	struct inspect *inspect = ctx;
	const struct wire_audit *audit = (const struct wire_audit *)record;
	const struct wire_patch *patch = (const struct wire_patch *)record;

	inspect->err = look(inspect);
	if (inspect->err)
		return inspect->err;
	if (size < sizeof(*patch) || (record->kind == WIRE_AUDIT && size < sizeof(*audit)) ||
	    (record->kind == WIRE_PATCH ? patch->pid : audit->pid) != inspect->pid)
		return -EBADMSG;
	inspect->got |= record->kind == WIRE_AUDIT;
	if (record->kind == WIRE_PATCH && patch->kind == WIRE_PATCH_SOCKET)
		inspect->err = tell_socket(inspect, patch, size);
	else
		inspect->err = hand_out(inspect, (struct wire_head *)(uintptr_t)record);
	return inspect->err;
}

/* The audit has come to nothing: that is an answer, too. */
static int tell_failure(struct inspect *inspect, int err)
{
	const char *why = err == -ETIME   ? "reading the process took too long"
			  : err == -ESRCH ? "the process has ended"
					  : "the process could not be read";
	_Alignas(8) char bytes[sizeof(struct wire_audit) + 64] = { 0 };
	struct wire_audit *audit = (struct wire_audit *)(void *)bytes;
	char *text = bytes + sizeof(*audit) + 2; /* behind library and version, both "" */
	size_t size = sizeof(*audit) + 3 + strlen(why);

	if (inspect->got)
		return 0;
	audit->head.kind = WIRE_AUDIT;
	audit->head.size = (uint32_t)size;
	audit->pid = inspect->pid;
	audit->state = WIRE_AUDIT_FAILED;
	snprintf(text, sizeof(bytes) - sizeof(*audit) - 2, "%s", why);
	return hand_out(inspect, &audit->head);
}

static void finish(struct inspect *inspect)
{
	inspect->cpu_ns += auditor_close(inspect->auditor);
	inspect->auditor = NULL;
}

static int begin(struct inspect *inspect)
{
	struct proc *proc;
	int err;

	inspect->pid = inspect->list[inspect->next++];
	inspect->looked = inspect->got = false;
	proc = procs_find(inspect->procs, inspect->pid);
	if (!proc)
		return 0;
	err = auditor_open(&inspect->auditor, inspect->pid, proc->keeper.mem, proc->keeper.maps,
			   proc->keeper.cwd, &inspect->opener);
	return err ? tell_failure(inspect, err) : 0;
}

int inspect_step(struct inspect *inspect)
{
	int n;

	if (!inspect->auditor)
		return inspect->next < inspect->n ? begin(inspect) : 0;
	inspect->err = 0;
	n = auditor_step(inspect->auditor, take, inspect);
	if (!n)
		return 0;
	if (!inspect->err)
		inspect->err = look(inspect);
	if (!inspect->err && n < 0)
		inspect->err = tell_failure(inspect, n);
	finish(inspect);
	return inspect->err;
}

void inspect_end(struct inspect *inspect)
{
	finish(inspect);
}
