// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_perfmap.c: what JIT compilers tell of their code, and how it is read.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "greenwatch.h"
#include "name/perfmap.h"
#include "runtime/native.h"

static struct perfmap map;
static char path[] = "perfmap-XXXXXX";
static int writer;

static void setup(void)
{
	writer = mkstemp(path);
	perfmap_open(&map, dup(writer));
	unlink(path);
}

static void teardown(void)
{
	perfmap_close(&map);
	close(writer);
}

TestSuite(perfmap, .init = setup, .fini = teardown);

static void put(const char *text)
{
	cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

Test(perfmap, an_address_has_the_name_of_the_code_that_covers_it)
{
	put("1000 100 JS:*a /a.js:1:1\n3000 10 Builtin:B\n");
	cr_assert_str_eq(perfmap_name(&map, 0x10ff), "JS:*a /a.js:1:1");
	cr_assert_null(perfmap_name(&map, 0x1100));
	cr_assert_str_eq(perfmap_name(&map, 0x3000), "Builtin:B");
}

Test(perfmap, the_later_of_two_counts_and_what_is_written_later_is_found)
{
	put("1000 100 old\n");
	cr_assert_str_eq(perfmap_name(&map, 0x1010), "old");
	put("5000 10 new\n1000 80 moved\n6000 1");
	cr_assert_str_eq(perfmap_name(&map, 0x5001), "new");
	cr_assert_str_eq(perfmap_name(&map, 0x1010), "moved");
	cr_assert_null(perfmap_name(&map, 0x6000));
	put("0 whole\n");
	cr_assert_str_eq(perfmap_name(&map, 0x6000), "whole");
}

Test(perfmap, lines_that_make_no_sense_are_skipped)
{
	char *line = malloc(200000);

	put("\n\nhello\n10\n10 \n10 0 nothing\n10 20\nzz 10 x\n");
	memset(line, 'x', 199999);
	line[199999] = '\0';
	put(line);
	put("\n2000 10 good\n");
	free(line);
	cr_assert_str_eq(perfmap_name(&map, 0x2005), "good");
	cr_assert_eq(map.n, 1);
}

Test(perfmap, without_a_file_there_are_no_names)
{
	struct perfmap none;

	perfmap_open(&none, -2);
	cr_assert_null(perfmap_name(&none, 0x1000));
	perfmap_close(&none);
}

Test(jit, a_script_is_split_into_function_file_and_line)
{
	struct native out = { 0 };

	jit_frame("JS:*render /srv/app/views.js:12:20", &out);
	cr_assert_eq(out.frame.kind, GW_FRAME_JAVASCRIPT);
	cr_assert_str_eq(out.frame.name, "render");
	cr_assert_str_eq(out.frame.file, "/srv/app/views.js");
	cr_assert_eq(out.frame.line, 12);
	cr_assert(out.frame.app);
}

Test(jit, libraries_and_nodes_own_scripts_are_not_the_applications)
{
	struct native out = { 0 };

	jit_frame("LazyCompile:~get /srv/node_modules/x/i.js:3", &out);
	cr_assert_not(out.frame.app);
	out = (struct native){ 0 };
	jit_frame("JS:~execSync node:child_process:954:18", &out);
	cr_assert_not(out.frame.app);
	cr_assert_str_eq(out.frame.file, "node:child_process");
	out = (struct native){ 0 };
	jit_frame("JS:^ file:///srv/a.mjs:1:1", &out);
	cr_assert_str_eq(out.frame.name, "(anonymous)");
	cr_assert_str_eq(out.frame.file, "/srv/a.mjs");
}

Test(jit, other_code_keeps_its_whole_name)
{
	struct native out = { .frame.kind = GW_FRAME_NATIVE };

	jit_frame("Builtin:ArrayMap", &out);
	cr_assert_eq(out.frame.kind, GW_FRAME_NATIVE);
	cr_assert_str_eq(out.frame.name, "Builtin:ArrayMap");
}
