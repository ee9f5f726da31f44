// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c: the live source: kernel records, and what user space adds to them.
 *
 * Meets a loop when it is found: opens its process, has it looked at, aims
 * the walker, starts the sampling. Ten times a second it looks at the slots
 * for turns that are late and still going on; that is the only polling.
 * Judges nothing and names nothing itself.
 */
#include "source/source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "greenwatch.h"
#include "source/live.h"
#include "source/procs.h"

#define LOOPS	    256	 /* slots for the processes of one command */
#define BUDGET	    4096 /* records a poll */
#define TICK_NS	    100000000

/* What user space knows of the loop in a slot. */
struct seat {
	uint32_t serial; /* 0: empty */
	uint32_t pid;
	uint64_t told_turn_ns; /* open turn told of */
	uint64_t tell_at_ns;   /* its age at which to tell again */
};

struct watch {
	struct source source;
	struct source_sink sink;
	struct live *live;
	struct namer *namer;
	struct procs procs;
	struct seat seats[LOOPS];
	struct wire_scratch *scratch; /* copy of a slot's */
	struct wire_slot *slot;	      /* copy of a slot's */
	uint64_t late_ns, consumed;
	int epoll, timer;
	bool no_samples_told;
	bool ending; /* the last totals are being told */
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static struct watch *watch_of(struct source *source)
{
	return (struct watch *)source;
}

static struct wire_head head_of(uint16_t kind, size_t size)
{
	return (struct wire_head){ .kind = kind,
				   .size = size,
				   .now_ns = now_ns(CLOCK_MONOTONIC) };
}

static int hand_out(struct watch *w, const void *record)
{
	return w->sink.take(w->sink.ctx, record);
}

static int note(struct watch *w, const char *what, const char *why, const char *fix)
{
	char bytes[sizeof(struct wire_note) + 768] __attribute__((aligned(8)));
	struct wire_note *record = (struct wire_note *)bytes;
	char *text = bytes + sizeof(*record);
	int n = snprintf(text, 768, "%.200s%c%.300s%c%.200s", what, 0, why, 0, fix);

	record->head = head_of(WIRE_NOTE, sizeof(*record) + n + 1);
	return hand_out(w, record);
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

static int tell_target(struct watch *w, struct proc *proc)
{
	struct wire_target *target = procs_look(&w->procs, proc, now_ns(CLOCK_MONOTONIC));
	int err = target ? hand_out(w, target) : -ENOMEM;

	free(target);
	return err;
}

static void aim(struct watch *w, struct proc *proc, const struct wire_found *found)
{
	uint64_t tstate;

	if (!proc->has_layout)
		return;
	if (namer_thread(w->namer, found->pid, found->nstid, found->fsbase, &tstate))
		return;
	live_aim(w->live, found->slot, found->serial, tstate, &proc->layout);
}

static void start_samples(struct watch *w, const struct wire_found *found)
{
	int err = live_sample(w->live, found->slot, found->tid);

	if (!err || err == -ESRCH || w->no_samples_told)
		return;
	w->no_samples_told = true;
	note(w, "stacks of time on the CPU", strerror(-err),
	     "run as root, or lower kernel.perf_event_paranoid");
}

/* A loop was found: everything about it is made ready before the record goes on. */
static int meet(struct watch *w, const struct wire_found *found)
{
	struct seat *seat = &w->seats[found->slot];
	struct proc *proc = procs_find(&w->procs, found->pid);
	bool asked = proc && proc->asked;
	int err = 0;

	if (proc && !proc->loops && proc_is_stale(proc)) {
		procs_drop(&w->procs, proc);
		proc = NULL;
	}
	if (!proc)
		proc = procs_add(&w->procs, found->pid, asked, &err);
	*seat = (struct seat){ .serial = found->serial, .pid = found->pid };
	if (!proc)
		return err == -ESRCH ? 0 : note(w, "names of a process", strerror(-err), "");
	if (!proc->looked)
		err = tell_target(w, proc);
	proc->loops++;
	aim(w, proc, found);
	start_samples(w, found);
	return err < 0 ? err : 0;
}

static int tell_slot(struct watch *w, uint32_t slot)
{
	if (!live_loop(w->live, slot, &w->slot->loop))
		return 0;
	w->slot->head = head_of(WIRE_SLOT, sizeof(*w->slot));
	return hand_out(w, w->slot);
}

/* A loop has ended: its last totals go out before the news. */
static int part(struct watch *w, const struct wire_gone *gone)
{
	struct proc *proc = procs_find(&w->procs, gone->pid);
	int err;

	if (w->seats[gone->slot].serial != gone->serial)
		return 0;
	err = tell_slot(w, gone->slot);
	if (!err)
		err = hand_out(w, gone);
	memset(&w->seats[gone->slot], 0, sizeof(w->seats[0]));
	live_recycle(w->live, gone->slot);
	if (!proc)
		return err;
	if (proc->loops)
		proc->loops--;
	if (!proc->loops && !proc->asked)
		procs_drop(&w->procs, proc);
	return err;
}

static int take_record(void *ctx, const struct wire_head *record, size_t size)
{
	struct watch *w = ctx;
	int err;

	w->consumed++;
	if (size < sizeof(*record) || record->size > size)
		return 0;
	switch (record->kind) {
	case WIRE_LOOP:
		err = meet(w, (const struct wire_found *)record);
		return err ? err : hand_out(w, record);
	case WIRE_GONE:
		return part(w, (const struct wire_gone *)record);
	default:
		return hand_out(w, record);
	}
}

static int tell_open(struct watch *w, uint32_t slot, const struct wire_turn *turn, uint64_t now)
{
	struct wire_scratch *scratch = w->scratch;
	struct wire_stack *pending = &scratch->slice[(scratch->best ^ 1) & 1];
	struct wire_open open = { .serial = w->seats[slot].serial,
				  .pid = w->seats[slot].pid,
				  .n_waits = scratch->n_waits,
				  .n_rivals = scratch->n_rivals,
				  .turn = *turn };
	int err = 0;

	open.head = head_of(WIRE_OPEN, sizeof(open));
	open.head.now_ns = now;
	open.head.flags = w->ending;
	memcpy(open.waits, scratch->waits, sizeof(open.waits));
	memcpy(open.rivals, scratch->rivals, sizeof(open.rivals));
	if (turn->off != WIRE_ON && turn->off != WIRE_RUNNABLE &&
	    pending->turn_ns == turn->began_ns && pending->n_python <= WIRE_FRAMES) {
		pending->head.size = WIRE_STACK_BASE +
				     pending->n_python * sizeof(pending->python[0]);
		pending->head.now_ns = now;
		pending->blocked_ns = turn->off == WIRE_BLOCKED ? now - turn->off_ns : 0;
		pending->stopped_ns = turn->off == WIRE_STOPPED ? now - turn->off_ns : 0;
		err = hand_out(w, pending);
	}
	return err ? err : hand_out(w, &open);
}

/* Is the turn in this slot late and untold, or twice as old as when it was told of? */
static int check_open(struct watch *w, uint32_t slot, uint64_t now)
{
	const struct wire_loop *loop = live_peek(w->live, slot);
	struct seat *seat = &w->seats[slot];
	struct wire_turn turn;

	if (loop->turn.phase != WIRE_BUSY || now < loop->turn.began_ns + w->late_ns)
		return 0;
	if (!live_turn(w->live, slot, &turn, w->scratch))
		return 0;
	if (turn.phase != WIRE_BUSY || now <= turn.began_ns + w->late_ns)
		return 0;
	if (seat->told_turn_ns != turn.began_ns) {
		seat->told_turn_ns = turn.began_ns;
		seat->tell_at_ns = 0;
	}
	if (now - turn.began_ns < seat->tell_at_ns)
		return 0;
	seat->tell_at_ns = 2 * (now - turn.began_ns);
	return tell_open(w, slot, &turn, now);
}

/* News of a loop was lost with a full ring: the slot itself still tells. */
static int catch_up(struct watch *w, uint32_t slot)
{
	const struct wire_loop *loop = live_peek(w->live, slot);
	struct wire_found found = { .serial = loop->serial,
				    .slot = slot,
				    .pid = loop->pid,
				    .tid = loop->tid,
				    .parent = loop->parent,
				    .nstid = loop->tid,
				    .wait_class = loop->wait_class,
				    .wait_fd = loop->wait_fd };
	struct wire_gone gone = { .serial = loop->serial,
				  .slot = slot,
				  .pid = loop->pid,
				  .tid = loop->tid };
	int err = 0;

	found.head = head_of(WIRE_LOOP, sizeof(found));
	gone.head = head_of(WIRE_GONE, sizeof(gone));
	if (w->seats[slot].serial != loop->serial) {
		err = meet(w, &found);
		if (!err)
			err = hand_out(w, &found);
	}
	if (!err && loop->state == WIRE_ENDED)
		err = part(w, &gone);
	return err;
}

static int tick(struct watch *w)
{
	struct wire_tick record = { .head = head_of(WIRE_TICK, sizeof(record)) };
	int err = hand_out(w, &record);

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++) {
		const struct wire_loop *loop = live_peek(w->live, slot);

		if (loop->state == WIRE_FREE)
			continue;
		if (loop->state == WIRE_ENDED || w->seats[slot].serial != loop->serial)
			err = catch_up(w, slot);
		else
			err = check_open(w, slot, record.head.now_ns);
	}
	return err;
}

static bool all_gone(const struct watch *w)
{
	for (uint32_t i = 0; i < w->procs.count; i++) {
		const struct proc *proc = w->procs.items[i];

		if (proc->loops || (proc->asked && !proc_has_ended(proc)))
			return false;
	}
	return true;
}

static int drain(struct watch *w, uint32_t budget)
{
	int n = live_consume(w->live, budget, take_record, w);

	return n < 0 ? n : 0;
}

static int watch_poll(struct source *source, int timeout_ms)
{
	struct watch *w = watch_of(source);
	struct epoll_event events[4];
	int n = epoll_wait(w->epoll, events, 4, timeout_ms), err;
	bool ticks = false;
	uint64_t due;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	err = drain(w, BUDGET);
	for (int i = 0; i < n; i++)
		ticks |= events[i].data.fd == w->timer;
	if (!err && ticks && read(w->timer, &due, sizeof(due)) == sizeof(due))
		err = tick(w);
	if (err || !ticks || !all_gone(w))
		return err;
	err = drain(w, UINT32_MAX);
	return err ? err : 1;
}

static int watch_fd(const struct source *source)
{
	return ((const struct watch *)source)->epoll;
}

static int watch_names(struct source *source, const struct wire_stack *stack,
		       const struct wire_names **out)
{
	return namer_stack(watch_of(source)->namer, stack, out);
}

static int tell_loss(struct watch *w)
{
	struct wire_loss loss = { .head = head_of(WIRE_LOSS, sizeof(loss)),
				  .consumed = w->consumed,
				  .namer_lost = namer_lost(w->namer) };
	int err = live_stats(w->live, &loss.stats);

	return err ? err : hand_out(w, &loss);
}

static int watch_snapshot(struct source *source)
{
	struct watch *w = watch_of(source);
	int err = 0;

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++)
		if (w->seats[slot].serial)
			err = tell_slot(w, slot);
	return err ? err : tell_loss(w);
}

