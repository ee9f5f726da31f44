// SPDX-License-Identifier: BSD-2-Clause
/*
 * The C function that a frame of Python code is calling: in every CPython that
 * is installed here a script blocks in read(2) by way of many expressions, and
 * says before each what it calls. "-": nothing that has a name. A leading "?":
 * that, or nothing. PYTHON=GLOB tries others too.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

static int mem_fd;

static int read_user(void *dst, unsigned int size, unsigned long long address);

#include "bpf/pywalk.h"
#include "greenwatch.h"
#include "interpreters.h"
#include "runtime/pydepth.h"
#include "runtime/pyopcodes.h"
#include "target.h"

static int read_user(void *dst, unsigned int size, unsigned long long address)
{
	return pread(mem_fd, dst, size, (off_t)address) == (ssize_t)size ? 0 : -1;
}

static const char script[] =
	"import functools, io, os, pickle, sys, threading\n"
	"from os import read as r\n"
	"from pickle import load as unpickle\n"
	"def T(name):\n"
	"    os.write(1, ('READY %d %s\\n' % (threading.get_ident(), name)).encode())\n"
	"    return True\n"
	"R = 'posix.read'\n"
	"p = functools.partial(os.read, 0)\n"
	"raw = io.FileIO(0, closefd=False)\n"
	"class Raw(io.FileIO): pass\n"
	"mine = Raw(0, closefd=False)\n"
	"bound = mine.read\n"
	"def ident(*a, **k): return a\n"
	"def plain(warm):\n"
	"    if not warm: T(R)\n"
	"    x = 0 if warm else os.read(0, 1)\n"
	"    if not warm: T(R)\n"
	"    x = max(1, len(b'' if warm else r(0, 1)), 3)\n"
	"    r2 = len if warm else r\n"
	"    args = ((),) if warm else (0, 1)\n"
	"    if not warm: T(R)\n"
	"    x = [1, {2: 3, 'k': r2(*args)}, 4]\n"
	"    if not warm: T(R)\n"
	"    x = ident(1, 2, b=max(r2(*args), key=len) if warm < 0 else r2(*args))\n"
	"    if not warm: T('?functools.partial')\n"
	"    x = len('%s%s' % (1, ident if warm else p(1)))\n"
	"    if not warm: T('builtins.sorted')\n"
	"    x = sorted([1], key=str if warm else p)\n"
	"    y = [1]\n"
	"    if not warm: T('list.sort')\n"
	"    y.sort(key=str if warm else p, reverse=True)\n"
	"    if not warm: T('bytes.join')\n"
	"    x = b'-'.join(map(str.encode, ['a']) if warm else map(p, [1]))\n"
	"    if not warm: T('list')\n"
	"    x = list(map(str if warm else p, [1]))\n"
	"    if not warm: T('-')\n"
	"    for x in map(str if warm else p, [1]): pass\n"
	"    if not warm: T('-')\n"
	"    x = 1 in map(str if warm else p, [1])\n"
	"    if not warm: T('-')\n"
	"    x, = map(str if warm else p, [1])\n"
	"def files(warm):\n"
	"    f = io.BytesIO() if warm else raw\n"
	"    if not warm: T('_io.FileIO.read')\n"
	"    f.read(1)\n"
	"    f = io.BytesIO() if warm else mine\n"
	"    if not warm: T('_io.FileIO.readinto')\n"
	"    len([f.readinto(bytearray(1))])\n"
	"    f = io.BytesIO().read if warm else bound\n"
	"    if not warm: T('_io.FileIO.read')\n"
	"    f(1)\n"
	"    if warm: return\n"
	"    try:\n"
	"        T('pickle.load'); unpickle(raw)\n"
	"    except pickle.UnpicklingError: pass\n"
	"    try:\n"
	"        T('pickle.load'); print(pickle.load(raw, encoding='ascii', errors='strict'))\n"
	"    except pickle.UnpicklingError: pass\n"
	"def blocks(deep=0):\n"
	"    with open(os.devnull) as a, open(os.devnull) as b:\n"
	"        for i in range(2):\n"
	"            for j in (1, 2):\n"
	"                T(R); r(0, 1)\n"
	"                if j == 2: continue\n"
	"                T(R); r(0, 1)\n"
	"            else:\n"
	"                T(R); r(0, 1)\n"
	"    T(R); r(0, 1)\n"
	"    while True:\n"
	"        try:\n"
	"            T(R); len(r(0, 1))\n"
	"            raise ValueError\n"
	"        except OSError:\n"
	"            pass\n"
	"        except ValueError as e:\n"
	"            T(R); ident(e, r(0, 1))\n"
	"            break\n"
	"        finally:\n"
	"            T('?' + R); r(0, 1)\n"
	"    T(R); r(0, 1)\n"
	"    try:\n"
	"        T(R); r(0, 1)\n"
	"    finally:\n"
	"        T('?' + R); r(0, 1)\n"
	"    T(R); x = 1 < len(r(0, 1)) < 3 and ident(r)\n"
	"    x = f'{x} {T(R)} {r(0, 1)!r:>10} {x}'\n"
	"    x = [(T(R), r(0, 1), y) for y in range(2) if y]\n"
	"    x = {y: [T(R), len(r(0, 1))] for y in range(1)}\n"
	"    x = lambda *, k: (k, T(R), r(0, 1))\n"
	"    x(k=1)\n"
	"    def gen():\n"
	"        a, *b = 1, 2, 3\n"
	"        yield T(R), r(0, 1)\n"
	"        x = yield ident(T(R), r(0, 1))\n"
	"        yield from [[T(R), r(0, 1)]]\n"
	"    for x in gen(): pass\n"
	"    class C:\n"
	"        T(R); field = r(0, 1)\n"
	"        def __enter__(self): pass\n"
	"        def __exit__(self, *e): T(R); return bool(r(0, 1))\n"
	"        def m(self): T(R); return r(0, 1)\n"
	"    with C(): raise KeyError\n"
	"    T(R); r(0, 1)\n"
	"    ident(C().m(), *[1, T(R), r(0, 1)], **{'a': T(R), 'b': r(0, 1)})\n"
	"async def other():\n"
	"    async with A() as a:\n"
	"        async for i in a:\n"
	"            T(R); r(0, 1)\n"
	"    T(R); r(0, 1)\n"
	"    return [i async for i in A() if T(R) and r(0, 1)]\n"
	"class A:\n"
	"    n = 0\n"
	"    async def __aenter__(self): T(R); return ident(self, r(0, 1))[0]\n"
	"    async def __aexit__(self, *e): T(R); r(0, 1)\n"
	"    def __aiter__(self): return self\n"
	"    async def __anext__(self):\n"
	"        self.n += 1\n"
	"        if self.n > 2: raise StopAsyncIteration\n"
	"        return self.n\n"
	"for i in range(100): plain(1); files(1)\n"
	"plain(0); files(0); plain(0); files(0)\n"
	"blocks()\n"
	"try: other().send(None)\n"
	"except StopIteration: pass\n"
	"T(R); ident(1, os.read(0, 1))\n"
	"long = 'def long(x):\\n' + ''.join('  x.a%d = %d.5\\n' % (i, i) for i in range(700))\n"
	"long += '  for i in x.l:\\n    if i: ident(i, T(R), x.os.read(0, 1), 701.5)\\n'\n"
	"long += ''.join('    x.b%d = %d.5\\n' % (i, i) for i in range(700))\n"
	"exec(long + '  ident(T(R), x.os.read(0, 1))\\n')\n"
	"class X: l = [0, 1]; os = os\n"
	"long(X)\n"
	"os.write(1, b'END\\n')\n"
	"os.read(0, 1)\n";

struct truth {
	unsigned long long ident;
	char name[64];
};

static bool next_truth(const struct target_proc *target, struct truth *out)
{
	char line[128] = "";
	size_t n = 0;

	while (n < sizeof(line) - 1 && read(target->out, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (strcmp(line, "END") == 0)
		return false;
	cr_assert_eq(sscanf(line, "READY %llu %63s", &out->ident, out->name), 2, "'%s'", line);
	return true;
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

/* The frame that lies inside of the innermost one of Python; "-" if it is no call. */
static void called(const struct wire_names *names, struct target_frame *out, unsigned int *line)
{
	struct target_frame frame;

	*out = (struct target_frame){ .name = "-" };
	for (unsigned int i = 0; !target_frame(names, i, &frame); i++) {
		if (frame.kind == GW_FRAME_NATIVE && strcmp(frame.file, GW_FILE_BYTECODE) == 0) {
			*out = frame;
		} else if (frame.kind == GW_FRAME_PYTHON) {
			*line = frame.line;
			return;
		}
	}
	cr_assert_fail("no Python frame");
}

