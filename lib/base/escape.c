// SPDX-License-Identifier: BSD-2-Clause
/*
 * escape.c: the one place foreign text passes on its way out.
 *
 * Names, paths and arguments belong to the watched program, which may want
 * to drive our reader's terminal. C0, DEL, C1, bytes that are no UTF-8, line
 * separators and bidi controls come out as \xNN or \u{...}; all other text is
 * left alone. A backslash is not doubled and an escape counts as the one
 * character it stands for, so escaping twice changes nothing.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "greenwatch.h"
#include "base/escape.h"

/* Decodes one character: its length, or 0 when the bytes are no (shortest, legal) UTF-8. */
static size_t decode(const unsigned char *p, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;

	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	*out = p[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80) /* also stops at the NUL */
			return 0;
		*out = *out << 6 | (p[i] & 0x3f);
	}
	if (*out < least[len] || *out > 0x10ffff || (*out >= 0xd800 && *out <= 0xdfff))
		return 0;
	return len;
}

/* Bytes of an escape that was made before: \xNN or \u{NNNN}; 0: there is none. */
static size_t sequence(const unsigned char *p)
{
	static const char hex[] = "0123456789abcdef";
	size_t digits;

	if (p[0] != '\\')
		return 0;
	if (p[1] == 'x')
		return strspn((const char *)p + 2, hex) >= 2 ? 4 : 0;
	if (p[1] != 'u' || p[2] != '{')
		return 0;
	digits = strspn((const char *)p + 3, hex);
	return digits && digits <= 4 && p[3 + digits] == '}' ? digits + 4 : 0;
}

static bool unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* One character of text into piece[]; returns how many bytes of text it took. */
static size_t piece(char *out, size_t size, const unsigned char *p)
{
	uint32_t c = 0;
	size_t made = sequence(p), len = made ? made : decode(p, &c);

	if (made) {
		memcpy(out, p, len);
		out[len] = '\0';
		return len;
	}
	if (!len) {
		snprintf(out, size, "\\x%02x", p[0]);
		return 1;
	}
	if (unsafe(c) && c < 0x80) {
		snprintf(out, size, "\\x%02x", c);
	} else if (unsafe(c)) {
		snprintf(out, size, "\\u{%x}", c);
	} else {
		memcpy(out, p, len);
		out[len] = '\0';
	}
	return len;
}

static bool fits(const unsigned char *p, size_t chars)
{
	uint32_t c;

	while (*p && chars) {
		size_t made = sequence(p), len = made ? made : decode(p, &c);

		p += len ? len : 1;
		chars--;
	}
	return !*p;
}

size_t escape(char *out, size_t size, const char *text, size_t chars)
{
	const unsigned char *p = (const unsigned char *)text;
	const char *rest = "";
	size_t used = 0;
	char one[16];

	if (!size)
		return 0;
	if (!fits(p, chars) && chars >= 3) {
		chars -= 3;
		rest = "...";
	}
	for (; *p && chars; chars--) {
		size_t len;

		p += piece(one, sizeof(one), p);
		len = strlen(one);
		if (len >= size - used)
			break;
		memcpy(out + used, one, len);
		used += len;
	}
	for (; *rest && used + 1 < size; rest++)
		out[used++] = *rest;
	out[used] = '\0';
	return used;
}

size_t gw_escape(char *out, size_t size, const char *text)
{
	return escape(out, size, text, ESCAPE_NAME);
}
