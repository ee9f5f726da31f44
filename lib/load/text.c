// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c: JSON (RFC 8259) by recursive descent, without the recursion. See text.h.
 */
#include "load/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPED 330 /* bytes of a key in an error */

void text_begin(struct text *in, FILE *from)
{
	*in = (struct text){ .from = from, .line = 1 };
}

/* "stalls[17].ledger.oncpu_ns" */
static void where(const struct text *in, char *out, size_t size)
{
	char key[ESCAPED];
	size_t at = 0;

	out[0] = '\0';
	for (int i = 1; i <= in->depth && at < size; i++) {
		const struct text_level *level = &in->levels[i];

		gw_escape(key, sizeof(key), level->key);
		if (level->array)
			at += (size_t)snprintf(out + at, size - at, "[%u]", level->index);
		else
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? "." : "", key);
	}
}

void text_fail(struct text *in, int err, const char *what)
{
	char path[160];

	if (in->err)
		return;
	in->err = err;
	where(in, path, sizeof(path));
	snprintf(in->why, sizeof(in->why), "line %u%s%s: %s", in->line, path[0] ? ", " : "", path,
		 what);
}

static bool fill(struct text *in)
{
	if (in->err)
		return false;
	if (in->total >= GW_LOAD_MAX) {
		text_fail(in, -EFBIG, "the file is larger than 256 MB");
		return false;
	}
	errno = 0;
	in->end = fread(in->bytes, 1, sizeof(in->bytes), in->from);
	in->total += in->end;
	in->at = 0;
	if (!in->end && ferror(in->from))
		text_fail(in, errno ? -errno : -EIO, strerror(errno ? errno : EIO));
	return in->end > 0;
}

/* -1: the end, or an error. */
static int peek(struct text *in)
{
	if (in->at == in->end && !fill(in))
		return -1;
	return (unsigned char)in->bytes[in->at];
}

/* The first byte of the next token. */
static int next(struct text *in)
{
	int c;

	if (in->err)
		return -1;
	for (;;) {
		c = peek(in);
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		in->line += c == '\n';
		in->at++;
	}
}

static void unexpected(struct text *in, const char *wanted)
{
	char what[120];

	if (next(in) < 0)
		text_fail(in, -EBADMSG, "the file ends in the middle of the report");
	snprintf(what, sizeof(what), "%s is missing", wanted);
	text_fail(in, -EBADMSG, what);
}

static bool take(struct text *in, int c)
{
	if (next(in) != c)
		return false;
	in->at++;
	return true;
}

static bool enter(struct text *in, int c, const char *wanted)
{
	if (next(in) != c) {
		unexpected(in, wanted);
		return false;
	}
	if (in->depth == GW_LOAD_DEPTH) {
		text_fail(in, -EBADMSG, "nested more than 32 deep");
		return false;
	}
	in->at++;
	in->levels[++in->depth] = (struct text_level){ .array = c == '[', .index = UINT32_MAX };
	return true;
}

/* Before an element or a key; false: the level has ended, or an error. */
static bool another(struct text *in, int closing)
{
	struct text_level *level = &in->levels[in->depth];

	if (in->err)
		return false;
	if (take(in, closing)) {
		in->depth--;
		return false;
	}
	if (level->more && !take(in, ',')) {
		unexpected(in, "a comma");
		return false;
	}
	level->more = true;
	return !in->err;
}

bool text_object(struct text *in)
{
	return enter(in, '{', "an object");
}

bool text_array(struct text *in)
{
	return enter(in, '[', "a list");
}

bool text_more(struct text *in)
{
	if (!another(in, ']'))
		return false;
	in->levels[in->depth].index++;
	return true;
}

static int hex4(struct text *in)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = peek(in);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
		in->at++;
	}
	return value;
}

/* After "\u": a character, also of two halves; -1: none. */
static int unicode(struct text *in)
{
	int high = hex4(in), low;

	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || peek(in) != '\\')
		return -1;
	in->at++;
	if (peek(in) != 'u')
		return -1;
	in->at++;
	low = hex4(in);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Up to four bytes of UTF-8. A NUL would end the string: it comes out as what the escaper makes
 * of it. */
