// SPDX-License-Identifier: BSD-2-Clause
/*
 * The order of native and Python frames, drawn as text: native frames from
 * the inside out, E an eval, i the interpreter's own, h such a call helper, s what starts programs,
 * anything else somebody's code. Python frames: a letter each, the last of a
 * group in capitals; "/" a shim.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/merge.h"

static struct merge_stacks *draw(const char *native, const char *python)
{
	struct merge_stacks *s = calloc(1, sizeof(*s));

	s->native_whole = s->python_whole = s->python_grouped = true;
	for (; *native; native++) {
		struct merge_native *n = &s->native[s->n_native];

		n->sp = 0x1000 + s->n_native * 0x100;
		n->end = n->sp + 0x100;
		n->eval = *native == 'E';
		n->helper = *native == 'h';
		n->inner = *native == 'E' || *native == 'i' || n->helper;
		n->system = *native == 's';
		s->n_native++;
	}
	for (; *python; python++) {
		struct merge_python *p = &s->python[s->n_python++];

		p->frame = s->n_python;
		p->shim = *python == '/';
		p->last = p->shim || isupper((unsigned char)*python);
	}
	return s;
}

static void inside(struct merge_stacks *s, unsigned int python, unsigned int native)
{
	s->by_address = true;
	s->python[python].inside = s->native[native].sp + 8;
}

/* Steps as text: n3 native frame 3, p2 Python frame 2, ! broken. Takes the stacks. */
static void expect(struct merge_stacks *s, const char *wanted)
{
	static struct merge_step steps[MERGE_STEPS];
	size_t n = merge(s, steps);
	char text[1024] = "";

	for (size_t i = 0; i < n; i++) {
		char one[32] = "! ";

		if (steps[i].kind != MERGE_BROKEN)
			snprintf(one, sizeof(one), "%c%u ",
				 steps[i].kind == MERGE_NATIVE ? 'n' : 'p', steps[i].i);
		strcat(text, one);
	}
	cr_expect_str_eq(text, wanted);
	free(s);
}

Test(merge, each_eval_stands_for_its_group)
{
	expect(draw("cccE", "A"), "n0 n1 n2 p0 ");
	expect(draw("cEiEiiEs", "ABC"), "n0 p0 p1 p2 ");
	expect(draw("cEiE", "aABb"), "n0 p0 p1 p2 p3 ");
}

Test(merge, strangers_code_between_evals_stays_and_the_interpreters_goes)
{
	expect(draw("cEixxiE", "AB"), "n0 p0 n3 n4 p1 ");
	expect(draw("cEixixiE", "AB"), "n0 p0 n3 n4 n5 p1 ");
}

Test(merge, what_starts_the_program_goes_and_what_embeds_it_stays)
{
	expect(draw("cEiiss", "A"), "n0 p0 ");
	expect(draw("cEiuss", "A"), "n0 p0 n3 ");
}

Test(merge, a_leaf_in_the_interpreter_stays)
{
	expect(draw("iiE", "A"), "n0 n1 p0 ");
	expect(draw("E", "A"), "p0 ");
}

Test(merge, the_helpers_that_called_the_leaf_go)
{
	expect(draw("cihhE", "A"), "n0 n1 p0 ");
	expect(draw("chhE", "A"), "n0 p0 ");
	expect(draw("hhE", "A"), "n0 p0 ");
	expect(draw("cEiE", "AB"), "n0 p0 p1 ");
}

Test(merge, shims_find_their_evals_without_a_name)
{
	struct merge_stacks *s = draw("cixxis", "a/b/");

	inside(s, 1, 1);
	inside(s, 3, 4);
	expect(s, "n0 p0 n2 n3 p2 ");
}

Test(merge, a_shim_in_the_wrong_place_gives_the_reduced_form)
{
	struct merge_stacks *s = draw("cEixE", "a/b/");

	inside(s, 1, 4);
	inside(s, 3, 1);
	expect(s, "n0 p0 p2 ");
	s = draw("cEixE", "a/b/");
	inside(s, 1, 1);
	inside(s, 3, 4);
	s->python[3].inside = 0x9999;
	expect(s, "n0 p0 p2 ");
}

