// SPDX-License-Identifier: BSD-2-Clause
/*
 * Greenlets of gevent and tasks of asyncio, in every interpreter that is
 * there: a script blocks in one after the other and says itself whose turn
 * it is; the stack that the kernel side would take must be named the same.
 * tests/venvs.sh makes interpreters with gevent and uvloop for it.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <time.h>

static int mem_fd;

static int read_user(void *dst, unsigned int size, unsigned long long address);

#include "bpf/pywalk.h"
#include "greenwatch.h"
#include "interpreters.h"
#include "target.h"

#define VENVS "/tmp/gw-venvs/*/bin/python" /* of tests/venvs.sh */

static int read_user(void *dst, unsigned int size, unsigned long long address)
{
	return pread(mem_fd, dst, size, (off_t)address) == (ssize_t)size ? 0 : -1;
}

/* say() tells the truth and blocks: READY ident tid kind line-it-was-spawned-at name. */
#define SAY                                                                                        \
	"import os, sys, threading, functools\n"                                                   \
	"tid = getattr(threading, 'get_native_id', os.getpid)\n"                                   \
	"def say(kind, name, line=0):\n"                                                           \
	"    os.write(1, ('READY %d %d %d %d %s\\n' %\n"                                           \
	"        (threading.get_ident(), tid(), kind, line, name)).encode())\n"                    \
	"    os.read(0, 1)\n"                                                                      \
	"def here(): return sys._getframe(1).f_lineno\n"                                           \
	"new = sys.version_info >= (3, 8)\n"                                                       \
	"os.write(1, b'READY 0\\n')\n"

static const char gevent_script[] = SAY
	"import gevent\n"
	"from gevent import Greenlet\n"
	"def block(kind, name, line=0):\n"
	"    say(kind, name, line)\n"
	"class Worker(Greenlet):\n"
	"    def _run(self):\n"
	"        say(1, 'Worker-%d' % self.minimal_ident)\n"
	"class Holder:\n"
	"    def method(self, *args):\n"
	"        block(*args)\n"
	"def start():\n"
	"    g = gevent.spawn(block, 1, 'reader one', here())\n"
	"    g.name = 'reader one'\n"
	"    h = Greenlet(block, 1, 'g\303\274nther', here())\n"
	"    h.name = 'g\303\274nther'\n"
	"    h.start()\n"
	"    gevent.joinall([g, h])\n"
	"say(0, '')\n"
	"gevent.getcurrent()\n"
	"say(3, '')\n"
	"start()\n"
	"gevent.spawn(block, 1, 'block', here()).join()\n"
	"g = gevent.spawn(lambda: say(1, g.name)); g.name; g.join()\n"
	"gevent.spawn(Holder().method, 1, 'Holder.method').join()\n"
	"gevent.spawn(functools.partial(block, 1), 'block').join()\n"
	"w = Worker(); w.start(); w.join()\n"
	"def raw():\n"
	"    say(1, 'raw'); gevent.sleep(0); say(1, 'raw'); raw.done = True\n"
	"raw.done = False\n"
	"gevent.spawn_raw(raw)\n"
	"while not raw.done: gevent.sleep(0.001)\n"
	"def called(): say(2, '*'); called.done = True\n"
	"called.done = False\n"
	"gevent.get_hub().loop.run_callback(called)\n"
	"while not called.done: gevent.sleep(0.001)\n"
	"gs = [gevent.spawn(block, 1, 'number %d' % i, here()) for i in range(20)]\n"
	"for i, g in enumerate(gs): g.name = 'number %d' % i\n"
	"gevent.joinall(gs)\n"
	"for i in range(20):\n"
	"    g = gevent.spawn(block, 1, 'again %d' % i, here())\n"
	"    g.name = 'again %d' % i\n"
	"    g.join()\n"
	"    del g\n"
	"def thread():\n"
	"    say(0, '')\n"
	"    g = gevent.spawn(block, 1, 'in a thread', here()); g.name = 'in a thread'; g.join()\n"
	"    say(3, '')\n"
	"t = threading.Thread(target=thread)\n"
	"if new: t.start(); t.join()\n"
	"say(3, '')\n"
	"os.write(1, b'END\\n'); os.read(0, 1)\n";

