// SPDX-License-Identifier: BSD-2-Clause
/*
 * times.c: times and numbers as people type and read them.
 *
 * Parsed from integers, so that no locale turns 1.5s into 1s and no value
 * wraps around: what does not fit is refused.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "times.h"

#define DIGITS_MAX 15

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "µs", 1000 },
	{ "ms", 1000000 },
	{ "s", TIME_SECOND },
	{ "m", 60 * TIME_SECOND },
	{ "min", 60 * TIME_SECOND },
	{ "h", TIME_HOUR },
};

static size_t take_digits(const char *text, uint64_t *value, uint64_t *scale)
{
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9'; n++) {
		if (n < DIGITS_MAX) {
			*value = *value * 10 + (uint64_t)(text[n] - '0');
			*scale *= 10;
		}
	}
	return n;
}

static const char *find_unit(const char *text, bool needs_unit, uint64_t *ns)
{
	*ns = TIME_SECOND;
	if (!*text)
		return needs_unit ? "needs a unit, e.g. 100ms" : NULL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(units[i].name, text)) {
			*ns = units[i].ns;
			return NULL;
		}
	}
	return "not a time, e.g. 100ms, 30s or 5m";
}

const char *time_parse(const char *text, bool needs_unit, uint64_t *ns)
{
	uint64_t whole = 0, part = 0, scale = 1, ignored = 1, unit;
	size_t n = take_digits(text, &whole, &ignored), m = 0;
	const char *why;

	if (n && text[n] == '.') {
		m = take_digits(text + n + 1, &part, &scale);
		if (!m)
			return "not a time, e.g. 100ms, 30s or 5m";
		m++;
	}
	if (!n)
		return *text == '-' ? "must not be negative" : "not a time, e.g. 100ms, 30s or 5m";
	if (n == strlen(text) && !whole && n <= DIGITS_MAX) {
		*ns = 0;
		return NULL; /* 0 of any unit: the caller says that it must be more */
	}
	why = find_unit(text + n + m, needs_unit, &unit);
	if (why)
		return why;
	if (n > DIGITS_MAX || whole > UINT64_MAX / 2 / unit)
		return "too long";
	*ns = whole * unit + (uint64_t)((double)part / (double)scale * (double)unit + 0.5);
	return NULL;
}

const char *number_parse(const char *text, uint64_t *out)
{
	uint64_t value = 0, ignored = 1;
	size_t n = take_digits(text, &value, &ignored);

	if (!n || text[n])
		return "not a number";
	if (n > DIGITS_MAX)
		return "too large";
	*out = value;
	return NULL;
}

void time_print(char *out, size_t size, uint64_t ns)
{
	if (ns < 10000000)
		snprintf(out, size, "%.1f ms", (double)ns / 1e6);
	else if (ns < TIME_SECOND)
		snprintf(out, size, "%.0f ms", (double)ns / 1e6);
	else if (ns < 1000 * TIME_SECOND)
		snprintf(out, size, "%.1f s", (double)ns / 1e9);
	else
		snprintf(out, size, "%.0f s", (double)ns / 1e9);
}

uint64_t time_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * TIME_SECOND + (uint64_t)now.tv_nsec;
}
