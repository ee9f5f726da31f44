// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c: the live source: kernel records, and what user space adds to them.
 *
 * Ten times a second or more it looks at the slots for turns that are late and
 * still going on, and for news that a full ring has lost; that is the only
 * polling.
 * Judges nothing and names nothing itself.
 */
#include "source/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BUDGET      4096 /* records a poll */
#define AUDIT_STEPS 64   /* packets a poll */
#define CATCH_UP    65536
#define ENDED_LOOPS 64 /* whose calls are still in the kernel's inventory */

static struct watch *watch_of(struct source *source)
{
	return (struct watch *)source;
}

uint64_t watch_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

struct wire_head watch_head(uint16_t kind, size_t size)
{
	return (struct wire_head){ .kind = kind,
				   .size = size,
				   .now_ns = watch_clock(CLOCK_MONOTONIC) };
}

int watch_hand_out(struct watch *w, const void *record)
{
	return w->sink.take(w->sink.ctx, record);
}

int watch_note(struct watch *w, const char *what, const char *why, const char *fix)
{
	char bytes[sizeof(struct wire_note) + 768] __attribute__((aligned(8)));
	struct wire_note *record = (struct wire_note *)bytes;
	char *text = bytes + sizeof(*record);
	int n = snprintf(text, 768, "%.200s%c%.300s%c%.200s", what, 0, why, 0, fix);

	record->head = watch_head(WIRE_NOTE, sizeof(*record) + n + 1);
	return watch_hand_out(w, record);
}

/* A loop may have been met by its slot before its record came. */
static bool is_news(const struct watch *w, const struct wire_found *found)
{
	return w->seats[found->slot].serial != found->serial &&
	       slots_peek(w->slots, found->slot)->serial == found->serial;
}

/* Serves the namer, and goes no further. */
void watch_keep(struct watch *w, const struct wire_head *record)
{
	const struct wire_memory *memory = (const struct wire_memory *)record;

	w->memory->n = 0;
	if (record->size >= WIRE_MEMORY_BASE && memory->n <= WIRE_MEMORY_MAX &&
	    record->size == WIRE_MEMORY_BASE + memory->n)
		memcpy(w->memory, memory, record->size);
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
		if (!is_news(w, (const struct wire_found *)record))
			return 0;
		err = meet(w, (const struct wire_found *)record);
		return err ? err : watch_hand_out(w, record);
	case WIRE_GONE:
		return part(w, (const struct wire_gone *)record);
	case WIRE_HOLDER:
		return tell_holder(w, (const struct wire_stack *)record);
	case WIRE_MEMORY:
		watch_keep(w, record);
		return 0;
	case WIRE_ASLEEP:
		return workers_asleep(w, (const struct wire_asleep *)record);
	default:
		return watch_hand_out(w, record);
	}
}

static int catch_up_now(struct watch *w, uint32_t slot)
{
	const struct wire_loop *loop = slots_peek(w->slots, slot);
	struct wire_found found = { .serial = loop->serial,
				    .slot = slot,
				    .pid = loop->pid,
				    .tid = loop->tid,
				    .parent = loop->parent,
				    .nstid = loop->nstid,
				    .fsbase = loop->fsbase,
				    .wait_class = loop->wait_class,
				    .wait_fd = loop->wait_fd };
	struct wire_gone gone = {
		.serial = loop->serial, .slot = slot, .pid = loop->pid, .tid = loop->tid
	};
	int err = 0;

	found.head = watch_head(WIRE_LOOP, sizeof(found));
	gone.head = watch_head(WIRE_GONE, sizeof(gone));
	if (w->seats[slot].serial != loop->serial) {
		err = meet(w, &found);
		if (!err)
			err = watch_hand_out(w, &found);
	}
	if (!err && loop->state == WIRE_ENDED)
		err = part(w, &gone);
	return err;
}

static bool is_behind(const struct watch *w, uint32_t slot)
{
	const struct wire_loop *loop = slots_peek(w->slots, slot);

	return loop->state == WIRE_ENDED || w->seats[slot].serial != loop->serial;
}

/*
 * The news of a loop was lost with a full ring: the slot itself still tells.
 * Or it is only on its way: so not before it was missing a whole tick long,
 * and not before everything that is in the ring has been taken out.
 */
static int catch_up(struct watch *w, uint32_t slot)
{
	struct seat *seat = &w->seats[slot];
	uint32_t serial = slots_peek(w->slots, slot)->serial;
	int err;

	if (seat->missed != serial) {
		seat->missed = serial;
		return 0;
	}
	err = watch_drain(w, CATCH_UP);
	if (err || !is_behind(w, slot) || slots_peek(w->slots, slot)->serial != serial)
		return err;
	return catch_up_now(w, slot);
}

static int tell_calls(struct source *source);