static void compare(const char *python, const struct wire_names *names, const char *wanted)
{
	bool optional = wanted[0] == '?';
	struct target_frame frame;
	unsigned int line = 0;

	called(names, &frame, &line);
	if (getenv("SHOW"))
		fprintf(stderr, "%s:%u: %s in %s\n", python, line, frame.name,
			frame.module ? frame.module : "-");
	if (optional && strcmp(frame.name, "-") == 0)
		return;
	cr_expect_str_eq(frame.name, wanted + optional, "%s, line %u: %s instead of %s", python,
			 line, frame.name, wanted);
}

static void follow(struct namer *namer, const struct target_proc *target, const char *python,
		   struct truth *truth)
{
	static struct wire_memory memory;
	static struct wire_stack stack;
	const struct wire_names *names;
	uint32_t pid = (uint32_t)target->pid;
	struct namer_look look;
	struct namer_aim aim;
	unsigned int n = 0;

	mem_fd = target->mem;
	do {
		cr_assert_neq(target_pc(target), 0);
		if (!n++) {
			cr_assert_eq(namer_look(namer, pid, target->mem, target->maps, "", &look),
				     0);
			cr_assert(look.has_layout, "%s: %s", python, look.why_no_python);
		}
		cr_assert_eq(namer_thread(namer, pid, pid, truth->ident, &aim), 0);
		cr_assert_eq(target_stack(target, &stack, &memory), 0);
		pywalk(&look.layout, aim.aim.tstate, &stack);
		cr_assert_eq(namer_stack(namer, &stack, &memory, &names), 0);
		compare(python, names, truth->name);
		if (getenv("SHOW") && getenv("SHOW")[0] == '2')
			target_print(names);
		cr_assert_eq(write(target->in, "\n", 1), 1);
	} while (next_truth(target, truth));
	cr_expect_gt(n, 70);
}

ParameterizedTestParameters(calls, what_python_code_calls_has_its_name)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list,
				   interpreters(list, 32, getenv("PYTHON")));
}

ParameterizedTest(struct interpreter *python, calls, what_python_code_calls_has_its_name)
{
	static const struct namer_opener opener = { .file = target_file };
	char *argv[] = { python->path, (char *)"-c", (char *)(uintptr_t)script, NULL };
	struct target_proc target;
	struct truth truth;
	struct namer *namer;

	cr_assert_eq(target_start(&target, argv), 0);
	truth.ident = target.ident;
	strcpy(truth.name, "posix.read");
	cr_assert_eq(namer_open(&namer, &opener, log_line, NULL), 0);
	follow(namer, &target, python->path, &truth);
	namer_close(namer);
	target_stop(&target);
}
