// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pages kept for one look: read once, as they were, and anew when dropped.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "name/memory.h"

#define PAGE 4096

static struct memory mem;
static unsigned char *pages; /* two, and a hole behind them */

static void open_pages(void)
{
	pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(pages, MAP_FAILED);
	munmap(pages + 2 * PAGE, PAGE);
	for (int i = 0; i < 2 * PAGE; i++)
		pages[i] = (unsigned char)(i * 7);
	mem = (struct memory){ .fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC) };
	memory_budget(&mem, 1 << 20, 100);
	cr_assert_eq(memory_cache_begin(&mem), 0);
}

static void close_pages(void)
{
	memory_cache_end(&mem);
	close(mem.fd);
	munmap(pages, 2 * PAGE);
}

TestSuite(memory, .init = open_pages, .fini = close_pages);

static uint64_t at(size_t offset)
{
	return (uint64_t)(uintptr_t)pages + offset;
}

Test(memory, a_page_is_read_once_and_stays_as_it_was)
{
	unsigned char byte;

	cr_assert_eq(memory_read(&mem, at(5), &byte, 1), 0);
	cr_assert_eq(byte, 35);
	pages[6] = 99;
	cr_assert_eq(memory_read(&mem, at(6), &byte, 1), 0);
	cr_assert_eq(byte, 42);
	cr_assert_eq(mem.reads, 99);
	memory_cache_drop(&mem);
	cr_assert_eq(memory_read(&mem, at(6), &byte, 1), 0);
	cr_assert_eq(byte, 99);
	cr_assert_eq(mem.reads, 98);
}

Test(memory, a_read_goes_over_the_end_of_a_page_and_stops_at_a_hole)
{
	unsigned char out[3 * PAGE];

	cr_assert_eq(memory_read(&mem, at(PAGE - 100), out, 200), 0);
	cr_assert_eq(memcmp(out, pages + PAGE - 100, 200), 0);
	cr_assert_eq(memory_read_some(&mem, at(PAGE + 1), out, 2 * PAGE), PAGE - 1);
	cr_assert_eq(memcmp(out, pages + PAGE + 1, PAGE - 1), 0);
	cr_assert_eq(memory_read(&mem, at(PAGE + 1), out, PAGE), -EFAULT);
	cr_assert_eq(memory_read_some(&mem, at(2 * PAGE), out, 8), -EFAULT);
	cr_assert_eq(memory_read_some(&mem, 0, out, 8), -EFAULT);
	cr_assert_eq(memory_read_some(&mem, UINT64_MAX - 7, out, 8), -EFAULT);
}

Test(memory, a_budget_that_is_used_up_ends_it)
{
	unsigned char byte;

	memory_budget(&mem, 1 << 20, 1);
	cr_assert_eq(memory_read(&mem, at(0), &byte, 1), 0);
	cr_assert_eq(memory_read(&mem, at(1), &byte, 1), 0);
	cr_assert_eq(memory_read(&mem, at(PAGE), &byte, 1), -EDQUOT);
}
