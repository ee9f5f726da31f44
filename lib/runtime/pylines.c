// SPDX-License-Identifier: BSD-2-Clause
/*
 * pylines.c: the three line tables of CPython 3.7 to 3.14.
 *
 * Source: Objects/lnotab_notes.txt (co_lnotab, 3.10's co_linetable) and
 * Objects/locations.md (3.11+). A table that ends early, or within an
 * entry, gives the last line it was sure of.
 */
#include "runtime/pylines.h"

#define NO_LINE (-128) /* line delta of 3.10's table */

static uint32_t positive(int64_t line)
{
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}

uint32_t pylines_lnotab(const uint8_t *table, size_t n, int64_t offset, uint32_t first)
{
	int64_t line = first, at = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		at += table[i];
		if (at > offset)
			break;
		line += (int8_t)table[i + 1];
	}
	return positive(line);
}

uint32_t pylines_linetable(const uint8_t *table, size_t n, int64_t offset, uint32_t first)
{
	int64_t line = first, at = 0;

	if (offset < 0)
		return first;
	for (size_t i = 0; i + 1 < n; i += 2) {
		int8_t delta = (int8_t)table[i + 1];

		at += table[i];
		if (delta != NO_LINE)
			line += delta;
		if (at > offset)
			return delta == NO_LINE ? 0 : positive(line);
	}
	return positive(line);
}

/* Six bits a byte, low ones first; 0x40 says that more follow. */
static uint32_t varint(const uint8_t *table, size_t n, size_t *i)
{
	uint32_t value = 0;

	for (unsigned int shift = 0; *i < n && shift < 30; shift += 6) {
		uint8_t byte = table[(*i)++];

		value |= (uint32_t)(byte & 0x3f) << shift;
		if (!(byte & 0x40))
			break;
	}
	return value;
}

static int64_t svarint(const uint8_t *table, size_t n, size_t *i)
{
	uint32_t value = varint(table, n, i);

	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

uint32_t pylines_locations(const uint8_t *table, size_t n, int64_t offset, uint32_t first)
{
	int64_t line = first, at = 0;
	size_t i = 0;

	if (offset < 0)
		return first;
	while (i < n) {
		unsigned int code = table[i] >> 3 & 15;

		at += ((table[i] & 7) + 1) * 2;
		i++;
		if (code >= 10 && code <= 12)
			line += code - 10;
		else if (code == 13 || code == 14)
			line += svarint(table, n, &i);
		if (at > offset)
			return code == 15 ? 0 : positive(line);
		/* Columns and end lines: the next entry is the first byte with its top bit set. */
		while (i < n && !(table[i] & 0x80))
			i++;
	}
	return positive(line);
}

uint32_t pylines_find(uint32_t minor, const uint8_t *table, size_t n, int64_t offset,
		      uint32_t first)
{
	if (offset < 0 || !n)
		return first;
	if (minor <= 9)
		return pylines_lnotab(table, n, offset, first);
	if (minor == 10)
		return pylines_linetable(table, n, offset, first);
	return pylines_locations(table, n, offset, first);
}
