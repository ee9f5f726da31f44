// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach.c: the start of the live source: processes, kernel side, first look.
 *
 * The namer is forked before anything else is opened. Whatever fails is said
 * in words here, with what to do, and nowhere else.
 */
#include "source/watch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "source/hello.h"

#define CLOSE_NS   4000000   /* CPU time between samples of a turn half way to late, at most */
#define TICK_NS    100000000 /* half of the threshold where that is less, but not below the least */
#define TICK_LEAST 20000000
#define FIRST_LOOK 65536 /* records; a storm must not hold up the start */

static void say(struct watch *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct watch *w, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->sink.log(w->sink.ctx, GW_WARN, line);
}

static int opener_file(void *ctx, uint32_t pid, uint64_t start, uint64_t end, const char *path)
{
	struct watch *w = ctx;
	struct proc *proc = procs_find(&w->procs, pid);

	return proc ? keeper_file(&proc->keeper, start, end, path) : -ESRCH;
}

static void namer_log(void *ctx, const char *line)
{
	struct watch *w = ctx;

	w->sink.log(w->sink.ctx, GW_INFO, line);
}

static int say_hello(struct watch *w, const struct watch_opts *opts)
{
	struct wire_hello hello;

	hello_make(&hello, opts->late_ns, opts->period_ns, live_gate(w->live));
	hello.calls_all = opts->calls_all;
	return watch_hand_out(w, &hello);
}

static int poll_on(struct watch *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_ticks(struct watch *w)
{
	uint64_t half = w->late_ns / 2;
	long ns = half > TICK_NS ? TICK_NS : half < TICK_LEAST ? TICK_LEAST : (long)half;
	struct itimerspec every = { .it_interval.tv_nsec = ns, .it_value.tv_nsec = ns };
	int err;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	w->pool_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->epoll < 0 || w->timer < 0 || w->pool_timer < 0 ||
	    timerfd_settime(w->timer, 0, &every, NULL))
		return -errno;
	err = poll_on(w, w->timer);
	if (!err)
		err = poll_on(w, w->pool_timer);
	return err ? err : poll_on(w, live_fd(w->live));
}

static int open_process(struct watch *w, uint32_t pid)
{
	char line[256];
	int err;

	if (procs_add(&w->procs, pid, true, &err))
		return 0;
	procs_refuse(pid, err, line, sizeof(line));
	say(w, "%s", line);
	return err;
}

static int attach_process(struct watch *w, struct proc *proc)
{
	int err = live_attach(w->live, proc->keeper.pid);

	if (!err && proc_has_ended(proc)) {
		say(w, "process %u ended before it could be watched", proc->keeper.pid);
		return -ESRCH;
	}
	if (err)
		say(w, "cannot attach to process %u: %s", proc->keeper.pid, strerror(-err));
	if (!err)
		err = watch_drain(w, FIRST_LOOK);
	return err ? err : workers_look(w, proc);
}

static void say_privileges(struct watch *w, uint32_t pid)
{
	char missing[128];

	keeper_missing(missing, sizeof(missing));
	if (!missing[0]) {
		say(w, "cannot load BPF programs: the kernel refuses them (lockdown, seccomp or "
		       "a container's limits)");
		return;
	}
	say(w, "cannot load BPF programs: %s %s missing", missing,
	    strstr(missing, " and ") ? "are" : "is");
	say(w, "  run:         sudo greenwatch -p %u", pid);
	say(w,
	    "  or once:     sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep "
	    "/usr/bin/greenwatch");
	say(w, "  container:   docker run --cap-add BPF --cap-add PERFMON --cap-add SYS_PTRACE "
	       "--cap-add DAC_READ_SEARCH --pid host ...");
}

static int open_kernel(struct watch *w, const struct watch_opts *opts)
{
	struct live_opts live = { .late_ns = opts->late_ns,
				  .period_ns =
					  opts->period_ns < CLOSE_NS ? opts->period_ns : CLOSE_NS,
				  .light_ns = opts->period_ns,
				  .follow = opts->follow,
				  .calls_all = opts->calls_all,
				  .loops = LOOPS };
	char why[256] = "";
	int err = live_open(&w->live, &live, why, sizeof(why));

	if (err == -EPERM)
		say_privileges(w, opts->pids[0]);
	else if (err)
		say(w, "%s", why);
	else
		w->slots = live_slots(w->live);
	return err;
}

int attach_start(struct watch *w, const struct watch_opts *opts)
{
	struct namer_opener opener = { .file = opener_file, .ctx = w };
	int err = namer_open(&w->namer, &opener, namer_log, w);

	w->procs.namer = w->namer;
	w->inspect.procs = &w->procs;
	w->inspect.opener = opener;
	w->inspect.take = watch_take_audit;
	w->inspect.ctx = w;
	for (size_t i = 0; !err && i < opts->n_pids; i++)
		err = open_process(w, opts->pids[i]);
	if (!err)
		err = open_kernel(w, opts);
	if (!err)
		err = start_ticks(w);
	if (!err)
		err = say_hello(w, opts);
	if (!err)
		err = warmup_begin(w, opts);
	for (uint32_t i = 0, n = w->procs.count; !err && i < n; i++)
		err = tell_target(w, w->procs.items[i]);
	for (uint32_t i = 0, n = w->procs.count; !err && i < n; i++)
		err = attach_process(w, w->procs.items[i]);
	return err;
}
