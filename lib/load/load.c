// SPDX-License-Identifier: BSD-2-Clause
/*
 * load.c: a saved report, from the stream to struct gw_report.
 *
 * The door through which reports of strangers come: text.c bounds what is
 * read, this room what is kept, check.c follows every index before a sink
 * does. Percentiles stay what the file says.
 */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "place.h"
#include "base/escape.h"

/* A report that greenwatch has written holds no control characters. Another one may: no sink is to
 * meet them, whatever it takes for its own words. */
static const char *made_safe(struct load *load, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p >= 0x20 && *p < 0x7f)
		p++;
	if (!*p)
		return text;
	escape(load->safe, sizeof(load->safe), text, SIZE_MAX);
	return load->safe;
}

const char *load_intern(struct load *load, const char *text)
{
	const char *kept = tables_string(load->report, made_safe(load, text));

	if (!kept)
		text_fail(&load->in, -ENOMEM, "out of memory");
	return kept;
}

static const char *sentence(struct load *load)
{
	const char *kept = tables_copy(load->report, made_safe(load, text_string(&load->in)));

	if (!kept)
		text_fail(&load->in, -ENOMEM, "out of memory");
	return kept;
}

static uint32_t small(struct load *load)
{
	uint64_t value = text_number(&load->in);

	if (value >= UINT32_MAX)
		text_fail(&load->in, -EBADMSG, "is too large");
	return (uint32_t)value;
}

static void take(struct load *load, const struct load_key *row, void *object)
{
	void *field = (char *)object + row->at;

	switch (row->type) {
	case LOAD_NUMBER:
		*(uint64_t *)field = text_number(&load->in);
		break;
	case LOAD_SMALL:
		*(uint32_t *)field = small(load);
		break;
	case LOAD_FLAG:
		*(bool *)field = text_flag(&load->in);
		break;
	case LOAD_TEXT:
		*(const char **)field = load_intern(load, text_string(&load->in));
		break;
	case LOAD_SENTENCE:
		*(const char **)field = sentence(load);
		break;
	case LOAD_PART:
		row->part(load, field);
		break;
	}
}

void load_object(struct load *load, const struct load_key *keys, void *object)
{
	const char *key;

	if (!text_object(&load->in))
		return;
	while ((key = text_key(&load->in))) {
		const struct load_key *row = keys;

		while (row->key && (*row->key != *key || strcmp(row->key, key)))
			row++;
		if (row->key)
			take(load, row, object);
		else
			text_skip(&load->in);
	}
}

int load_word(struct load *load, const char *const *words, int n)
{
	const char *word = text_string(&load->in);

	for (int i = 0; i < n; i++) {
		if (words[i] && !strcmp(words[i], word))
			return i;
	}
	return -1;
}

void *load_row(struct load *load, struct report_vec *table, size_t size, uint32_t most,
	       const char *name)
{
	char what[100];
	void *row;

	if (load->in.err)
		return NULL;
	if (table->count >= most) {
		snprintf(what, sizeof(what), "more than %u %s", most, name);
		text_fail(&load->in, -EFBIG, what);
		return NULL;
	}
	if (tables_used(load->report) > LOAD_BYTES) {
		text_fail(&load->in, -EFBIG, "the report holds too much");
		return NULL;
	}
	row = tables_add(table, size);
	if (!row)
		text_fail(&load->in, -ENOMEM, "out of memory");
	return row;
}

