// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every CPython that is installed here sleeps below callbacks from C, and a
 * real namer puts native and Python frames into one order.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <time.h>

static int mem_fd;

static int read_user(void *dst, unsigned int size, unsigned long long address);

#include "bpf/pywalk.h"
#include "greenwatch.h"
#include "interpreters.h"
#include "target.h"

static int read_user(void *dst, unsigned int size, unsigned long long address)
{
	return pread(mem_fd, dst, size, (off_t)address) == (ssize_t)size ? 0 : -1;
}

#define DEEP 40

static const char script[] = "import ctypes, functools, os, sys, threading\n"
			     "sys.setrecursionlimit(2000)\n"
			     "def leaf():\n"
			     "    os.write(1, ('READY %d\\n' % threading.get_ident()).encode())\n"
			     "    return len(os.read(0, 1))\n"
			     "def down(n, then):\n"
			     "    return down(n - 1, then) if n else then()\n"
			     "def in_key(_):\n"
			     "    return leaf()\n"
			     "def in_sort():\n"
			     "    return sorted([1], key=in_key)\n"
			     "def in_c(_):\n"
			     "    down(40, in_sort)\n"
			     "    return 0\n"
			     "callback = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int)(in_c)\n"
			     "def in_reduce(a, b):\n"
			     "    return callback(1)\n"
			     "def start():\n"
			     "    return functools.reduce(in_reduce, [1, 2])\n"
			     "def through(n):\n"
			     "    step = lambda _: through(n - 1) if n else leaf()\n"
			     "    return ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int)(step)(1)\n"
			     "if sys.argv[1] == 'c':\n"
			     "    through(50)\n"
			     "down(int(sys.argv[1]), start)\n";

struct scene {
	struct target_proc target;
	struct namer *namer;
	struct namer_look look;
	struct wire_stack stack;
	struct wire_memory memory;
	const struct wire_names *names;
	uint64_t tstate;
	unsigned int minor;
};

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static double since_us(const struct timespec *before)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - before->tv_sec) * 1e6 +
	       (double)(now.tv_nsec - before->tv_nsec) / 1e3;
}

static void begin(struct scene *scene, const char *python, const char *depth)
{
	static const struct namer_opener opener = { .file = target_file };
	char *argv[] = { (char *)(uintptr_t)python, (char *)"-c", (char *)(uintptr_t)script,
			 (char *)(uintptr_t)depth, NULL };
	uint32_t pid;
	struct namer_aim aim;
	struct timespec before;

	cr_assert_eq(target_start(&scene->target, argv), 0);
	pid = (uint32_t)scene->target.pid;
	mem_fd = scene->target.mem;
	cr_assert_neq(target_pc(&scene->target), 0);
	cr_assert_eq(namer_open(&scene->namer, &opener, log_line, NULL), 0);
	cr_assert_eq(namer_look(scene->namer, pid, scene->target.mem, scene->target.maps, "",
				&scene->look),
		     0);
	cr_assert(scene->look.has_layout, "%s", scene->look.why_no_python);
	cr_assert_eq(sscanf(scene->look.version, "3.%u", &scene->minor), 1);
	cr_assert_eq(namer_thread(scene->namer, pid, pid, scene->target.ident, &aim), 0);
	cr_assert_eq(target_stack(&scene->target, &scene->stack, &scene->memory), 0);
	scene->tstate = aim.aim.tstate;
	pywalk(&scene->look.layout, scene->tstate, &scene->stack);
	clock_gettime(CLOCK_MONOTONIC, &before);
	cr_assert_eq(namer_stack(scene->namer, &scene->stack, &scene->memory, &scene->names), 0);
	if (getenv("SHOW")) {
		fprintf(stderr, "first stack: %.0f us\n", since_us(&before));
		fprintf(stderr, "%s %s:\n", python, scene->look.version);
		target_print(scene->names);
	}
}

static void end(struct scene *scene)
{
	namer_close(scene->namer);
	target_stop(&scene->target);
}

/* Innermost first; the names of native frames that must lie in between are checked by the caller.
 */
static unsigned int next_python(const struct scene *scene, unsigned int *i, const char *name)
{
	unsigned int natives = 0;
	struct target_frame f;

	for (;; ++*i, natives++) {
		cr_assert_eq(target_frame(scene->names, *i, &f), 0, "%s is missing", name);
		if (f.kind != GW_FRAME_NATIVE)
			break;
	}
	cr_assert_eq(f.kind, GW_FRAME_PYTHON, "%s instead of %s", f.name, name);
	cr_assert_str_eq(f.name, name);
	++*i;
	return natives;
}

