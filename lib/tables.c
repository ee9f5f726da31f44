// SPDX-License-Identifier: BSD-2-Clause
/*
 * tables.c: look-up and growth of the report's tables. See tables.h.
 */
#include "tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/hash.h"
#include "base/intern.h"
#include "collect.h"

#define MAX_LENGTHS 1024
#define MAX_FRAMES  65536
#define MAX_STACKS  65536
#define MAX_PEERS   16384

struct report_memory {
	struct arena arena, passing;
	struct arena *current; /* one of the two */
	struct intern *strings;
	struct map loops, frames, stacks, sites, peers;
};

int tables_new(struct report_memory **out)
{
	struct report_memory *memory = calloc(1, sizeof(*memory));
	int err = memory ? intern_new(&memory->strings) : -ENOMEM;

	if (err) {
		free(memory);
		return err;
	}
	memory->current = &memory->arena;
	*out = memory;
	return 0;
}

void tables_choose(struct report_memory *memory, bool kept)
{
	arena_reset(&memory->passing);
	memory->current = kept ? &memory->arena : &memory->passing;
}

void tables_free(struct report_memory *memory)
{
	arena_free(&memory->arena);
	arena_free(&memory->passing);
	intern_free(memory->strings);
	map_free(&memory->loops);
	map_free(&memory->frames);
	map_free(&memory->stacks);
	map_free(&memory->sites);
	map_free(&memory->peers);
	free(memory);
}

const char *tables_string(struct gw_report *report, const char *text)
{
	return intern(report->memory->strings, text);
}

const char *tables_copy(struct gw_report *report, const char *text)
{
	return arena_copy(report->memory->current, text, strlen(text));
}

void *tables_bytes(struct gw_report *report, size_t size)
{
	return arena_alloc(report->memory->current, size ? size : 1);
}

void *tables_add(struct report_vec *vec, size_t size)
{
	return report_vec_add(vec, size);
}

uint32_t tables_loop(const struct report_memory *memory, uint64_t key)
{
	uint64_t index;

	return map_get(&memory->loops, key & INT64_MAX, &index) ? index : GW_NONE;
}

int tables_put_loop(struct report_memory *memory, uint64_t key, uint32_t index)
{
	return map_put(&memory->loops, key & INT64_MAX, index);
}

size_t tables_used(const struct gw_report *report)
{
	return report->memory->arena.bytes;
}

/* Every key of a map has its highest bit clear: map.h keeps one value for itself. */
static uint64_t as_key(uint64_t hash)
{
	return hash & INT64_MAX;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_add(hash, text, strlen(text) + 1);
}

static uint64_t frame_key(const struct event_frame *frame)
{
	uint64_t hash = hash_add(HASH_START, &frame->kind, sizeof(frame->kind));

	hash = hash_add(hash, &frame->app, sizeof(frame->app));
	hash = hash_add(hash, &frame->line, sizeof(frame->line));
	hash = hash_add(hash, &frame->offset, sizeof(frame->offset));
	hash = hash_text(hash, frame->name);
	hash = hash_text(hash, frame->file);
	hash = hash_text(hash, frame->module);
	return as_key(hash_text(hash, frame->nameless));
}

static const char *optional(struct gw_report *report, const char *text)
{
	return text[0] ? tables_string(report, text) : NULL;
}

/* Stands for every frame that found no place; its own place is made when the table is new. */
static const struct event_frame too_many = { .kind = GW_FRAME_MARKER,
					     .name = "(too many different frames)",
					     .file = "",
					     .module = "",
					     .nameless = "" };

