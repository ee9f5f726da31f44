// SPDX-License-Identifier: BSD-2-Clause
/*
 * stall.c: the machine of each loop. See stall.h.
 */
#include "stall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

/* What has been seen of a loop's latest turn. */
struct machine {
	uint32_t serial;
	uint32_t n;
	uint64_t turn_ns;
	bool away;                          /* that turn is none */
	struct wire_wait waits[WIRE_WAITS]; /* of the stall handed out last */
	struct wire_rival rivals[WIRE_RIVALS];
	struct evidence evidence[EVIDENCE_MAX];
	struct stall_task tasks[TASKS_MAX]; /* made of the evidence when a stall is handed out */
	struct stall_holder holders[HOLDERS_MAX];
	uint32_t n_tasks, n_holders;
};

struct stalls {
	struct map by_serial; /* serial -> struct machine * */
};

int stalls_new(struct stalls **out)
{
	struct stalls *stalls = calloc(1, sizeof(*stalls));

	if (!stalls)
		return -ENOMEM;
	*out = stalls;
	return 0;
}

void stalls_free(struct stalls *stalls)
{
	if (!stalls)
		return;
	for (size_t i = 0; i < stalls->by_serial.size; i++)
		if (stalls->by_serial.keys[i])
			free((void *)(uintptr_t)stalls->by_serial.values[i]);
	map_free(&stalls->by_serial);
	free(stalls);
}

static struct machine *machine_find(const struct stalls *stalls, uint32_t serial)
{
	uint64_t at = 0;

	map_get(&stalls->by_serial, serial, &at);
	return (struct machine *)(uintptr_t)at;
}

static struct machine *machine_of(struct stalls *stalls, uint32_t serial)
{
	struct machine *m = machine_find(stalls, serial);

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (m && map_put(&stalls->by_serial, serial, (uintptr_t)m)) {
		free(m);
		return NULL;
	}
	if (m)
		m->serial = serial;
	return m;
}

void stalls_gone(struct stalls *stalls, uint32_t serial)
{
	struct machine *m = machine_find(stalls, serial);

	if (!m)
		return;
	free(m);
	map_put(&stalls->by_serial, serial, 0);
}

static void drop_pending(struct machine *m, uint64_t off_ns)
{
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->evidence[i].off_ns != off_ns)
			continue;
		m->evidence[i] = m->evidence[--m->n];
		return;
	}
}

static struct evidence *find_evidence(struct machine *m, const struct evidence *like)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct evidence *e = &m->evidence[i];

		if (e->named.stack == like->named.stack && e->state == like->state &&
		    e->call == like->call && e->off_ns == like->off_ns && e->task == like->task &&
		    e->named.task == like->named.task && e->named.peer == like->named.peer)
			return e;
	}
	return NULL;
}

static struct evidence *new_evidence(struct machine *m)
{
	struct evidence *lightest = &m->evidence[0];

	if (m->n < EVIDENCE_MAX)
		return &m->evidence[m->n++];
	for (uint32_t i = 1; i < m->n; i++)
		if (m->evidence[i].weight_ns < lightest->weight_ns)
			lightest = &m->evidence[i];
	return lightest;
}

static void add_evidence(struct machine *m, const struct evidence *one)
{
	struct evidence *e = find_evidence(m, one);

	if (!e) {
		*new_evidence(m) = *one;
		return;
	}
	e->times++;
	e->weight_ns += one->weight_ns;
	if (one->max_ns <= e->max_ns)
		return;
	e->max_ns = one->max_ns;
	e->waker_pid = one->waker_pid;
	e->waker_tid = one->waker_tid;
	e->owner = one->owner;
	memcpy(e->waker_comm, one->waker_comm, sizeof(e->waker_comm));
}

static enum gw_state state_of(const struct wire_stack *stack)
{
	if (stack->head.kind == WIRE_SAMPLE)
		return stack->head.flags & WIRE_STACK_GC ? GW_STATE_GC : GW_STATE_ONCPU;
	if (stack->off == WIRE_STOPPED)
		return GW_STATE_STOPPED;
	return stack->call == WIRE_CALL_GIL ? GW_STATE_GIL : GW_STATE_BLOCKED;
}

/* Where the interpreter does not tell the task, the coroutine at its root does: the frame of a
 * coroutine is a part of it. */
static uint64_t task_of(const struct wire_stack *stack)
{
	uint64_t root = stack->task;

	for (uint32_t i = 0; !stack->task && i < stack->n_python; i++)
		if (stack->python[i].code >> 56 == WIRE_OWNER_GENERATOR)
			root = stack->python[i].frame;
	return root;
}