static void expect_ctypes(const struct scene *scene, unsigned int from, unsigned int n)
{
	bool ctypes = false, ffi = false;
	struct target_frame f;

	for (unsigned int i = from; i < from + n; i++) {
		target_frame(scene->names, i, &f);
		ctypes |= strstr(f.module, "_ctypes") != NULL;
		ffi |= strncmp(f.name, "ffi_call", 8) == 0; /* 3.7 brings its own */
	}
	cr_expect(ctypes && ffi, "%u native frames between in_c and in_reduce", n);
}

/* The order down to start(): what C called lies where it belongs, and nowhere else. */
static unsigned int check_order(const struct scene *scene)
{
	unsigned int i = 0, n;
	struct target_frame leaf;

	cr_assert_eq(target_frame(scene->names, 0, &leaf), 0);
	cr_expect_str_eq(leaf.name, "read");
	cr_expect_gt(next_python(scene, &i, "leaf"), 1, "only the leaf itself is there");
	cr_expect_eq(next_python(scene, &i, "in_key"), 0);
	cr_expect_eq(next_python(scene, &i, "in_sort"), 0);
	for (unsigned int depth = 0; depth <= DEEP; depth++)
		cr_assert_eq(next_python(scene, &i, "down"), 0);
	cr_expect_eq(next_python(scene, &i, "in_c"), 0);
	n = next_python(scene, &i, "in_reduce");
	expect_ctypes(scene, i - 1 - n, n);
	cr_expect_eq(next_python(scene, &i, "start"), 0);
	return i;
}

ParameterizedTestParameters(stacks, python_below_callbacks_from_c_is_in_order)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

ParameterizedTest(struct interpreter *python, stacks, python_below_callbacks_from_c_is_in_order)
{
	struct scene scene;
	unsigned int i;

	begin(&scene, python->path, "5");
	i = check_order(&scene);
	for (unsigned int depth = 0; depth <= 5; depth++)
		cr_assert_eq(next_python(&scene, &i, "down"), 0);
	cr_expect_eq(next_python(&scene, &i, "<module>"), 0);
	cr_expect_eq(scene.names->n_frames, i);
	end(&scene);
}

ParameterizedTestParameters(stacks, two_hundred_frames_below_calls_from_c_are_whole)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

ParameterizedTest(struct interpreter *python, stacks,
		  two_hundred_frames_below_calls_from_c_are_whole)
{
	struct scene scene;
	unsigned int i;

	begin(&scene, python->path, "200");
	i = check_order(&scene);
	for (unsigned int depth = 0; depth <= 200; depth++)
		cr_assert_eq(next_python(&scene, &i, "down"), 0);
	cr_expect_eq(next_python(&scene, &i, "<module>"), 0);
	cr_expect_eq(scene.names->n_frames, i);
	cr_expect_eq(scene.names->flaws, 0);
	end(&scene);
}

ParameterizedTestParameters(stacks, one_that_is_too_deep_is_whole_up_to_the_marker)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

ParameterizedTest(struct interpreter *python, stacks,
		  one_that_is_too_deep_is_whole_up_to_the_marker)
{
	struct target_frame f;
	struct scene scene;
	unsigned int i, shown;

	begin(&scene, python->path, "400");
	i = check_order(&scene);
	for (shown = DEEP + 7; i + 1 < scene.names->n_frames; shown++)
		cr_assert_eq(next_python(&scene, &i, "down"), 0);
	/* Shims count too: one for each entry from C. */
	cr_expect_eq(shown, scene.minor >= 12 ? WIRE_FRAMES - 3 : WIRE_FRAMES);
	cr_assert_eq(target_frame(scene.names, i, &f), 0);
	cr_expect_eq(f.kind, GW_FRAME_MARKER);
	cr_expect_not_null(strstr(f.name, "deeper frames were cut"));
	cr_expect_eq(scene.names->flaws, WIRE_FLAW_CUT);
	end(&scene);
}

static unsigned int count(const struct scene *scene, unsigned int kind)
{
	struct target_frame f;
	unsigned int n = 0;

	for (unsigned int i = 0; !target_frame(scene->names, i, &f); i++)
		n += f.kind == kind;
	return n;
}

static void expect_marker(const struct scene *scene, unsigned int i, const char *text)
{
	struct target_frame f;

	cr_assert_eq(target_frame(scene->names, i, &f), 0);
	cr_expect_eq(f.kind, GW_FRAME_MARKER);
	cr_expect_not_null(strstr(f.name, text), "%s", f.name);
}

