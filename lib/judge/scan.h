/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.h: a cursor over one line of foreign text, and its one error.
 *
 * The first error wins and names the column, counted in characters from 1.
 * What is quoted of the text is short; the caller escapes the whole line.
 */
#ifndef JUDGE_SCAN_H
#define JUDGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
	const char *begin, *at, *end;
	char *why;
	size_t size;
};

void scan_begin(struct scan *scan, const char *text, size_t len, char *why, size_t size);
void scan_blank(struct scan *scan);
bool scan_take(struct scan *scan, const char *word);         /* exactly these bytes are next */
size_t scan_word(const struct scan *scan, const char *more); /* letters, digits, and more */
/* -EINVAL, always: "column 7: ...". at: what it is about. */
int scan_fail(struct scan *scan, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Digits with an optional fraction. 0, or -EINVAL and said why. */
int scan_number(struct scan *scan, double *out);
/* A number and a unit of time, in ns: "100ms". 0, or -EINVAL and said why. */
int scan_time(struct scan *scan, uint64_t *out);

#endif