static void own_cost(const struct watch *w, struct wire_end *end)
{
	uint64_t cpu, rss;

	if (!keeper_cost(getpid(), &cpu, &rss)) {
		end->cpu_ns += cpu;
		end->rss_bytes += rss;
	}
	end->cpu_ns += namer_cpu_ns(w->namer);
	if (namer_pid(w->namer) && !keeper_cost(namer_pid(w->namer), &cpu, &rss)) {
		end->cpu_ns += cpu;
		end->rss_bytes += rss;
	}
	live_cost(w->live, (uint64_t *)&end->bpf_ns, (uint64_t *)&end->bpf_runs);
}

/* Turns still late at the end are told of once more, at their last age. */
static int tell_open_all(struct watch *w)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	int err = 0;

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++) {
		if (!w->seats[slot].serial)
			continue;
		w->seats[slot].tell_at_ns = 0;
		err = check_open(w, slot, now);
	}
	return err;
}

static int watch_end(struct source *source, enum wire_ended why)
{
	struct watch *w = watch_of(source);
	struct wire_end end = { .why = why };
	int err = drain(w, UINT32_MAX);

	w->ending = true;
	if (!err)
		err = tell_open_all(w);
	if (!err)
		err = watch_snapshot(source);
	end.head = head_of(WIRE_END, sizeof(end));
	own_cost(w, &end);
	return err ? err : hand_out(w, &end);
}