int64_t tables_frame(struct gw_report *report, const struct event_frame *from)
{
	uint64_t key = frame_key(from), index;
	struct gw_frame *frame;

	report->frames_seen++;
	report->frames_nameless += from->nameless[0] != 0;
	if (map_get(&report->memory->frames, key, &index))
		return index;
	if (report->frames.count >= MAX_FRAMES && from != &too_many)
		return tables_frame(report, &too_many);
	frame = tables_add(&report->frames, sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	frame->kind = from->kind;
	frame->app = from->app;
	frame->line = from->line;
	frame->offset = from->offset;
	frame->name = tables_string(report, from->name);
	frame->file = optional(report, from->file);
	frame->module = optional(report, from->module);
	frame->nameless = optional(report, from->nameless);
	index = report->frames.count - 1;
	if (!frame->name || map_put(&report->memory->frames, key, index))
		return -ENOMEM;
	return index;
}

int64_t tables_stack(struct gw_report *report, const uint32_t *frames, uint32_t depth)
{
	uint64_t key = as_key(hash_add(HASH_START, frames, depth * sizeof(*frames))), index;
	struct report_stack *stack;

	if (map_get(&report->memory->stacks, key, &index))
		return index;
	if (report->stacks.count >= MAX_STACKS && depth > 1)
		return tables_stack(report, frames, 1);
	stack = tables_add(&report->stacks, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	stack->first = report->indexes.count;
	stack->depth = depth;
	for (uint32_t i = 0; i < depth; i++) {
		uint32_t *slot = tables_add(&report->indexes, sizeof(*slot));

		if (!slot)
			return -ENOMEM;
		*slot = frames[i];
	}
	index = report->stacks.count - 1;
	return map_put(&report->memory->stacks, key, index) ? -ENOMEM : (int64_t)index;
}

/* Strings are interned: equal texts are equal pointers. */
static uint64_t peer_key(const struct gw_peer *peer)
{
	const void *texts[] = { peer->kind, peer->path, peer->local, peer->remote, peer->fstype };
	uint64_t hash = hash_add(HASH_START, texts, sizeof(texts));

	hash = hash_add(hash, &peer->fd, sizeof(peer->fd));
	return as_key(hash_add(hash, &peer->blocking_mode, sizeof(peer->blocking_mode)));
}

const struct gw_peer *tables_peer(struct gw_report *report, const struct gw_peer *peer)
{
	uint64_t key = peer_key(peer), at;
	struct gw_peer *kept;

	if (map_get(&report->memory->peers, key, &at))
		return (const struct gw_peer *)(uintptr_t)at;
	kept = report->memory->peers.used < MAX_PEERS
		       ? arena_alloc(&report->memory->arena, sizeof(*kept))
		       : NULL;
	if (!kept)
		return NULL;
	*kept = *peer;
	return map_put(&report->memory->peers, key, (uintptr_t)kept) ? NULL : kept;
}

static uint64_t site_key(const char *fingerprint)
{
	return as_key(hash_text(HASH_START, fingerprint));
}

int64_t tables_site_of(struct gw_report *report, const char *fingerprint)
{
	uint64_t key = site_key(fingerprint), index;
	struct report_site *site;

	if (map_get(&report->memory->sites, key, &index))
		return index;
	site = tables_add(&report->sites, sizeof(*site));
	if (!site)
		return -ENOMEM;
	snprintf(site->fingerprint, sizeof(site->fingerprint), "%s", fingerprint);
	site->frame = GW_NONE;
	site->stack = GW_NONE;
	index = report->sites.count - 1;
	return map_put(&report->memory->sites, key, index) ? -ENOMEM : (int64_t)index;
}

/* What one stall of a site lacks evidence for another one may show. */
static void take_advice(struct report_site *site, const struct gw_advice *advice)
{
	if (advice->rule && (!site->advice.rule || advice->confidence > site->advice.confidence))
		site->advice = *advice;
}

int64_t tables_site(struct gw_report *report, const struct verdict *verdict)
{
	uint32_t known = report->sites.count;
	int64_t index = tables_site_of(report, verdict->fingerprint);
	struct report_site *site;

	if (index < 0)
		return index;
	site = report_site(report, index);
	take_advice(site, &verdict->advice);
	if (index < known)
		return index;
	site->cause = verdict->cause;
	site->title = arena_copy(&report->memory->arena, verdict->title, strlen(verdict->title));
	site->call = verdict->call_name;
	site->callee = verdict->callee;
	site->frame = verdict->frame;
	site->stack = verdict->stack;
	site->peer = verdict->peer;
	return index;
}

void tables_site_add(struct gw_report *report, uint32_t i, const struct gw_stall *stall)
{
	struct report_site *site = report_site(report, i);

	site->count++;
	site->total_ns += stall->duration_ns;
	site->charged_ns += report_charged(stall);
	if (stall->duration_ns > site->max_ns) {
		site->max_ns = stall->duration_ns;
		site->stack = stall->stack;
		site->frame = stall->frame;
	}
	if (!site->lengths)
		site->lengths =
			arena_alloc(&report->memory->arena, MAX_LENGTHS * sizeof(*site->lengths));
	if (site->lengths && site->n_lengths < MAX_LENGTHS)
		site->lengths[site->n_lengths++] = stall->duration_ns;
}

static int by_total(const void *a, const void *b)
{
	const struct report_site *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	return strcmp(x->fingerprint, y->fingerprint);
}

static int by_time(const void *a, const void *b)
{
	const struct gw_stall *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->loop < y->loop ? -1 : x->loop > y->loop;
}

/* Sites move: the stalls that refer to them follow. */
void tables_sort_sites(struct gw_report *report)
{
	uint32_t n = report->sites.count;
	char(*old)[21] = malloc((n + 1) * sizeof(*old));
	uint64_t index;

	if (!old)
		return;
	for (uint32_t i = 0; i < n; i++)
		memcpy(old[i], report_site(report, i)->fingerprint, sizeof(old[i]));
	if (n)
		qsort(report->sites.items, n, sizeof(struct report_site), by_total);
	for (uint32_t i = 0; i < n; i++)
		map_put(&report->memory->sites, site_key(report_site(report, i)->fingerprint), i);
	report_each (report, stalls, struct gw_stall, stall)
		if (stall->site != GW_NONE &&
		    map_get(&report->memory->sites, site_key(old[stall->site]), &index))
			stall->site = index;
	free(old);
}

void collect_sort(struct gw_report *report, uint64_t now_ns)
{
	tables_sort_sites(report);
	if (report->stalls.count)
		qsort(report->stalls.items, report->stalls.count, sizeof(struct gw_stall), by_time);
	if (report->ended == GW_ENDED_NOT && now_ns > report->start_ns)
		report->duration_ns = now_ns - report->start_ns;
}
