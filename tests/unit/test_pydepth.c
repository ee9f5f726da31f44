// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_pydepth.c: where a frame has what it calls, by bytecode written by hand; that of real
 * interpreters is in test_calls.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/pydepth.h"

/* Of 3.8. */
enum {
	POP_TOP = 1,
	END_FINALLY = 88,
	POP_BLOCK = 87,
	BEGIN_FINALLY = 53,
	RETURN_VALUE = 83,
	LOAD_CONST = 100,
	JUMP_FORWARD = 110,
	POP_JUMP_IF_FALSE = 114,
	LOAD_GLOBAL = 116,
	SETUP_FINALLY = 122,
	LOAD_FAST = 124,
	CALL_FUNCTION = 131,
	EXTENDED_ARG = 144,
};

static int find(const uint8_t *bytes, size_t n, size_t at, struct pydepth_call *out)
{
	const struct pydepth_code code = { .minor = 8, .bytes = bytes, .n = n };

	return pydepth_find(&code, at, out);
}

Test(pydepth, inner_and_outer_call_have_their_slots)
{
	static const uint8_t code[] = { LOAD_GLOBAL,  0, LOAD_FAST,     0, LOAD_GLOBAL,   1,
					LOAD_FAST,    1, CALL_FUNCTION, 1, CALL_FUNCTION, 2,
					RETURN_VALUE, 0 };
	struct pydepth_call call;

	cr_assert_eq(find(code, sizeof(code), 8, &call), 0);
	cr_expect_eq(call.slot, 2);
	cr_expect_eq(call.load[0].load, PYLOAD_GLOBAL);
	cr_expect_eq(call.load[0].arg, 1);
	cr_assert_eq(find(code, sizeof(code), 10, &call), 0);
	cr_expect_eq(call.slot, 0);
	cr_expect(!call.paired);
}

Test(pydepth, what_is_no_call_has_none)
{
	static const uint8_t code[] = {
		LOAD_GLOBAL, 0, POP_TOP, 0, LOAD_CONST, 0, RETURN_VALUE, 0
	};
	struct pydepth_call call;

	for (size_t at = 0; at <= sizeof(code) + 2; at++)
		cr_expect_eq(find(code, sizeof(code), at, &call), -ENOENT);
}

Test(pydepth, an_argument_may_be_extended_and_the_frame_be_at_the_first_byte_of_it)
{
	uint8_t code[2 * 303] = { LOAD_GLOBAL, 0 };
	struct pydepth_call call;

	for (size_t i = 1; i <= 300; i++)
		code[2 * i] = LOAD_FAST;
	memcpy(code + 602, (uint8_t[]){ EXTENDED_ARG, 1, CALL_FUNCTION, 44 }, 4);
	cr_assert_eq(find(code, sizeof(code), 602, &call), 0);
	cr_expect_eq(call.slot, 0);
	cr_assert_eq(find(code, sizeof(code), 604, &call), 0);
	cr_expect_eq(call.slot, 0);
}

Test(pydepth, an_argument_that_depends_is_jumped_over)
{
	static const uint8_t code[] = { LOAD_GLOBAL,   0, LOAD_FAST,    0, POP_JUMP_IF_FALSE, 10,
					LOAD_FAST,     1, JUMP_FORWARD, 2, LOAD_CONST,        0,
					CALL_FUNCTION, 1, RETURN_VALUE, 0 };
	struct pydepth_call call;

	cr_assert_eq(find(code, sizeof(code), 12, &call), 0);
	cr_expect_eq(call.slot, 0);
}

Test(pydepth, a_finally_clause_of_old_is_not_certain_but_what_follows_is)
{
	static const uint8_t code[] = { SETUP_FINALLY, 4, POP_BLOCK,     0, BEGIN_FINALLY, 0,
					LOAD_GLOBAL,   0, CALL_FUNCTION, 0, POP_TOP,       0,
					END_FINALLY,   0, LOAD_GLOBAL,   0, CALL_FUNCTION, 0 };
	struct pydepth_call call;

	cr_expect_eq(find(code, sizeof(code), 8, &call), -ENOENT);
	cr_assert_eq(find(code, sizeof(code), 16, &call), 0);
	cr_expect_eq(call.slot, 0);
}

Test(pydepth, two_ways_with_two_depths_are_no_answer)
{
	/* 3.9: the same numbers. */
	static const uint8_t bytes[] = { LOAD_FAST,   0, LOAD_FAST,   0, POP_JUMP_IF_FALSE, 8,
					 LOAD_GLOBAL, 0, LOAD_GLOBAL, 0, CALL_FUNCTION,     0 };
	const struct pydepth_code code = { .minor = 9, .bytes = bytes, .n = sizeof(bytes) };
	struct pydepth_call call;

	cr_expect_eq(pydepth_find(&code, 10, &call), -ENOENT);
}

Test(pydepth, noise_is_survived)
{
	static uint8_t bytes[2048], handlers[256];
	struct pydepth_call call;

	srand(1);
	for (unsigned int round = 0; round < 20000; round++) {
		struct pydepth_code code = { .minor = 6 + (uint32_t)rand() % 10,
					     .bytes = bytes,
					     .n = (size_t)rand() % sizeof(bytes),
					     .handlers = handlers,
					     .n_handlers = (size_t)rand() % sizeof(handlers) };
		int found;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)rand();
		for (size_t i = 0; i < sizeof(handlers); i++)
			handlers[i] = (uint8_t)rand();
		/* What is known everywhere, so that it gets further than to the first unknown one.
		 */
		for (size_t i = 0; i + 1 < sizeof(bytes) && round % 2; i += 2)
			bytes[i] = bytes[i] % 3 ? LOAD_CONST : bytes[i];
		found = pydepth_find(&code, (size_t)rand() % (sizeof(bytes) / 8) * 2, &call);
		cr_assert(!found || found == -ENOENT);
		cr_assert(found || call.slot < 0x10000);
	}
}
