// SPDX-License-Identifier: BSD-2-Clause
/*
 * The interpreter reader against memory that lies. A sparse file stands for
 * /proc/PID/mem; the layout is that of 3.11.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "runtime/python.h"
#include "runtime/runtime.h"

#define RUNTIME   0x100000ULL
#define INTERP    0x200000ULL
#define TSTATE(i) (0x300000ULL + (i)*512ULL)
#define CODE      0x400000ULL
#define TEXT      0x500000ULL
#define FILE_TEXT 0x500800ULL
#define LINES     0x600000ULL
#define CODE_TYPE 0x700000ULL
#define TEXT_TYPE 0x700800ULL

static struct memory mem;
static struct python py;

static void put(uint64_t address, const void *bytes, size_t n)
{
	cr_assert_eq(pwrite(mem.fd, bytes, n, (off_t)address), (ssize_t)n);
}

static void put_word(uint64_t address, uint64_t word)
{
	put(address, &word, sizeof(word));
}

static void put_text(uint64_t address, const char *text, uint64_t length, uint32_t state)
{
	put_word(address + 8, TEXT_TYPE);
	put_word(address + 16, length);
	put(address + 32, &state, sizeof(state));
	put(address + 48, text, strlen(text) + 1);
}

#define ASCII (1U << 2 | 1U << 5 | 1U << 6)

static void put_code(void)
{
	uint32_t first = 30;

	put_word(CODE + 8, CODE_TYPE);
	put_word(CODE + 112, FILE_TEXT);
	put_word(CODE + 120, TEXT);
	put_word(CODE + 128, TEXT);
	put_word(CODE + 136, LINES);
	put(CODE + 72, &first, sizeof(first));
	put_text(TEXT, "work", 4, ASCII);
	put_text(FILE_TEXT, "/srv/app/a.py", 13, ASCII);
	put_word(LINES + 16, 2);
	put(LINES + 32, "\xdf\x0a", 2); /* 8 units, 5 lines further; see locations.md, code 11 */
}

static void make(void)
{
	mem = (struct memory){ .fd = memfd_create("mem", MFD_CLOEXEC) };
	cr_assert_eq(ftruncate(mem.fd, 1LL << 40), 0);
	memory_budget(&mem, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	py = (struct python){ .runtime = RUNTIME, .code_type = CODE_TYPE, .text_type = TEXT_TYPE };
	cr_assert_eq(pyoffsets_known(11, &py.offsets), 0);
	put_code();
}

static void drop(void)
{
	map_free(&py.codes);
	arena_free(&py.arena);
	close(mem.fd);
}

TestSuite(python, .init = make, .fini = drop);

static int count(void *ctx, const struct pythread *thread)
{
	(void)thread;
	++*(unsigned int *)ctx;
	return 0;
}

static void put_thread(unsigned int i, uint64_t next)
{
	put_word(TSTATE(i) + 8, next);
	put_word(TSTATE(i) + 16, INTERP);
	put_word(TSTATE(i) + 160, 1000 + i);
}

Test(python, walks_all_threads_of_an_interpreter)
{
	unsigned int n = 0;

	put_word(RUNTIME + 40, INTERP);
	put_word(INTERP + 16, TSTATE(0));
	for (unsigned int i = 0; i < 100; i++)
		put_thread(i, i < 99 ? TSTATE(i + 1) : 0);
	cr_expect_eq(pythread_walk(&mem, &py, count, &n), 0);
	cr_expect_eq(n, 100);
}

Test(python, lists_in_a_circle_end_at_their_bounds)
{
	unsigned int n = 0;

	memory_budget(&mem, 64 << 20, 100000);
	put_word(RUNTIME + 40, INTERP);
	put_word(INTERP + 16, TSTATE(0));
	put_thread(0, TSTATE(0));
	cr_expect_eq(pythread_walk(&mem, &py, count, &n), -EBADMSG);
	cr_expect_eq(n, 4096);
	put_word(INTERP, INTERP);
	put_word(INTERP + 16, 0);
	cr_expect_eq(pythread_walk(&mem, &py, count, &n), -EBADMSG);
}

Test(python, a_thread_of_another_interpreter_ends_the_walk)
{
	unsigned int n = 0;

	put_word(RUNTIME + 40, INTERP);
	put_word(INTERP + 16, TSTATE(0));
	put_thread(0, 0);
	put_word(TSTATE(0) + 16, INTERP + 8);
	cr_expect_eq(pythread_walk(&mem, &py, count, &n), -EBADMSG);
	cr_expect_eq(n, 0);
}

Test(python, a_code_object_gives_name_file_and_line)
{
	const struct pycode *code;
	const char *why = NULL;

	code = pycode_get(&mem, &py, "/srv/app", CODE, &why);
	cr_assert_not_null(code, "%s", why);
	cr_expect_str_eq(code->name, "work");
	cr_expect_str_eq(code->file, "a.py");
	cr_expect(code->app);
	cr_expect_eq(pycode_line(&py, code, CODE, CODE + 184 - 2), 30);
	cr_expect_eq(pycode_line(&py, code, CODE, CODE + 184 + (1ULL << 40)), 0);
	cr_expect_eq(pycode_get(&mem, &py, "/srv/app", CODE, &why), code, "not from the cache");
}

Test(python, an_address_used_again_is_read_again)
{
	const struct pycode *code;
	const char *why = NULL;

	cr_assert_not_null(pycode_get(&mem, &py, "", CODE, &why));
	put_text(TEXT + 256, "other", 5, ASCII);
	put_word(CODE + 128, TEXT + 256);
	code = pycode_get(&mem, &py, "", CODE, &why);
	cr_assert_not_null(code);
	cr_expect_str_eq(code->name, "other");
}

Test(python, what_was_read_keeps_its_name_when_the_memory_is_gone)
{
	const struct pycode *code;
	const char *why = NULL;

	cr_assert_not_null(pycode_get(&mem, &py, "", CODE, &why));
	cr_assert_eq(ftruncate(mem.fd, 0), 0);
	code = pycode_get(&mem, &py, "", CODE, &why);
	cr_assert_not_null(code);
	cr_expect_str_eq(code->name, "work");
	cr_expect(mem.gone);
	cr_expect_null(pycode_get(&mem, &py, "", CODE + 4096, &why));
	cr_expect_str_eq(why, "memory of the process is gone");
}

Test(python, lengths_that_lie_are_cut_or_refused)
{
	const uint64_t lengths[] = { 0, 5000, 1ULL << 31, 1ULL << 63, UINT64_MAX };
	const uint32_t states[] = { ASCII, 1U << 2 | 1U << 5, 2U << 2 | 1U << 5, 4U << 2 | 1U << 5,
				    0,     UINT32_MAX,        3U << 2 | 1U << 5 };
	char text[PYTHON_TEXT + 1];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
			int err;

			put_text(TEXT, "abc", lengths[i], states[s]);
			err = pytext_read(&mem, &py, TEXT, text, sizeof(text));
			cr_expect(err <= 0);
			if (!err)
				cr_expect_lt(strlen(text), sizeof(text));
		}
	}
}