static int tick(struct watch *w)
{
	struct wire_tick record = { .head = watch_head(WIRE_TICK, sizeof(record)) };
	int err = watch_hand_out(w, &record);
	uint32_t used = 0;

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++) {
		const struct wire_loop *loop = slots_peek(w->slots, slot);

		if (loop->state == WIRE_FREE)
			continue;
		used++;
		if (is_behind(w, slot))
			err = catch_up(w, slot);
		else
			err = meet_aim(w, slot);
		if (!err && loop->state == WIRE_LIVE)
			err = ongoing_name(w, slot, record.head.now_ns);
		if (!err && loop->state == WIRE_LIVE)
			err = ongoing_tell(w, slot, record.head.now_ns);
		if (!err && loop->state == WIRE_LIVE)
			err = lag_tell(w, slot, record.head.now_ns);
	}
	live_room(w->live, used);
	if (!err)
		err = meet_renewed(w);
	if (!err)
		err = warmup_tick(w);
	/* their rows take the place of others */
	if (!err && w->calls_ended >= ENDED_LOOPS)
		err = tell_calls(&w->source);
	if (!err)
		err = workers_tick(w);
	return err ? err : poolwatch_tick(w);
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

int watch_drain(struct watch *w, uint32_t budget)
{
	int n = live_consume(w->live, budget, take_record, w);

	return n < 0 ? n : 0;
}

int watch_take_audit(void *ctx, const struct wire_head *record)
{
	return watch_hand_out(ctx, record);
}

/* An audit that is under way is looked after as soon as it has something to say. */
static int audit(struct watch *w)
{
	struct epoll_event event = { .events = EPOLLIN };
	int err = 0;

	for (int i = 0; !err && i < AUDIT_STEPS && inspect_busy(&w->inspect); i++) {
		uint32_t next = w->inspect.next;

		err = inspect_step(&w->inspect);
		if (w->inspect.next == next && inspect_fd(&w->inspect) == w->audit_fd)
			continue;
		w->audit_fd = inspect_fd(&w->inspect); /* a closed one has left by itself */
		event.data.fd = w->audit_fd;
		if (w->audit_fd >= 0)
			epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->audit_fd, &event);
	}
	return err;
}

static int watch_poll(struct source *source, int timeout_ms)
{
	struct watch *w = watch_of(source);
	struct epoll_event events[4];
	int n = epoll_wait(w->epoll, events, 4, timeout_ms), err;
	bool ticks = false, pools = false;
	uint64_t due;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	err = watch_drain(w, BUDGET);
	for (int i = 0; i < n; i++) {
		ticks |= events[i].data.fd == w->timer;
		pools |= events[i].data.fd == w->pool_timer;
	}
	if (!err && pools && read(w->pool_timer, &due, sizeof(due)) == sizeof(due))
		err = poolwatch_due(w);
	if (!err && ticks && read(w->timer, &due, sizeof(due)) == sizeof(due))
		err = tick(w);
	if (!err)
		err = audit(w);
	if (err || !ticks || !all_gone(w))
		return err;
	err = watch_drain(w, UINT32_MAX);
	return err ? err : 1;
}

static int watch_fd(const struct source *source)
{
	return ((const struct watch *)source)->epoll;
}

/* Does the thread still sleep in the call that the stack is of? */
static bool is_asleep(const struct watch *w, const struct wire_stack *stack)
{
	for (uint32_t slot = 0; slot < LOOPS; slot++) {
		const struct wire_loop *loop = slots_peek(w->slots, slot);

		if (w->seats[slot].serial == stack->serial)
			return loop->turn.off_ns == stack->off_ns && loop->turn.off != WIRE_ON;
	}
	return false;
}

/* What was read of a thread that slept is good if it has slept all the time; else the leaf is. */
static int names_asleep(struct watch *w, const struct wire_stack *stack,
			const struct wire_names **out)
{
	struct wire_stack leaf = *stack;
	int err = namer_stack(w->namer, stack, NULL, out);

	if (err || is_asleep(w, stack))
		return err;
	leaf.regs[WIRE_REG_SP] = 0;
	leaf.holder = 0;
	return namer_stack(w->namer, &leaf, NULL, out);
}

static int watch_names(struct source *source, const struct wire_stack *stack,
		       const struct wire_names **out)
{
	struct watch *w = watch_of(source);
	bool paired = w->memory->serial == stack->serial && w->memory->off_ns == stack->off_ns;
	int err;

	if (stack->head.flags & WIRE_STACK_ASLEEP && stack->head.flags & WIRE_STACK_PENDING)
		err = names_asleep(w, stack, out);
	else
		err = namer_stack(w->namer, stack, paired ? w->memory : NULL, out);
	w->memory->n = 0;
	if (!err)
		workers_named(w, stack, *out);
	return err;
}

