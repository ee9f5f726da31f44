// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge.c: several reports as one.
 *
 * Frames and stacks become one table, sites of one fingerprint one site,
 * loops and processes of one host one row. Instants count from the earliest
 * start, by wall clock; the run lasts until the latest end. Everything is
 * copied, so that a report can go once it is merged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "collect.h"
#include "load/load.h"

#define MAX_STALLS 10000

struct merge {
	struct gw_report *to;
	const struct gw_report *from;
	uint32_t *frames, *stacks, *loops, *sites; /* index there -> index here */
	uint64_t shift_ns;                         /* of instants, by the earlier start */
	int err;
};

static const char *string(struct merge *merge, const char *text)
{
	const char *kept = text ? tables_string(merge->to, text) : NULL;

	if (text && !kept)
		merge->err = -ENOMEM;
	return kept;
}

static const char *sentence(struct merge *merge, const char *text)
{
	const char *kept = text ? tables_copy(merge->to, text) : NULL;

	if (text && !kept)
		merge->err = -ENOMEM;
	return kept;
}

static uint32_t through(const uint32_t *map, uint32_t index)
{
	return index == GW_NONE ? GW_NONE : map[index];
}

/* The sum of two that may not be known. */
static void add_known(uint64_t *to, uint64_t from)
{
	if (from == GW_UNKNOWN_NS || *to == GW_UNKNOWN_NS)
		*to = *to == GW_UNKNOWN_NS ? from : *to;
	else
		*to += from;
}

static void merge_frames(struct merge *merge)
{
	for (uint32_t i = 0; i < merge->from->frames.count && !merge->err; i++) {
		const struct gw_frame *frame = report_frame(merge->from, i);
		struct event_frame copy = { .kind = frame->kind,
					    .app = frame->app,
					    .line = frame->line,
					    .offset = frame->offset,
					    .name = frame->name,
					    .file = frame->file ? frame->file : "",
					    .module = frame->module ? frame->module : "",
					    .nameless = frame->nameless ? frame->nameless : "" };
		int64_t index = tables_frame(merge->to, &copy);

		merge->err = index < 0 ? -ENOMEM : 0;
		merge->frames[i] = (uint32_t)index;
	}
}

static void merge_stacks(struct merge *merge)
{
	uint32_t *mapped = NULL, room = 0;

	for (uint32_t i = 0; i < merge->from->stacks.count && !merge->err; i++) {
		const uint32_t *frames;
		uint32_t depth = report_stack(merge->from, i, &frames);
		int64_t index;

		if (depth > room || !mapped) {
			free(mapped);
			room = depth + 64;
			mapped = malloc(room * sizeof(*mapped));
		}
		for (uint32_t k = 0; mapped && k < depth; k++)
			mapped[k] = merge->frames[frames[k]];
		index = mapped ? tables_stack(merge->to, mapped, depth) : -ENOMEM;
		merge->err = index < 0 ? -ENOMEM : 0;
		merge->stacks[i] = (uint32_t)index;
	}
	free(mapped);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return text ? hash_add(hash, text, strlen(text) + 1) : hash_add(hash, "", 1);
}

/* What tells loops of different runs apart: the same thread of the same program on one host. */
static uint64_t loop_key(const struct gw_report *report, const struct report_loop *loop)
{
	uint64_t boot_s = (report->wall_ns - report->start_ns) / 10000000000;
	uint64_t hash = hash_text(HASH_START, report->host);

	hash = hash_add(hash, &boot_s, sizeof(boot_s));
	hash = hash_add(hash, &loop->pid, sizeof(loop->pid));
	hash = hash_add(hash, &loop->tid, sizeof(loop->tid));
	hash = hash_text(hash, loop->comm);
	return hash_text(hash, loop->runtime);
}

static void add_ledger(struct gw_ledger *to, const struct gw_ledger *from)
{
	to->oncpu_ns += from->oncpu_ns;
	to->blocked_ns += from->blocked_ns;
	to->runqueue_ns += from->runqueue_ns;
	to->throttled_ns += from->throttled_ns;
	to->stopped_ns += from->stopped_ns;
	to->unaccounted_ns += from->unaccounted_ns;
	add_known(&to->user_ns, from->user_ns);
	add_known(&to->kernel_ns, from->kernel_ns);
	add_known(&to->gc_ns, from->gc_ns);
	add_known(&to->gil_ns, from->gil_ns);
	add_known(&to->lock_ns, from->lock_ns);
	add_known(&to->pagefault_ns, from->pagefault_ns);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Percentiles of both are made of the buckets: they are said of neither. */
static void add_loop(struct report_loop *to, const struct report_loop *from)
{
	to->ended &= from->ended;
	to->turns += from->turns;
	to->idle_ns += from->idle_ns;
	to->stalls += from->stalls;
	to->stalled_ns += from->stalled_ns;
	to->lag_sum_ns += from->lag_sum_ns;
	to->delay_sum_ns += from->delay_sum_ns;
	to->lag_max_ns = larger(to->lag_max_ns, from->lag_max_ns);
	to->delay_max_ns = larger(to->delay_max_ns, from->delay_max_ns);
	add_ledger(&to->time, &from->time);
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		to->lag[i] += from->lag[i];
		to->delay[i] += from->delay[i];
	}
	to->lag_said.known = to->delay_said.known = false;
}

