// SPDX-License-Identifier: BSD-2-Clause
/*
 * htmldata.c: what the page's script draws, as one JSON object.
 *
 * Ten thousand stalls have to be small and quick to read, so they come as
 * columns of integers (microseconds; -1: none). Stacks are one tree: a node is
 * a frame called by the node before it, and a stack is the number of its
 * innermost node. Times of the flame graph are added up here by cause and
 * node. The tree is bounded: what finds no place ends at its last node there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sink/html.h"

#define NODES_MAX 20000
#define US        1000

struct node {
	uint32_t parent, frame;
};

struct flame {
	uint32_t node;
	enum gw_cause cause;
	uint64_t ns, count;
};

struct list { /* grows */
	void *items;
	uint32_t count, room;
};

struct data {
	const struct gw_report *report;
	FILE *to;
	struct list nodes, flames, frames, strings;
	struct map node_by_key, flame_by_key, frame_by_index, string_by_hash;
	int err;
};

static void *add(struct data *data, struct list *list, size_t size)
{
	if (list->count == list->room) {
		uint32_t room = list->room ? 2 * list->room : 256;
		void *bigger = realloc(list->items, room * size);

		if (!bigger) {
			data->err = -ENOMEM;
			return NULL;
		}
		list->items = bigger;
		list->room = room;
	}
	return (char *)list->items + size * list->count++;
}

static void put(struct data *data, struct map *map, uint64_t key, uint64_t value)
{
	if (map_put(map, key, value))
		data->err = -ENOMEM;
}

/* Where a string stands in the page's table; -1: NULL. */
static int64_t string_of(struct data *data, const char *text)
{
	const char **place;
	uint64_t key, i;

	if (!text)
		return -1;
	key = hash_add(HASH_START, text, strlen(text)) & INT64_MAX;
	if (map_get(&data->string_by_hash, key, &i))
		return (int64_t)i;
	place = add(data, &data->strings, sizeof(*place));
	if (!place)
		return -1;
	*place = text;
	put(data, &data->string_by_hash, key, data->strings.count - 1);
	return data->strings.count - 1;
}

static int64_t frame_of(struct data *data, uint32_t frame)
{
	uint32_t *place;
	uint64_t i;

	if (frame == GW_NONE)
		return -1;
	if (map_get(&data->frame_by_index, frame, &i))
		return (int64_t)i;
	place = add(data, &data->frames, sizeof(*place));
	if (!place)
		return -1;
	*place = frame;
	put(data, &data->frame_by_index, frame, data->frames.count - 1);
	return data->frames.count - 1;
}

static uint64_t pair(uint32_t a, uint32_t b)
{
	return a * (1ULL << 32) + b;
}

/* The child of a node; the node itself where there is no room for another. */
static uint32_t child(struct data *data, uint32_t parent, uint32_t frame)
{
	uint64_t key = pair(parent, frame), i;
	struct node *node;

	if (map_get(&data->node_by_key, key, &i))
		return (uint32_t)i;
	if (data->nodes.count >= NODES_MAX)
		return parent;
	node = add(data, &data->nodes, sizeof(*node));
	if (!node)
		return parent;
	*node = (struct node){ .parent = parent, .frame = (uint32_t)frame_of(data, frame) };
	put(data, &data->node_by_key, key, data->nodes.count - 1);
	return data->nodes.count - 1;
}

static int64_t node_of(struct data *data, uint32_t stack)
{
	const uint32_t *frames;
	uint32_t depth = stack == GW_NONE ? 0 : report_stack(data->report, stack, &frames);
	uint32_t node = 0;

	for (uint32_t i = depth; i-- > 0;)
		node = child(data, node, frames[i]);
	return depth ? (int64_t)node : -1;
}

