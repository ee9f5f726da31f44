// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every CPython that is installed here is started, found, walked with
 * pywalk.h and named by a real namer: function, file and line of each frame
 * must be those of the script.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <glob.h>
#include <sys/stat.h>

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

static const char package[] =
	"\n\n"
	"def through(f):\n"
	"    return sorted([1],\n"
	"                  key=lambda _: f())\n"; /* line 5; a C frame between two evals */

static const char script[] = "import os, sys, threading\n"
			     "sys.path.insert(0, 'env/lib/python3.99/site-packages')\n"
			     "import thing\n"
			     "class Holder:\n"
			     "    def inner(self):\n"
			     "        line = 'READY %d\\n' % threading.get_ident()\n"
			     "        if not line:\n"
			     "            return None\n"
			     "        os.write(1, line.encode()); return os.read(0, 1)\n" /* 9 */
			     "    def outer(self, n):\n"
			     "        if n:\n"
			     "            return self.outer(\n"
			     "                n - 1)\n" /* 12 or 13 by version */
			     "        return [self.inner() for i in (1,)]\n" /* 14 */
			     "\n\n\n\n\n\n\n\n\n\n"
			     "def g\303\274nther():\n"
			     "    yield thing.through(lambda: Holder().outer(3))\n" /* 26 */
	;

static const char script_end[] = "\n#"
				 "\n"
				 "for x in g\303\274nther():\n" /* 29 */
				 "    pass\n";

static char directory[] = "/tmp/gw-interp-XXXXXX";

static void write_file(const char *name, const char *one, const char *two)
{
	FILE *file = fopen(name, "we");

	cr_assert_not_null(file);
	fputs(one, file);
	fputs(two, file);
	fclose(file);
}

static void make_script(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(chdir(directory), 0);
	mkdir("env", 0755);
	mkdir("env/lib", 0755);
	mkdir("env/lib/python3.99", 0755);
	mkdir("env/lib/python3.99/site-packages", 0755);
	write_file("env/lib/python3.99/site-packages/thing.py", package, "");
	write_file("work.py", script, script_end);
}

static void clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
}

ParameterizedTestParameters(interpreters, each_names_every_frame_of_a_sleeping_script)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, NULL));
}

static void walk(const struct namer_look *look, const struct target_proc *target, uint64_t tstate,
		 struct wire_stack *stack)
{
	memset(stack, 0, sizeof(*stack));
	mem_fd = target->mem;
	stack->head.kind = WIRE_SLICE;
	stack->pid = (uint32_t)target->pid;
	stack->regs[WIRE_REG_IP] = target_pc(target);
	pywalk(&look->layout, tstate, stack);
}

static void expect_python(const struct wire_names *names, unsigned int *i, const char *name,
			  const char *file, unsigned int line, unsigned int app)
{
	struct target_frame f;
	const char *last;

	cr_assert_eq(target_frame(names, *i, &f), 0, "frame %u is missing", *i);
	last = strrchr(f.name, '.');
	cr_expect_eq(f.kind, GW_FRAME_PYTHON);
	cr_expect_str_eq(last && f.name[0] != '<' ? last + 1 : f.name, name);
	cr_expect_str_eq(f.file, file);
	cr_expect_eq(f.app, app);
	cr_expect(f.line == line || f.line == line + 1, "%s: line %u, not %u", name, f.line, line);
	++*i;
}