static int watch_describe(struct source *source, char *line, size_t size)
{
	struct watch *w = watch_of(source);

	for (uint32_t i = 0; i < w->procs.count; i++)
		if (w->procs.items[i]->asked && !w->procs.items[i]->loops)
			return keeper_describe(&w->procs.items[i]->keeper, line, size);
	return -ENOENT;
}

static void watch_close(struct source *source)
{
	struct watch *w = watch_of(source);

	live_close(w->live);
	procs_free(&w->procs);
	namer_close(w->namer);
	if (w->timer >= 0)
		close(w->timer);
	if (w->epoll >= 0)
		close(w->epoll);
	free(w->scratch);
	free(w->slot);
	free(w);
}

static const struct source_ops watch_ops = {
	.fd = watch_fd,
	.poll = watch_poll,
	.names = watch_names,
	.snapshot = watch_snapshot,
	.end = watch_end,
	.describe = watch_describe,
	.close = watch_close,
};

static int say_hello(struct watch *w, const struct watch_opts *opts)
{
	struct wire_hello hello = { .version = WIRE_VERSION,
				    .cpus = sysconf(_SC_NPROCESSORS_ONLN),
				    .late_ns = opts->late_ns,
				    .period_ns = opts->period_ns };
	struct utsname uts;
	uint64_t random = 0;

	hello.head = head_of(WIRE_HELLO, sizeof(hello));
	hello.wall_ns = now_ns(CLOCK_REALTIME);
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = hello.wall_ns;
	uname(&uts);
	snprintf(hello.id, sizeof(hello.id), "%016llx", (unsigned long long)random);
	snprintf(hello.kernel, sizeof(hello.kernel), "%.63s", uts.release);
	snprintf(hello.arch, sizeof(hello.arch), "%.15s", uts.machine);
	snprintf(hello.host, sizeof(hello.host), "%.63s", uts.nodename);
	snprintf(hello.gate, sizeof(hello.gate), "%s", live_gate(w->live));
	snprintf(hello.tool, sizeof(hello.tool), "%s", gw_version());
	return hand_out(w, &hello);
}

