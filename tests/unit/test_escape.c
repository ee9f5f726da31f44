// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_escape.c: foreign text on its way to a terminal.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "greenwatch.h"
#include "base/escape.h"

static void check(const char *in, const char *out)
{
	char buf[4096];
	size_t n = gw_escape(buf, sizeof(buf), in);

	cr_assert_str_eq(buf, out);
	cr_assert_eq(n, strlen(out));
	gw_escape(buf, sizeof(buf), out);
	cr_assert_str_eq(buf, out, "escaping twice changes nothing");
}

Test(escape, harmless_text_is_left_alone)
{
	check("", "");
	check("app/db.py:88 \\n", "app/db.py:88 \\n");
	check("Größe 大 🙂", "Größe 大 🙂");
	check("a\xef\xbf\xbf"
	      "b",
	      "a\xef\xbf\xbf"
	      "b");
}

Test(escape, control_characters_become_visible)
{
	check("a\033[31mb\n\t\x7f", "a\\x1b[31mb\\x0a\\x09\\x7f");
	check("\xc2\x9b"
	      "31m\xc2\x80\xc2\x9f\xc2\xa0",
	      "\\u{9b}31m\\u{80}\\u{9f}\xc2\xa0");
}

Test(escape, bidi_controls_and_line_separators_become_visible)
{
	check("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c",
	      "\\u{202e}\\u{2066}\\u{200f}\\u{61c}");
	check("\xe2\x80\xa8\xe2\x80\xa9", "\\u{2028}\\u{2029}");
}

Test(escape, bytes_that_are_no_utf8_become_visible)
{
	check("\xff\xfe", "\\xff\\xfe");
	check("\xc0\xaf", "\\xc0\\xaf");                   /* too long a form */
	check("\xe0\x80\xaf", "\\xe0\\x80\\xaf");          /* too long a form */
	check("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	check("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	check("x\xe2\x82", "x\\xe2\\x82");                 /* ends in the middle */
	check("\xe2\x82x", "\\xe2\\x82x");
	check("\x80", "\\x80");
}

Test(escape, an_escape_counts_as_the_one_character_it_stands_for)
{
	char many[401], once[4096];

	memset(many, '\033', 400);
	many[400] = '\0';
	cr_assert_eq(gw_escape(once, sizeof(once), many), 253 * 4 + 3);
	check(many, once);
	check("\\x1", "\\x1");
	check("\\u{}\\u{12345}\\u{1", "\\u{}\\u{12345}\\u{1");
}

Test(escape, long_text_ends_after_256_characters)
{
	char in[2000], out[4096];

	memset(in, 'a', sizeof(in));
	in[256] = '\0';
	cr_assert_eq(gw_escape(out, sizeof(out), in), 256);
	cr_assert_str_eq(out, in);
	in[256] = 'a';
	in[300] = '\0';
	cr_assert_eq(gw_escape(out, sizeof(out), in), 256);
	cr_assert_str_eq(out + 253, "...");
}

Test(escape, the_cap_counts_characters_not_bytes)
{
	char in[2000] = "", out[4096];

	for (int i = 0; i < 256; i++)
		strcat(in, "ü");
	cr_assert_eq(gw_escape(out, sizeof(out), in), 512);
	cr_assert_str_eq(out, in);
}

Test(escape, the_stated_size_always_suffices)
{
	char in[3 * ESCAPE_NAME + 1] = "", out[ESCAPE_SIZE(ESCAPE_NAME)];

	for (int i = 0; i < ESCAPE_NAME; i++)
		strcat(in, "\xe2\x80\xae");
	cr_assert_eq(gw_escape(out, sizeof(out), in), ESCAPE_NAME * 8);
}

Test(escape, a_small_buffer_is_never_overrun_and_never_splits_a_character)
{
	char out[64];

	for (size_t size = 1; size < 40; size++) {
		memset(out, 'Z', sizeof(out));
		cr_assert_lt(gw_escape(out, size, "aü\033b\xe2\x80\xae🙂\xff tail of it"), size);
		for (size_t i = size; i < sizeof(out); i++)
			cr_assert_eq(out[i], 'Z');
		cr_assert_not(out[0] && (out[strlen(out) - 1] & 0xc0) == 0xc0);
	}
	cr_assert_eq(gw_escape(out, 0, "a"), 0);
}
