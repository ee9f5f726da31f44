/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h: JSON taken from a stream, value by value.
 *
 * No tree is built: a report of 10,000 stalls would be a million nodes, and
 * doubles lose nanoseconds beyond 2^53. The caller asks for what it expects;
 * what is something else is the one error, which sticks: from then on every
 * question is answered by nothing, so loops end by themselves. Bounded:
 * GW_LOAD_MAX bytes, GW_LOAD_DEPTH levels, TEXT_WORD bytes of a string.
 */
#ifndef LOAD_TEXT_H
#define LOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "greenwatch.h"

#define TEXT_WORD 16384        /* bytes of a string that are kept */
#define TEXT_MOST (1ULL << 60) /* of a number */

struct text_level {
	char key[40];   /* being read, cut */
	uint32_t index; /* of the element being read, in an array */
	bool array, more;
};

struct text {
	FILE *from;
	size_t at, end; /* in bytes[] */
	uint64_t total; /* read from the stream so far */
	uint32_t line;  /* from 1 */
	int depth, err; /* err: -errno, 0: none yet */
	struct text_level levels[GW_LOAD_DEPTH + 1];
	char why[300];            /* what is wrong, and where in the document */
	char word[TEXT_WORD + 8]; /* the last key or string */
	size_t len;               /* of word */
	char bytes[65536];
};

void text_begin(struct text *in, FILE *from);

/* The next value is an object; its next key, valid until the next call; NULL: it has ended. */
bool text_object(struct text *in);
const char *text_key(struct text *in);

/* The next value is an array; is there another element? */
bool text_array(struct text *in);
bool text_more(struct text *in);

uint64_t text_number(struct text *in); /* whole, from 0 to TEXT_MOST */
double text_real(struct text *in);     /* finite */
const char *
text_string(struct text *in); /* in UTF-8, "" after an error; valid until the next call */
bool text_flag(struct text *in);
bool text_null(struct text *in); /* takes the value only if it is null */
void text_skip(struct text *in); /* whatever comes */
void text_end(struct text *in);  /* nothing may follow */

/* For number.c: the next byte, -1 at the end or after an error; that of the next token; the error
 * of what should be there; the digits of a number, "" after an error. */
bool text_fill(struct text *in);
int text_next(struct text *in);
void text_missing(struct text *in, const char *wanted);
const char *text_digits(struct text *in, char out[64]);

static inline int text_peek(struct text *in)
{
	if (in->at < in->end)
		return (unsigned char)in->bytes[in->at];
	return text_fill(in) ? (unsigned char)in->bytes[0] : -1;
}

/* The first one counts: err and "WHERE: WHAT". */
void text_fail(struct text *in, int err, const char *what);

#endif
