// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c: JSON (RFC 8259) by recursive descent, without the recursion. See text.h.
 */
#include "load/text.h"

#include <errno.h>
#include <string.h>

#define PIECE   8   /* bytes that a character of a string always fits into */
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

bool text_fill(struct text *in)
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

int text_next(struct text *in)
{
	int c;

	if (in->err)
		return -1;
	for (;;) {
		c = text_peek(in);
		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		in->line += c == '\n';
		in->at++;
	}
}

void text_missing(struct text *in, const char *wanted)
{
	char what[120];

	if (text_next(in) < 0)
		text_fail(in, -EBADMSG, "the file ends in the middle of the report");
	snprintf(what, sizeof(what), "%s is missing", wanted);
	text_fail(in, -EBADMSG, what);
}

static bool take(struct text *in, int c)
{
	if (text_next(in) != c)
		return false;
	in->at++;
	return true;
}

static bool enter(struct text *in, int c, const char *wanted)
{
	if (text_next(in) != c) {
		text_missing(in, wanted);
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
		text_missing(in, "a comma");
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
		int c = text_peek(in);
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
	if (high > 0xdbff || text_peek(in) != '\\')
		return -1;
	in->at++;
	if (text_peek(in) != 'u')
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
	if (!c)
		return (size_t)snprintf(out, PIECE, "\\x00");
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
	int c = text_peek(in);
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
		int c = text_peek(in);
		char piece[PIECE];
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
	in->len = used;
	return true;
}

const char *text_key(struct text *in)
{
	struct text_level *level = &in->levels[in->depth];
	size_t len;

	if (!another(in, '}'))
		return NULL;
	if (!take(in, '"')) {
		text_missing(in, "a key");
		return NULL;
	}
	if (!string(in))
		return NULL;
	len = in->len < sizeof(level->key) ? in->len : sizeof(level->key) - 1;
	memcpy(level->key, in->word, len);
	level->key[len] = '\0';
	if (!take(in, ':')) {
		text_missing(in, "a colon");
		return NULL;
	}
	return in->word;
}

const char *text_string(struct text *in)
{
	if (!take(in, '"'))
		text_missing(in, "a string");
	else if (string(in))
		return in->word;
	in->word[0] = '\0';
	return in->word;
}

static bool literal(struct text *in, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (text_peek(in) != *p)
			return false;
		in->at++;
	}
	return true;
}

bool text_flag(struct text *in)
{
	int c = text_next(in);

	if (c == 't' && literal(in, "true"))
		return true;
	if (c != 'f' || !literal(in, "false"))
		text_missing(in, "true or false");
	return false;
}

bool text_null(struct text *in)
{
	if (text_next(in) != 'n')
		return false;
	if (!literal(in, "null"))
		text_missing(in, "a value");
	return true;
}

/* One step into, over or out of what is skipped. */
static void skip_step(struct text *in)
{
	char buffer[64];

	switch (text_next(in)) {
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
		text_digits(in, buffer);
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
	if (text_next(in) >= 0)
		text_fail(in, -EBADMSG, "something follows the end of the report");
}
