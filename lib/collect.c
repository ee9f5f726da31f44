// SPDX-License-Identifier: BSD-2-Clause
/*
 * collect.c: what events add to the report: loops, targets, totals, stalls.
 * Frames, stacks and sites are in tables.c.
 */
#include "collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "detail.h"
#include "peer.h"
#include "tables.h"
#include "warmup.h"

#define MAX_STALLS 10000
#define MAX_NOTES  64
#define MAX_LOOPS  1024
#define MANY_LOOPS 256 /* from here on those that ended without a stall give way */

enum lost_row {
	LOST_RING,
	LOST_SLOTS,
	LOST_STATE,
	LOST_DECODE,
	LOST_NAMES,
	LOST_COUNT,
};

static const char *const lost_reasons[REPORT_LOST] = {
	[LOST_RING] = "ring-full", [LOST_SLOTS] = "loops-full", [LOST_STATE] = "threads-full",
	[LOST_DECODE] = "decode",  [LOST_NAMES] = "names-lost", [LOST_COUNT] = "unexplained",
};

int collect_new(struct gw_report **out, uint32_t max_stalls)
{
	struct gw_report *report = calloc(1, sizeof(*report));
	int err;

	if (!report)
		return -ENOMEM;
	report->judged = report_judged_new();
	err = report->judged ? tables_new(&report->memory) : -ENOMEM;
	if (err) {
		report_judged_free(report->judged);
		free(report);
		return err;
	}
	report->child_exit = WIRE_STATUS_NONE;
	report->max_stalls = max_stalls ? max_stalls : MAX_STALLS;
	for (size_t i = 0; i < REPORT_LOST; i++)
		report->lost[i].reason = lost_reasons[i];
	*out = report;
	return 0;
}

void collect_free(struct gw_report *report)
{
	struct report_vec *vecs[] = { &report->targets,   &report->loops,   &report->frames,
				      &report->stacks,    &report->indexes, &report->sites,
				      &report->stalls,    &report->notes,   &report->calls,
				      &report->tasks,     &report->audits,  &report->patches,
				      &report->diagnosis, &report->tags,    &report->pools };

	for (size_t i = 0; i < sizeof(vecs) / sizeof(vecs[0]); i++)
		free(vecs[i]->items);
	tables_free(report->memory);
	report_judged_free(report->judged);
	free(report);
}

int collect_hello(struct gw_report *report, const struct wire_hello *hello)
{
	report->tool = tables_string(report, hello->tool);
	report->id = tables_string(report, hello->id);
	report->kernel = tables_string(report, hello->kernel);
	report->arch = tables_string(report, hello->arch);
	report->host = tables_string(report, hello->host);
	report->gate = hello->gate[0] ? tables_string(report, hello->gate) : NULL;
	report->start_ns = hello->head.now_ns;
	report->wall_ns = hello->wall_ns;
	report->threshold_ns = hello->late_ns;
	report->period_ns = hello->period_ns;
	report->calls_all = hello->calls_all;
	report->cpus = hello->cpus;
	return report->tool && report->id && report->kernel ? 0 : -ENOMEM;
}

static const char *known(struct gw_report *report, const char *text)
{
	return text[0] ? tables_string(report, text) : NULL;
}

static struct report_target *find_target(const struct gw_report *report, uint32_t pid)
{
	for (uint32_t i = report->targets.count; i-- > 0;) {
		struct report_target *target = (struct report_target *)report->targets.items + i;

		if (target->pid == pid)
			return target;
	}
	return NULL;
}

/* A process that executes another image is told of again: the later image counts. */
int collect_target(struct gw_report *report, const struct event_target *from)
{
	struct report_target *target = find_target(report, from->fixed->pid);
	char comm[WIRE_COMM + 1] = "";
	const char *arg = from->args;

	if (!target)
		target = tables_add(&report->targets, sizeof(*target));
	if (!target)
		return -ENOMEM;
	tables_choose(report->memory, true);
	memcpy(comm, from->fixed->comm, WIRE_COMM);
	target->pid = from->fixed->pid;
	target->parent = from->fixed->parent;
	target->asked |= from->fixed->asked;
	target->comm = tables_string(report, comm);
	target->exe = known(report, from->exe);
	target->cwd = known(report, from->cwd);
	target->runtime = tables_string(report, from->runtime);
	target->version = known(report, from->version);
	target->why_no_names = known(report, from->why);
	target->argc = 0;
	target->argv = tables_bytes(report, from->fixed->argc * sizeof(*target->argv));
	for (uint32_t i = 0; target->argv && i < from->fixed->argc; i++) {
		target->argv[target->argc++] = tables_string(report, arg);
		arg += strlen(arg) + 1;
	}
	return target->argv && target->comm && target->runtime ? 0 : -ENOMEM;
}

