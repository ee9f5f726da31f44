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

#define TSTATE           IMAGE_BASE
#define CFRAME           (IMAGE_BASE + 512)
#define FRAME(i)         (IMAGE_BASE + 1024 + (i)*128ULL)
#define OLD_GENERATOR(i) (0x7e0000000000ULL + (i)*256ULL)
#define CODE(i)          (0x7f0000000000ULL + (i)*256ULL)

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
	else
		put_word(FRAME(i) + py->frame_generator, owner == 1 ? OLD_GENERATOR(i) : 0);
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
			cr_expect_eq(f->code >> 56, py.frame_owner ? i % 4 : i % 4 == 1);
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

Test(pywalk, a_stack_of_as_many_frames_as_there_is_room_for_is_not_cut)
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

#define DICT     (IMAGE_BASE + 0x8000)
#define KEYS     (IMAGE_BASE + 0x8100)
#define TASK(i)  (IMAGE_BASE + 0x9000 + (i)*256ULL)
#define NAME(i)  (IMAGE_BASE + 0xa000 + (i)*128ULL)
#define LAST_INT (IMAGE_BASE + IMAGE_SIZE - 32)

static const struct wire_aim on_dict = {
	.tstate = TSTATE, .tasks = DICT, .coro = 112, .name = 120
};

static __u64 generator(const struct wire_python *py, unsigned int i)
{
	return py->frame_owner ? FRAME(i) - py->generator_frame : OLD_GENERATOR(i);
}

/* Task i runs the generator of that frame. */
static void put_task(const struct wire_python *py, unsigned int i, unsigned int frame)
{
	put_word(TASK(i) + on_dict.coro, generator(py, frame));
	put_word(TASK(i) + on_dict.name, NAME(i));
	put_word(NAME(i) + 40, 1000 + i);
}

/* n entries: of each the value is the task of its number, the last one's is last. */
static void put_dict(unsigned int minor, __u64 n, __u64 last)
{
	unsigned char young[3] = { 3, 3, 0 };
	__u64 entries = KEYS + (minor >= 11 ? 32 + 8 : 40 + 8);

	put_word(DICT + 32, KEYS);
	put_word(KEYS + 8, 8);
	if (minor >= 11)
		put(KEYS + 8, young, sizeof(young));
	put_word(KEYS + (minor >= 11 ? 24 : 32), n);
	for (__u64 i = 0; i < n; i++)
		put_word(entries + i * 24 + 16, i + 1 == n ? last : TASK(i));
}

static void walk_task(const struct wire_python *py, unsigned int minor, const struct wire_aim *on,
		      struct wire_task *task)
{
	static struct wire_stack stack;
	struct wire_aim aim = *on;

	if (!aim.tasks_form)
		aim.tasks_form = minor >= 11 ? WIRE_TASKS_DICT : WIRE_TASKS_DICT_OLD;
	memset(&stack, 0, sizeof(stack));
	memset(task, 0xa5, sizeof(*task));
	pywalk_task(py, &aim, &stack, task);
}

Test(pywalk, the_task_is_the_one_whose_coroutine_is_on_the_stack)
{
	for (unsigned int minor = 7; minor <= 12; minor++) {
		struct wire_python py;
		struct wire_task task;
		__u64 word;

		layout(minor, &py);
		make_chain(&py, 8, 0);
		put_dict(minor, 5, TASK(9));
		put_task(&py, 3, 5);
		put_task(&py, 9, 60);
		walk_task(&py, minor, &on_dict, &task);
		cr_assert_eq(task.task, TASK(3), "3.%u: %llx", minor, task.task);
		cr_expect_eq(task.coro, generator(&py, 5));
		cr_expect_eq(task.root, 5);
		cr_expect_eq(task.name, NAME(3));
		cr_expect_eq(task.n_text, WIRE_TASK_TEXT);
		memcpy(&word, task.text + 40, 8);
		cr_expect_eq(word, 1003);
	}
}

Test(pywalk, of_tasks_within_each_other_the_current_one_counts)
{
	struct wire_python py;
	struct wire_task task;

	layout(12, &py);
	make_chain(&py, 8, 0);
	put_dict(12, 1, TASK(0));
	put_task(&py, 0, 1);
	put_task(&py, 1, 5);
	walk_task(&py, 12, &on_dict, &task);
	cr_expect_eq(task.task, TASK(0));
	cr_expect_eq(task.root, 1);
}

Test(pywalk, a_thread_state_may_tell_its_task_itself)
{
	struct wire_aim aim = on_dict;
	struct wire_python py;
	struct wire_task task;

	layout(12, &py);
	make_chain(&py, 4, 0);
	put_task(&py, 0, 1);
	aim.tasks = DICT;
	aim.tasks_form = WIRE_TASKS_POINTER;
	put_word(DICT, TASK(0));
	walk_task(&py, 12, &aim, &task);
	cr_expect_eq(task.task, TASK(0));
	put_word(DICT, 0);
	walk_task(&py, 12, &aim, &task);
	cr_expect_eq(task.task, 0);
}

Test(pywalk, a_task_that_is_not_on_the_stack_is_none)
{
	struct wire_python py;
	struct wire_task task;

	layout(10, &py);
	make_chain(&py, 4, 0);
	put_dict(10, 1, TASK(0));
	put_task(&py, 0, 60);
	walk_task(&py, 10, &on_dict, &task);
	cr_expect_eq(task.task, 0);
	put_dict(10, 1, 0);
	walk_task(&py, 10, &on_dict, &task);
	cr_expect_eq(task.task, 0);
}

Test(pywalk, counts_of_the_dict_of_tasks_are_not_believed)
{
	static const __u64 counts[] = { 0, 1U << 21, 1ULL << 61, ~0ULL };
	struct wire_python py;
	struct wire_task task;

	layout(11, &py);
	make_chain(&py, 4, 0);
	put_task(&py, 0, 1);
	for (unsigned int i = 0; i < 4; i++) {
		put_dict(11, 1, TASK(0));
		put_word(KEYS + 24, counts[i]);
		walk_task(&py, 11, &on_dict, &task);
		cr_expect_eq(task.task, 0);
	}
	put_dict(11, 1, TASK(0));
	put(KEYS + 9, "\xff", 1);
	walk_task(&py, 11, &on_dict, &task);
	cr_expect_eq(task.task, 0);
}

Test(pywalk, a_name_at_the_end_of_memory_is_read_as_far_as_an_int_goes)
{
	struct wire_python py;
	struct wire_task task;

	layout(11, &py);
	make_chain(&py, 4, 0);
	put_dict(11, 1, TASK(0));
	put_task(&py, 0, 1);
	put_word(TASK(0) + on_dict.name, LAST_INT);
	put_word(LAST_INT + 24, 42);
	walk_task(&py, 11, &on_dict, &task);
	cr_expect_eq(task.n_text, 32);
	cr_expect_eq(task.text[24], 42);
	put_word(TASK(0) + on_dict.name, IMAGE_BASE + IMAGE_SIZE);
	walk_task(&py, 11, &on_dict, &task);
	cr_expect_eq(task.task, TASK(0));
	cr_expect_eq(task.n_text, 0);
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
