// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_site.c: which calls are the same one.
 */
#include <criterion/criterion.h>
#include <stdint.h>

static int no_memory(uint64_t address)
{
	(void)address;
	return -1;
}
#define read_user(dst, size, address) no_memory(address)
#include "bpf/site.h"

static struct wire_stack frames(uint64_t code, uint64_t instr)
{
	struct wire_stack s = { .call = 0, .n_python = 2, .fd.fd = -1 };

	s.python[0] = (struct wire_pyframe){ .code = code, .instr = instr };
	s.python[1] = (struct wire_pyframe){ .code = 0x2000, .instr = 4 };
	return s;
}

Test(site, another_instruction_or_code_is_another_site)
{
	struct wire_stack a = frames(0x1000, 1), b = frames(0x1000, 2), c = frames(0x1008, 1);

	cr_assert_neq(site_of(&a), site_of(&b));
	cr_assert_neq(site_of(&a), site_of(&c));
	b.python[0].instr = 1;
	cr_assert_eq(site_of(&a), site_of(&b));
}

Test(site, another_kind_of_descriptor_is_another_site_but_another_number_is_not)
{
	struct wire_stack a = frames(0x1000, 1), b = a;

	a.fd = (struct wire_fd){ .fd = 3, .mode = 0140000, .family = 2 };
	b.fd = (struct wire_fd){ .fd = 9, .mode = 0140000, .family = 2 };
	cr_assert_eq(site_of(&a), site_of(&b));
	b.fd.flags = 04000;
	cr_assert_neq(site_of(&a), site_of(&b));
}

Test(site, waits_for_the_gil_are_one_site_wherever_they_are)
{
	struct wire_stack a = frames(0x1000, 1), b = frames(0x3000, 7);

	a.call = WIRE_CALL_GIL;
	b.call = WIRE_CALL_GIL;
	cr_assert_eq(site_of(&a), site_of(&b));
	a.call = WIRE_CALL_FAULT;
	b.call = WIRE_CALL_FAULT;
	cr_assert_neq(site_of(&a), site_of(&b));
	b.python[0].code = 0x1000;
	cr_assert_eq(site_of(&a), site_of(&b));
}