Test(merge, counts_that_do_not_fit_give_the_reduced_form)
{
	expect(draw("cEiExE", "AB"), "n0 p0 p1 ");
	expect(draw("cExi", "AB"), "n0 p0 p1 ");
}

Test(merge, groups_that_are_not_known_give_the_reduced_form)
{
	struct merge_stacks *s = draw("cxEixE", "aB");

	s->python_grouped = false;
	expect(s, "n0 n1 p0 p1 ");
	s = draw("cxixi", "aB");
	s->python_grouped = false;
	expect(s, "n0 n1 p0 p1 ");
}

Test(merge, where_native_frames_break_off_python_frames_follow_the_marker)
{
	struct merge_stacks *s = draw("cEx", "ABC");

	s->native_whole = false;
	expect(s, "n0 p0 n2 ! p1 p2 ");
	s = draw("c", "A");
	s->native_whole = false;
	expect(s, "n0 ! p0 ");
}

Test(merge, nothing_follows_python_frames_that_were_cut)
{
	struct merge_stacks *s = draw("cEixEiExE", "AB");

	s->python_whole = false;
	expect(s, "n0 p0 n3 p1 ");
}

Test(merge, frames_of_nobody_are_no_frames)
{
	expect(draw("", ""), "");
	expect(draw("", "AB"), "p0 p1 ");
	expect(draw("c", ""), "n0 ");
}

/* -1: it is not certain that anything is called. Takes the stacks. */
static int called(struct merge_stacks *s)
{
	unsigned int eval;
	bool certain = merge_called(s, &eval);

	free(s);
	return certain ? (int)eval : -1;
}

Test(merge, the_innermost_frame_calls_something_when_its_eval_is_not_the_leaf)
{
	struct merge_stacks *s = draw("cccE", "A");

	cr_expect_eq(called(s), 3);
	cr_expect_eq(called(draw("EiE", "AB")), -1);
	cr_expect_eq(called(draw("ccc", "")), -1);
	s = draw("ccEE", "A"); /* one eval too many */
	cr_expect_eq(called(s), -1);
	s = draw("cE", "AB"); /* one too few, and more of them may lie further out */
	s->native_whole = false;
	cr_expect_eq(called(s), -1);
}

/* Every Python frame comes out once and in order, whatever the rest looks like. */
Test(merge, noise_never_disturbs_the_order)
{
	static struct merge_step steps[MERGE_STEPS];
	struct merge_stacks *s = calloc(1, sizeof(*s));

	srand(1);
	for (unsigned int round = 0; round < 20000; round++) {
		unsigned int python = 0, native = 0;
		size_t n;

		for (unsigned int i = 0; i < sizeof(*s); i += 64)
			((unsigned char *)s)[i] = (unsigned char)rand();
		s->n_native = (unsigned int)rand() % 40;
		s->n_python = (unsigned int)rand() % 20;
		s->native_whole = rand() & 1;
		s->python_whole = s->python_grouped = true;
		s->by_address = rand() & 1;
		for (unsigned int i = 0; i < s->n_native; i++)
			s->native[i] = (struct merge_native){ .sp = (uint64_t)rand() % 64,
							      .end = (uint64_t)rand() % 64,
							      .eval = rand() & 1,
							      .inner = rand() & 1,
							      .system = rand() & 1 };
		for (unsigned int i = 0; i < s->n_python; i++)
			s->python[i] = (struct merge_python){ .last = rand() & 1,
							      .inside = (uint64_t)rand() % 64 };
		n = merge(s, steps);
		cr_assert_leq(n, MERGE_STEPS);
		for (size_t i = 0; i < n; i++) {
			if (steps[i].kind == MERGE_PYTHON)
				cr_assert_eq(steps[i].i, python++);
			else if (steps[i].kind == MERGE_NATIVE)
				cr_assert(steps[i].i >= native && (native = steps[i].i + 1));
		}
		cr_assert_eq(python, s->n_python);
	}
	free(s);
}
