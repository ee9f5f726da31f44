// SPDX-License-Identifier: BSD-2-Clause
/*
 * scan.c: what the readers of budgets and suppressions share. See scan.h.
 */
#include "judge/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 15 /* of a number: exact in a double */

void scan_begin(struct scan *scan, const char *text, size_t len, char *why, size_t size)
{
	*scan = (struct scan){
		.begin = text, .at = text, .end = text + len, .why = why, .size = size
	};
}

void scan_blank(struct scan *scan)
{
	while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
		scan->at++;
}

bool scan_take(struct scan *scan, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len))
		return false;
	scan->at += len;
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

size_t scan_word(const struct scan *scan, const char *more)
{
	const char *p = scan->at;

	while (p < scan->end && *p && (is_letter(*p) || strchr(more, *p)))
		p++;
	return (size_t)(p - scan->at);
}

static size_t column(const struct scan *scan, const char *at)
{
	size_t n = 1;

	for (const char *p = scan->begin; p < at; p++)
		n += (*p & 0xc0) != 0x80;
	return n;
}

int scan_fail(struct scan *scan, const char *at, const char *format, ...)
{
	va_list args;
	int used = snprintf(scan->why, scan->size, "column %zu: ", column(scan, at));

	if (used < 0 || (size_t)used >= scan->size)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(scan->why + used, scan->size - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_digit(const struct scan *scan)
{
	return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

int scan_number(struct scan *scan, double *out)
{
	const char *from = scan->at;
	double value = 0, part = 1;
	int digits = 0;

	for (; is_digit(scan); scan->at++, digits++)
		value = value * 10 + (*scan->at - '0');
	if (digits && scan->at < scan->end && *scan->at == '.') {
		scan->at++;
		if (!is_digit(scan))
			return scan_fail(scan, scan->at, "a digit must follow the point");
		for (; is_digit(scan); scan->at++, digits++) {
			part /= 10;
			value += part * (*scan->at - '0');
		}
	}
	if (!digits)
		return scan_fail(scan, from, "a number is missing");
	if (digits > DIGITS)
		return scan_fail(scan, from, "the number has more than %d digits", DIGITS);
	*out = value;
	return 0;
}

int scan_time(struct scan *scan, uint64_t *out)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 6e10 } };
	const char *from = scan->at;
	double value;
	int err = scan_number(scan, &value);
	size_t len = scan_word(scan, "");

	if (err)
		return err;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != len || memcmp(scan->at, units[i].name, len))
			continue;
		scan->at += len;
		value = value * units[i].ns + 0.5;
		if (value < 1 || value > 1e18)
			return scan_fail(scan, from, "the time must be from 1ns to 30 years");
		*out = (uint64_t)value;
		return 0;
	}
	return scan_fail(scan, scan->at, "a unit must follow: ns, us, ms or s, as in 100ms");
}