static void check_names(const struct wire_names *names, unsigned int minor)
{
	struct target_frame leaf;
	unsigned int i = 1;

	cr_assert_eq(target_frame(names, 0, &leaf), 0);
	cr_expect_eq(leaf.kind, GW_FRAME_NATIVE);
	cr_expect_not_null(strstr(leaf.name, "read"), "leaf is %s", leaf.name);
	cr_expect_eq(strncmp(leaf.module, "libc", 4), 0);
	expect_python(names, &i, "inner", "work.py", 9, 1);
	if (minor < 12)
		expect_python(names, &i, "<listcomp>", "work.py", 14, 1);
	expect_python(names, &i, "outer", "work.py", 14, 1);
	for (unsigned int depth = 0; depth < 3; depth++)
		expect_python(names, &i, "outer", "work.py", 12, 1);
	expect_python(names, &i, "<lambda>", "work.py", 26, 1);
	expect_python(names, &i, "<lambda>", "thing.py", 5, 0);
	expect_python(names, &i, "through", "thing.py", 4, 0);
	expect_python(names, &i, "g\303\274nther", "work.py", 26, 1);
	expect_python(names, &i, "<module>", "work.py", 29, 1);
	cr_expect_eq(names->n_frames, i);
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

/* A thread told by its tid alone has the same frames. */
static void check_owner(struct namer *namer, const struct wire_stack *stack, unsigned int minor)
{
	struct wire_stack owner = *stack;
	const struct wire_names *names;

	owner.head.kind = WIRE_HOLDER;
	owner.head.flags = WIRE_STACK_PENDING;
	owner.n_python = 0;
	owner.owner = owner.pid;
	cr_assert_eq(namer_stack(namer, &owner, NULL, &names), 0);
	check_names(names, minor);
	owner.owner = owner.pid + 1;
	cr_assert_eq(namer_stack(namer, &owner, NULL, &names), 0);
	cr_expect_eq(names->n_frames, 1, "frames of a thread that is not there");
}

ParameterizedTest(struct interpreter *python, interpreters,
		  each_names_every_frame_of_a_sleeping_script, .init = make_script, .fini = clean)
{
	char *argv[] = { python->path, (char *)"work.py", NULL };
	struct namer_opener opener = { .file = target_file };
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	struct namer *namer;
	unsigned int minor = 0;
	struct namer_aim aim;

	cr_assert_eq(target_start(&target, argv), 0);
	cr_assert_eq(namer_open(&namer, &opener, log_line, NULL), 0);
	cr_assert_eq(
		namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, directory, &look),
		0);
	cr_assert(look.has_layout, "%s: %s", python->path, look.why_no_python);
	cr_assert_eq(sscanf(look.version, "3.%u", &minor), 1);
	cr_assert_eq(
		namer_thread(namer, (uint32_t)target.pid, (uint32_t)target.pid, target.ident, &aim),
		0);
	walk(&look, &target, aim.aim.tstate, &stack);
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	if (getenv("SHOW")) {
		fprintf(stderr, "%s %s %s:\n", python->path, look.runtime, look.version);
		target_print(names);
	}
	check_names(names, minor);
	check_owner(namer, &stack, minor);
	target_stop(&target);
	/* Its memory is gone: what was read before still has its name. */
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	check_names(names, minor);
	namer_close(namer);
}

static void expect_too_old(const char *python)
{
	char *argv[] = { (char *)(uintptr_t)python, (char *)"-c",
			 (char *)"import os; os.write(1, b'READY 0\\n'); os.read(0, 1)", NULL };
	struct namer_opener opener = { .file = target_file };
	struct wire_stack stack = { .head.kind = WIRE_SLICE };
	const struct wire_names *names = NULL;
	struct target_proc target;
	struct namer_look look;
	struct namer *namer;

	cr_assert_eq(target_start(&target, argv), 0);
	cr_assert_eq(namer_open(&namer, &opener, log_line, NULL), 0);
	cr_assert_eq(namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, "", &look),
		     0);
	stack.pid = (uint32_t)target.pid;
	stack.regs[WIRE_REG_IP] = target_pc(&target);
	cr_expect_eq(namer_stack(namer, &stack, NULL, &names), 0, "machine code has no names");
	cr_expect(names && names->n_frames);
	cr_expect_not(look.has_layout);
	cr_expect_str_eq(look.runtime, "python");
	cr_expect_str_eq(look.why_no_python, "CPython older than 3.7 is not supported");
	namer_close(namer);
	target_stop(&target);
}

Test(interpreters, one_that_is_too_old_is_refused_by_name)
{
	const char *patterns[] = { "~/.pyenv/versions/2.7*/bin/python",
				   "~/.pyenv/versions/3.6*/bin/python" };

	for (unsigned int p = 0; p < 2; p++) {
		glob_t found;

		if (glob(patterns[p], GLOB_TILDE, NULL, &found))
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++)
			expect_too_old(found.gl_pathv[i]);
		globfree(&found);
	}
}