static const char asyncio_script[] = SAY
	"import asyncio\n"
	"def spawn(coro, name):\n"
	"    loop = asyncio.get_running_loop()\n"
	"    return loop.create_task(coro, name=name) if new and name else loop.create_task(coro)\n"
	"async def inner(*args):\n"
	"    say(*args)\n"
	"    await asyncio.sleep(0)\n"
	"    say(*args)\n"
	"async def worker(*args):\n"
	"    await inner(*args)\n"
	"async def numbers(*args):\n"
	"    say(*args)\n"
	"    yield 1\n"
	"async def each(*args):\n"
	"    async for i in numbers(*args): pass\n"
	"def called(loop, future):\n"
	"    [x for x in (say(5, 'called') for i in (1,))]\n"
	"    future.set_result(1)\n"
	"def task(name, chain):\n"
	"    root = chain.partition('>')[0]\n"
	"    return (name + ' (' + root + ')' if new else root) + '\\t' + chain\n"
	"async def deep(n, *args):\n"
	"    await (deep(n - 1, *args) if n else inner(*args))\n"
	"async def eager():\n"
	"    t = asyncio.Task(worker(4, task('at once', 'worker>inner')), name='at once',\n"
	"        loop=asyncio.get_running_loop(), eager_start=True)\n"
	"    say(4, task('Task-*', 'main>eager'))\n"
	"    await t\n"
	"async def main():\n"
	"    loop = asyncio.get_running_loop()\n"
	"    say(4, task('Task-*', 'main'))\n"
	"    await spawn(worker(4, task('fetch users', 'worker>inner')), 'fetch users')\n"
	"    await spawn(each(4, task('Task-*', 'each>numbers')), None)\n"
	"    await spawn(worker(4, task('g\303\274nther', 'worker>inner')), 'g\303\274nther')\n"
	"    await spawn(worker(4, task('n' * 40 + '*', 'worker>inner')), 'n' * 150)\n"
	"    await spawn(deep(30, 4, task('deep', '>'.join(['deep'] * 15 + ['inner']))), 'deep')\n"
	"    if hasattr(asyncio, 'eager_task_factory'): await eager()\n"
	"    future = loop.create_future()\n"
	"    loop.call_soon(called, loop, future)\n"
	"    await future\n"
	"    await asyncio.gather(*[spawn(worker(4, task('n%d' % i, 'worker>inner')),\n"
	"        'n%d' % i) for i in range(10)])\n"
	"def thread():\n"
	"    asyncio.new_event_loop().run_until_complete(\n"
	"        worker(4, task('Task-*', 'worker>inner')))\n"
	"async def both():\n"
	"    t = threading.Thread(target=thread); t.start()\n"
	"    t.join()\n"
	"async def python():\n"
	"    for i in range(10):\n"
	"        await asyncio.tasks._PyTask(worker(4, task('py%d' % i, 'worker>inner')),\n"
	"            loop=asyncio.get_running_loop(), **({'name': 'py%d' % i} if new else {}))\n"
	"if sys.argv[1:] == ['python']:\n"
	"    asyncio.run(python()); os.write(1, b'END\\n'); os.read(0, 1); sys.exit()\n"
	"if sys.argv[1:] == ['uvloop']:\n"
	"    import uvloop; uvloop.install()\n"
	"asyncio.run(main())\n"
	"if new: asyncio.run(both())\n"
	"say(0, '')\n"
	"os.write(1, b'END\\n'); os.read(0, 1)\n";

static char directory[] = "/tmp/gw-tasks-XXXXXX";

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "we");

	cr_assert_not_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_scripts(void)
{
	cr_assert_not_null(mkdtemp(directory));
	cr_assert_eq(chmod(directory, 0755), 0);
	cr_assert_eq(chdir(directory), 0);
	write_file("green.py", gevent_script);
	write_file("tasks.py", asyncio_script);
}

