// SPDX-License-Identifier: BSD-2-Clause
/*
 * pprof.c: a profile for go tool pprof and all that read its format.
 *
 * Sample types: stalls/count (on the stack that stands for a stall),
 * stall, blocked and oncpu in nanoseconds. Labels: pid, tid, cause, site,
 * task. Protobuf messages one after the other are one message: each entry is
 * packed and compressed by itself, so memory does not grow with the stalls.
 * Ids: 1 + index of the frame, then one for each reason without a stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/hash.h"
#include "profile.pb-c.h"
#include "sink/weigh.h"

#define VALUES 4
#define LABELS 5
#define CHUNK  65536
#define MS     1000000

static const char *const reasons[] = { "(waiting for a CPU)", "(CPU quota used up)", "(stopped)",
				       "(no stack was seen)" };
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))

struct pprof {
	FILE *to;
	const struct gw_report *report;
	z_stream zip;
	struct map strings; /* hash -> index */
	int64_t n_strings;
	uint8_t *packed;
	size_t room;
	const struct gw_stall *stall; /* whose samples are being written */
	unsigned char out[CHUNK];
	int err;
};

static void compress_bytes(struct pprof *pprof, const uint8_t *bytes, size_t len, int flush)
{
	z_stream *zip = &pprof->zip;
	int end = Z_OK;

	zip->next_in = (uint8_t *)(uintptr_t)bytes;
	zip->avail_in = (unsigned int)len;
	do {
		zip->next_out = pprof->out;
		zip->avail_out = CHUNK;
		end = deflate(zip, flush);
		fwrite(pprof->out, 1, CHUNK - zip->avail_out, pprof->to);
	} while (zip->avail_out == 0 && end == Z_OK);
}

/* A message with one of the lists of the whole in it. */
static void put(struct pprof *pprof, const Pprof__Profile *part)
{
	size_t size = pprof__profile__get_packed_size(part);

	if (pprof->err)
		return;
	if (size > pprof->room) {
		uint8_t *more = realloc(pprof->packed, 2 * size);

		if (!more) {
			pprof->err = -ENOMEM;
			return;
		}
		pprof->packed = more;
		pprof->room = 2 * size;
	}
	compress_bytes(pprof, pprof->packed, pprof__profile__pack(part, pprof->packed), Z_NO_FLUSH);
}

/* Its index in the table of strings, written when it is new. */
static int64_t string(struct pprof *pprof, const char *text)
{
	char safe[WEIGH_NAME], *words[] = { safe };
	Pprof__Profile part = PPROF__PROFILE__INIT;
	uint64_t key, at;

	gw_escape(safe, sizeof(safe), text ? text : "");
	key = hash_add(HASH_START, safe, strlen(safe)) & INT64_MAX;
	if (map_get(&pprof->strings, key, &at))
		return (int64_t)at;
	if (map_put(&pprof->strings, key, (uint64_t)pprof->n_strings))
		pprof->err = -ENOMEM;
	part.n_string_table = 1;
	part.string_table = words;
	put(pprof, &part);
	return pprof->n_strings++;
}

static void put_types(struct pprof *pprof)
{
	static const char *const types[VALUES][2] = { { "stalls", "count" },
						      { "stall", "nanoseconds" },
						      { "blocked", "nanoseconds" },
						      { "oncpu", "nanoseconds" } };
	Pprof__Profile part = PPROF__PROFILE__INIT;
	Pprof__ValueType list[VALUES], *pointers[VALUES];

	string(pprof, "");
	for (int i = 0; i < VALUES; i++) {
		pprof__value_type__init(&list[i]);
		list[i].type = string(pprof, types[i][0]);
		list[i].unit = string(pprof, types[i][1]);
		pointers[i] = &list[i];
	}
	part.n_sample_type = VALUES;
	part.sample_type = pointers;
	part.default_sample_type = list[1].type;
	part.time_nanos = (int64_t)(pprof->report->wall_ns / MS * MS); /* as in the document */
	part.duration_nanos = (int64_t)pprof->report->duration_ns;
	put(pprof, &part);
}

/* A function, and the place of it that frames stand for. */
static void put_place(struct pprof *pprof, uint64_t id, const char *name, const char *file,
		      uint32_t line)
{
	Pprof__Profile part = PPROF__PROFILE__INIT;
	Pprof__Function function = PPROF__FUNCTION__INIT, *functions[] = { &function };
	Pprof__Location location = PPROF__LOCATION__INIT, *locations[] = { &location };
	Pprof__Line at = PPROF__LINE__INIT, *lines[] = { &at };

	function.id = id;
	function.name = string(pprof, name);
	function.system_name = function.name;
	function.filename = string(pprof, file);
	at.function_id = id;
	at.line = line;
	location.id = id;
	location.n_line = 1;
	location.line = lines;
	part.n_function = 1;
	part.function = functions;
	part.n_location = 1;
	part.location = locations;
	put(pprof, &part);
}

