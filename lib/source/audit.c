// SPDX-License-Identifier: BSD-2-Clause
/*
 * audit.c: the source of a session that only audits: no kernel side at all.
 *
 * Processes, with their descendants if they are followed; of each a
 * WIRE_TARGET and its audit. When all have been looked at, it is over.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "greenwatch.h"
#include "source/hello.h"
#include "source/inspect.h"
#include "source/source.h"

#define STEPS 4096 /* packets a poll */

struct audit {
	struct source source;
	struct source_sink sink;
	struct procs procs;
	struct inspect inspect;
	int timer; /* always due: there is always work until there is none */
};

static struct audit *audit_of(struct source *source)
{
	return (struct audit *)source;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int say_hello(struct audit *a, const struct watch_opts *opts)
{
	struct wire_hello hello;

	hello_make(&hello, opts->late_ns, opts->period_ns, "");
	return a->sink.take(a->sink.ctx, &hello.head);
}

static int take_look(void *ctx, struct proc *proc, const struct namer_look *look)
{
	struct audit *a = ctx;
	struct wire_target *target = procs_record(proc, look, clock_ns(CLOCK_MONOTONIC));
	int err = target ? a->sink.take(a->sink.ctx, &target->head) : -ENOMEM;

	free(target);
	return err;
}

static int take(void *ctx, const struct wire_head *record)
{
	struct audit *a = ctx;

	return a->sink.take(a->sink.ctx, record);
}

static int open_file(void *ctx, uint32_t pid, uint64_t start, uint64_t end, const char *path)
{
	struct audit *a = ctx;
	struct proc *proc = procs_find(&a->procs, pid);

	return proc ? keeper_file(&proc->keeper, start, end, path) : -ESRCH;
}

/* One that was named must be there; a child may have ended meanwhile. */
static int add(struct audit *a, uint32_t pid, bool asked)
{
	char line[256];
	int err;

	if (!procs_add(&a->procs, pid, asked, &err)) {
		if (!asked)
			return 0;
		procs_refuse(pid, err, line, sizeof(line));
		a->sink.log(a->sink.ctx, GW_WARN, line);
		return err;
	}
	inspect_ask(&a->inspect, pid);
	return 0;
}

static int add_all(struct audit *a, const struct watch_opts *opts)
{
	int err = 0;

	for (size_t i = 0; !err && i < opts->n_pids; i++)
		err = add(a, opts->pids[i], true);
	/* the list grows while it is walked: children of children */
	for (uint32_t i = 0; !err && opts->follow && i < a->procs.count; i++) {
		uint32_t children[INSPECT_MAX];
		uint32_t n = keeper_children(&a->procs.items[i]->keeper, children, INSPECT_MAX);

		for (uint32_t k = 0; !err && k < n && a->procs.count < INSPECT_MAX; k++)
			err = add(a, children[k], false);
	}
	return err;
}

static int audit_fd(const struct source *source)
{
	return ((const struct audit *)source)->timer;
}

static int audit_poll(struct source *source, int timeout_ms)
{
	struct audit *a = audit_of(source);
	int err = 0;

	(void)timeout_ms;
	for (int i = 0; !err && i < STEPS && inspect_busy(&a->inspect); i++) {
		struct pollfd pfd = { .fd = inspect_fd(&a->inspect), .events = POLLIN };

		if (pfd.fd >= 0 && !poll(&pfd, 1, i ? 0 : 20))
			break;
		err = inspect_step(&a->inspect);
	}
	if (!err && inspect_fd(&a->inspect) >= 0)
		err = inspect_step(&a->inspect); /* its deadline */
	return err ? err : !inspect_busy(&a->inspect);
}

static int audit_names(struct source *source, const struct wire_stack *stack,
		       const struct wire_names **out)
{
	(void)source;
	(void)stack;
	*out = NULL;
	return -ENOSYS;
}

static int audit_snapshot(struct source *source)
{
	(void)source;
	return 0;
}

static int audit_end(struct source *source, enum wire_ended why)
{
	struct audit *a = audit_of(source);
	struct wire_end end = { .head = { .kind = WIRE_END,
					  .size = sizeof(end),
					  .now_ns = clock_ns(CLOCK_MONOTONIC) },
				.why = why };
	uint64_t cpu, rss;

	if (!keeper_cost(getpid(), &cpu, &rss)) {
		end.cpu_ns = cpu;
		end.rss_bytes = rss;
	}
	end.cpu_ns += a->inspect.cpu_ns;
	return a->sink.take(a->sink.ctx, &end.head);
}

static int audit_describe(struct source *source, char *line, size_t size)
{
	(void)source;
	(void)line;
	(void)size;
	return -ENOENT;
}

static void audit_close(struct source *source)
{
	struct audit *a = audit_of(source);

	inspect_end(&a->inspect);
	procs_free(&a->procs);
	if (a->timer >= 0)
		close(a->timer);
	free(a);
}

static const struct source_ops audit_ops = {
	.fd = audit_fd,
	.poll = audit_poll,
	.names = audit_names,
	.snapshot = audit_snapshot,
	.end = audit_end,
	.describe = audit_describe,
	.close = audit_close,
};

int audit_open(struct source **out, const struct watch_opts *opts, const struct source_sink *sink)
{
	struct itimerspec due = { .it_value.tv_nsec = 1 };
	struct audit *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->source.ops = &audit_ops;
	a->sink = *sink;
	a->inspect.procs = &a->procs;
	a->inspect.opener = (struct namer_opener){ .file = open_file, .ctx = a };
	a->inspect.look = take_look;
	a->inspect.take = take;
	a->inspect.ctx = a;
	a->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = a->timer < 0 || timerfd_settime(a->timer, 0, &due, NULL) ? -errno : 0;
	if (!err)
		err = say_hello(a, opts);
	if (!err)
		err = add_all(a, opts);
	if (err)
		audit_close(&a->source);
	else
		*out = &a->source;
	return err;
}