Test(python, a_line_table_that_lies_about_its_length_is_cut)
{
	const uint64_t lengths[] = { 0, 70000, 1ULL << 31, 1ULL << 63, UINT64_MAX };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct pycode *code;
		const char *why = NULL;

		put_word(LINES + 16, lengths[i]);
		code = pycode_get(&mem, &py, "", CODE + 0, &why);
		cr_assert_not_null(code);
		cr_expect_leq(code->n_lines, MEMORY_CALL_MAX);
		map_free(&py.codes);
	}
}

Test(python, characters_become_utf8_and_escaped_bytes_themselves)
{
	const uint16_t wide[] = { 'g', 0xfc, 0x20ac, 0xdcff, 0xd800, 0 };
	const uint32_t state = 2U << 2 | 1U << 5;
	char text[PYTHON_TEXT + 1];

	put_word(TEXT + 8, TEXT_TYPE);
	put_word(TEXT + 16, 6);
	put(TEXT + 32, &state, sizeof(state));
	put(TEXT + 72, wide, sizeof(wide));
	cr_assert_eq(pytext_read(&mem, &py, TEXT, text, sizeof(text)), 0);
	cr_expect_str_eq(text, "g\303\274\342\202\254\377\357\277\275\357\277\275");
}

Test(python, addresses_outside_user_space_are_not_read)
{
	const uint64_t addresses[] = { 0, 8, 4095, 1ULL << 47, 0xffffffffff600000ULL, UINT64_MAX };
	const char *why = NULL;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		cr_expect_null(pycode_get(&mem, &py, "", addresses[i], &why));
		cr_expect_str_eq(why, "memory could not be read");
	}
	cr_expect_not(mem.gone);
}

Test(python, a_budget_ends_the_reading_and_is_named)
{
	const char *why = NULL;

	memory_budget(&mem, 100, 10);
	cr_expect_null(pycode_get(&mem, &py, "", CODE, &why));
	cr_expect_str_eq(why, "reading budget of this stack used up");
	memory_budget(&mem, 1 << 20, 0);
	cr_expect_null(pycode_get(&mem, &py, "", CODE, &why));
}

Test(python, what_is_no_code_object_is_not_named)
{
	const char *why = NULL;

	put_word(CODE + 8, CODE_TYPE + 8);
	cr_expect_null(pycode_get(&mem, &py, "", CODE, &why));
	cr_expect_str_eq(why, "no code object (any more)");
}

Test(runtime, is_told_by_mapped_files_and_the_first_match_wins)
{
	const struct {
		const char *path, *runtime;
	} rows[] = {
		{ "/v/site-packages/gevent/_gevent_c_hub_local.cpython-311.so", "gevent" },
		{ "/v/site-packages/gevent/libev/corecext.cpython-311.so", "gevent" },
		{ "/v/site-packages/uvloop/loop.cpython-312.so", "uvloop" },
		{ "/usr/lib/python3.11/lib-dynload/_asyncio.cpython-311.so", "asyncio" },
		{ "/usr/bin/python3.11", "python" },
		{ "/usr/lib/libpython3.9.so.1.0", "python" },
		{ "/usr/bin/node", "node" },
		{ "/usr/bin/nodejs", "node" },
		{ "/opt/nodeless/server", "native" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proc proc = { 0 };
		char text[512];

		snprintf(text, sizeof(text),
			 "1000-2000 r-xp 00000000 00:01 5 /usr/bin/%s\n"
			 "3000-4000 r-xp 00000000 00:01 6 %s\n",
			 strstr(rows[i].path, "cpython") ? "python3" : "x", rows[i].path);
		cr_assert_eq(maps_parse(&proc.maps, text, strlen(text)), 0);
		cr_expect_str_eq(runtime_detect(&proc)->name, rows[i].runtime);
		maps_free(&proc.maps);
	}
}
