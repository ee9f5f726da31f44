// SPDX-License-Identifier: BSD-2-Clause
/*
 * Offset tables, debug offsets, versions, and where a file belongs.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include "runtime/pyoffsets.h"
#include "runtime/pypath.h"
#include "runtime/pyversion.h"

/* What 3.13.0 and 3.14.10 say of themselves (facts/python.md, 1.4). */
static void words_of(unsigned int minor, uint64_t words[PYOFFSETS_WORDS])
{
	static const struct {
		unsigned char word[2];
		uint64_t value[2];
	} rows[] = {
		{ { 3, 3 }, { 283320, 300000 } }, { { 5, 5 }, { 632, 808 } },
		{ { 6, 6 }, { 194968, 230000 } }, { { 8, 8 }, { 7264, 7272 } },
		{ { 9, 9 }, { 7344, 7344 } },     { { 19, 22 }, { 304, 320 } },
		{ { 21, 24 }, { 8, 8 } },         { { 22, 25 }, { 16, 16 } },
		{ { 23, 26 }, { 72, 72 } },       { { 24, 27 }, { 152, 152 } },
		{ { 25, 28 }, { 160, 160 } },     { { 28, 31 }, { 80, 88 } },
		{ { 29, 32 }, { 8, 8 } },         { { 30, 33 }, { 0, 0 } },
		{ { 31, 34 }, { 56, 56 } },       { { 33, 36 }, { 70, 74 } },
		{ { 34, 39 }, { 208, 216 } },     { { 35, 40 }, { 112, 112 } },
		{ { 36, 41 }, { 120, 120 } },     { { 37, 42 }, { 128, 128 } },
		{ { 38, 43 }, { 136, 136 } },     { { 39, 44 }, { 68, 68 } },
		{ { 43, 48 }, { 200, 208 } },     { { 67, 77 }, { 64, 64 } },
		{ { 70, 80 }, { 40, 40 } },
	};
	unsigned int column = minor == 14;

	memset(words, 0, PYOFFSETS_WORDS * sizeof(words[0]));
	memcpy(words, "xdebugpy", 8);
	words[1] = 0x03000000 | (uint64_t)minor << 16;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		words[rows[i].word[column]] = rows[i].value[column];
}

Test(pyoffsets, versions_3_7_to_3_12_are_known_and_no_others)
{
	struct pyoffsets offsets;

	for (uint32_t minor = 0; minor < 30; minor++)
		cr_expect_eq(pyoffsets_known(minor, &offsets),
			     minor >= 7 && minor <= 12 ? 0 : -ENOENT);
}

Test(pyoffsets, frame_size_covers_the_last_field_and_is_a_multiple_of_eight)
{
	const uint32_t sizes[] = { 112, 112, 112, 104, 72, 72 };

	for (uint32_t minor = 7; minor <= 12; minor++) {
		struct pyoffsets offsets;
		struct wire_python py;

		cr_assert_eq(pyoffsets_known(minor, &offsets), 0);
		pyoffsets_layout(&offsets, &py);
		cr_expect_eq(py.frame_size, sizes[minor - 7], "3.%u: %u", minor, py.frame_size);
		cr_expect_eq(py.instr_is_int, minor <= 10);
		cr_expect_eq(py.cframe, minor >= 11);
		cr_expect_eq(py.shim_owner, minor >= 12 ? 3 : 0);
	}
}

Test(pyoffsets, debug_offsets_of_3_13_and_3_14_are_read)
{
	const uint32_t owners[] = { 70, 74 }, bytes[] = { 200, 208 }, sizes[] = { 72, 80 };

	for (uint32_t minor = 13; minor <= 14; minor++) {
		uint64_t words[PYOFFSETS_WORDS];
		struct pyoffsets offsets;
		struct wire_python py;
		const char *why;

		words_of(minor, words);
		cr_assert_eq(pyoffsets_debug(words, &offsets, &why), 0);
		pyoffsets_layout(&offsets, &py);
		cr_expect_eq(offsets.minor, minor);
		cr_expect_eq(offsets.interp_threads, 7344);
		cr_expect_eq(offsets.code_bytes, bytes[minor - 13]);
		cr_expect_eq(py.tstate_frame, 72);
		cr_expect_eq(py.cframe, 0);
		cr_expect_eq(py.frame_owner, owners[minor - 13]);
		cr_expect_eq(py.frame_size, sizes[minor - 13]);
	}
}