Test(stacks, native_frames_beyond_the_limit_leave_a_marker_and_all_python_frames_are_there)
{
	struct target_frame f;
	struct scene scene;
	unsigned int at = 0;

	begin(&scene, "/usr/bin/python3", "c");
	cr_expect_eq(count(&scene, GW_FRAME_NATIVE), 256 + 1, "and what the bytecode calls");
	cr_expect_eq(count(&scene, GW_FRAME_PYTHON), 1 + 2 * 51 + 1, "leaf, each level, <module>");
	cr_expect_eq(count(&scene, GW_FRAME_MARKER), 1);
	while (!target_frame(scene.names, at, &f) && f.kind != GW_FRAME_MARKER)
		at++;
	expect_marker(&scene, at, "more native frames were left out");
	cr_expect_lt(at, scene.names->n_frames - 1);
	cr_expect_eq(scene.names->flaws, WIRE_FLAW_CUT);
	end(&scene);
}

static void name_again(struct scene *scene)
{
	cr_assert_eq(namer_stack(scene->namer, &scene->stack, &scene->memory, &scene->names), 0);
}

static void fall_asleep(struct scene *scene, uint64_t tstate)
{
	scene->stack.n_python = 0;
	scene->stack.head.flags = WIRE_STACK_PENDING | WIRE_STACK_ASLEEP | WIRE_STACK_NO_TSTATE;
	scene->stack.holder = tstate;
	cr_assert_eq(namer_stack(scene->namer, &scene->stack, NULL, &scene->names), 0);
}

ParameterizedTestParameters(stacks, one_of_a_thread_asleep_is_as_whole_as_one_that_was_taken)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

ParameterizedTest(struct interpreter *python, stacks,
		  one_of_a_thread_asleep_is_as_whole_as_one_that_was_taken)
{
	static unsigned char taken[64 * 1024];
	struct scene scene;
	size_t size;

	begin(&scene, python->path, "200");
	size = scene.names->head.size;
	memcpy(taken, scene.names, size);
	fall_asleep(&scene, scene.tstate);
	cr_expect_eq(scene.names->head.size, size);
	cr_expect_eq(memcmp(scene.names, taken, size), 0);
	end(&scene);
}

Test(stacks, a_thread_state_that_is_none_is_not_followed)
{
	struct scene scene;

	begin(&scene, "/usr/bin/python3", "5");
	fall_asleep(&scene, scene.tstate + 64);
	cr_expect_eq(count(&scene, GW_FRAME_PYTHON), 0);
	cr_expect_gt(count(&scene, GW_FRAME_NATIVE), 10);
	end(&scene);
}

Test(stacks, frames_that_come_round_again_are_there_once_and_said)
{
	struct scene scene;
	unsigned int once;

	begin(&scene, "/usr/bin/python3", "5");
	once = scene.stack.n_python;
	for (unsigned int i = once; i < WIRE_FRAMES; i++)
		scene.stack.python[i] = scene.stack.python[i - once];
	scene.stack.n_python = WIRE_FRAMES;
	scene.stack.head.flags |= WIRE_STACK_CUT;
	name_again(&scene);
	cr_expect_eq(count(&scene, GW_FRAME_PYTHON), once);
	expect_marker(&scene, scene.names->n_frames - 1, "come round again");
	cr_expect_eq(scene.names->flaws, WIRE_FLAW_CIRCLE);
	end(&scene);
}

Test(stacks, one_that_ends_at_a_frame_that_could_not_be_read_says_so)
{
	struct scene scene;

	begin(&scene, "/usr/bin/python3", "5");
	scene.stack.n_python = 3;
	scene.stack.head.flags |= WIRE_STACK_FAULT;
	name_again(&scene);
	cr_expect_eq(count(&scene, GW_FRAME_PYTHON), 3);
	expect_marker(&scene, scene.names->n_frames - 1, "could not be read");
	cr_expect_eq(scene.names->flaws, WIRE_FLAW_UNREADABLE);
	end(&scene);
}

Test(stacks, one_whose_memory_was_overwritten_is_torn_and_says_so)
{
	struct scene scene;

	begin(&scene, "/usr/bin/python3", "5");
	for (unsigned int i = 1024; i < scene.memory.n; i++)
		scene.memory.bytes[i] = 0x5a;
	name_again(&scene);
	cr_expect(scene.names->flaws & WIRE_FLAW_TORN, "flaws %u", scene.names->flaws);
	cr_expect_gt(count(&scene, GW_FRAME_MARKER), 0);
	end(&scene);
}

/* The time it takes is a figure to look at (SHOW=1); what is asserted is what cannot be noise. */
Test(stacks, naming_a_warm_stack_takes_no_time)
{
	struct timespec before;
	struct scene scene;
	double us;

	begin(&scene, "/usr/bin/python3", "5");
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned int i = 0; i < 100; i++)
		cr_assert_eq(namer_stack(scene.namer, &scene.stack, &scene.memory, &scene.names),
			     0);
	us = since_us(&before) / 100;
	if (getenv("SHOW"))
		fprintf(stderr, "%u frames: %.0f us\n", scene.names->n_frames, us);
	cr_expect_lt(us, 20000);
	end(&scene);
}
