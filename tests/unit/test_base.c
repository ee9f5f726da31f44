// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_base.c: arena, strings, map and hash.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/intern.h"

Test(arena, memory_is_zeroed_and_aligned)
{
	struct arena arena = { 0 };

	for (size_t size = 0; size < 9000; size += 37) {
		unsigned char *p = arena_alloc(&arena, size);

		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			cr_assert_eq(p[i], 0);
		memset(p, 0xff, size);
	}
	arena_free(&arena);
	cr_assert_null(arena.head);
}

Test(arena, reset_hands_out_zeroed_memory_again)
{
	struct arena arena = { 0 };
	unsigned char *p;

	for (int i = 0; i < 100; i++)
		memset(arena_alloc(&arena, 1000), 0xff, 1000);
	arena_reset(&arena);
	cr_assert_eq(arena.bytes, 0);
	p = arena_alloc(&arena, 1000);
	for (size_t i = 0; i < 1000; i++)
		cr_assert_eq(p[i], 0);
	arena_free(&arena);
}

Test(arena, an_absurd_size_is_no_memory)
{
	struct arena arena = { 0 };

	cr_assert_null(arena_alloc(&arena, SIZE_MAX));
	cr_assert_null(arena_copy(&arena, "x", SIZE_MAX));
	cr_assert_not_null(arena_alloc(&arena, 1));
	arena_free(&arena);
}

Test(arena, text_is_copied_and_formatted)
{
	struct arena arena = { 0 };

	cr_assert_str_eq(arena_copy(&arena, "abcdef", 3), "abc");
	cr_assert_str_eq(arena_copy(&arena, "", 0), "");
	cr_assert_str_eq(arena_format(&arena, "%d of %s", 7, "nine"), "7 of nine");
	arena_free(&arena);
}

Test(intern, equal_strings_have_equal_addresses)
{
	struct intern *in;
	const char *first[2000];
	char text[32];

	cr_assert_eq(intern_new(&in), 0);
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "name %d", i);
		first[i] = intern(in, text);
	}
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "name %d", i);
		cr_assert_str_eq(first[i], text);
		cr_assert_eq(intern(in, text), first[i]);
	}
	cr_assert_null(intern(in, NULL));
	cr_assert_str_eq(intern(in, ""), "");
	intern_free(in);
	intern_free(NULL);
}

Test(intern, long_strings_are_cut)
{
	struct intern *in;
	char text[6001];

	memset(text, 'x', 6000);
	text[6000] = '\0';
	cr_assert_eq(intern_new(&in), 0);
	cr_assert_eq(strlen(intern(in, text)), 4096);
	cr_assert_eq(intern(in, text), intern(in, text + 1000));
	intern_free(in);
}

Test(hash, agrees_with_the_fingerprints_of_the_report_format)
{
	const char *cpu = "cpu\n\nrender_cart\tapp/views.py\ndumps\tjson/__init__.py\n"
			  "JSONEncoder.encode\tjson/encoder.py\npython3.11\tpython3.11\n";
	const char *gil = "gil\nfutex\nload_price\tapp/price.py\n"
			  "pthread_cond_timedwait\tlibc.so.6\n";

	cr_assert_eq(hash_add(HASH_START, "", 0), HASH_START);
	cr_assert_eq(hash_add(HASH_START, cpu, strlen(cpu)), 0xa99a0bc392db0ef8ULL);
	cr_assert_eq(hash_add(HASH_START, gil, strlen(gil)), 0x2365d41d27da38c5ULL);
}

Test(map, holds_what_was_put_last)
{
	struct map map = { 0 };
	uint64_t value = 0;

	cr_assert_not(map_get(&map, 0, &value));
	for (uint64_t i = 0; i < 5000; i++)
		cr_assert_eq(map_put(&map, i << 32, i), 0);
	cr_assert_eq(map_put(&map, 7ULL << 32, 70), 0);
	cr_assert_eq(map.used, 5000);
	for (uint64_t i = 0; i < 5000; i++) {
		cr_assert(map_get(&map, i << 32, &value));
		cr_assert_eq(value, i == 7 ? 70 : i);
		cr_assert_not(map_get(&map, (i << 32) + 1, &value));
	}
	map_free(&map);
	cr_assert_not(map_get(&map, 0, &value));
}

Test(map, the_one_key_it_cannot_hold_is_refused)
{
	struct map map = { 0 };
	uint64_t value;

	cr_assert_lt(map_put(&map, UINT64_MAX, 1), 0);
	cr_assert_eq(map_put(&map, UINT64_MAX - 1, 1), 0);
	cr_assert_not(map_get(&map, UINT64_MAX, &value));
	cr_assert(map_get(&map, UINT64_MAX - 1, &value));
	map_free(&map);
}
