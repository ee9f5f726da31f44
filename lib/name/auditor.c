// SPDX-License-Identifier: BSD-2-Clause
/*
 * auditor.c: introduces the process, asks for the audit, serves files.
 *
 *	LOOK -> { FILE }* -> LOOK -> AUDIT -> { FILE }* -> { record }* -> AUDIT
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/auditor.h"
#include "name/child.h"
#include "name/protocol.h"

#define SEND_MS 100

struct auditor {
	struct namer_opener opener;
	struct child child;
	uint32_t pid;
	uint64_t deadline_ns;
	struct namer_got_look look;
	_Alignas(8) unsigned char packet[NAMER_PACKET];
};

static uint64_t soon(void)
{
	return child_now_ns() + SEND_MS * 1000000ULL;
}

static int introduce(struct auditor *auditor, int mem, int maps, const char *cwd)
{
	struct namer_ask_look ask = { .head = { .kind = NAMER_LOOK, .pid = auditor->pid } };
	int fds[2] = { mem, maps };

	strncpy(ask.cwd, cwd ? cwd : "", sizeof(ask.cwd) - 1);
	return child_send(&auditor->child, &ask, sizeof(ask), fds, 2, soon());
}

int auditor_open(struct auditor **out, uint32_t pid, int mem, int maps, const char *cwd,
		 const struct namer_opener *opener)
{
	struct auditor *auditor = calloc(1, sizeof(*auditor));
	int err;

	if (!auditor)
		return -ENOMEM;
	auditor->pid = pid;
	auditor->opener = *opener;
	auditor->deadline_ns = child_now_ns() + AUDITOR_DEADLINE_MS * 1000000ULL;
	child_new(&auditor->child);
	err = child_start(&auditor->child);
	if (!err)
		err = introduce(auditor, mem, maps, cwd);
	if (err) {
		auditor_close(auditor);
		return err;
	}
	*out = auditor;
	return 0;
}

int auditor_fd(const struct auditor *auditor)
{
	return auditor->child.sock;
}

static int serve_file(struct auditor *auditor, int size)
{
	struct namer_file *file = (struct namer_file *)(void *)auditor->packet;
	struct namer_head head = file->head;
	int fd, err;

	if (size != sizeof(*file) || head.pid != auditor->pid)
		return -EBADMSG;
	file->path[sizeof(file->path) - 1] = '\0';
	fd = auditor->opener.file(auditor->opener.ctx, head.pid, file->start, file->end,
				  file->path);
	head.result = fd < 0 ? fd : 0;
	err = child_send(&auditor->child, &head, sizeof(head), &fd, fd >= 0, soon());
	if (fd >= 0)
		close(fd);
	return err;
}

static int take_look(struct auditor *auditor, int size)
{
	struct namer_ask_audit ask = { .head = { .kind = NAMER_AUDIT, .pid = auditor->pid },
				       .budget_ms = AUDITOR_BUDGET_MS };
	struct namer_got_look *look = &auditor->look;

	if (size != sizeof(*look))
		return -EBADMSG;
	memcpy(look, auditor->packet, sizeof(*look));
	look->runtime[sizeof(look->runtime) - 1] = '\0';
	look->version[sizeof(look->version) - 1] = '\0';
	look->why[sizeof(look->why) - 1] = '\0';
	if (look->head.result)
		return look->head.result > -4096 && look->head.result < 0 ? look->head.result
									  : -EBADMSG;
	return child_send(&auditor->child, &ask, sizeof(ask), NULL, 0, soon());
}

static int take_record(struct auditor *auditor, int size,
		       int (*take)(void *ctx, const struct wire_head *record, size_t size),
		       void *ctx)
{
	const struct namer_head *head = (const void *)auditor->packet;
	size_t rest = (size_t)size - sizeof(*head);
	const struct wire_head *record = (const void *)(auditor->packet + sizeof(*head));

	if (!rest)
		return head->result < 0 && head->result > -4096 ? head->result : 1;
	if (rest < sizeof(*record) || record->size != rest ||
	    (record->kind != WIRE_AUDIT && record->kind != WIRE_PATCH))
		return -EBADMSG;
	return take(ctx, record, rest);
}

static int take_packet(struct auditor *auditor, int size,
		       int (*take)(void *ctx, const struct wire_head *record, size_t size),
		       void *ctx)
{
	const struct namer_head *head = (const void *)auditor->packet;

	if ((size_t)size < sizeof(*head))
		return -EBADMSG;
	switch (head->kind) {
	case NAMER_FILE:
		return serve_file(auditor, size);
	case NAMER_LOOK:
		return take_look(auditor, size);
	case NAMER_AUDIT:
		return take_record(auditor, size, take, ctx);
	}
	return -EBADMSG;
}

int auditor_step(struct auditor *auditor,
		 int (*take)(void *ctx, const struct wire_head *record, size_t size), void *ctx)
{
	struct pollfd pfd = { .fd = auditor->child.sock, .events = POLLIN };
	int n;

	if (child_now_ns() >= auditor->deadline_ns)
		return -ETIME;
	if (poll(&pfd, 1, 0) <= 0)
		return 0;
	n = child_receive(&auditor->child, auditor->packet, sizeof(auditor->packet), soon());
	return n < 0 ? n : take_packet(auditor, n, take, ctx);
}

void auditor_look(const struct auditor *auditor, struct namer_look *out)
{
	*out = (struct namer_look){
		.runtime = auditor->look.runtime[0] ? auditor->look.runtime : "native",
		.version = auditor->look.version,
		.why_no_python = auditor->look.why,
	};
}

uint64_t auditor_close(struct auditor *auditor)
{
	uint64_t cpu_ns;

	if (!auditor)
		return 0;
	child_kill(&auditor->child);
	child_free(&auditor->child);
	cpu_ns = auditor->child.cpu_ns;
	free(auditor);
	return cpu_ns;
}
