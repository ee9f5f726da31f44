// SPDX-License-Identifier: BSD-2-Clause
/*
 * The three line tables, byte by byte.
 */
#include <criterion/criterion.h>
#include "runtime/pylines.h"

#define N(table) (table), sizeof(table)

Test(pylines, lnotab_stops_at_the_entry_beyond_the_instruction)
{
	/* line 10 at 0, 11 at 8, 9 at 20 (delta -2) */
	const uint8_t t[] = { 8, 1, 12, 0xfe };

	cr_expect_eq(pylines_lnotab(N(t), 0, 10), 10);
	cr_expect_eq(pylines_lnotab(N(t), 7, 10), 10);
	cr_expect_eq(pylines_lnotab(N(t), 8, 10), 11);
	cr_expect_eq(pylines_lnotab(N(t), 19, 10), 11);
	cr_expect_eq(pylines_lnotab(N(t), 20, 10), 9);
	cr_expect_eq(pylines_lnotab(N(t), 9999, 10), 9);
}

Test(pylines, lnotab_adds_up_entries_for_large_steps)
{
	/* 300 lines further at offset 260: split over several entries */
	const uint8_t t[] = { 255, 0, 5, 127, 0, 127, 0, 46 };

	cr_expect_eq(pylines_lnotab(N(t), 259, 1), 1);
	cr_expect_eq(pylines_lnotab(N(t), 260, 1), 301);
}

Test(pylines, linetable_of_3_10_gives_ranges_and_gaps)
{
	/* [0,4) line 10, [4,6) none, [6,14) line 13 */
	const uint8_t t[] = { 4, 0, 2, 0x80, 8, 3 };

	cr_expect_eq(pylines_linetable(N(t), 0, 10), 10);
	cr_expect_eq(pylines_linetable(N(t), 4, 10), 0);
	cr_expect_eq(pylines_linetable(N(t), 6, 10), 13);
	cr_expect_eq(pylines_linetable(N(t), 13, 10), 13);
	cr_expect_eq(pylines_linetable(N(t), -2, 10), 10);
}

Test(pylines, location_table_knows_all_entry_forms)
{
	const uint8_t t[] = {
		0x80 | 0 << 3 | 0,  0x11,                             /* [0,2) short: same line */
		0x80 | 11 << 3 | 1, 5,          9,                    /* [2,6) one line, +1 */
		0x80 | 13 << 3 | 2, 20 << 1,                          /* [6,12) no column, +20 */
		0x80 | 14 << 3 | 0, 3 << 1 | 1, 1,        0x41, 2, 3, /* [12,14) long, -3 */
		0x80 | 15 << 3 | 0,                                   /* [14,16) none */
		0x80 | 13 << 3 | 7, 0x40 | 8,   0x40 | 3, 1, /* [16,32) svarint of three bytes */
	};
	const int64_t offsets[] = { 0, 1, 2, 5, 6, 11, 12, 14, 16, 31, -2 };
	const uint32_t far = 100 + 1 + 20 - 3 + ((8 | 3 << 6 | 1 << 12) >> 1);
	const uint32_t lines[] = { 100, 100, 101, 101, 121, 121, 118, 0, far, far, 100 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		cr_expect_eq(pylines_locations(N(t), offsets[i], 100), lines[i], "offset %d: %u",
			     (int)offsets[i], pylines_locations(N(t), offsets[i], 100));
}

Test(pylines, the_version_chooses_the_table)
{
	const uint8_t t[] = { 4, 2 };

	cr_expect_eq(pylines_find(9, N(t), 2, 50), 50);
	cr_expect_eq(pylines_find(10, N(t), 2, 50), 52);
	cr_expect_eq(pylines_find(9, t, 0, 2, 50), 50);
	cr_expect_eq(pylines_find(12, N(t), -1, 50), 50);
}

Test(pylines, tables_cut_anywhere_and_full_of_ones_are_survived)
{
	uint8_t t[64];

	for (unsigned int byte = 0; byte < 256; byte++) {
		memset(t, (int)byte, sizeof(t));
		for (size_t n = 0; n <= sizeof(t); n++) {
			for (uint32_t minor = 9; minor <= 11; minor++)
				(void)pylines_find(minor, t, n, 1000, UINT32_MAX);
		}
	}
}