static struct report_loop *find_loop(const struct gw_report *report, uint32_t serial)
{
	uint32_t i = tables_loop(report->memory, serial);

	/* the place may be another loop's by now */
	if (i == GW_NONE || report_loop(report, i)->serial != serial)
		return NULL;
	return report_loop(report, i);
}

/* A place for a loop. A program that starts threads with loops all day must not fill the memory. */
static struct report_loop *loop_place(struct gw_report *report)
{
	if (report->loops.count >= MANY_LOOPS) {
		report_each (report, loops, struct report_loop, loop) {
			if (!loop->ended || loop->stalls)
				continue;
			report->loops_left_out++;
			memset(loop, 0, sizeof(*loop));
			return loop;
		}
	}
	if (report->loops.count >= MAX_LOOPS) {
		report->loops_lost++;
		return NULL;
	}
	return tables_add(&report->loops, sizeof(struct report_loop));
}

int collect_loop(struct gw_report *report, const struct wire_found *found)
{
	const struct report_target *target = find_target(report, found->pid);
	struct report_loop *loop;
	char comm[WIRE_COMM + 1] = "";

	if (find_loop(report, found->serial))
		return 0;
	loop = loop_place(report);
	if (!loop)
		return report->loops_lost ? 0 : -ENOMEM;
	memcpy(comm, found->comm, WIRE_COMM);
	loop->serial = found->serial;
	loop->pid = found->pid;
	loop->tid = found->tid;
	loop->since_ns = found->head.now_ns;
	loop->until_ns = found->head.now_ns;
	loop->runtime = target ? target->runtime : tables_string(report, "native");
	loop->comm = comm[0] ? tables_string(report, comm) : target ? target->comm : NULL;
	return tables_put_loop(report->memory, found->serial,
			       loop - (struct report_loop *)report->loops.items);
}

static struct gw_ledger ledger_of(const struct wire_ledger *from)
{
	return (struct gw_ledger){ .oncpu_ns = from->oncpu_ns,
				   .blocked_ns = from->blocked_ns,
				   .runqueue_ns = from->runqueue_ns,
				   .throttled_ns = from->throttled_ns,
				   .stopped_ns = from->stopped_ns,
				   .unaccounted_ns = from->unaccounted_ns,
				   .user_ns = GW_UNKNOWN_NS,
				   .kernel_ns = GW_UNKNOWN_NS,
				   .gc_ns = GW_UNKNOWN_NS,
				   .gil_ns = GW_UNKNOWN_NS,
				   .lock_ns = GW_UNKNOWN_NS,
				   .pagefault_ns = GW_UNKNOWN_NS };
}

static void ledger_add(struct gw_ledger *to, const struct wire_ledger *from)
{
	to->oncpu_ns += from->oncpu_ns;
	to->blocked_ns += from->blocked_ns;
	to->runqueue_ns += from->runqueue_ns;
	to->throttled_ns += from->throttled_ns;
	to->stopped_ns += from->stopped_ns;
	to->unaccounted_ns += from->unaccounted_ns;
}

/* The totals of a slot hold finished turns; what goes on at now_ns is added here. */
void collect_slot(struct gw_report *report, const struct wire_slot *slot)
{
	const struct wire_loop *from = &slot->loop;
	struct report_loop *loop = find_loop(report, from->serial);
	struct wire_ledger going;

	if (!loop)
		return;
	loop->since_ns = from->since_ns;
	loop->until_ns = from->state == WIRE_ENDED ? from->until_ns : slot->head.now_ns;
	loop->turns = from->turns;
	loop->idle_ns = from->idle_ns;
	loop->time = ledger_of(&from->total);
	loop->folded_calls = from->folded_calls;
	loop->folded_ns = from->folded_ns;
	loop->lag_max_ns = from->lag_max_ns;
	loop->lag_sum_ns = from->lag_sum_ns;
	loop->delay_max_ns = from->delay_max_ns;
	loop->delay_sum_ns = from->delay_sum_ns;
	memcpy(loop->lag, from->lag, sizeof(loop->lag));
	memcpy(loop->delay, from->delay, sizeof(loop->delay));
	if (from->turn.phase == WIRE_BUSY) {
		going = stall_ledger_at(&from->turn, slot->head.now_ns);
		ledger_add(&loop->time, &going);
	} else if (from->turn.phase == WIRE_IDLE && slot->head.now_ns > from->turn.off_ns) {
		loop->idle_ns += slot->head.now_ns - from->turn.off_ns;
	}
	if (loop->warm)
		warmup_take_off(loop);
}