static void flame_add(struct data *data, enum gw_cause cause, uint32_t stack, uint64_t ns,
		      uint64_t count)
{
	int64_t node = node_of(data, stack);
	uint64_t key, i;
	struct flame *flame;

	if (node < 0)
		return;
	key = pair(cause, (uint32_t)node);
	flame = map_get(&data->flame_by_key, key, &i) ? (struct flame *)data->flames.items + i
						      : NULL;
	if (!flame) {
		flame = add(data, &data->flames, sizeof(*flame));
		if (!flame)
			return;
		*flame = (struct flame){ .node = (uint32_t)node, .cause = cause };
		put(data, &data->flame_by_key, key, data->flames.count - 1);
	}
	flame->ns += ns;
	flame->count += count;
}

/* A stall counts once, for its heaviest stack; its time goes where its samples say. */
static void gather(struct data *data)
{
	struct node *root = add(data, &data->nodes, sizeof(*root));

	if (!root)
		return;
	*root = (struct node){ .frame = 0 };
	report_each (data->report, stalls, struct gw_stall, stall)
		flame_add(data, stall->cause, stall->stack,
			  stall->n_samples ? 0 : stall->duration_ns, 1);
	report_each (data->report, stalls, struct gw_stall, stall)
		for (uint32_t i = 0; i < stall->n_samples; i++)
			flame_add(data, stall->cause, stall->samples[i].stack,
				  stall->samples[i].weight_ns, 0);
}

/* As JSON that is safe inside a script element, whatever the text holds. */
static void write_string(FILE *to, const char *text, size_t chars)
{
	char safe[ESCAPE_SIZE(ESCAPE_SENTENCE)];

	escape(safe, sizeof(safe), text ? text : "", chars);
	fputc('"', to);
	for (const char *p = safe; *p; p++) {
		if (*p == '<' || *p == '>' || *p == '&' || *p == '"' || *p == '\\')
			fprintf(to, "\\u%04x", (unsigned)*p);
		else
			fputc(*p, to);
	}
	fputc('"', to);
}

static int64_t us(uint64_t ns)
{
	return (int64_t)(ns / US);
}

static int64_t loop_of(struct data *data, const struct gw_stall *stall)
{
	const struct gw_report *r = data->report;

	if (stall->loop < r->loops.count && report_loop(r, stall->loop)->pid == stall->pid &&
	    report_loop(r, stall->loop)->tid == stall->tid)
		return stall->loop;
	for (uint32_t i = 0; i < r->loops.count; i++)
		if (report_loop(r, i)->pid == stall->pid && report_loop(r, i)->tid == stall->tid)
			return i;
	return -1;
}

static int64_t col_took(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return us(stall->duration_ns);
}

static int64_t col_cause(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return stall->cause;
}

static int64_t col_site(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return stall->site == GW_NONE ? -1 : (int64_t)stall->site;
}

static int64_t col_node(struct data *data, const struct gw_stall *stall)
{
	return node_of(data, stall->stack);
}

static int64_t col_blocked(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return us(stall->ledger.blocked_ns);
}

static int64_t col_queue(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return us(stall->ledger.runqueue_ns);
}

/* What is rare: throttled, stopped and not accounted for. */
static int64_t col_rest(struct data *data, const struct gw_stall *stall)
{
	uint64_t ns = stall->ledger.throttled_ns + stall->ledger.stopped_ns +
		      stall->ledger.unaccounted_ns;

	(void)data;
	return ns ? us(ns) : -1;
}

static int64_t col_task(struct data *data, const struct gw_stall *stall)
{
	return stall->n_tasks && stall->cause != GW_CAUSE_CROWD
		       ? string_of(data, stall->tasks->name)
		       : -1;
}

static const struct gw_wait *main_wait(const struct gw_stall *stall)
{
	const struct gw_wait *most = NULL;

	for (uint32_t i = 0; i < stall->n_waits; i++)
		if (!most || stall->waits[i].total_ns > most->total_ns)
			most = &stall->waits[i];
	return most;
}

static int64_t col_call(struct data *data, const struct gw_stall *stall)
{
	const struct gw_wait *wait = main_wait(stall);

	return wait ? string_of(data, wait->call ? wait->call : "other") : -1;
}

