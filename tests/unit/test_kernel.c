// SPDX-License-Identifier: BSD-2-Clause
/*
 * Names of kernel addresses: the table, and a live namer that has it.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "greenwatch.h"
#include "name/kallsyms.h"
#include "name/maps.h"
#include "target.h"

static struct kallsyms table(const char *text)
{
	struct kallsyms syms = { .fd = memfd_create("kallsyms", MFD_CLOEXEC) };

	cr_assert_geq(syms.fd, 0);
	cr_assert_eq(write(syms.fd, text, strlen(text)), (ssize_t)strlen(text));
	lseek(syms.fd, 0, SEEK_SET);
	while (kallsyms_more(&syms)) {
	}
	return syms;
}

Test(kallsyms, a_function_reaches_to_the_next_one)
{
	struct kallsyms syms = table("ffffffff81000200 t second\n"
				     "ffffffff81000100 T first\n"
				     "ffffffff81000180 D data\n"
				     "ffffffff810001f0 t __pfx_second\n"
				     "ffffffffc0000000 t in_module\t[veth]\n");

	cr_expect_null(kallsyms_name(&syms, 0xffffffff810000ff));
	cr_expect_str_eq(kallsyms_name(&syms, 0xffffffff81000100), "first");
	cr_expect_str_eq(kallsyms_name(&syms, 0xffffffff810001ff), "first");
	cr_expect_str_eq(kallsyms_name(&syms, 0xffffffff81000200), "second");
	cr_expect_str_eq(kallsyms_name(&syms, 0xffffffffc0000010), "in_module");
	cr_expect_null(kallsyms_name(&syms, 0xffffffff90000000), "far from any function");
	cr_expect_null(kallsyms_name(&syms, 0x1000));
	kallsyms_close(&syms);
}

Test(kallsyms, hidden_addresses_and_nonsense_name_nothing)
{
	struct kallsyms syms = table("0000000000000000 T hidden\n"
				     "\n"
				     "nonsense\n"
				     "ffffffff81000000 T\n"
				     "ffffffff81000000 T \n"
				     "ffffffff8100000000 T long\n"
				     "ffffffff81000100 T cut");

	cr_expect_eq(syms.n, 0);
	cr_expect_null(kallsyms_name(&syms, 0xffffffff81000000));
	kallsyms_close(&syms);
}

Test(kallsyms, the_kernels_own_fits)
{
	struct kallsyms syms = { .fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC) };

	while (kallsyms_more(&syms)) {
	}
	if (!syms.n)
		cr_skip("addresses are hidden from this user");
	cr_expect_leq(syms.n * sizeof(*syms.rows) + syms.n_names, KALLSYMS_BYTES);
	kallsyms_close(&syms);
}

static uint64_t address_of(const char *wanted)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long address;
	uint64_t found = 0;
	char line[512], name[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %*c %255s", &address, name) == 2 &&
		    strcmp(name, wanted) == 0)
			found = address;
	}
	if (file)
		fclose(file);
	return found;
}

static void begin(struct target_proc *target, struct namer **namer)
{
	static const struct namer_opener opener = { .file = target_file };
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo READY 0; read x", NULL };
	struct namer_look look;

	cr_assert_eq(target_start(target, argv), 0);
	cr_assert_eq(namer_open(namer, &opener, NULL, NULL), 0);
	cr_assert_eq(
		namer_look(*namer, (uint32_t)target->pid, target->mem, target->maps, "", &look), 0);
}

Test(kernel, where_a_thread_sleeps_comes_before_the_leaf_without_the_scheduler)
{
	const char *stack_of_it[] = { "__schedule", "schedule", "vfs_read", "do_syscall_64" };
	struct wire_stack stack = { .head.kind = WIRE_SLICE };
	const struct wire_names *names;
	struct target_proc target;
	struct target_frame f;
	struct namer *namer;

	if (!address_of("vfs_read"))
		cr_skip("addresses are hidden from this user");
	begin(&target, &namer);
	stack.pid = (uint32_t)target.pid;
	stack.regs[WIRE_REG_IP] = target_pc(&target);
	for (unsigned int i = 0; i < 4; i++)
		stack.kernel[stack.n_kernel++] = address_of(stack_of_it[i]) + 5;
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	cr_expect_eq(names->n_frames, 2);
	cr_assert_eq(target_frame(names, 0, &f), 0);
	cr_expect_eq(f.kind, GW_FRAME_KERNEL);
	cr_expect_str_eq(f.name, "vfs_read");
	cr_assert_eq(target_frame(names, 1, &f), 0);
	cr_expect_str_eq(f.name, "read");
	namer_close(namer);
	target_stop(&target);
}

static unsigned long status_kb(int pid, const char *key)
{
	char path[64], line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtoul(line + strlen(key), NULL, 10);
	}
	if (file)
		fclose(file);
	return kb;
}

#define LIBRARIES 300

/* Maps library after library, as loaded ones are, then sleeps. */
static void map_libraries(void)
{
	glob_t found;
	unsigned int n = 0;

	if (glob("/usr/lib/x86_64-linux-gnu/*.so*", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc && n < LIBRARIES; i++) {
		int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
		struct stat st;

		if (fd >= 0 && !fstat(fd, &st) && st.st_size > 4096 &&
		    mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) !=
			    MAP_FAILED)
			n++;
		close(fd);
	}
	globfree(&found);
}

static void start_mapper(struct target_proc *target)
{
	int in[2];
	char byte;

	cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
	target->pid = fork();
	if (target->pid == 0) {
		dup2(in[0], 0);
		map_libraries();
		_exit((int)read(0, &byte, 1));
	}
	close(in[0]);
	target->in = in[1];
	target->out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	target->mem = target_open(target, "mem");
	target->maps = target_open(target, "maps");
	cr_assert_neq(target_pc(target), 0);
}

Test(namer, stays_below_64_mb_with_hundreds_of_files)
{
	static const struct namer_opener opener = { .file = target_file };
	struct wire_stack stack;
	static struct wire_memory memory;
	const struct wire_names *names;
	struct target_proc target;
	struct namer_look look;
	struct namer *namer;
	struct maps maps = { 0 };
	unsigned int asked = 0;
	unsigned long kb;

	start_mapper(&target);
	cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
	cr_assert_eq(namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, "", &look),
		     0);
	cr_assert_eq(target_stack(&target, &stack, &memory), 0);
	cr_assert_eq(maps_read(&maps, target.maps), 0);
	for (size_t i = 0; i < maps.n; i++) {
		const struct mapping *map = &maps.list[i];

		if (!map->exec || !map->inode)
			continue;
		/* Somewhere in the code, which lies in the middle of most. */
		stack.regs[WIRE_REG_IP] = map->start + (map->end - map->start) / 2;
		cr_expect_eq(namer_stack(namer, &stack, &memory, &names), 0);
		asked++;
	}
	kb = status_kb(namer_pid(namer), "VmHWM:");
	if (getenv("SHOW"))
		fprintf(stderr, "%u files, %lu kB\n", asked, kb);
	cr_expect_lt(kb, 64 * 1024);
	cr_expect_eq(namer_lost(namer), 0);
	maps_free(&maps);
	namer_close(namer);
	target_stop(&target);
}