void collect_times(struct gw_report *report, const struct wire_times *times)
{
	struct report_loop *loop = find_loop(report, times->serial);

	if (loop)
		detail_share(&loop->time, times->user_ns, times->kernel_ns);
}

void collect_gone(struct gw_report *report, const struct wire_gone *gone)
{
	struct report_loop *loop = find_loop(report, gone->serial);

	if (loop)
		loop->ended = true;
}

void collect_loss(struct gw_report *report, const struct wire_loss *loss)
{
	const struct wire_stats *stats = &loss->stats;
	uint64_t accounted = loss->consumed + stats->ring_full;

	report->lost[LOST_RING].count = stats->ring_full;
	report->lost[LOST_SLOTS].count = stats->slots_full + report->loops_lost;
	report->lost[LOST_STATE].count = stats->state_full;
	report->lost[LOST_NAMES].count = loss->namer_lost;
	/* before the end some records are only on their way */
	if (loss->head.flags)
		report->lost[LOST_COUNT].count = stats->attempted > accounted
							 ? stats->attempted - accounted
							 : accounted - stats->attempted;
	report->repaired = stats->turn_repaired;
	report->stack_faults = stats->stack_fault;
}

/* Not an event lost, but stacks that end early: said, and the report stays complete. */
static int note_stacks(struct gw_report *report, uint64_t n, const char *why)
{
	char what[64];
	struct event_note note = { .what = what, .why = why, .fix = "" };

	if (!n)
		return 0;
	snprintf(what, sizeof(what), "%llu Python stack%s", (unsigned long long)n,
		 n == 1 ? "" : "s");
	return collect_note(report, &note);
}

static int note_flaws(struct gw_report *report)
{
	uint64_t circles = report->flaws[REPORT_CIRCLE];
	int err = note_stacks(report, report->stack_faults,
			      "a frame could not be read; they end early");

	if (err)
		return err;
	return note_stacks(report, circles, "the frames come round again; torn or overwritten");
}

void collect_malformed(struct gw_report *report)
{
	report->lost[LOST_DECODE].count++;
}

static bool same_note(const struct report_note *note, const struct event_note *from)
{
	return !strcmp(note->what, from->what) && !strcmp(note->why, from->why);
}

int collect_note(struct gw_report *report, const struct event_note *from)
{
	struct report_note *note;

	report_each (report, notes, struct report_note, it)
		if (same_note(it, from))
			return 0;
	if (report->notes.count >= MAX_NOTES)
		return 0;
	note = tables_add(&report->notes, sizeof(*note));
	if (!note)
		return -ENOMEM;
	note->what = tables_string(report, from->what);
	note->why = tables_string(report, from->why);
	note->fix = known(report, from->fix);
	return note->what && note->why ? 0 : -ENOMEM;
}

static enum gw_ended ended_of(uint32_t why)
{
	switch ((enum wire_ended)why) {
	case WIRE_ENDED_DURATION:
		return GW_ENDED_DURATION;
	case WIRE_ENDED_SIGNAL:
		return GW_ENDED_SIGNAL;
	case WIRE_ENDED_TARGET:
		return GW_ENDED_TARGET;
	case WIRE_ENDED_CHILD:
		return GW_ENDED_CHILD;
	case WIRE_ENDED_FAIL_FAST:
		return GW_ENDED_FAIL_FAST;
	case WIRE_ENDED_ERROR:
		break;
	}
	return GW_ENDED_ERROR;
}

int collect_end(struct gw_report *report, const struct wire_end *end)
{
	report->ended = ended_of(end->why);
	report->duration_ns = end->head.now_ns - report->start_ns;
	report->cpu_ns = end->cpu_ns;
	warmup_never_over(report);
	report->rss_bytes = end->rss_bytes;
	report->bpf_ns = end->bpf_ns;
	report->bpf_runs = end->bpf_runs;
	return note_flaws(report);
}

/* Frames of a program without a runtime that lie in its own executable are its own code. */
static bool is_own_binary(const struct gw_report *report, uint32_t pid,
			  const struct event_frame *frame)
{
	const struct report_target *target = find_target(report, pid);
	const char *base;

	if (!target || frame->kind != GW_FRAME_NATIVE || strcmp(target->runtime, "native") ||
	    !target->exe)
		return false;
	base = strrchr(target->exe, '/');
	return !strcmp(base ? base + 1 : target->exe, frame->module);
}

