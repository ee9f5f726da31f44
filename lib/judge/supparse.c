// SPDX-License-Identifier: BSD-2-Clause
/*
 * supparse.c: reads a file of suppressions.
 *
 *	{
 *	  known: nightly export reads a file on the loop
 *	  until 2027-03-01
 *	  cause: syscall:read max 400ms
 *	  ...
 *	  py:export_csv  file:app/report*.py
 *	}
 *
 * An entry needs a reason, and must not cover everything. One bad line and
 * the file is refused as a whole: half a list would hide half of the stalls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "judge/scan.h"
#include "judge/suppress.h"

struct reader {
	struct gw_suppressions *into;
	struct entry entry;
	struct pattern patterns[SUPPRESS_FRAMES];
	bool inside;
	uint32_t line;
};

/* Text of the scan as a string of its own; NULL: no memory. */
static const char *copy(struct reader *reader, const char *text, size_t len)
{
	return arena_copy(&reader->into->memory, text, len);
}

static const char *find_key(struct scan *scan, const char *key)
{
	const char *at = scan->at;

	if (!scan_take(scan, key))
		return NULL;
	if (scan->at < scan->end && *scan->at == ':')
		scan->at++;
	else if (scan->at < scan->end && *scan->at != ' ' && *scan->at != '\t')
		scan->at = at;
	if (scan->at == at)
		return NULL;
	scan_blank(scan);
	return at;
}

static int read_known(struct reader *reader, struct scan *scan, const char *key)
{
	if (reader->entry.known)
		return scan_fail(scan, key, "this entry has a reason already");
	if (scan->at == scan->end)
		return scan_fail(scan, scan->at, "the reason is missing: known: WHY");
	reader->entry.known = copy(reader, scan->at, (size_t)(scan->end - scan->at));
	return reader->entry.known ? 0 : -ENOMEM;
}

/* A day that exists: mktime would turn February 30 into March. */
static bool is_day(const char *text)
{
	static const char form[] = "dddd-dd-dd";
	struct tm day = { .tm_isdst = -1 };
	int year, month, mday;

	for (int i = 0; form[i]; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == 'd' ? !digit : text[i] != form[i])
			return false;
	}
	year = atoi(text);
	month = atoi(text + 5);
	mday = atoi(text + 8);
	day = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday };
	return year >= 1970 && timegm(&day) >= 0 && day.tm_mon == month - 1 && day.tm_mday == mday;
}

static int read_until(struct reader *reader, struct scan *scan)
{
	size_t len = (size_t)(scan->end - scan->at);

	if (len == 6 && !memcmp(scan->at, "always", 6))
		return 0;
	if (len != 10)
		return scan_fail(scan, scan->at, "a date must follow, as in until 2027-03-01");
	memcpy(reader->entry.until, scan->at, 10);
	if (!is_day(reader->entry.until))
		return scan_fail(scan, scan->at, "there is no such day; the form is 2027-03-01");
	return 0;
}

static int take_cause(struct reader *reader, struct scan *scan)
{
	size_t len = scan_word(scan, "");

	for (int i = GW_CAUSE_UNKNOWN; i <= GW_CAUSE_STOPPED; i++) {
		const char *name = gw_cause_name((enum gw_cause)i);

		if (strlen(name) != len || memcmp(name, scan->at, len))
			continue;
		reader->entry.has_cause = true;
		reader->entry.cause = (enum gw_cause)i;
		scan->at += len;
		return 0;
	}
	return scan_fail(scan, scan->at, "\"%.*s\" is no cause; greenwatch help causes",
			 (int)(len > 40 ? 40 : len), scan->at);
}

/* "syscall:read max 400ms" */
static int read_cause(struct reader *reader, struct scan *scan)
{
	int err = take_cause(reader, scan);

	if (!err && scan_take(scan, ":")) {
		size_t len = scan_word(scan, "_");

		if (!len)
			return scan_fail(scan, scan->at, "the call is missing, as in syscall:read");
		reader->entry.call = copy(reader, scan->at, len);
		err = reader->entry.call ? 0 : -ENOMEM;
		scan->at += len;
	}
	scan_blank(scan);
	if (!err && scan_take(scan, "max")) {
		scan_blank(scan);
		err = scan_time(scan, &reader->entry.max_ns);
		scan_blank(scan);
	}
	if (!err && scan->at < scan->end)
		return scan_fail(scan, scan->at, "nothing may follow the cause but max TIME");
	return err;
}

static int read_glob(struct reader *reader, struct scan *scan, struct pattern *pattern)
{
	static const char *const keys[PATTERN_KEYS] = { "py:", "js:", "fun:", "obj:", "file:" };
	const char *from = scan->at;
	size_t len = 0;

	for (int i = 0; i < PATTERN_KEYS; i++) {
		if (!scan_take(scan, keys[i]))
			continue;
		while (scan->at + len < scan->end && scan->at[len] != ' ' && scan->at[len] != '\t')
			len++;
		if (!len)
			return scan_fail(scan, scan->at, "a name must follow %s", keys[i]);
		if (pattern->globs[i])
			return scan_fail(scan, from, "%s twice for one frame", keys[i]);
		reader->entry.native |= i == PATTERN_FUN || i == PATTERN_OBJ;
		pattern->globs[i] = copy(reader, scan->at, len);
		scan->at += len;
		return pattern->globs[i] ? 0 : -ENOMEM;
	}
	return scan_fail(scan, from,
			 "expected known:, until, cause:, ..., or a frame: py: js: fun: "
			 "obj: file:");
}