static int64_t col_calls(struct data *data, const struct gw_stall *stall)
{
	const struct gw_wait *wait = main_wait(stall);

	(void)data;
	return wait ? (int64_t)wait->calls : -1;
}

static int64_t col_waited(struct data *data, const struct gw_stall *stall)
{
	const struct gw_wait *wait = main_wait(stall);

	(void)data;
	return wait ? us(wait->total_ns) : -1;
}

static int64_t col_who(struct data *data, const struct gw_stall *stall)
{
	return stall->n_culprits ? string_of(data, stall->culprits->comm) : -1;
}

static int64_t col_role(struct data *data, const struct gw_stall *stall)
{
	return stall->n_culprits ? string_of(data, stall->culprits->role) : -1;
}

static int64_t col_pid(struct data *data, const struct gw_stall *stall)
{
	(void)data;
	return stall->n_culprits ? (int64_t)stall->culprits->pid : -1;
}

/* 1: had not ended, 2: had begun before the run, 4: cut short, 8: in the warm-up. */
static int64_t col_flags(struct data *data, const struct gw_stall *stall)
{
	int64_t flags = stall->open | stall->underway << 1 | stall->cut << 2 | stall->warmup << 3;

	(void)data;
	return flags ? flags : -1;
}

static const struct {
	const char *name;
	int64_t (*value)(struct data *data, const struct gw_stall *stall);
} columns[] = {
	{ "loop", loop_of },    { "took", col_took },   { "cause", col_cause },
	{ "site", col_site },   { "node", col_node },   { "blocked", col_blocked },
	{ "queue", col_queue }, { "rest", col_rest },   { "task", col_task },
	{ "call", col_call },   { "calls", col_calls }, { "waited", col_waited },
	{ "who", col_who },     { "role", col_role },   { "pid", col_pid },
	{ "flags", col_flags },
};

/* A column that would say nothing is left out. */
static void write_column(struct data *data, size_t i)
{
	const char *comma = "";
	bool any = false;

	report_each (data->report, stalls, struct gw_stall, stall)
		any |= columns[i].value(data, stall) != -1;
	if (!any)
		return;
	fprintf(data->to, ",\n\"%s\":[", columns[i].name);
	report_each (data->report, stalls, struct gw_stall, stall) {
		fprintf(data->to, "%s%" PRId64, comma, columns[i].value(data, stall));
		comma = ",";
	}
	fputc(']', data->to);
}

static void write_stalls(struct data *data)
{
	const char *comma = "";
	int64_t before = 0;

	fputs("\"stalls\":{\"at\":[", data->to);
	report_each (data->report, stalls, struct gw_stall, stall) {
		fprintf(data->to, "%s%" PRId64, comma, us(stall->at_ns) - before);
		before = us(stall->at_ns);
		comma = ",";
	}
	fputc(']', data->to);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		write_column(data, i);
	fputs("},\n", data->to);
}

static void write_sites(struct data *data)
{
	const char *comma = "";

	fputs("\"sites\":[", data->to);
	report_each (data->report, sites, struct report_site, site) {
		fprintf(data->to, "%s[", comma);
		write_string(data->to, site->fingerprint, ESCAPE_NAME);
		fputc(',', data->to);
		write_string(data->to, site->title, ESCAPE_SENTENCE);
		fprintf(data->to, ",%" PRId64 ",%" PRId64 ",%" PRId64 "]",
			frame_of(data, site->frame), string_of(data, site->advice.rule),
			site->advice.rule ? string_of(data, site->advice.fix) : -1);
		comma = ",\n";
	}
	fputs("],\n", data->to);
}

/* Steps of a loop's longest turns that the run has come to. */
static uint64_t lags_of(const struct gw_report *report)
{
	uint64_t n = report->lag_step_ns ? report->duration_ns / report->lag_step_ns + 1 : 0;

	return n < REPORT_LAGS ? n : REPORT_LAGS;
}

