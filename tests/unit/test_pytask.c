// SPDX-License-Identifier: BSD-2-Clause
/*
 * Greenlets, tasks, dicts and types in memory that lies. A sparse file stands
 * for /proc/PID/mem.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "greenwatch.h"
#include "runtime/pyobject.h"
#include "runtime/pytask.h"
#include "runtime/runtime.h"

#define AREA      0x100000ULL
#define WORDS     4096
#define TEXT_TYPE 0x700800ULL
#define TYPE(i)   (0x800000ULL + (i)*1024ULL)
#define DICT      0x900000ULL
#define KEYS      0xa00000ULL
#define VALUES    0xb00000ULL
#define TEXT(i)   (0xc00000ULL + (i)*256ULL)

static struct python py;
static struct runtime runtime = { .name = "gevent" };
static struct proc proc = { .python = &py, .runtime = &runtime };
static struct memory *const memory = &proc.mem;

static void put(uint64_t address, const void *bytes, size_t n)
{
	cr_assert_eq(pwrite(proc.mem.fd, bytes, n, (off_t)address), (ssize_t)n);
}

static void put_word(uint64_t address, uint64_t word)
{
	put(address, &word, sizeof(word));
}

static void put_text(uint64_t address, const char *text)
{
	uint32_t state = 1U << 2 | 1U << 5 | 1U << 6;

	put_word(address + 8, TEXT_TYPE);
	put_word(address + 16, strlen(text));
	put(address + 32, &state, sizeof(state));
	put(address + py.offsets.ascii_size, text, strlen(text) + 1);
}

static void put_type(unsigned int i, const char *name, uint64_t base, uint64_t basic)
{
	put(TYPE(i) + 512, name, strlen(name) + 1);
	put_word(TYPE(i) + 24, TYPE(i) + 512);
	put_word(TYPE(i) + 32, basic);
	put_word(TYPE(i) + 256, base);
	put_word(TYPE(i) + 288, 24);
}

static void set_version(uint32_t minor)
{
	cr_assert_eq(pyoffsets_known(minor, &py.offsets), 0);
}

static void make(void)
{
	proc.mem.fd = memfd_create("mem", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(proc.mem.fd, 1LL << 40), 0);
	memory_budget(memory, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	py = (struct python){ .text_type = TEXT_TYPE, .code_type = TYPE(9) };
	py.tasks.greenlets = py.tasks.asyncio = true;
	set_version(11);
}

static void drop(void)
{
	map_free(&py.codes);
	arena_free(&py.arena);
	close(proc.mem.fd);
}

TestSuite(pytask, .init = make, .fini = drop);

Test(pytask, bases_in_a_circle_end_at_their_bound)
{
	struct pytype type, found;

	put_type(0, "a.A", TYPE(1), 40);
	put_type(1, "b.B", TYPE(0), 40);
	put_word(AREA + 8, TYPE(0));
	cr_assert_eq(pytype_of(memory, AREA, &type), 0);
	cr_expect_eq(pytype_find(memory, &type, "B", &found), 0);
	cr_expect_eq(pytype_find(memory, &type, "C", &found), -ENOENT);
	cr_expect_geq(proc.mem.reads, MEMORY_STACK_READS - 60);
}

/* One entry, "name" to TEXT(1), as version and kind of the table have it. */
static void put_dict(uint32_t minor, unsigned int kind, bool split)
{
	unsigned char young[3] = { 3, 3, (unsigned char)kind };
	uint64_t entries = KEYS + (minor >= 11 ? 32 + 8 : 40 + 8);

	set_version(minor);
	put_text(TEXT(0), "name");
	put_text(TEXT(1), "value");
	put_word(DICT + 32, KEYS);
	put_word(DICT + 40, split ? VALUES : 0);
	put_word(KEYS + 8, 8);
	if (minor >= 11)
		put(KEYS + 8, young, sizeof(young));
	put_word(KEYS + (minor >= 11 ? 24 : 32), 1);
	if (minor <= 10 || kind == 0)
		entries += 8;
	put_word(entries, TEXT(0));
	put_word(entries + 8, split ? 0 : TEXT(1));
	put_word(VALUES, TEXT(1));
}

Test(pytask, a_key_is_found_in_every_kind_of_dict)
{
	const struct {
		uint32_t minor;
		unsigned int kind;
		bool split;
	} rows[] = { { 8, 0, false },
		     { 10, 0, true },
		     { 11, 0, false },
		     { 11, 1, false },
		     { 12, 2, true } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 0;

		put_dict(rows[i].minor, rows[i].kind, rows[i].split);
		cr_expect_eq(pydict_get(memory, &py, DICT, 64, "name", &value), 0, "row %zu", i);
		cr_expect_eq(value, TEXT(1));
		cr_expect_eq(pydict_get(memory, &py, DICT, 64, "game", &value), -ENOENT);
	}
}

Test(pytask, counts_of_a_dict_are_not_believed)
{
	uint64_t value;

	put_dict(11, 0, false);
	put_word(KEYS + 24, UINT64_MAX);
	cr_expect_eq(pydict_get(memory, &py, DICT, 64, "none", &value), -EBADMSG);
	put_word(KEYS + 24, 1000000);
	cr_expect_eq(pydict_get(memory, &py, DICT, 64, "none", &value), -ENOENT);
	put(KEYS + 9, "\xff", 1);
	cr_expect_eq(pydict_get(memory, &py, DICT, 64, "none", &value), -EBADMSG);
	put_dict(10, 0, false);
	put_word(KEYS + 8, 7);
	cr_expect_eq(pydict_get(memory, &py, DICT, 64, "none", &value), -EBADMSG);
}