static int read_frame(struct reader *reader, struct scan *scan)
{
	struct pattern *pattern = &reader->patterns[reader->entry.n_patterns];
	int err = 0;

	if (reader->entry.n_patterns >= SUPPRESS_FRAMES)
		return scan_fail(scan, scan->at, "more than %d frames in one entry",
				 SUPPRESS_FRAMES);
	*pattern = (struct pattern){ 0 };
	if (scan_take(scan, "...")) {
		scan_blank(scan);
		if (scan->at < scan->end)
			return scan_fail(scan, scan->at, "nothing may follow ...");
		pattern->any = true;
	}
	while (!err && scan->at < scan->end) {
		err = read_glob(reader, scan, pattern);
		scan_blank(scan);
	}
	reader->entry.n_patterns += !err;
	return err;
}

static bool covers_all(const struct reader *reader)
{
	bool all = !reader->entry.has_cause;

	for (uint32_t i = 0; all && i < reader->entry.n_patterns; i++)
		all = reader->patterns[i].any;
	return all;
}

/* "}" */
static int finish(struct reader *reader, struct scan *scan)
{
	struct gw_suppressions *into = reader->into;
	struct entry *bigger;
	size_t bytes = reader->entry.n_patterns * sizeof(struct pattern);

	if (!reader->entry.known)
		return scan_fail(scan, scan->begin,
				 "the entry that begins in line %u has no reason: "
				 "known: WHY",
				 reader->entry.line);
	if (covers_all(reader))
		return scan_fail(scan, scan->begin,
				 "the entry that begins in line %u covers everything: "
				 "it needs a cause: or a frame",
				 reader->entry.line);
	if (into->count >= SUPPRESS_ENTRIES)
		return scan_fail(scan, scan->begin, "more than %d entries", SUPPRESS_ENTRIES);
	bigger = realloc(into->items, (into->count + 1) * sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	into->items = bigger;
	reader->entry.patterns = arena_alloc(&into->memory, bytes);
	if (!reader->entry.patterns)
		return -ENOMEM;
	memcpy(reader->entry.patterns, reader->patterns, bytes);
	into->items[into->count++] = reader->entry;
	reader->inside = false;
	return 0;
}

static int read_inside(struct reader *reader, struct scan *scan)
{
	const char *key;

	if (scan->at + 1 == scan->end && *scan->at == '}')
		return finish(reader, scan);
	key = find_key(scan, "known");
	if (key)
		return read_known(reader, scan, key);
	if (find_key(scan, "until"))
		return read_until(reader, scan);
	key = find_key(scan, "cause");
	if (key && reader->entry.has_cause)
		return scan_fail(scan, key, "this entry has a cause already");
	return key ? read_cause(reader, scan) : read_frame(reader, scan);
}

static int check_bytes(struct scan *scan)
{
	if (scan->end - scan->begin >= SUPPRESS_LINE)
		return scan_fail(scan, scan->begin, "the line is longer than %d bytes",
				 SUPPRESS_LINE - 1);
	for (const char *p = scan->begin; p < scan->end; p++) {
		if ((unsigned char)*p < ' ' && *p != '\t')
			return scan_fail(scan, p, "a control character");
	}
	return 0;
}

/* A # begins a comment at the start of a line and after a blank. */
static size_t without_comment(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (line[i] == '#' && (!i || line[i - 1] == ' ' || line[i - 1] == '\t'))
			len = i;
	}
	while (len && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	return len;
}

static int read_line(struct reader *reader, const char *line, size_t len, char *why, size_t size)
{
	struct scan scan;
	int err;

	scan_begin(&scan, line, without_comment(line, len), why, size);
	err = check_bytes(&scan);
	scan_blank(&scan);
	if (err || scan.at == scan.end)
		return err;
	if (reader->inside)
		return read_inside(reader, &scan);
	if (scan.at + 1 != scan.end || *scan.at != '{')
		return scan_fail(&scan, scan.at, "an entry begins with { on a line of its own");
	reader->inside = true;
	reader->entry = (struct entry){ .line = reader->line };
	return 0;
}

static int read_all(struct reader *reader, const char *text, size_t len, char *why, size_t size)
{
	char inner[200];

	for (size_t at = 0; at < len; at++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : len - at;
		int err;

		reader->line++;
		err = read_line(reader, text + at, n, inner, sizeof(inner));
		if (err == -EINVAL)
			snprintf(why, size, "line %u, %s", reader->line, inner);
		if (err)
			return err;
		at += n;
	}
	if (!reader->inside)
		return 0;
	snprintf(why, size, "line %u, column 1: the entry is not closed with }",
		 reader->entry.line);
	return -EINVAL;
}

int gw_suppressions_open(struct gw_suppressions **out, const char *text, size_t len, char *why,
			 size_t size)
{
	struct reader *reader;
	int err = -ENOMEM;

	if (len > SUPPRESS_FILE) {
		snprintf(why, size, "larger than %d bytes", SUPPRESS_FILE);
		return -EINVAL;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->into = calloc(1, sizeof(*reader->into));
	if (reader->into)
		err = read_all(reader, text, len, why, size);
	if (err)
		gw_suppressions_close(reader->into);
	else
		*out = reader->into;
	free(reader);
	return err;
}

void gw_suppressions_close(struct gw_suppressions *suppressions)
{
	if (!suppressions)
		return;
	arena_free(&suppressions->memory);
	free(suppressions->items);
	free(suppressions);
}