static int poll_on(struct watch *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_ticks(struct watch *w)
{
	struct itimerspec every = { .it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS };
	int err;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->epoll < 0 || w->timer < 0 || timerfd_settime(w->timer, 0, &every, NULL))
		return -errno;
	err = poll_on(w, w->timer);
	return err ? err : poll_on(w, live_fd(w->live));
}

static void say(struct watch *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct watch *w, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	w->sink.log(w->sink.ctx, GW_WARN, line);
}

static int open_process(struct watch *w, uint32_t pid)
{
	int err;

	if (procs_add(&w->procs, pid, true, &err))
		return 0;
	if (err == -ESRCH)
		say(w, "no process with pid %u", pid);
	else if (err == -EACCES || err == -EPERM)
		say(w, "no right to look into process %u; run as root", pid);
	else
		say(w, "cannot open process %u: %s", pid, strerror(-err));
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
	return err ? err : drain(w, UINT32_MAX);
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
	say(w, "cannot load BPF programs: %s missing", missing);
	say(w, "  run:         sudo greenwatch -p %u", pid);
	say(w, "  or once:     sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep "
	       "/usr/bin/greenwatch");
	say(w, "  container:   docker run --cap-add BPF --cap-add PERFMON --cap-add SYS_PTRACE "
	       "--pid host ...");
}

static int open_kernel(struct watch *w, const struct watch_opts *opts)
{
	struct live_opts live = { .late_ns = opts->late_ns,
				  .period_ns = opts->period_ns,
				  .follow = opts->follow,
				  .loops = LOOPS };
	char why[256] = "";
	int err = live_open(&w->live, &live, why, sizeof(why));

	if (err == -EPERM)
		say_privileges(w, opts->pids[0]);
	else if (err)
		say(w, "%s", why);
	return err;
}

static int start(struct watch *w, const struct watch_opts *opts)
{
	struct namer_opener opener = { .file = opener_file, .ctx = w };
	int err = namer_open(&w->namer, &opener, namer_log, w);

	w->procs.namer = w->namer;
	for (size_t i = 0; !err && i < opts->n_pids; i++)
		err = open_process(w, opts->pids[i]);
	if (!err)
		err = open_kernel(w, opts);
	if (!err)
		err = start_ticks(w);
	if (!err)
		err = say_hello(w, opts);
	for (uint32_t i = 0, n = w->procs.count; !err && i < n; i++)
		err = tell_target(w, w->procs.items[i]);
	for (uint32_t i = 0, n = w->procs.count; !err && i < n; i++)
		err = attach_process(w, w->procs.items[i]);
	return err;
}

int watch_open(struct source **out, const struct watch_opts *opts, const struct source_sink *sink)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err = -ENOMEM;

	if (!w)
		return err;
	w->source.ops = &watch_ops;
	w->sink = *sink;
	w->late_ns = opts->late_ns;
	w->epoll = -1;
	w->timer = -1;
	w->scratch = malloc(sizeof(*w->scratch));
	w->slot = calloc(1, sizeof(*w->slot));
	if (w->scratch && w->slot)
		err = start(w, opts);
	if (err) {
		watch_close(&w->source);
		return err;
	}
	*out = &w->source;
	return 0;
}