/* Clocks of two CPUs differ by microseconds, so a slice may come out shorter than nothing. */
static uint64_t off_cpu(const struct wire_stack *stack)
{
	uint64_t ns = stack->off == WIRE_STOPPED ? stack->stopped_ns : stack->blocked_ns;

	return ns > INT64_MAX ? 0 : ns;
}

static struct evidence evidence_of(const struct wire_stack *stack, const struct named *named)
{
	struct evidence e = { .named = *named,
			      .state = state_of(stack),
			      .call = stack->call,
			      .task = task_of(stack),
			      .times = 1,
			      .waker_pid = stack->waker_pid,
			      .waker_tid = stack->waker_tid,
			      .owner = stack->owner };

	if (named->gc && e.state == GW_STATE_ONCPU)
		e.state = GW_STATE_GC;
	if (stack->head.kind == WIRE_SAMPLE)
		e.weight_ns = stack->weight_ns;
	else
		e.weight_ns = off_cpu(stack);
	e.max_ns = e.weight_ns;
	memcpy(e.waker_comm, stack->waker_comm, WIRE_COMM);
	return e;
}

/* The stack is that of its first hold. */
static void add_holder(struct machine *m, const struct wire_stack *stack, const struct named *named)
{
	struct stall_holder *h = m->holders, *end = m->holders + m->n_holders;

	while (h < end && (h->holder != stack->holder || h->call != stack->call))
		h++;
	if (h == end) {
		if (m->n_holders == HOLDERS_MAX)
			return;
		m->n_holders++;
		*h = (struct stall_holder){ .holder = stack->holder,
					    .call = stack->call,
					    .stack = named->stack };
	}
	h->share_ns += stack->head.flags & WIRE_STACK_PENDING ? 0 : off_cpu(stack);
	if (!stack->waker_tid || (stack->call == WIRE_CALL_GIL && stack->waker_pid != stack->pid))
		return;
	h->pid = stack->waker_pid;
	h->tid = stack->waker_tid;
	memcpy(h->comm, stack->waker_comm, WIRE_COMM);
}

const struct stall_holder *stall_holder(const struct stall *stall, int32_t call, uint32_t tid)
{
	const struct stall_holder *best = NULL;

	for (uint32_t i = 0; i < stall->n_holders; i++) {
		const struct stall_holder *h = &stall->holders[i];

		if (h->call == call && (!tid || h->tid == tid) &&
		    (!best || h->share_ns > best->share_ns))
			best = h;
	}
	return best;
}

int stalls_stack(struct stalls *stalls, const struct wire_stack *stack, const struct named *named)
{
	struct machine *m = machine_of(stalls, stack->serial);
	struct evidence e = evidence_of(stack, named);

	if (!m)
		return -ENOMEM;
	if (m->turn_ns != stack->turn_ns) {
		m->turn_ns = stack->turn_ns;
		m->n = 0;
		m->n_holders = 0;
		m->away = false;
	}
	m->away |= named->away;
	if (stack->head.kind == WIRE_HOLDER) {
		add_holder(m, stack, named);
		return 0;
	}
	if (stack->head.kind == WIRE_SLICE)
		drop_pending(m, stack->off_ns);
	if (stack->head.flags & WIRE_STACK_PENDING)
		e.off_ns = stack->off_ns;
	add_evidence(m, &e);
	return 0;
}

static void add_task(struct machine *m, const struct evidence *e)
{
	struct stall_task *t = m->tasks, *end = m->tasks + m->n_tasks;

	while (t < end && (t->task != e->task || t->named->task != e->named.task))
		t++;
	if (t == end) {
		if (m->n_tasks == TASKS_MAX)
			return;
		m->n_tasks++;
		*t = (struct stall_task){ .task = e->task, .named = &e->named };
	}
	t->share_ns += e->weight_ns;
	if (e->weight_ns <= t->longest_ns)
		return;
	t->longest_ns = e->weight_ns;
	t->named = &e->named;
}

static int by_share(const void *a, const void *b)
{
	const struct stall_task *x = a, *y = b;

	if (x->share_ns != y->share_ns)
		return x->share_ns < y->share_ns ? 1 : -1;
	return x->task < y->task ? -1 : x->task > y->task;
}

static void gather_tasks(struct machine *m)
{
	m->n_tasks = 0;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->evidence[i].named.task)
			add_task(m, &m->evidence[i]);
	qsort(m->tasks, m->n_tasks, sizeof(m->tasks[0]), by_share);
}

