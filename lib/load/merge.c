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
#include "load/merge.h"

const char *merge_string(struct merge *merge, const char *text)
{
	const char *kept = text ? tables_string(merge->to, text) : NULL;

	if (text && !kept)
		merge->err = -ENOMEM;
	return kept;
}

const char *merge_sentence(struct merge *merge, const char *text)
{
	const char *kept = text ? tables_copy(merge->to, text) : NULL;

	if (text && !kept)
		merge->err = -ENOMEM;
	return kept;
}

void *merge_copy(struct merge *merge, const void *items, size_t size)
{
	void *copy = tables_bytes(merge->to, size);

	if (!copy)
		merge->err = -ENOMEM;
	else if (size)
		memcpy(copy, items, size);
	return copy;
}

struct gw_advice merge_advice(struct merge *merge, const struct gw_advice *from)
{
	return (struct gw_advice){ .rule = merge_string(merge, from->rule),
				   .title = merge_string(merge, from->title),
				   .fix = merge_string(merge, from->fix),
				   .confidence = from->confidence };
}

const struct gw_peer *merge_peer(struct merge *merge, const struct gw_peer *from)
{
	struct gw_peer copy;

	if (!from)
		return NULL;
	copy = *from;
	copy.kind = merge_string(merge, from->kind);
	copy.path = merge_string(merge, from->path);
	copy.local = merge_string(merge, from->local);
	copy.remote = merge_string(merge, from->remote);
	copy.fstype = merge_string(merge, from->fstype);
	return merge->err ? NULL : tables_peer(merge->to, &copy);
}

/* The sum of two that may not be known. */
static void add_known(uint64_t *to, uint64_t from)
{
	if (from == GW_UNKNOWN_NS || *to == GW_UNKNOWN_NS)
		*to = *to == GW_UNKNOWN_NS ? from : *to;
	else
		*to += from;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
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
			to->comm = merge_string(merge, loop->comm);
			to->runtime = merge_string(merge, loop->runtime);
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
	to->comm = merge_string(merge, from->comm);
	to->exe = merge_string(merge, from->exe);
	to->cwd = merge_string(merge, from->cwd);
	to->runtime = merge_string(merge, from->runtime);
	to->version = merge_string(merge, from->version);
	to->why_no_names = merge_string(merge, from->why_no_names);
	to->argv = tables_bytes(merge->to, from->argc * sizeof(*to->argv));
	for (uint32_t i = 0; to->argv && i < from->argc; i++)
		to->argv[i] = merge_string(merge, from->argv[i]);
	if (!to->argv)
		merge->err = -ENOMEM;
}

/* What describes a site is that of its longest stall. */
static void describe_site(struct merge *merge, struct report_site *to,
			  const struct report_site *from)
{
	to->cause = from->cause;
	to->title = merge_sentence(merge, from->title);
	to->call = merge_string(merge, from->call);
	to->callee = merge_string(merge, from->callee);
	to->frame = merge_index(merge->frames, from->frame);
	to->stack = merge_index(merge->stacks, from->stack);
	to->peer = merge_peer(merge, from->peer);
	to->advice = merge_advice(merge, &from->advice);
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
		to->warmups += from->warmups;
		to->total_ns += from->total_ns;
		to->charged_ns += from->charged_ns;
		to->max_ns = larger(to->max_ns, from->max_ns);
		if (from->n_lengths || from->n_medians)
			add_median(merge, to, report_site_median(from), from->count);
		merge->sites[i++] = (uint32_t)index;
	}
}

static void merge_command(struct merge *merge)
{
	const struct gw_report *from = merge->from;
	struct gw_report *to = merge->to;

	to->child_exit = from->child_exit;
	to->n_command = from->n_command;
	to->command = from->command ? merge_copy(merge, from->command,
						 from->n_command * sizeof(*from->command))
				    : NULL;
	for (uint32_t i = 0; to->command && i < to->n_command; i++)
		to->command[i] = merge_string(merge, from->command[i]);
	report_each (from, tags, struct report_tag, tag) {
		struct report_tag *row = tables_add(&to->tags, sizeof(*row));

		if (!row) {
			merge->err = -ENOMEM;
			return;
		}
		row->key = merge_string(merge, tag->key);
		row->value = merge_string(merge, tag->value);
	}
}

/* Beside sums: the settings and the host are those of the first. */
static void merge_run(struct merge *merge)
{
	const struct gw_report *from = merge->from;
	struct gw_report *to = merge->to;
	uint64_t end = larger(to->wall_ns + to->duration_ns, from->wall_ns + from->duration_ns);

	if (!to->merged++) {
		to->tool = merge_string(merge, from->tool);
		to->id = merge_string(merge, from->id);
		to->kernel = merge_string(merge, from->kernel);
		to->arch = merge_string(merge, from->arch);
		to->host = merge_string(merge, from->host);
		to->gate = merge_string(merge, from->gate);
		to->wall_ns = from->wall_ns;
		to->start_ns = from->start_ns;
		to->threshold_ns = from->threshold_ns;
		to->warmup_ns = from->warmup_ns;
		to->period_ns = from->period_ns;
		to->cpus = from->cpus;
		merge_command(merge);
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
	static void (*const steps[])(struct merge * merge) = {
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
	int err = *into ? 0 : collect_new(into, MERGE_STALLS);

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
	tables_sort_sites(merge.to);
	merge_sort(merge.to);
	free(merge.frames);
	return merge.err;
}