static void put_places(struct pprof *pprof)
{
	uint64_t id = 1;

	report_each (pprof->report, frames, struct gw_frame, frame)
		put_place(pprof, id++, frame->name, frame->file ? frame->file : frame->module,
			  frame->line);
	for (size_t i = 0; i < REASONS; i++)
		put_place(pprof, id++, reasons[i], NULL, 0);
}

static uint64_t reason_id(const struct pprof *pprof, const char *why)
{
	size_t i = 0;

	while (i < REASONS - 1 && (!why || strncmp(reasons[i] + 1, why, strlen(why))))
		i++;
	return pprof->report->frames.count + 1 + i;
}

static size_t set_labels(struct pprof *pprof, Pprof__Label labels[LABELS],
			 Pprof__Label *pointers[LABELS], const char *task)
{
	const struct gw_stall *stall = pprof->stall;
	size_t n = 0;

	for (size_t i = 0; i < LABELS; i++) {
		pprof__label__init(&labels[i]);
		pointers[i] = &labels[i];
	}
	labels[n].key = string(pprof, "pid");
	labels[n++].num = stall->pid;
	labels[n].key = string(pprof, "tid");
	labels[n++].num = stall->tid;
	labels[n].key = string(pprof, "cause");
	labels[n++].str = string(pprof, gw_cause_name(stall->cause));
	if (stall->site != GW_NONE) {
		labels[n].key = string(pprof, "site");
		labels[n++].str =
			string(pprof, report_site(pprof->report, stall->site)->fingerprint);
	}
	if (task) {
		labels[n].key = string(pprof, "task");
		labels[n++].str = string(pprof, task);
	}
	return n;
}

static void put_sample(struct pprof *pprof, const struct weight *weight, int64_t *values)
{
	Pprof__Profile part = PPROF__PROFILE__INIT;
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *samples[] = { &sample };
	Pprof__Label labels[LABELS], *pointers[LABELS];
	const uint32_t *frames = NULL;
	uint32_t depth = 0;
	uint64_t *ids;

	if (weight->stack != GW_NONE)
		depth = report_stack(pprof->report, weight->stack, &frames);
	ids = malloc((depth + 1) * sizeof(*ids));
	if (!ids) {
		pprof->err = -ENOMEM;
		return;
	}
	ids[0] = reason_id(pprof, weight->why);
	for (uint32_t i = 0; i < depth; i++)
		ids[i] = frames[i] + 1;
	sample.n_location_id = depth ? depth : 1;
	sample.location_id = ids;
	sample.n_value = VALUES;
	sample.value = values;
	sample.n_label = set_labels(pprof, labels, pointers, weight->task);
	sample.label = pointers;
	part.n_sample = 1;
	part.sample = samples;
	put(pprof, &part);
	free(ids);
}

static int put_weight(void *ctx, const struct weight *weight)
{
	struct pprof *pprof = ctx;
	bool stack = weight->stack != GW_NONE;
	bool oncpu = stack && (weight->state == GW_STATE_ONCPU || weight->state == GW_STATE_GC);
	bool blocked =
		stack && (weight->state == GW_STATE_BLOCKED || weight->state == GW_STATE_GIL);
	int64_t ns = (int64_t)weight->ns;
	int64_t values[VALUES] = { 0, ns, blocked ? ns : 0, oncpu ? ns : 0 };

	put_sample(pprof, weight, values);
	return pprof->err;
}

static void put_stall(struct pprof *pprof, const struct gw_stall *stall)
{
	struct weight whole = { .stack = stall->stack };
	int64_t values[VALUES] = { 1, 0, 0, 0 };

	pprof->stall = stall;
	put_sample(pprof, &whole, values);
	weigh(stall, put_weight, pprof);
}

static int pprof_write(struct pprof *pprof)
{
	if (deflateInit2(&pprof->zip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	put_types(pprof);
	put_places(pprof);
	report_each (pprof->report, stalls, struct gw_stall, stall)
		if (weigh_counts(stall))
			put_stall(pprof, stall);
	compress_bytes(pprof, (const uint8_t *)"", 0, Z_FINISH);
	deflateEnd(&pprof->zip);
	return pprof->err;
}

static int pprof_end(struct gw_sink *sink, const struct gw_report *report)
{
	struct pprof *pprof = calloc(1, sizeof(*pprof));
	int err, flushed;

	if (!pprof)
		return -ENOMEM;
	pprof->to = sink->to;
	pprof->report = report;
	err = pprof_write(pprof);
	flushed = sink_flush(sink);
	map_free(&pprof->strings);
	free(pprof->packed);
	free(pprof);
	return err ? err : flushed;
}

const struct sink_ops sink_pprof = {
	.name = "pprof",
	.extension = ".pb.gz",
	.help = "profile for go tool pprof and what reads its format",
	.binary = true,
	.end = pprof_end,
};