Test(pytask, ints_are_read_as_the_version_has_them)
{
	uint64_t value = 0;

	put_type(0, "int", 0, 24);
	put_word(AREA + 8, TYPE(0));
	put_word(AREA + 16, 2);
	put_word(AREA + 24, 5ULL << 32 | 7);
	cr_expect_eq(pyint_read(memory, &py, AREA, &value), 0);
	cr_expect_eq(value, 5ULL << 30 | 7);
	set_version(12);
	put_word(AREA + 16, 1 << 3);
	cr_expect_eq(pyint_read(memory, &py, AREA, &value), 0);
	cr_expect_eq(value, 7);
	put_word(AREA + 16, UINT64_MAX);
	cr_expect_eq(pyint_read(memory, &py, AREA, &value), -ERANGE);
}

Test(pytask, a_partial_of_itself_is_no_function)
{
	char name[64];
	uint64_t code;

	put_type(0, "functools.partial", 0, 48);
	put_word(AREA + 8, TYPE(0));
	put_word(AREA + 16, AREA);
	cr_expect_eq(pyfunction_read(memory, &py, AREA, name, sizeof(name), &code), -ENOENT);
}

static void put_types(void)
{
	put_type(0, "greenlet.greenlet", 0, 40);
	put_type(1, "gevent._gevent_cgreenlet.Greenlet", TYPE(0), 144);
	put_type(2, "Hub", TYPE(3), 120);
	put_type(3, "gevent._gevent_c_hub_primitives.WaitOperationsGreenlet", TYPE(0), 100);
	put_type(4, "function", 0, 100);
	put_type(5, "gevent._gevent_cgreenlet._Frame", 0, 40);
	put_type(6, "dict", 0, 48);
	put_type(7, "int", 0, 24);
	put_type(8, "Mine", TYPE(1), 160);
	put_type(9, "code", 0, 184);
}

/* Words that lead to one another, to types, or nowhere. */
static uint64_t any_word(void)
{
	switch (rand() % 8) {
	case 0:
		return (uint64_t)(rand() % 64);
	case 1:
		return UINT64_MAX;
	case 2:
		return (uint64_t)rand() << 33 | (uint64_t)rand();
	case 3:
		return TYPE(rand() % 10);
	case 4:
		return TEXT(rand() % 8);
	default:
		return AREA + 8ULL * (uint64_t)(rand() % WORDS);
	}
}

static void fill(void)
{
	static uint64_t words[WORDS];

	for (unsigned int i = 0; i < WORDS; i++)
		words[i] = i % 2 && rand() % 3 == 0 ? TYPE(rand() % 10) : any_word();
	put(AREA, words, sizeof(words));
}

static void name_any(struct wire_stack *stack)
{
	static struct wire_memory memory_seen;
	static unsigned char bytes[64 * 1024] __attribute__((aligned(8)));
	const struct wire_names *names = (const void *)bytes;
	struct frames frames;

	stack->task = AREA + 8ULL * (uint64_t)(rand() % WORDS);
	stack->n_python = (uint16_t)(rand() % 16);
	for (unsigned int i = 0; i < stack->n_python; i++) {
		stack->python[i].frame = any_word();
		stack->python[i].code = any_word() | (uint64_t)(rand() % 4) << 56;
	}
	frames_begin(&frames, bytes, sizeof(bytes));
	memory_budget(memory, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	memory_seen.task.task = rand() % 2 ? any_word() : 0;
	memory_seen.task.root = (uint32_t)(rand() % 20);
	memory_seen.task.name = any_word();
	memory_seen.task.n_text = (uint32_t)(rand() % (WIRE_TASK_TEXT + 1));
	for (unsigned int i = 0; i < WIRE_TASK_TEXT; i += 8) {
		uint64_t word = i == 8 ? TEXT_TYPE : any_word();

		memcpy(memory_seen.task.text + i, &word, 8);
	}
	pytask_name(&proc, stack, rand() % 4 ? &memory_seen : NULL, &frames);
	frames_end(&frames, 1);
	cr_assert_eq(frames_check(bytes, names->head.size), 0);
}

Test(pytask, garbage_neither_loops_nor_breaks_the_record)
{
	static struct wire_stack stack;
	struct pythread thread = { 0 };

	srand(7);
	put_types();
	for (unsigned int i = 0; i < 8; i++)
		put_text(TEXT(i), i % 2 ? "name" : "_run");
	for (unsigned int round = 0; round < 3000; round++) {
		struct namer_got_thread got = { 0 };

		set_version(7 + (uint32_t)(rand() % 6));
		fill();
		py.runtime = AREA;
		py.tasks.stop = rand() % 2 ? 0 : 56;
		py.tasks.wait = 0;
		py.tasks.current_tasks = rand() % 2 ? any_word() : 0;
		py.tasks.running_task = rand() % 4 ? 0 : 880;
		for (unsigned int i = 0; i < 8; i++)
			name_any(&stack);
		thread.address = AREA + 8ULL * (uint64_t)(rand() % WORDS);
		thread.thread_id = any_word();
		memory_budget(memory, 8 << 20, 20000);
		pyaim(&proc, &thread, &got);
		cr_assert_eq(got.aim.tstate, thread.address);
	}
}
