// SPDX-License-Identifier: BSD-2-Clause
/*
 * number.c: numbers of JSON, exact to 64 bits. See text.h.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "load/text.h"

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool is_number(const char *p)
{
	p += *p == '-';
	if (*p == '0')
		p++;
	else if (*p < '1' || *p > '9')
		return false;
	else
		p += strspn(p, "0123456789");
	if (*p == '.') {
		size_t digits = strspn(p + 1, "0123456789");

		if (!digits)
			return false;
		p += digits + 1;
	}
	if (*p == 'e' || *p == 'E') {
		size_t digits;

		p += p[1] == '+' || p[1] == '-' ? 2 : 1;
		digits = strspn(p, "0123456789");
		if (!digits)
			return false;
		p += digits;
	}
	return !*p;
}

const char *text_digits(struct text *in, char out[64])
{
	size_t used = 0;
	int c = text_next(in);

	while (c > 0 && strchr("+-.0123456789eE", c)) {
		if (used == 63)
			break;
		out[used++] = (char)c;
		in->at++;
		c = text_peek(in);
	}
	out[used] = '\0';
	if (!used)
		text_missing(in, "a number");
	else if (used == 63 || !is_number(out))
		text_fail(in, -EBADMSG, "not a number");
	return in->err ? "" : out;
}

/* Up to 18 digits that lie in the buffer whole and are all of the number: almost every one. */
static bool short_number(struct text *in, uint64_t *value)
{
	const char *from, *p, *end;
	int c = text_next(in); /* may fill the buffer anew */

	end = in->bytes + in->end;
	from = p = in->bytes + in->at;
	*value = 0;
	if (c < '0' || c > '9')
		return false;
	for (; p < end && *p >= '0' && *p <= '9' && p < from + 19; p++)
		*value = *value * 10 + (uint64_t)(*p - '0');
	if (p == end || p == from + 19 || (c == '0' && p > from + 1) || *p == '.' ||
	    (*p | 0x20) == 'e' || *p == '+' || *p == '-')
		return false;
	in->at += (size_t)(p - from);
	return true;
}

uint64_t text_number(struct text *in)
{
	char buffer[64];
	const char *digits;
	uint64_t value = 0;
	double real;

	if (short_number(in, &value) && value <= TEXT_MOST)
		return value;
	digits = text_digits(in, buffer);
	value = 0;
	if (!*digits)
		return 0;
	if (strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 20) {
		value = strtoull(digits, NULL, 10);
	} else {
		real = strtod(digits, NULL);
		if (real < 0 || real != floor(real))
			text_fail(in, -EBADMSG, "must be a whole number, 0 or more");
		else if (real <= (double)TEXT_MOST)
			value = (uint64_t)real;
		else
			value = UINT64_MAX;
	}
	if (value > TEXT_MOST)
		text_fail(in, -EBADMSG, "is too large");
	return in->err ? 0 : value;
}

double text_real(struct text *in)
{
	char buffer[64];
	double value = strtod(text_digits(in, buffer), NULL);

	if (!isfinite(value))
		text_fail(in, -EBADMSG, "is too large");
	return in->err ? 0 : value;
}
