// SPDX-License-Identifier: BSD-2-Clause
/*
 * The walk over native frames: of a child that sleeps below known functions,
 * and of registers and memory that make no sense.
 */
#include <criterion/criterion.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "greenwatch.h"
#include "name/demangle.h"
#include "name/walk.h"
#include "target.h"

struct scene {
	struct target_proc target;
	struct files files;
	struct proc proc;
	struct wire_stack stack;
	struct wire_memory memory;
	struct walk walk;
};

static int open_file(void *ctx, uint32_t pid, const struct mapping *map)
{
	int fd;

	(void)ctx;
	(void)pid;
	fd = open(map->path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A copy of this very program, so that addresses of functions are known. */
static void begin(struct scene *scene, int (*body)(int fd))
{
	int in[2], out[2];

	memset(scene, 0, sizeof(*scene));
	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
	scene->target.pid = fork();
	if (scene->target.pid == 0) {
		dup2(in[0], 0);
		_exit(body(0));
	}
	close(in[0]);
	close(out[1]);
	scene->target.in = in[1];
	scene->target.out = out[0];
	scene->target.mem = target_open(&scene->target, "mem");
	scene->target.maps = target_open(&scene->target, "maps");
	scene->files.open = open_file;
	scene->proc = (struct proc){ .pid = (uint32_t)scene->target.pid, .files = &scene->files };
	scene->proc.mem.fd = scene->target.mem;
	scene->proc.maps_fd = scene->target.maps;
	cr_assert_neq(target_pc(&scene->target), 0);
	cr_assert_eq(target_stack(&scene->target, &scene->stack, &scene->memory), 0);
}

static void go(struct scene *scene)
{
	scene->proc.fresh = false;
	memory_budget(&scene->proc.mem, MEMORY_STACK_MAX, MEMORY_STACK_READS);
	walk(&scene->proc, &scene->stack, &scene->memory, &scene->walk);
}

static void end(struct scene *scene)
{
	maps_free(&scene->proc.maps);
	files_close(&scene->files);
	target_stop(&scene->target);
}

/* As they would be compiled without anyone's help; no interceptor is on the stack either. */
#define PLAIN __attribute__((noinline, no_sanitize("address", "undefined")))

PLAIN static int sleeps(int fd)
{
	static char byte;

	return (int)syscall(SYS_read, fd, &byte, 1) + 1;
}

PLAIN static int inner(int fd)
{
	volatile int sum = sleeps(fd);

	return sum + 1;
}

PLAIN static int outer(int fd)
{
	volatile int sum = inner(fd);

	return sum + 1;
}

PLAIN static int deep(int fd, int n)
{
	volatile int sum = n ? deep(fd, n - 1) : sleeps(fd);

	return sum + 1;
}

PLAIN static int deep_body(int fd)
{
	return deep(fd, 3000);
}

/* Which frame lies in a function; -1: none. */
static int frame_of(const struct scene *scene, uintptr_t function)
{
	for (unsigned int i = 0; i < scene->walk.n; i++) {
		if (scene->walk.frames[i].pc - function < 256)
			return (int)i;
	}
	return -1;
}

Test(walk, reaches_the_outermost_function_through_code_without_frame_pointers)
{
	struct scene scene;

	begin(&scene, outer);
	go(&scene);
	cr_expect_eq(scene.walk.end, WALK_OUTERMOST);
	cr_expect_eq(frame_of(&scene, (uintptr_t)sleeps), 1);
	cr_expect_eq(frame_of(&scene, (uintptr_t)inner), 2);
	cr_expect_eq(frame_of(&scene, (uintptr_t)outer), 3);
	cr_expect_null(walk_why(scene.walk.end));
	for (unsigned int i = 1; i < scene.walk.n; i++)
		cr_expect_gt(scene.walk.frames[i].sp, scene.walk.frames[i - 1].sp);
	end(&scene);
}

Test(walk, ends_at_the_bottom_of_the_greenlet)
{
	struct scene scene;

	begin(&scene, outer);
	go(&scene);
	scene.stack.stop = scene.walk.frames[3].sp;
	go(&scene);
	cr_expect_eq(scene.walk.end, WALK_BOTTOM);
	cr_expect_eq(scene.walk.n, 3);
	end(&scene);
}

Test(walk, reads_on_in_the_target_where_the_copy_ends)
{
	struct scene scene;
	unsigned int n;

	begin(&scene, outer);
	go(&scene);
	n = scene.walk.n;
	scene.memory.n = 24;
	go(&scene);
	cr_expect_eq(scene.walk.n, n);
	scene.memory.n = 0;
	go(&scene);
	cr_expect_eq(scene.walk.n, n);
	end(&scene);
}

Test(walk, has_a_bound)
{
	struct scene scene;

	begin(&scene, deep_body);
	go(&scene);
	cr_expect_eq(scene.walk.end, WALK_DEEP);
	cr_expect_eq(scene.walk.n, WALK_MAX);
	cr_expect_str_eq(walk_why(scene.walk.end), "too many");
	end(&scene);
}

Test(walk, without_a_stack_the_leaf_is_all_there_is)
{
	struct scene scene;

	begin(&scene, outer);
	scene.stack.regs[WIRE_REG_SP] = 0;
	scene.memory.n = 0;
	go(&scene);
	cr_expect_eq(scene.walk.end, WALK_LEAF);
	cr_expect_eq(scene.walk.n, 1);
	end(&scene);
}

Test(walk, a_return_address_that_is_no_code_ends_it_with_the_reason)
{
	struct scene scene;

	begin(&scene, outer);
	memset(scene.memory.bytes, 0x41, scene.memory.n);
	go(&scene);
	cr_expect_eq(scene.walk.end, WALK_NO_CODE);
	cr_expect_eq(scene.walk.n, 1);
	end(&scene);
}

/* Made code: push %rbp; mov %rsp,%rbp; call *%rsi; pop %rbp; ret. */
PLAIN static int jit_body(int fd)
{
	static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3 };
	int (*made)(int, int (*)(int)) = NULL;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return 1;
	memcpy(page, code, sizeof(code));
	memcpy(&made, &page, sizeof(page));
	return made(fd, sleeps) + 1;
}

Test(walk, goes_through_made_code_by_its_frame_pointer)
{
	struct scene scene;
	int at;

	begin(&scene, jit_body);
	go(&scene);
	at = frame_of(&scene, (uintptr_t)sleeps);
	cr_expect_eq(at, 1);
	cr_expect_eq(frame_of(&scene, (uintptr_t)jit_body), at + 2);
	end(&scene);
}

/* The same without a frame pointer that makes sense. */
Test(walk, stops_at_made_code_without_one)
{
	struct scene scene;
	uint64_t page;

	begin(&scene, jit_body);
	go(&scene);
	page = scene.walk.frames[2].pc & ~4095ULL;
	scene.stack.regs[WIRE_REG_IP] = page + 4;
	scene.stack.regs[UNWIND_FP] = 8;
	go(&scene);
	cr_expect_eq(scene.walk.n, 1);
	cr_expect_eq(scene.walk.end, WALK_NO_TABLES);
	cr_expect_str_eq(walk_why(scene.walk.end), "no unwind information");
	end(&scene);
}

static uint64_t noise(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A word that looks like something: code, the stack, or nothing at all. */
static uint64_t garbage(struct scene *scene, uint64_t *state)
{
	uint64_t random = noise(state);
	const struct mapping *map = &scene->proc.maps.list[random % scene->proc.maps.n];

	switch (random >> 32 & 3) {
	case 0:
		return map->start + random % (map->end - map->start);
	case 1:
		return scene->memory.at + random % WIRE_MEMORY_MAX;
	case 2:
		return (scene->memory.at + random % WIRE_MEMORY_MAX) & ~7ULL;
	default:
		return random;
	}
}

Test(walk, garbage_ends_it_and_does_no_harm)
{
	uint64_t state = 0x9e3779b97f4a7c15, word;
	struct scene scene;

	begin(&scene, outer);
	go(&scene);
	for (unsigned int round = 0; round < 3000; round++) {
		for (unsigned int reg = 0; reg < WIRE_REGS; reg++)
			scene.stack.regs[reg] = garbage(&scene, &state);
		scene.memory.at = scene.stack.regs[WIRE_REG_SP];
		for (unsigned int i = 0; i < WIRE_MEMORY_MAX; i += 8) {
			word = garbage(&scene, &state);
			memcpy(scene.memory.bytes + i, &word, sizeof(word));
		}
		scene.memory.n = (uint32_t)(noise(&state) % (WIRE_MEMORY_MAX + 1));
		scene.stack.stop = noise(&state) & 1 ? garbage(&scene, &state) : 0;
		go(&scene);
		cr_assert(scene.walk.n >= 1 && scene.walk.n <= WALK_MAX);
		cr_assert_leq(scene.walk.end, WALK_DEEP);
	}
	end(&scene);
}

Test(walk, a_stack_that_leads_back_to_itself_ends)
{
	struct scene scene;
	uint64_t fp, pc;

	begin(&scene, jit_body);
	go(&scene);
	/* Made code whose saved frame pointer is its own. */
	pc = (scene.walk.frames[2].pc & ~4095ULL) + 6;
	fp = scene.memory.at + 64;
	scene.stack.regs[WIRE_REG_IP] = pc;
	scene.stack.regs[UNWIND_FP] = fp;
	memcpy(scene.memory.bytes + 64, &fp, 8);
	memcpy(scene.memory.bytes + 72, &pc, 8);
	go(&scene);
	cr_expect_leq(scene.walk.n, 2);
	cr_expect_eq(scene.walk.end, WALK_NO_TABLES);
	end(&scene);
}

Test(walk, the_vdso_is_read_out_of_memory)
{
	struct scene scene;
	const struct mapping *map = NULL;
	const char *why;
	struct elf *elf;
	uint64_t vaddr, value;

	begin(&scene, outer);
	go(&scene);
	for (size_t i = 0; i < scene.proc.maps.n; i++) {
		if (strcmp(scene.proc.maps.list[i].path, "[vdso]") == 0)
			map = &scene.proc.maps.list[i];
	}
	cr_assert_not_null(map);
	elf = proc_elf(&scene.proc, map, &why);
	cr_assert_not_null(elf, "%s", why);
	cr_expect_eq(elf_dynamic(elf, "__vdso_clock_gettime", &value), 0);
	cr_expect_not_null(proc_unwind(&scene.proc, map->start + value, &vaddr));
	cr_expect_eq(vaddr, value);
	end(&scene);
}

Test(demangle, cxx_and_rust_read_as_they_were_written_and_c_stays)
{
	const char *names[][2] = {
		{ "_ZN8greenlet12UserGreenlet8g_switchEv", "greenlet::UserGreenlet::g_switch" },
		{ "_ZN5tokio7runtime4park6Parker4park17h0123456789abcdefE",
		  "tokio::runtime::park::Parker::park" },
		{ "_RNvCs1234_7mycrate3foo", "mycrate::foo" },
		{ "PQexec", "PQexec" },
		{ "_Z", "_Z" },
		{ "_start", "_start" },
	};
	char name[257];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(name, sizeof(name), "%s", names[i][0]);
		demangle(name, sizeof(name));
		cr_expect_str_eq(name, names[i][1]);
	}
}