const void *load_list(struct load *load, const struct load_key *keys, const void *absent,
		      size_t size, uint32_t *count)
{
	uint32_t n = 0;
	char *kept;

	*count = 0;
	if (!text_array(&load->in))
		return NULL;
	while (text_more(&load->in)) {
		if (n == LOAD_PARTS) {
			text_fail(&load->in, -EFBIG, "more than 4096 of them");
			return NULL;
		}
		memcpy(&load->parts[n], absent, size);
		load_object(load, keys, &load->parts[n++]);
	}
	if (tables_used(load->report) + n * size > LOAD_BYTES)
		text_fail(&load->in, -EFBIG, "the report holds too much");
	kept = load->in.err ? NULL : tables_bytes(load->report, n * size);
	if (!kept) {
		text_fail(&load->in, -ENOMEM, "out of memory");
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		memcpy(kept + i * size, &load->parts[i], size);
	*count = n;
	return kept;
}

int load_cause(struct load *load)
{
	const char *word = text_string(&load->in);

	for (int i = 0; i <= GW_CAUSE_STOPPED; i++) {
		if (!strcmp(gw_cause_name((enum gw_cause)i), word))
			return i;
	}
	return GW_CAUSE_UNKNOWN; /* of a newer version */
}

static void schema_name(struct load *load, void *unused)
{
	(void)unused;
	load->schema = !strcmp(text_string(&load->in), "greenwatch-report");
}

static void schema_version(struct load *load, void *unused)
{
	const char *version = text_string(&load->in);
	char what[160], safe[40];

	(void)unused;
	if (!strncmp(version, "1.", 2))
		return;
	gw_escape(safe, sizeof(safe), version);
	snprintf(what, sizeof(what),
		 "is \"%s\", and this greenwatch reads 1.x; a %s greenwatch reads it", safe,
		 atoi(version) > 1 ? "newer" : "matching");
	text_fail(&load->in, -EPROTO, what);
}

static void load_schema(struct load *load, void *unused)
{
	static const struct load_key keys[] = {
		{ "name", LOAD_PART, 0, schema_name },
		{ "version", LOAD_PART, 0, schema_version },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, unused);
	if (!load->schema)
		text_fail(&load->in, -EBADMSG, "this is no report of greenwatch");
}

static void load_tool(struct load *load, void *report)
{
	static const struct load_key keys[] = {
		{ "version", LOAD_TEXT, offsetof(struct gw_report, tool), NULL },
		{ NULL, LOAD_PART, 0, NULL },
	};

	load_object(load, keys, report);
}

static void load_diagnosis(struct load *load, void *report)
{
	struct gw_report *to = report;

	if (!text_array(&load->in))
		return;
	while (text_more(&load->in)) {
		const char **row = load_row(load, &to->diagnosis, sizeof(*row), 64, "sentences");

		if (row)
			*row = sentence(load);
	}
}

/* Only JSON lines have it, and their first line is no report. */
static void line_type(struct load *load, void *unused)
{
	(void)unused;
	load->lines = strcmp(text_string(&load->in), "summary");
	if (load->lines)
		text_fail(&load->in, -EBADMSG,
			  "these are JSON lines (--jsonl); a report is what -o FILE.json writes");
}

static const struct load_key document[] = {
	{ "type", LOAD_PART, 0, line_type },
	{ "schema", LOAD_PART, 0, load_schema },
	{ "tool", LOAD_PART, 0, load_tool },
	{ "run", LOAD_PART, 0, load_run },
	{ "targets", LOAD_PART, 0, load_targets },
	{ "loops", LOAD_PART, 0, load_loops },
	{ "frames", LOAD_PART, 0, load_frames },
	{ "stacks", LOAD_PART, 0, load_stacks },
	{ "sites", LOAD_PART, 0, load_sites },
	{ "stalls", LOAD_PART, 0, load_stalls },
	{ "calls", LOAD_PART, 0, load_calls },
	{ "tasks", LOAD_PART, 0, load_tasks },
	{ "patches", LOAD_PART, 0, load_patches },
	{ "pools", LOAD_PART, 0, load_pools },
	{ "diagnosis", LOAD_PART, 0, load_diagnosis },
	{ "budgets", LOAD_PART, 0, load_budgets },
	{ "suppressed", LOAD_PART, 0, load_suppressed },
	{ "quality", LOAD_PART, 0, load_quality },
	{ NULL, LOAD_PART, 0, NULL },
};

/* What a frame called, in a stack; NULL: not known. */
static const char *callee_of(const struct gw_report *report, uint32_t frame, uint32_t stack)
{
	const uint32_t *frames;
	uint32_t depth, callee;

	if (frame == GW_NONE || stack == GW_NONE)
		return NULL;
	depth = report_stack(report, stack, &frames);
	for (uint32_t i = 0; i < depth; i++) {
		if (frames[i] != frame)
			continue;
		callee = place_callee(report, stack, i);
		return callee == GW_NONE ? NULL : report_frame(report, callee)->name;
	}
	return NULL;
}

/* What a live report knows and a file does not say. */
static void complete(struct gw_report *report)
{
	report->stalls_seen = report->stalls.count + report->stalls_folded;
	if (report->duration_ns && report->ended == GW_ENDED_NOT)
		report->ended = GW_ENDED_SIGNAL;
	report_each (report, sites, struct report_site, site)
		site->callee = callee_of(report, site->frame, site->stack);
	for (uint32_t i = report->stalls.count; i-- > 0;) {
		struct gw_stall *stall = (struct gw_stall *)report->stalls.items + i;
		struct report_loop *loop = report_loop(report, stall->loop);
		struct report_site *site;

		report->stalls_warmup += stall->warmup;
		loop->stalls += !stall->warmup;
		loop->stalled_ns += stall->warmup ? 0 : stall->duration_ns;
		if (stall->site == GW_NONE)
			continue;
		site = report_site(report, stall->site);
		site->warmups += stall->warmup;
		stall->advice = site->advice;
		site->callee =
			callee_of(report, stall->frame, stall->stack); /* the first's stays */
	}
}

static int load_all(struct load *load)
{
	struct text *in = &load->in;

	load_object(load, document, load->report);
	text_end(in);
	if (!in->err && !load->schema)
		text_fail(in, -EBADMSG, "this is no report of greenwatch: it has no \"schema\"");
	if (!in->err)
		in->err = load_check(load->report, in->why, sizeof(in->why));
	if (!in->err)
		complete(load->report);
	return in->err;
}

/* One line: what, where, and what to do. */
static void explain(const struct load *load, const char *name, char *error, size_t size)
{
	char safe[600];

	gw_escape(safe, sizeof(safe), name);
	switch (load->in.err) {
	case -EPROTO:
	case -ENOMEM:
		snprintf(error, size, "%s: %s", safe, load->in.why);
		break;
	case -EFBIG:
		snprintf(error, size, "%s: %s; record a shorter run, or with --max-stalls", safe,
			 load->in.why);
		break;
	case -EBADMSG:
		snprintf(error, size, "%s: %s%s", safe, load->in.why,
			 load->schema  ? "; the file is damaged, write it anew"
			 : load->lines ? ""
				       : "; give it what -o FILE.json or --json wrote");
		break;
	default:
		snprintf(error, size, "%s: cannot be read: %s", safe, strerror(-load->in.err));
	}
}

int gw_load(struct gw_report **out, FILE *from, const char *name, char *error, size_t size)
{
	struct load *load = malloc(sizeof(*load));
	struct gw_report *report = NULL;
	int err = load ? collect_new(&report, 0) : -ENOMEM;

	if (err) {
		free(load);
		snprintf(error, size, "out of memory");
		return err;
	}
	load->report = report;
	load->schema = load->lines = false;
	for (size_t i = 0; i < REPORT_LOST; i++)
		report->lost[i].reason = NULL; /* the file's own rows */
	text_begin(&load->in, from);
	err = load_all(load);
	if (err)
		explain(load, name, error, size);
	else
		*out = report;
	if (err)
		collect_free(report);
	free(load);
	return err;
}

void gw_report_free(struct gw_report *report)
{
	if (report)
		collect_free(report);
}

int gw_stall_at(const struct gw_report *report, size_t i, struct gw_stall *out)
{
	if (i >= report->stalls.count)
		return -ENOENT;
	*out = *report_stall(report, (uint32_t)i);
	return 0;
}