static void clean(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
}

static bool has_module(const char *python, const char *module)
{
	char command[512];

	snprintf(command, sizeof(command), "'%s' -c 'import %s' 2>/dev/null", python, module);
	if (system(command) == 0)
		return true;
	fprintf(stderr, "skipped: %s has no module %s (tests/venvs.sh makes one)\n", python,
		module);
	return false;
}

struct truth {
	unsigned long long ident;
	unsigned int tid, kind, line;
	char name[128], chain[128];
};

/* The next line of the target; false: it was END. */
static bool next_truth(const struct target_proc *target, struct truth *out)
{
	char line[256] = "";
	size_t n = 0;
	int at = 0;

	while (n < sizeof(line) - 1 && read(target->out, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (strcmp(line, "END") == 0)
		return false;
	cr_assert_geq(sscanf(line, "READY %llu %u %u %u %n", &out->ident, &out->tid, &out->kind,
			     &out->line, &at),
		      4, "%s", line);
	snprintf(out->name, sizeof(out->name), "%s", line + at);
	snprintf(out->chain, sizeof(out->chain), "%s", "");
	if (strchr(out->name, '\t')) {
		snprintf(out->chain, sizeof(out->chain), "%s", strchr(out->name, '\t') + 1);
		*strchr(out->name, '\t') = '\0';
	}
	return true;
}

/* Sleeps until that thread is in read(2). */
static void wait_for_read(const struct target_proc *target, unsigned int tid)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/task/%u/syscall", target->pid, tid);
	while (strncmp(text, "0 ", 2)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
			cr_assert_fail("thread %u is gone", tid);
		close(fd);
		usleep(200);
	}
}

/* As stack_task() of the kernel side. */
static void take_task(const struct wire_aim *aim, struct wire_stack *stack)
{
	__u64 state;

	if (!aim->task_at || read_user(&stack->task, 8, aim->task_at) || !stack->task || !aim->stop)
		return;
	state = stack->task;
	if (aim->impl && read_user(&state, 8, state + aim->impl))
		return;
	read_user(&stack->stop, 8, state + aim->stop);
	if (stack->stop == ~0ULL)
		stack->stop = 0;
}

static void spawn_of(const struct wire_names *names, struct target_frame *out, const char **task)
{
	struct wire_names all = *names;
	const char *at = (const char *)names + names->head.size - 1;

	while (at[-1])
		at--;
	*task = at;
	memset(out, 0, sizeof(*out));
	all.n_frames += all.n_spawn;
	at = (const char *)(names + 1);
	for (unsigned int i = 0; names->n_spawn && i <= names->n_frames; i++) {
		out->app = (unsigned char)at[1];
		memcpy(&out->line, at + 4, 4);
		at += 16;
		out->name = at;
		out->file = at + strlen(at) + 1;
		for (unsigned int text = 0; text < 4; text++)
			at += strlen(at) + 1;
	}
}

/* Its coroutines, outermost first: "a>b". */
static void chain_of(const struct wire_names *names, char *out, size_t size)
{
	const char *at = (const char *)(names + 1);

	out[0] = '\0';
	for (unsigned int i = 0; i < names->n_frames + names->n_spawn + names->n_chain; i++) {
		char rest[256];

		at += 16;
		snprintf(rest, sizeof(rest), "%s%.150s", out[0] ? ">" : "", out);
		if (i >= names->n_frames + names->n_spawn)
			snprintf(out, size, "%.100s%.150s", at, rest);
		for (unsigned int text = 0; text < 4; text++)
			at += strlen(at) + 1;
	}
}

static void compare(const char *python, const struct wire_names *names, const struct truth *truth)
{
	struct target_frame spawn;
	const char *task;

	spawn_of(names, &spawn, &task);
	if (getenv("SHOW")) {
		fprintf(stderr, "%s: %u %s (%u frames, spawned at %s %s:%u)\n", python,
			names->task_kind, task, names->n_frames, spawn.name, spawn.file,
			spawn.line);
		if (getenv("SHOW")[0] == '2')
			target_print(names);
	}
	cr_expect_eq(names->task_kind, truth->kind, "%s: kind %u, not %u, for '%s'", python,
		     names->task_kind, truth->kind, truth->name);
	cr_expect_eq(fnmatch(truth->name, task, 0), 0, "%s: '%s' instead of '%s'", python, task,
		     truth->name);
	if (truth->chain[0]) {
		char chain[256];

		chain_of(names, chain, sizeof(chain));
		cr_expect_str_eq(chain, truth->chain, "%s: '%s' is made of '%s'", python, task,
				 chain);
	}
	if (!truth->line)
		return;
	cr_assert_gt(names->n_spawn, 0, "%s: '%s' was spawned nowhere", python, task);
	cr_expect_eq(spawn.line, truth->line, "%s: '%s' spawned at %u, not %u", python, task,
		     spawn.line, truth->line);
	cr_expect_str_eq(spawn.file, "green.py");
	cr_expect_eq(spawn.app, 1);
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

/* A thread that has not asked for its greenlet may have one all the same, its main one; before
 * greenlet 2.0 it is shown another thread's. */
static void settle(struct truth *truth, const struct namer_aim *got, bool greenlets)
{
	if (greenlets && truth->kind == GW_TASK_NONE && got->aim.task_at)
		truth->kind = GW_TASK_MAIN;
}

/* Is the address that of the flag? Nobody collects while the script sleeps. */
static void check_aim(const char *python, const struct namer_aim *got, bool greenlets, bool yet)
{
	uint64_t interval = 0;
	uint32_t collecting = 1;

	cr_expect_neq(got->aim.gil, 0, "%s: no GIL", python);
	cr_expect_eq(read_user(&interval, 8, got->aim.gil), 0);
	cr_expect_eq(interval, 5000, "%s: interval of the GIL %llu", python,
		     (unsigned long long)interval);
	cr_expect_neq(got->aim.gc_at, 0, "%s: no collector", python);
	cr_expect_eq(read_user(&collecting, 4, got->aim.gc_at), 0);
	cr_expect_eq(collecting, 0);
	cr_expect_eq(got->pending, greenlets && !yet);
	cr_expect_eq(got->why[0] != 0, greenlets && !yet);
	if (!greenlets || !yet)
		return;
	cr_expect_neq(got->aim.task_at, 0, "%s: no greenlet", python);
	cr_expect_neq(got->aim.stop, 0);
}

/* When a stack is named. */
enum when {
	AT_ONCE,
	LATE,  /* the target has gone on */
	BLIND, /* at once, without what the kernel side has seen of the task */
};

/* What the kernel side would send. */
struct taken {
	struct wire_stack stack;
	struct wire_memory memory;
	struct truth truth;
};

static void take(struct namer *namer, const struct target_proc *target, const char *python,
		 bool greenlets, enum when when, const struct wire_python *layout,
		 struct taken *out)
{
	struct wire_stack *stack = &out->stack;
	struct namer_aim aim;
	struct timespec from, to;
	long took;

	clock_gettime(CLOCK_MONOTONIC, &from);
	cr_assert_eq(
		namer_thread(namer, (uint32_t)target->pid, out->truth.tid, out->truth.ident, &aim),
		0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	took = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	if (getenv("SHOW"))
		fprintf(stderr, "aimed in %ld us: task_at %llx impl %u stop %u tasks %llx\n", took,
			(unsigned long long)aim.aim.task_at, aim.aim.impl, aim.aim.stop,
			(unsigned long long)aim.aim.tasks);
	settle(&out->truth, &aim, greenlets);
	check_aim(python, &aim, greenlets, out->truth.kind != 0);
	memset(stack, 0, sizeof(*stack));
	memset(&out->memory, 0, WIRE_MEMORY_BASE);
	stack->head.kind = WIRE_SLICE;
	stack->pid = (uint32_t)target->pid;
	stack->regs[WIRE_REG_IP] = 4096;
	pywalk_task(layout, &aim.aim, stack, &out->memory.task);
	take_task(&aim.aim, stack);
	if (!stack->task)
		stack->task = out->memory.task.task;
	if (when == LATE && out->truth.kind == GW_TASK_TASK)
		cr_expect_neq(stack->task, 0, "%s: '%s' is no task", python, out->truth.name);
}

static void name_taken(struct namer *namer, const char *python, const struct taken *taken,
		       enum when when)
{
	const struct wire_names *names;

	cr_assert_eq(
		namer_stack(namer, &taken->stack, when == BLIND ? NULL : &taken->memory, &names),
		0);
	compare(python, names, &taken->truth);
}

static void follow(struct namer *namer, const struct target_proc *target, const char *python,
		   bool greenlets, enum when when)
{
	static struct taken taken;
	struct namer_look look;
	struct truth truth;
	unsigned int n = 0;

	mem_fd = target->mem;
	while (next_truth(target, &truth)) {
		wait_for_read(target, truth.tid);
		if (!n++) {
			cr_assert_eq(namer_look(namer, (uint32_t)target->pid, target->mem,
						target->maps, directory, &look),
				     0);
			cr_assert(look.has_layout, "%s: %s", python, look.why_no_python);
		} else if (when == LATE) {
			name_taken(namer, python, &taken, when);
		}
		taken.truth = truth;
		take(namer, target, python, greenlets, when, &look.layout, &taken);
		if (when != LATE)
			name_taken(namer, python, &taken, when);
		cr_assert_eq(write(target->in, "\n", 1), 1);
	}
	cr_expect_gt(n, 10);
}

static void run(const char *python, const char *script, const char *argument, bool greenlets,
		enum when when)
{
	char *argv[] = { (char *)(uintptr_t)python, (char *)(uintptr_t)script,
			 (char *)(uintptr_t)argument, NULL };
	struct namer_opener opener = { .file = target_file };
	struct target_proc target;
	struct namer *namer;

	cr_assert_eq(target_start(&target, argv), 0);
	cr_assert_eq(namer_open(&namer, &opener, log_line, NULL), 0);
	follow(namer, &target, python, greenlets, when);
	namer_close(namer);
	target_stop(&target);
}

ParameterizedTestParameters(tasks, each_greenlet_has_its_own_name)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, VENVS));
}