/* Takes the next n frames of names as a stack; *index GW_NONE when there is none. */
static int take_stack(struct gw_report *report, uint32_t pid, const struct wire_names *names,
		      size_t *at, uint32_t n, uint32_t *index)
{
	uint32_t frames[WIRE_NAMES_FRAMES];
	struct event_frame frame;
	int64_t stack;

	*index = GW_NONE;
	for (uint32_t i = 0; i < n; i++) {
		int err = decode_frame(names, at, &frame);
		int64_t got;

		if (err)
			return err;
		frame.app |= is_own_binary(report, pid, &frame);
		got = tables_frame(report, &frame);
		if (got < 0)
			return got;
		frames[i] = got;
	}
	stack = n ? tables_stack(report, frames, n) : GW_NONE;
	if (stack < 0)
		return stack;
	*index = stack;
	return 0;
}

int collect_names(struct gw_report *report, const struct wire_stack *stack,
		  const struct wire_names *names, struct named *out)
{
	const char *task, *path;
	size_t at = 0;
	int err = take_stack(report, stack->pid, names, &at, names->n_frames, &out->stack);

	if (!err)
		err = take_stack(report, stack->pid, names, &at, names->n_spawn, &out->spawned);
	if (!err)
		err = take_stack(report, stack->pid, names, &at, names->n_chain, &out->chain);
	if (err)
		return err;
	task = decode_task(names, at, &path);
	if (!task)
		return -EBADMSG;
	for (unsigned int i = 0; i < WIRE_FLAWS; i++)
		report->flaws[i] += names->flaws >> i & 1;
	out->away = names->flags & WIRE_NAMES_AWAY;
	out->gc = names->flags & WIRE_NAMES_GC;
	out->kind = names->task_kind;
	out->task = known(report, task);
	out->peer = peer_of(report, stack, path);
	out->class = peer_class(stack, out->peer);
	return 0;
}

static int keep_stall(struct gw_report *report, const struct gw_stall *stall)
{
	struct gw_stall *kept;

	report->stalls_seen++;
	report->stalls_warmup += stall->warmup;
	if (report->stalls.count >= report->max_stalls) {
		report->stalls_folded++;
		return 0;
	}
	kept = tables_add(&report->stalls, sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	*kept = *stall;
	return 0;
}

const char *collect_runtime(const struct gw_report *report, uint32_t serial)
{
	const struct report_loop *loop = find_loop(report, serial);

	return loop ? loop->runtime : "native";
}

uint32_t collect_loop_index(const struct gw_report *report, uint32_t serial)
{
	const struct report_loop *loop = find_loop(report, serial);

	return loop ? loop - (const struct report_loop *)report->loops.items : GW_NONE;
}

int collect_stall(struct gw_report *report, const struct stall *stall,
		  const struct verdict *verdict, bool last, struct gw_stall *out)
{
	struct report_loop *loop = find_loop(report, stall->serial);
	bool kept = (!stall->open || last) && report->stalls.count < report->max_stalls;
	uint64_t began = stall->began_ns > report->start_ns ? stall->began_ns : report->start_ns;
	int64_t site = tables_site(report, verdict);
	int err;

	if (!loop)
		return -ENOENT;
	tables_choose(report->memory, kept);
	if (site < 0)
		return site;
	*out = (struct gw_stall){ .loop = loop - (struct report_loop *)report->loops.items,
				  .pid = stall->pid,
				  .tid = loop->tid,
				  .at_ns = began - report->start_ns,
				  .duration_ns = stall->ended_ns - stall->began_ns,
				  .open = stall->open,
				  .cut = stall->cut,
				  .underway = stall->began_ns < report->start_ns,
				  .warmup = warmup_has(report, stall->began_ns),
				  .cause = verdict->cause,
				  .why = tables_copy(report, verdict->why),
				  .site = site,
				  .frame = verdict->frame,
				  .stack = verdict->stack,
				  .ledger = ledger_of(&stall->ledger),
				  .advice = verdict->advice,
				  .ready = stall->ready,
				  .longest_ns = stall->oldest_ns };
	err = detail_fill(report, stall, out);
	if (err || (stall->open && !last))
		return err;
	if (out->warmup) {
		warmup_stall(report, loop, report_site(report, site), out);
	} else {
		loop->stalls++;
		loop->stalled_ns += out->duration_ns;
		tables_site_add(report, site, out);
	}
	return keep_stall(report, out);
}