static void write_loops(struct data *data)
{
	const char *comma = "";
	char id[32];

	fputs("\"loops\":[", data->to);
	report_each (data->report, loops, struct report_loop, loop) {
		fprintf(data->to, "%s[\"%s\",", comma,
			text_loop(id, data->report, loop->pid, loop->tid));
		write_string(data->to, loop->comm, ESCAPE_NAME);
		fprintf(data->to, ",%" PRId64 ",[", us(loop->stalled_ns));
		for (uint64_t i = 0; i < lags_of(data->report); i++)
			fprintf(data->to, "%s%" PRId64, i ? "," : "", us(loop->lags[i]));
		fputs("]]", data->to);
		comma = ",\n";
	}
	fprintf(data->to, "],\n\"step\":%" PRId64 ",\n", us(data->report->lag_step_ns));
}

static void write_causes(FILE *to)
{
	fputs("\"causes\":[", to);
	for (int i = 0; i < HTML_CAUSES; i++)
		fprintf(to, "%s[\"%s\",\"%s\"]", i ? "," : "", gw_cause_name(i), html_cause(i));
	fputs("],\n", to);
}

static void write_tree(struct data *data)
{
	const struct node *node = data->nodes.items;
	const struct flame *flame = data->flames.items;

	fputs("\"nodes\":[", data->to);
	for (uint32_t i = 1; i < data->nodes.count; i++)
		fprintf(data->to, "%s%" PRIu32 ",%" PRIu32, i > 1 ? "," : "", node[i].parent,
			node[i].frame);
	fputs("],\n\"flame\":[", data->to);
	for (uint32_t i = 0; i < data->flames.count; i++)
		fprintf(data->to, "%s%d,%" PRIu32 ",%" PRIu64 ",%" PRIu64, i ? "," : "",
			(int)flame[i].cause, flame[i].node, flame[i].ns / US, flame[i].count);
	fputs("],\n", data->to);
}

/* Kind, name, place, 1: of the application. */
static void write_frames(struct data *data)
{
	const uint32_t *index = data->frames.items;
	char place[TEXT_PLACE];

	fputs("\"frames\":[", data->to);
	for (uint32_t i = 0; i < data->frames.count; i++) {
		const struct gw_frame *frame = report_frame(data->report, index[i]);

		fprintf(data->to, "%s[\"%s\",", i ? ",\n" : "", format_frame_kind(frame->kind));
		write_string(data->to, frame->name, ESCAPE_NAME);
		fputc(',', data->to);
		write_string(data->to, frame->nameless ? frame->nameless : text_place(place, frame),
			     ESCAPE_NAME);
		fprintf(data->to, ",%d]", frame->app);
	}
	fputs("],\n\"strings\":[", data->to);
	for (uint32_t i = 0; i < data->strings.count; i++) {
		fputs(i ? ",\n" : "", data->to);
		write_string(data->to, ((const char **)data->strings.items)[i], ESCAPE_SENTENCE);
	}
	fputs("]", data->to);
}

int html_data(const struct html *html)
{
	struct data data = { .report = html->report, .to = html->to };

	gather(&data);
	fprintf(data.to, "{\"run\":%" PRId64 ",\"limit\":%" PRId64 ",\"warmup\":%" PRId64 ",\n",
		us(html->report->duration_ns), us(html->report->threshold_ns),
		us(html->report->warmup_ns));
	write_causes(data.to);
	write_loops(&data);
	write_sites(&data);
	write_stalls(&data);
	write_tree(&data);
	write_frames(&data); /* last: the others say which are needed */
	fputs("}", data.to);
	free(data.nodes.items);
	free(data.flames.items);
	free(data.frames.items);
	free(data.strings.items);
	map_free(&data.node_by_key);
	map_free(&data.flame_by_key);
	map_free(&data.frame_by_index);
	map_free(&data.string_by_hash);
	return data.err;
}
