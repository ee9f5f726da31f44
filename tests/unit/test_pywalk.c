// SPDX-License-Identifier: BSD-2-Clause
/*
 * pywalk.h over a made-up memory image, with every layout there is.
 */
#include <criterion/criterion.h>
#include <string.h>

#define IMAGE_BASE 0x10000000ULL
#define IMAGE_SIZE (64 * 1024)

static unsigned char image[IMAGE_SIZE];

static int read_user(void *dst, unsigned int size, unsigned long long address)
{
	if (address < IMAGE_BASE || address - IMAGE_BASE > IMAGE_SIZE - size)
		return -14;
	memcpy(dst, image + (address - IMAGE_BASE), size);
	return 0;
}

#include "bpf/pywalk.h"
#include "runtime/pyoffsets.h"

#define TSTATE   IMAGE_BASE
#define CFRAME   (IMAGE_BASE + 512)
#define FRAME(i) (IMAGE_BASE + 1024 + (i)*128ULL)
#define CODE(i)  (0x7f0000000000ULL + (i)*256ULL)

static void put(unsigned long long address, const void *bytes, size_t n)
{
	memcpy(image + (address - IMAGE_BASE), bytes, n);
}

static void put_word(unsigned long long address, __u64 word)
{
	put(address, &word, sizeof(word));
}

static void make_frame(const struct wire_python *py, unsigned int i, __u64 next)
{
	__s32 lasti = (__s32)(10 + i);
	unsigned char owner = (unsigned char)(i % 4);

	put_word(FRAME(i) + py->frame_code, CODE(i) | (py->shim_owner ? 1 : 0));
	put_word(FRAME(i) + py->frame_back, next);
	if (py->instr_is_int)
		put(FRAME(i) + py->frame_instr, &lasti, sizeof(lasti));
	else
		put_word(FRAME(i) + py->frame_instr, CODE(i) + 200 + i);
	if (py->frame_owner)
		put(FRAME(i) + py->frame_owner, &owner, 1);
}

/* A chain of n frames; the last one leads to end. */
static void make_chain(const struct wire_python *py, unsigned int n, __u64 end)
{
	memset(image, 0xa5, sizeof(image));
	put_word(TSTATE + py->tstate_frame, py->cframe ? CFRAME : FRAME(0));
	if (py->cframe)
		put_word(CFRAME + py->cframe_frame, FRAME(0));
	for (unsigned int i = 0; i < n; i++)
		make_frame(py, i, i + 1 < n ? FRAME(i + 1) : end);
}

static void layout(unsigned int minor, struct wire_python *py)
{
	struct pyoffsets offsets;

	cr_assert_eq(pyoffsets_known(minor, &offsets), 0);
	pyoffsets_layout(&offsets, py);
}

static void walk(const struct wire_python *py, struct wire_stack *stack)
{
	memset(stack, 0, sizeof(*stack));
	pywalk(py, TSTATE, stack);
}

Test(pywalk, every_layout_gives_frame_code_owner_and_instruction)
{
	for (unsigned int minor = 7; minor <= 12; minor++) {
		struct wire_python py;
		struct wire_stack stack;

		layout(minor, &py);
		make_chain(&py, 5, 0);
		walk(&py, &stack);
		cr_assert_eq(stack.n_python, 5, "3.%u: %u", minor, stack.n_python);
		cr_expect_eq(stack.head.flags, 0);
		for (unsigned int i = 0; i < 5; i++) {
			const struct wire_pyframe *f = &stack.python[i];

			cr_expect_eq(f->frame, FRAME(i));
			cr_expect_eq(f->code & 0xffffffffffffffULL, CODE(i));
			cr_expect_eq(f->code >> 56, py.frame_owner ? i % 4 : 0);
			cr_expect_eq(f->instr, py.instr_is_int ? 10 + i : CODE(i) + 200 + i);
		}
	}
}