Test(pyoffsets, a_free_threaded_build_is_refused_by_name)
{
	uint64_t words[PYOFFSETS_WORDS];
	struct pyoffsets offsets;
	const char *why;

	words_of(13, words);
	words[2] = 1;
	cr_expect_eq(pyoffsets_debug(words, &offsets, &why), -ENOTSUP);
	cr_expect_str_eq(why, "free-threaded build is not supported");
}

Test(pyoffsets, an_unknown_minor_version_is_refused)
{
	uint64_t words[PYOFFSETS_WORDS];
	struct pyoffsets offsets;
	const char *why;

	words_of(13, words);
	words[1] = 0x030f0000;
	cr_expect_eq(pyoffsets_debug(words, &offsets, &why), -ENOTSUP);
}

Test(pyoffsets, an_offset_outside_its_struct_is_refused)
{
	for (unsigned int minor = 13; minor <= 14; minor++) {
		for (unsigned int i = 3; i < PYOFFSETS_WORDS; i++) {
			uint64_t words[PYOFFSETS_WORDS], before;
			struct pyoffsets offsets;
			const char *why;

			words_of(minor, words);
			before = words[i];
			words[i] = UINT64_MAX;
			if (before)
				cr_expect_eq(pyoffsets_debug(words, &offsets, &why), -EBADMSG,
					     "3.%u, word %u", minor, i);
			else
				pyoffsets_debug(words, &offsets, &why);
		}
	}
}

Test(pyversion, text_of_a_build_gives_three_numbers)
{
	const struct {
		const char *text;
		int err;
	} rows[] = {
		{ "3.9.18 (main, Jan", 0 },     { "3.10.0rc2 (default", 0 },
		{ "3.12.1+ (heads", 0 },        { "3.9.18", -ENOENT },
		{ "3.9 (", -ENOENT },           { "3..1 (", -ENOENT },
		{ "3.9.18/lib/x (y", -ENOENT }, { "", -ENOENT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pyversion v;

		cr_expect_eq(pyversion_parse(rows[i].text, strlen(rows[i].text), &v), rows[i].err,
			     "%s", rows[i].text);
	}
}

Test(pypath, files_are_placed_where_they_belong)
{
	const struct {
		const char *path, *file, *module;
		bool app;
	} rows[] = {
		{ "/srv/app/web/views.py", "web/views.py", "", true },
		{ "/srv/app", "/srv/app", "", true },
		{ "/srv/apple/x.py", "/srv/apple/x.py", "", true },
		{ "app.py", "app.py", "", true },
		{ "./app.py", "app.py", "", true },
		{ "/srv/app/env/lib/python3.11/site-packages/flask/app.py", "flask/app.py", "flask",
		  false },
		{ "/usr/lib/python3/dist-packages/six.py", "six.py", "six", false },
		{ "/usr/lib/python3.11/asyncio/events.py", "asyncio/events.py", "", false },
		{ "/usr/lib64/python3.9/ssl.py", "ssl.py", "", false },
		{ "/opt/lib/python3.13t/ssl.py", "ssl.py", "", false },
		{ "/srv/mylib/python3.11.d", "/srv/mylib/python3.11.d", "", true },
		{ "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>", "", false },
		{ "<string>", "<string>", "", false },
		{ "", "", "", true },
		{ "/x/site-packages/", "/x/site-packages/", "", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pypath place;

		pypath_place(rows[i].path, "/srv/app", &place);
		cr_expect_str_eq(place.file, rows[i].file);
		cr_expect_str_eq(place.module, rows[i].module);
		cr_expect_eq(place.app, rows[i].app, "%s", rows[i].path);
	}
}