static int tell_loss(struct watch *w)
{
	struct wire_loss loss = { .head = watch_head(WIRE_LOSS, sizeof(loss)),
				  .consumed = w->consumed,
				  .namer_lost = namer_lost(w->namer) };
	int err = live_stats(w->live, &loss.stats);

	loss.head.flags = w->ending;
	return err ? err : watch_hand_out(w, &loss);
}

/* At the end each loop once: what it does while the ring runs empty is in no record. */
static int tell_slots(struct watch *w)
{
	int err = 0;

	for (uint32_t slot = 0; !err && slot < LOOPS; slot++) {
		struct seat *seat = &w->seats[slot];

		if (!seat->serial || seat->settled)
			continue;
		seat->settled = w->ending;
		err = tell_slot(w, slot);
	}
	return err;
}

static int watch_snapshot(struct source *source)
{
	struct watch *w = watch_of(source);
	int err = tell_slots(w);

	return err ? err : tell_loss(w);
}

static bool is_seated(const struct watch *w, uint32_t serial)
{
	for (uint32_t slot = 0; slot < LOOPS; slot++)
		if (w->seats[slot].serial == serial)
			return true;
	return false;
}

/* All rows of the inventory; those of loops that have ended will not change, and make room. */
static int tell_calls(struct source *source)
{
	struct watch *w = watch_of(source);
	struct wire_calls *calls = w->calls;
	uint32_t at = 0;
	int n, err = 0;

	while ((n = live_calls(w->live, &at, calls->rows, WIRE_CALL_ROWS)) > 0 && !err) {
		calls->n = n;
		calls->head = watch_head(WIRE_CALLS, WIRE_CALLS_BASE + n * sizeof(calls->rows[0]));
		err = watch_hand_out(w, calls);
		for (int i = 0; i < n; i++)
			if (!is_seated(w, calls->rows[i].key.serial))
				live_drop_call(w->live, &calls->rows[i].key);
	}
	w->calls_ended = 0;
	return n < 0 ? n : err;
}

int watch_tell_sums(struct watch *w)
{
	int err = tell_slots(w);

	return err ? err : tell_calls(&w->source);
}

static void own_cost(const struct watch *w, struct wire_end *end)
{
	uint64_t cpu, rss;

	if (!keeper_cost(getpid(), &cpu, &rss)) {
		end->cpu_ns += cpu;
		end->rss_bytes += rss;
	}
	end->cpu_ns += namer_cpu_ns(w->namer) + w->inspect.cpu_ns;
	if (namer_pid(w->namer) && !keeper_cost(namer_pid(w->namer), &cpu, &rss)) {
		end->cpu_ns += cpu;
		end->rss_bytes += rss;
	}
	live_cost(w->live, (uint64_t *)&end->bpf_ns, (uint64_t *)&end->bpf_runs);
}

static int watch_end(struct source *source, enum wire_ended why)
{
	struct watch *w = watch_of(source);
	struct wire_end end = { .why = why };
	int err;

	live_stop(w->live);
	w->ending = true;
	err = tell_slots(w);
	if (!err)
		err = watch_drain(w, UINT32_MAX);
	if (!err)
		err = ongoing_end(w);
	if (!err)
		err = poolwatch_end(w);
	if (!err)
		err = watch_snapshot(source);
	if (!err)
		err = tell_calls(source);
	end.head = watch_head(WIRE_END, sizeof(end));
	own_cost(w, &end);
	return err ? err : watch_hand_out(w, &end);
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

	inspect_end(&w->inspect);
	live_close(w->live);
	procs_free(&w->procs);
	for (uint32_t slot = 0; slot < LOOPS; slot++)
		free(w->seats[slot].lag);
	namer_close(w->namer);
	if (w->timer >= 0)
		close(w->timer);
	if (w->pool_timer >= 0)
		close(w->pool_timer);
	if (w->epoll >= 0)
		close(w->epoll);
	free(w->scratch);
	free(w->slot);
	free(w->memory);
	free(w->calls);
	free(w);
}

static const struct source_ops watch_ops = {
	.fd = watch_fd,
	.poll = watch_poll,
	.names = watch_names,
	.snapshot = watch_snapshot,
	.calls = tell_calls,
	.end = watch_end,
	.describe = watch_describe,
	.close = watch_close,
};

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
	w->pool_timer = -1;
	w->audit_fd = -1;
	w->scratch = malloc(sizeof(*w->scratch));
	w->slot = calloc(1, sizeof(*w->slot));
	w->memory = calloc(1, sizeof(*w->memory));
	w->calls = calloc(1, sizeof(*w->calls));
	*out = &w->source; /* records come during the start already, and with them stacks to be
			      named */
	if (w->scratch && w->slot && w->memory && w->calls)
		err = attach_start(w, opts);
	if (err) {
		*out = NULL;
		watch_close(&w->source);
	}
	return err;
}