static size_t encode(char *out, int c)
{
	if (!c) {
		memcpy(out, "\\x00", 4);
		return 4;
	}
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* After the backslash. 0: no such escape. */
static size_t escaped(struct text *in, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(in);
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (at) {
		in->at++;
		out[0] = to[at - from];
		return 1;
	}
	if (c != 'u')
		return 0;
	in->at++;
	c = unicode(in);
	return c < 0 ? 0 : encode(out, c);
}

/* What needs no second look, as far as it is in the buffer: most of every string. */
static size_t plain(struct text *in, size_t used)
{
	const char *from = in->bytes + in->at, *p = from, *end = in->bytes + in->end;
	size_t len, room = TEXT_WORD - used;

	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	len = (size_t)(p - from);
	in->at += len;
	if (len > room)
		len = room;
	memcpy(in->word + used, from, len);
	return used + len;
}

/* After the opening quote, into word. What is longer than it is read and cut. */
static bool string(struct text *in)
{
	size_t used = plain(in, 0);

	for (;; used = plain(in, used)) {
		int c = peek(in);
		char piece[4];
		size_t len = 1;

		if (c < 0x20) {
			text_fail(in, -EBADMSG,
				  c < 0 ? "the file ends inside a string"
					: "a control character inside a string");
			return false;
		}
		in->at++;
		piece[0] = (char)c;
		if (c == '"')
			break;
		if (c == '\\')
			len = escaped(in, piece);
		if (!len) {
			text_fail(in, -EBADMSG, "a bad \\ escape inside a string");
			return false;
		}
		if (used + len <= TEXT_WORD) {
			memcpy(in->word + used, piece, len);
			used += len;
		}
	}
	in->word[used] = '\0';
	return true;
}

const char *text_key(struct text *in)
{
	struct text_level *level = &in->levels[in->depth];
	size_t len;

	if (!another(in, '}'))
		return NULL;
	if (!take(in, '"')) {
		unexpected(in, "a key");
		return NULL;
	}
	if (!string(in))
		return NULL;
	len = strnlen(in->word, sizeof(level->key) - 1);
	memcpy(level->key, in->word, len);
	level->key[len] = '\0';
	if (!take(in, ':')) {
		unexpected(in, "a colon");
		return NULL;
	}
	return in->word;
}

const char *text_string(struct text *in)
{
	if (!take(in, '"'))
		unexpected(in, "a string");
	else if (string(in))
		return in->word;
	in->word[0] = '\0';
	return in->word;
}

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

/* The digits of a number; "" is none, and an error. */
static const char *digits_of(struct text *in, char out[64])
{
	size_t used = 0;
	int c = next(in);

	while (c > 0 && strchr("+-.0123456789eE", c)) {
		if (used == 63)
			break;
		out[used++] = (char)c;
		in->at++;
		c = peek(in);
	}
	out[used] = '\0';
	if (!used)
		unexpected(in, "a number");
	else if (used == 63 || !is_number(out))
		text_fail(in, -EBADMSG, "not a number");
	return in->err ? "" : out;
}

/* Up to 18 digits that lie in the buffer whole and are all of the number: almost every one. */
static bool short_number(struct text *in, uint64_t *value)
{
	const char *from, *p, *end = in->bytes + in->end;
	int c = next(in);

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
	digits = digits_of(in, buffer);
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
	double value = strtod(digits_of(in, buffer), NULL);

	if (!isfinite(value))
		text_fail(in, -EBADMSG, "is too large");
	return in->err ? 0 : value;
}

static bool literal(struct text *in, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (peek(in) != *p)
			return false;
		in->at++;
	}
	return true;
}

bool text_flag(struct text *in)
{
	int c = next(in);

	if (c == 't' && literal(in, "true"))
		return true;
	if (c != 'f' || !literal(in, "false"))
		unexpected(in, "true or false");
	return false;
}

bool text_null(struct text *in)
{
	if (next(in) != 'n')
		return false;
	if (!literal(in, "null"))
		unexpected(in, "a value");
	return true;
}

/* One step into, over or out of what is skipped. */
static void skip_step(struct text *in)
{
	char buffer[64];

	switch (next(in)) {
	case '{':
		text_object(in);
		break;
	case '[':
		text_array(in);
		break;
	case '"':
		text_string(in);
		break;
	case 't':
	case 'f':
		text_flag(in);
		break;
	case 'n':
		text_null(in);
		break;
	default:
		digits_of(in, buffer);
	}
}

void text_skip(struct text *in)
{
	int floor = in->depth;

	skip_step(in);
	while (!in->err && in->depth > floor) {
		bool more = in->levels[in->depth].array ? text_more(in) : text_key(in) != NULL;

		if (more)
			skip_step(in);
	}
}

void text_end(struct text *in)
{
	if (next(in) >= 0)
		text_fail(in, -EBADMSG, "something follows the end of the report");
}