static void merge_loops(struct merge *merge)
{
	struct report_loop *to;
	uint32_t i = 0;

	report_each (merge->from, loops, struct report_loop, loop) {
		uint64_t key = loop_key(merge->from, loop);
		uint32_t index = tables_loop(merge->to->memory, key);

		if (index == GW_NONE) {
			if (merge->to->loops.count >= LOAD_LOOPS)
				merge->err = -EFBIG;
			to = merge->err ? NULL : tables_add(&merge->to->loops, sizeof(*to));
			index = merge->to->loops.count - 1;
			if (!to || tables_put_loop(merge->to->memory, key, index)) {
				merge->err = merge->err ? merge->err : -ENOMEM;
				return;
			}
			*to = *loop;
			to->serial = index + 1;
			to->comm = string(merge, loop->comm);
			to->runtime = string(merge, loop->runtime);
		} else {
			add_loop(report_loop(merge->to, index), loop);
		}
		merge->loops[i++] = index;
	}
}

static bool same_target(const struct report_target *a, const struct report_target *b)
{
	return a->pid == b->pid && !strcmp(a->comm, b->comm) &&
	       !strcmp(a->exe ? a->exe : "", b->exe ? b->exe : "");
}

static void merge_target(struct merge *merge, const struct report_target *from)
{
	struct report_target *to;

	report_each (merge->to, targets, struct report_target, it)
		if (same_target(it, from))
			return;
	if (merge->to->targets.count >= LOAD_TARGETS)
		return;
	to = tables_add(&merge->to->targets, sizeof(*to));
	if (!to) {
		merge->err = -ENOMEM;
		return;
	}
	*to = *from;
	to->comm = string(merge, from->comm);
	to->exe = string(merge, from->exe);
	to->cwd = string(merge, from->cwd);
	to->runtime = string(merge, from->runtime);
	to->version = string(merge, from->version);
	to->why_no_names = string(merge, from->why_no_names);
	to->argv = tables_bytes(merge->to, from->argc * sizeof(*to->argv));
	for (uint32_t i = 0; to->argv && i < from->argc; i++)
		to->argv[i] = string(merge, from->argv[i]);
	if (!to->argv)
		merge->err = -ENOMEM;
}

static struct gw_advice advice(struct merge *merge, const struct gw_advice *from)
{
	return (struct gw_advice){ .rule = string(merge, from->rule),
				   .title = string(merge, from->title),
				   .fix = string(merge, from->fix),
				   .confidence = from->confidence };
}

static const struct gw_peer *peer(struct merge *merge, const struct gw_peer *from)
{
	struct gw_peer copy;

	if (!from)
		return NULL;
	copy = *from;
	copy.kind = string(merge, from->kind);
	copy.path = string(merge, from->path);
	copy.local = string(merge, from->local);
	copy.remote = string(merge, from->remote);
	copy.fstype = string(merge, from->fstype);
	return merge->err ? NULL : tables_peer(merge->to, &copy);
}

/* What describes a site is that of its longest stall. */
static void describe_site(struct merge *merge, struct report_site *to,
			  const struct report_site *from)
{
	to->cause = from->cause;
	to->title = sentence(merge, from->title);
	to->call = string(merge, from->call);
	to->callee = string(merge, from->callee);
	to->frame = through(merge->frames, from->frame);
	to->stack = through(merge->stacks, from->stack);
	to->peer = peer(merge, from->peer);
	to->advice = advice(merge, &from->advice);
}

static void add_median(struct merge *merge, struct report_site *to, uint64_t ns, uint64_t count)
{
	struct report_median *more;
	uint32_t room = to->room_medians ? 2 * to->room_medians : 4;

	if (to->n_medians == to->room_medians) {
		more = tables_bytes(merge->to, room * sizeof(*more));
		if (!more) {
			merge->err = -ENOMEM;
			return;
		}
		if (to->n_medians)
			memcpy(more, to->medians, to->n_medians * sizeof(*more));
		to->medians = more;
		to->room_medians = room;
	}
	to->medians[to->n_medians++] = (struct report_median){ ns, count };
}