ParameterizedTest(struct interpreter *python, tasks, each_greenlet_has_its_own_name,
		  .init = make_scripts, .fini = clean)
{
	if (has_module(python->path, "gevent"))
		run(python->path, "green.py", NULL, true, AT_ONCE);
}

ParameterizedTestParameters(tasks, each_task_and_callback_has_its_own_name)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, VENVS));
}

ParameterizedTest(struct interpreter *python, tasks, each_task_and_callback_has_its_own_name,
		  .init = make_scripts, .fini = clean)
{
	run(python->path, "tasks.py", NULL, false, AT_ONCE);
	run(python->path, "tasks.py", NULL, false, BLIND);
	run(python->path, "tasks.py", "python", false, AT_ONCE);
}

ParameterizedTestParameters(tasks, a_task_that_has_ended_keeps_its_name)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, VENVS));
}

ParameterizedTest(struct interpreter *python, tasks, a_task_that_has_ended_keeps_its_name,
		  .init = make_scripts, .fini = clean)
{
	run(python->path, "tasks.py", NULL, false, LATE);
}

ParameterizedTestParameters(tasks, uvloop_is_no_different)
{
	static struct interpreter list[32];

	return cr_make_param_array(struct interpreter, list, interpreters(list, 32, VENVS));
}

ParameterizedTest(struct interpreter *python, tasks, uvloop_is_no_different, .init = make_scripts,
		  .fini = clean)
{
	if (has_module(python->path, "uvloop")) {
		run(python->path, "tasks.py", "uvloop", false, AT_ONCE);
		run(python->path, "tasks.py", "uvloop", false, LATE);
	}
}