bool stalls_named(const struct stalls *stalls, const struct wire_stack *stack, struct named *named)
{
	const struct machine *m = machine_find(stalls, stack->serial);

	if (!m || stack->head.kind != WIRE_SLICE || stack->head.flags & WIRE_STACK_PENDING ||
	    m->turn_ns != stack->turn_ns)
		return false;
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->evidence[i].off_ns != stack->off_ns)
			continue;
		*named = m->evidence[i].named;
		return true;
	}
	return false;
}

static void fill(struct stalls *stalls, struct stall *out)
{
	struct machine *m = machine_find(stalls, out->serial);

	out->evidence = NULL;
	out->n_evidence = 0;
	if (!m || m->turn_ns != out->began_ns)
		return;
	gather_tasks(m);
	out->away = m->away;
	out->evidence = m->evidence;
	out->n_evidence = m->n;
	out->tasks = m->tasks;
	out->n_tasks = m->n_tasks;
	out->holders = m->holders;
	out->n_holders = m->n_holders;
}

void stalls_late(struct stalls *stalls, const struct wire_late *late, struct stall *out)
{
	*out = (struct stall){ .serial = late->serial,
			       .pid = late->pid,
			       .began_ns = late->began_ns,
			       .ended_ns = late->ended_ns,
			       .cut = late->head.flags != 0,
			       .ledger = late->ledger,
			       .waits = late->waits,
			       .n_waits = late->n_waits,
			       .rivals = late->rivals,
			       .n_rivals = late->n_rivals,
			       .user_ns = late->user_ns,
			       .kernel_ns = late->kernel_ns,
			       .ready = late->ready,
			       .oldest_ns = late->oldest_ns };
	fill(stalls, out);
}

struct wire_ledger stall_ledger_at(const struct wire_turn *turn, uint64_t now_ns)
{
	struct wire_ledger ledger = turn->ledger;
	uint64_t wake =
		turn->wake_ns > turn->off_ns && turn->wake_ns < now_ns ? turn->wake_ns : now_ns;
	uint64_t off = wake > turn->off_ns ? wake - turn->off_ns : 0;

	switch ((enum wire_off)turn->off) {
	case WIRE_ON:
		ledger.oncpu_ns += now_ns > turn->last_ns ? now_ns - turn->last_ns : 0;
		return ledger;
	case WIRE_RUNNABLE:
		ledger.runqueue_ns += now_ns > turn->off_ns ? now_ns - turn->off_ns : 0;
		return ledger;
	case WIRE_THROTTLED:
		ledger.throttled_ns += now_ns > turn->off_ns ? now_ns - turn->off_ns : 0;
		return ledger;
	case WIRE_BLOCKED:
		ledger.blocked_ns += off;
		break;
	case WIRE_STOPPED:
		ledger.stopped_ns += off;
		break;
	}
	ledger.runqueue_ns += now_ns - wake;
	return ledger;
}

/* The call it is in now has no row yet, or one that lacks the time so far. */
static uint32_t add_running_wait(const struct wire_turn *turn, uint64_t now_ns,
				 struct wire_wait *waits, uint32_t n)
{
	uint64_t ns = now_ns > turn->off_ns ? now_ns - turn->off_ns : 0;
	uint32_t i;

	if (turn->off != WIRE_BLOCKED)
		return n;
	for (i = 0; i < n; i++)
		if (waits[i].call == turn->call)
			break;
	if (i == n && n == WIRE_WAITS)
		i--;
	else if (i == n)
		waits[n++] = (struct wire_wait){ .call = turn->call };
	waits[i].calls++;
	waits[i].total_ns += ns;
	if (ns > waits[i].max_ns)
		waits[i].max_ns = ns;
	return n;
}

void stalls_open(struct stalls *stalls, const struct wire_open *open, struct stall *out)
{
	struct machine *m = machine_of(stalls, open->serial);

	*out = (struct stall){ .serial = open->serial,
			       .pid = open->pid,
			       .began_ns = open->turn.began_ns,
			       .ended_ns = open->head.now_ns,
			       .open = true,
			       .ledger = stall_ledger_at(&open->turn, open->head.now_ns),
			       .rivals = open->rivals,
			       .n_rivals = open->n_rivals,
			       .ready = WIRE_NO_COUNT };
	if (m) {
		memcpy(m->waits, open->waits, sizeof(m->waits));
		out->waits = m->waits;
		out->n_waits =
			add_running_wait(&open->turn, open->head.now_ns, m->waits, open->n_waits);
	}
	fill(stalls, out);
}