static void merge_sites(struct merge *merge)
{
	uint32_t i = 0;

	report_each (merge->from, sites, struct report_site, from) {
		uint32_t known = merge->to->sites.count;
		int64_t index = tables_site_of(merge->to, from->fingerprint);
		struct report_site *to;

		if (index < 0) {
			merge->err = -ENOMEM;
			return;
		}
		to = report_site(merge->to, (uint32_t)index);
		if (index >= known || from->max_ns > to->max_ns)
			describe_site(merge, to, from);
		to->count += from->count;
		to->total_ns += from->total_ns;
		to->charged_ns += from->charged_ns;
		to->max_ns = larger(to->max_ns, from->max_ns);
		if (from->n_lengths || from->n_medians)
			add_median(merge, to, report_site_median(from), from->count);
		merge->sites[i++] = (uint32_t)index;
	}
}

static void *copied(struct merge *merge, const void *items, size_t size)
{
	void *copy = tables_bytes(merge->to, size);

	if (!copy)
		merge->err = -ENOMEM;
	else if (size)
		memcpy(copy, items, size);
	return copy;
}

static void merge_lists(struct merge *merge, struct gw_stall *stall)
{
	struct gw_wait *waits = copied(merge, stall->waits, stall->n_waits * sizeof(*waits));
	struct gw_sample *samples =
		copied(merge, stall->samples, stall->n_samples * sizeof(*samples));
	struct gw_culprit *culprits =
		copied(merge, stall->culprits, stall->n_culprits * sizeof(*culprits));
	struct gw_task *tasks = copied(merge, stall->tasks, stall->n_tasks * sizeof(*tasks));

	for (uint32_t i = 0; waits && i < stall->n_waits; i++) {
		waits[i].call = string(merge, waits[i].call);
		waits[i].class = string(merge, waits[i].class);
		waits[i].stack = through(merge->stacks, waits[i].stack);
		waits[i].peer = peer(merge, waits[i].peer);
	}
	for (uint32_t i = 0; samples && i < stall->n_samples; i++) {
		samples[i].stack = through(merge->stacks, samples[i].stack);
		samples[i].task = string(merge, samples[i].task);
	}
	for (uint32_t i = 0; culprits && i < stall->n_culprits; i++) {
		culprits[i].role = string(merge, culprits[i].role);
		culprits[i].comm = string(merge, culprits[i].comm);
		culprits[i].stack = through(merge->stacks, culprits[i].stack);
	}
	for (uint32_t i = 0; tasks && i < stall->n_tasks; i++) {
		tasks[i].name = string(merge, tasks[i].name);
		tasks[i].spawned_at = through(merge->stacks, tasks[i].spawned_at);
		tasks[i].frame = through(merge->frames, tasks[i].frame);
		tasks[i].chain = through(merge->stacks, tasks[i].chain);
	}
	stall->waits = waits;
	stall->samples = samples;
	stall->culprits = culprits;
	stall->tasks = tasks;
}

static struct gw_stall stall_of(struct merge *merge, const struct gw_stall *from)
{
	struct gw_stall stall = *from;

	stall.at_ns += merge->shift_ns;
	stall.loop = merge->loops[from->loop];
	stall.why = sentence(merge, from->why);
	stall.site = through(merge->sites, from->site);
	stall.frame = through(merge->frames, from->frame);
	stall.stack = through(merge->stacks, from->stack);
	stall.advice = advice(merge, &from->advice);
	merge_lists(merge, &stall);
	return stall;
}

static int longest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y;
}

/* Stalls shorter than this give way; 0: there is room for all. */
static uint64_t shortest_kept(const struct gw_report *a, const struct gw_report *b, int *err)
{
	uint32_t n = a->stalls.count + b->stalls.count, i = 0;
	uint64_t *lengths, cut;

	if (n <= MAX_STALLS)
		return 0;
	lengths = malloc(n * sizeof(*lengths));
	if (!lengths) {
		*err = -ENOMEM;
		return 0;
	}
	report_each (a, stalls, struct gw_stall, stall)
		lengths[i++] = stall->duration_ns;
	report_each (b, stalls, struct gw_stall, stall)
		lengths[i++] = stall->duration_ns;
	qsort(lengths, n, sizeof(*lengths), longest_first);
	cut = lengths[MAX_STALLS];
	free(lengths);
	return cut + 1;
}