Test(pywalk, a_negative_lasti_stays_within_32_bits)
{
	struct wire_python py;
	struct wire_stack stack;
	__s32 lasti = -1;

	layout(9, &py);
	make_chain(&py, 1, 0);
	put(FRAME(0) + py.frame_instr, &lasti, sizeof(lasti));
	walk(&py, &stack);
	cr_expect_eq(stack.python[0].instr, 0xffffffffULL);
}

Test(pywalk, a_stack_of_exactly_128_frames_is_not_cut)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(11, &py);
	make_chain(&py, WIRE_FRAMES, 0);
	walk(&py, &stack);
	cr_expect_eq(stack.n_python, WIRE_FRAMES);
	cr_expect_eq(stack.head.flags, 0);
}

Test(pywalk, a_deeper_stack_is_cut_and_says_so)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(11, &py);
	make_chain(&py, WIRE_FRAMES + 1, 0);
	walk(&py, &stack);
	cr_expect_eq(stack.n_python, WIRE_FRAMES);
	cr_expect_eq(stack.head.flags, WIRE_STACK_CUT);
}

Test(pywalk, an_unreadable_frame_ends_the_walk_and_says_so)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(12, &py);
	make_chain(&py, 3, 0xdead000000ULL);
	walk(&py, &stack);
	cr_expect_eq(stack.n_python, 3);
	cr_expect_eq(stack.head.flags, WIRE_STACK_FAULT);
}

Test(pywalk, a_cycle_ends_at_the_bound)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(10, &py);
	make_chain(&py, 2, FRAME(0));
	walk(&py, &stack);
	cr_expect_eq(stack.n_python, WIRE_FRAMES);
	cr_expect_eq(stack.head.flags, WIRE_STACK_CUT);
}

Test(pywalk, a_thread_without_frames_has_none)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(12, &py);
	make_chain(&py, 1, 0);
	put_word(CFRAME + py.cframe_frame, 0);
	walk(&py, &stack);
	cr_expect_eq(stack.n_python, 0);
	cr_expect_eq(stack.head.flags, 0);
}

Test(pywalk, offsets_beyond_the_buffer_stay_inside_it)
{
	struct wire_python py;
	struct wire_stack stack;

	layout(11, &py);
	make_chain(&py, 1, 0);
	py.frame_code = 4096;
	py.frame_instr = 0xfffffff8;
	py.frame_size = 4096;
	walk(&py, &stack);
	cr_expect_leq(stack.n_python, WIRE_FRAMES);
}

#define THREAD(i) (IMAGE_BASE + 8192 + (i)*1024ULL)

/* n thread states, the last one is the oldest; each knows itself by 100 + its number. */
static void make_threads(const struct wire_python *py, unsigned int n)
{
	memset(image, 0, sizeof(image));
	for (unsigned int i = 0; i < n; i++) {
		put_word(THREAD(i) + py->thread_id, 100 + i);
		put_word(THREAD(i) + py->tstate_next, i + 1 < n ? THREAD(i + 1) : 0);
		put_word(THREAD(i) + py->tstate_next - 8, i ? THREAD(i - 1) : 0);
	}
}

Test(pywalk, another_thread_is_found_among_newer_and_older_ones)
{
	for (unsigned int minor = 7; minor <= 12; minor++) {
		struct wire_python py;

		layout(minor, &py);
		make_threads(&py, 5);
		for (unsigned int i = 0; i < 5; i++)
			cr_expect_eq(pyseek(&py, THREAD(2), 100 + i), THREAD(i), "3.%u", minor);
		cr_expect_eq(pyseek(&py, THREAD(2), 99), 0);
		cr_expect_eq(pyseek(&py, THREAD(2), 0), 0);
	}
}

Test(pywalk, a_list_of_threads_that_runs_in_circles_or_out_of_memory_ends)
{
	struct wire_python py;

	layout(11, &py);
	make_threads(&py, 3);
	put_word(THREAD(2) + py.tstate_next, THREAD(2));
	put_word(THREAD(0) + py.tstate_next - 8, 0xdead000000ULL);
	cr_expect_eq(pyseek(&py, THREAD(1), 99), 0);
}