static bool earlier(const struct gw_stall *a, const struct gw_stall *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->loop < b->loop;
}

/* Both are in order of time, so is the result. */
static void merge_stalls(struct merge *merge)
{
	struct gw_report *to = merge->to;
	uint64_t least = shortest_kept(to, merge->from, &merge->err);
	const struct gw_stall *old = to->stalls.items, *old_end = old + to->stalls.count;
	struct report_vec both = { 0 };
	struct gw_stall next, *kept;

	report_each (merge->from, stalls, struct gw_stall, stall) {
		if (stall->duration_ns < least || merge->err) {
			to->stalls_folded++;
			continue;
		}
		next = stall_of(merge, stall);
		for (; old && old < old_end && !earlier(&next, old); old++) {
			kept = old->duration_ns < least ? NULL : tables_add(&both, sizeof(*kept));
			if (kept)
				*kept = *old;
			else
				to->stalls_folded++;
		}
		kept = tables_add(&both, sizeof(*kept));
		if (kept)
			*kept = next;
		else
			merge->err = -ENOMEM;
	}
	for (; old && old < old_end; old++) {
		kept = old->duration_ns < least ? NULL : tables_add(&both, sizeof(*kept));
		if (kept)
			*kept = *old;
		else
			to->stalls_folded++;
	}
	free(to->stalls.items);
	to->stalls = both;
	to->stalls_seen += merge->from->stalls_seen;
	to->stalls_folded += merge->from->stalls_folded;
}

static void *row(struct merge *merge, struct report_vec *table, const void *from, size_t size)
{
	void *to = merge->err || table->count >= LOAD_CALLS ? NULL : tables_add(table, size);

	if (to)
		memcpy(to, from, size);
	else if (table->count < LOAD_CALLS)
		merge->err = -ENOMEM;
	return to;
}

static void merge_calls(struct merge *merge)
{
	report_each (merge->from, calls, struct report_call, from) {
		struct report_call *to = row(merge, &merge->to->calls, from, sizeof(*from));

		if (!to) { /* there is room for no more rows, but they count */
			merge->to->calls_rest += from->calls;
			merge->to->calls_rest_ns += from->total_ns;
			continue;
		}
		to->loop = through(merge->loops, from->loop);
		to->call = string(merge, from->call);
		to->class = string(merge, from->class);
		to->peer = peer(merge, from->peer);
		to->frame = through(merge->frames, from->frame);
		to->stack = through(merge->stacks, from->stack);
		to->advice = advice(merge, &from->advice);
	}
	merge->to->calls_rest += merge->from->calls_rest;
	merge->to->calls_rest_ns += merge->from->calls_rest_ns;
}

/* Trends of different runs have different steps, and are left out. */
static void merge_tasks(struct merge *merge)
{
	report_each (merge->from, tasks, struct report_task, from) {
		struct report_task *to = row(merge, &merge->to->tasks, from, sizeof(*from));

		if (!to)
			return;
		to->name = string(merge, from->name);
		to->loop = through(merge->loops, from->loop);
		to->frame = through(merge->frames, from->frame);
		to->family = merge->to->tasks.count - 1;
		for (uint32_t i = 0; i < to->n_spawns; i++)
			to->spawns[i].stack = through(merge->stacks, from->spawns[i].stack);
	}
}

static void merge_audits(struct merge *merge)
{
	report_each (merge->from, audits, struct report_audit, from) {
		struct report_audit *to = row(merge, &merge->to->audits, from, sizeof(*from));

		if (!to)
			return;
		to->library = string(merge, from->library);
		to->version = string(merge, from->version);
		to->why = string(merge, from->why);
		to->patched = copied(merge, from->patched, 2 * from->n_patched * sizeof(char *));
		for (uint32_t i = 0; to->patched && i < 2 * from->n_patched; i++)
			to->patched[i] = string(merge, from->patched[i]);
	}
	report_each (merge->from, patches, struct report_patch, from) {
		struct report_patch *to = row(merge, &merge->to->patches, from, sizeof(*from));

		if (!to)
			return;
		to->kind = string(merge, from->kind);
		to->what = string(merge, from->what);
		to->where = string(merge, from->where);
		to->file = string(merge, from->file);
		to->rule = string(merge, from->rule);
		to->more = string(merge, from->more);
	}
}

static void merge_notes(struct merge *merge)
{
	report_each (merge->from, notes, struct report_note, note) {
		struct event_note copy = { .what = note->what,
					   .why = note->why,
					   .fix = note->fix ? note->fix : "" };

		if (!merge->err)
			merge->err = collect_note(merge->to, &copy);
	}
}

static void merge_lost(struct merge *merge)
{
	struct report_lost *to = merge->to->lost;

	for (uint32_t i = 0; i < REPORT_LOST; i++) {
		const struct report_lost *from = &merge->from->lost[i];
		uint32_t at = 0;

		if (!from->reason)
			continue;
		while (at < REPORT_LOST - 1 && to[at].reason && strcmp(to[at].reason, from->reason))
			at++;
		if (!to[at].reason)
			to[at].reason = string(merge, from->reason);
		to[at].count += from->count;
	}
	merge->to->said_incomplete |= merge->from->said_incomplete;
}

/* Beside sums: the settings and the host are those of the first. */
static void merge_run(struct merge *merge)
{
	const struct gw_report *from = merge->from;
	struct gw_report *to = merge->to;
	uint64_t end = larger(to->wall_ns + to->duration_ns, from->wall_ns + from->duration_ns);

	if (!to->merged++) {
		to->tool = string(merge, from->tool);
		to->id = string(merge, from->id);
		to->kernel = string(merge, from->kernel);
		to->arch = string(merge, from->arch);
		to->host = string(merge, from->host);
		to->gate = string(merge, from->gate);
		to->wall_ns = from->wall_ns;
		to->start_ns = from->start_ns;
		to->threshold_ns = from->threshold_ns;
		to->warmup_ns = from->warmup_ns;
		to->period_ns = from->period_ns;
		to->cpus = from->cpus;
		to->calls_all = from->calls_all;
		to->ended = from->ended;
	}
	if (from->wall_ns < to->wall_ns) {
		uint64_t by_ns = to->wall_ns - from->wall_ns;

		report_each (to, stalls, struct gw_stall, stall)
			stall->at_ns += by_ns;
		to->wall_ns = from->wall_ns;
		to->start_ns = from->start_ns;
	}
	merge->shift_ns = from->wall_ns - to->wall_ns;
	to->duration_ns = end - to->wall_ns;
	to->cpu_ns += from->cpu_ns;
	to->bpf_ns += from->bpf_ns;
	to->bpf_runs += from->bpf_runs;
	to->rss_bytes = larger(to->rss_bytes, from->rss_bytes);
	for (int i = 0; i < WIRE_FLAWS; i++)
		to->flaws[i] += from->flaws[i];
}

/* Fingerprints of another recipe name other sites. */
static bool same_recipe(const struct gw_report *a, const struct gw_report *b)
{
	return !a->sites.count || !b->sites.count ||
	       !strncmp(report_site(a, 0)->fingerprint, report_site(b, 0)->fingerprint, 4);
}

static int prepare(struct merge *merge)
{
	const struct gw_report *from = merge->from;
	size_t n = (size_t)from->frames.count + from->stacks.count + from->loops.count +
		   from->sites.count + 1;

	merge->frames = calloc(n, sizeof(uint32_t));
	if (!merge->frames)
		return -ENOMEM;
	merge->stacks = merge->frames + from->frames.count;
	merge->loops = merge->stacks + from->stacks.count;
	merge->sites = merge->loops + from->loops.count;
	return 0;
}

static void merge_all(struct merge *merge)
{
	static void (*const steps[])(struct merge *merge) = {
		merge_run,   merge_frames, merge_stacks, merge_loops, merge_sites, merge_stalls,
		merge_calls, merge_tasks,  merge_audits, merge_notes, merge_lost,
	};
	uint64_t seen = merge->to->frames_seen + merge->from->frames_seen;
	uint64_t nameless = merge->to->frames_nameless + merge->from->frames_nameless;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !merge->err; i++)
		steps[i](merge);
	report_each (merge->from, targets, struct report_target, target)
		if (!merge->err)
			merge_target(merge, target);
	merge->to->frames_seen = seen;
	merge->to->frames_nameless = nameless;
}

int gw_merge(struct gw_report **into, const struct gw_report *from)
{
	struct merge merge = { .from = from };
	int err = *into ? 0 : collect_new(into, MAX_STALLS);

	if (err)
		return err;
	merge.to = *into;
	if (!same_recipe(merge.to, from))
		return -EPROTO;
	err = prepare(&merge);
	if (err)
		return err;
	if (!merge.to->merged)
		for (size_t i = 0; i < REPORT_LOST; i++)
			merge.to->lost[i].reason = NULL;
	merge_all(&merge);
	collect_sort(merge.to, 0);
	free(merge.frames);
	return merge.err;
}
