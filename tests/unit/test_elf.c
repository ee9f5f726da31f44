// SPDX-License-Identifier: BSD-2-Clause
/*
 * The ELF reader on this very binary, on the C library, and on damaged
 * copies.
 */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "name/elf.h"
#include "name/maps.h"

__attribute__((noinline, used)) static int a_function_of_its_own(int x)
{
	__asm__ volatile("nop; nop; nop" : "+r"(x));
	return x + 1;
}

/* The C library's own, also when a sanitizer stands before it. */
static const void *libc_read(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY);

	cr_assert_not_null(libc);
	return dlsym(libc, "read");
}

static struct elf *open_at(const void *address, uint64_t *vaddr)
{
	struct maps maps = { 0 };
	const struct mapping *map;
	struct elf *elf = NULL;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	cr_assert_eq(maps_read(&maps, fd), 0);
	close(fd);
	map = maps_find(&maps, (uint64_t)(uintptr_t)address);
	cr_assert_not_null(map);
	cr_assert_eq(elf_open(&elf, open(map->path, O_RDONLY | O_CLOEXEC)), 0);
	cr_assert_eq(elf_vaddr(elf, (uint64_t)(uintptr_t)address - map->start + map->offset, true,
			       vaddr),
		     0);
	maps_free(&maps);
	return elf;
}

Test(elf, names_a_static_function_of_an_unstripped_file)
{
	char name[257];
	const char *why;
	uint64_t vaddr;
	struct elf *elf = open_at((const void *)a_function_of_its_own, &vaddr);

	cr_assert_eq(elf_name(elf, vaddr, name, sizeof(name), &why), 0);
	cr_expect_str_eq(name, "a_function_of_its_own");
	cr_assert_eq(elf_name(elf, vaddr + 1, name, sizeof(name), &why), 0);
	cr_expect_str_eq(name, "a_function_of_its_own");
	elf_close(elf);
}

Test(elf, an_address_outside_every_symbol_has_no_name)
{
	char name[257];
	const char *why;
	uint64_t vaddr;
	struct elf *elf = open_at((const void *)a_function_of_its_own, &vaddr);

	cr_expect_eq(elf_name(elf, 0, name, sizeof(name), &why), -ENOENT);
	cr_expect_str_eq(why, "no symbol covers this address");
	cr_expect_eq(elf_name(elf, UINT64_MAX, name, sizeof(name), &why), -ENOENT);
	elf_close(elf);
}

Test(elf, prefers_the_name_with_the_fewest_underscores)
{
	char name[257];
	const char *why;
	uint64_t vaddr;
	struct elf *elf = open_at(libc_read(), &vaddr);

	cr_assert_eq(elf_name(elf, vaddr, name, sizeof(name), &why), 0);
	cr_expect_str_eq(name, "read");
	elf_close(elf);
}

Test(elf, finds_dynamic_symbols_by_hash_in_a_stripped_file)
{
	uint64_t vaddr, value;
	struct elf *elf = open_at(libc_read(), &vaddr);

	cr_assert_eq(elf_dynamic(elf, "read", &value), 0);
	cr_expect_eq(value, vaddr);
	cr_expect_eq(elf_dynamic(elf, "no_such_function_at_all", &value), -ENOENT);
	cr_expect_eq(elf_dynamic(elf, "", &value), -ENOENT);
	elf_close(elf);
}

Test(elf, a_stripped_static_function_says_why_it_has_no_name)
{
	char name[257];
	const char *why;
	uint64_t vaddr;
	struct elf *elf = open_at(libc_read(), &vaddr);

	cr_assert_eq(elf_name(elf, 64, name, sizeof(name), &why), -ENOENT);
	cr_expect_str_eq(why, "static function, stripped");
	elf_close(elf);
}

Test(elf, reads_build_id_and_sections)
{
	unsigned char id[ELF_BUILD_ID];
	uint64_t vaddr, text;
	struct elf *elf = open_at((const void *)a_function_of_its_own, &vaddr);

	cr_expect_eq(elf_build_id(elf, id), 20);
	cr_assert_eq(elf_section(elf, ".text", &text), 0);
	cr_expect_leq(text, vaddr);
	cr_expect_eq(elf_section(elf, ".no-such", &text), -ENOENT);
	elf_close(elf);
}

/* The first bytes of this binary in a file of their own. */
static int copy_of(size_t size, char **bytes)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = memfd_create("copy", MFD_CLOEXEC);
	struct stat st;
	ssize_t n;

	cr_assert_eq(fstat(from, &st), 0);
	if (size > (size_t)st.st_size)
		size = (size_t)st.st_size;
	*bytes = malloc(size + 1);
	n = pread(from, *bytes, size, 0);
	cr_assert_eq(n, (ssize_t)size);
	cr_assert_eq(write(to, *bytes, size), n);
	close(from);
	return to;
}

static void use_up(int fd)
{
	char name[257];
	const char *why;
	uint64_t value;
	struct elf *elf;

	if (elf_open(&elf, fd))
		return;
	for (uint64_t at = 0; at < 0x20000; at += 0x1111)
		(void)elf_name(elf, at, name, sizeof(name), &why);
	(void)elf_dynamic(elf, "read", &value);
	(void)elf_section(elf, ".text", &value);
	(void)elf_vaddr(elf, 0x1000, true, &value);
	elf_close(elf);
}

Test(elf, a_file_cut_anywhere_is_survived)
{
	for (size_t n = 0; n < 4096; n += n < 256 ? 1 : 37) {
		char *bytes;

		use_up(copy_of(n, &bytes));
		free(bytes);
	}
}

Test(elf, damaged_headers_are_survived)
{
	const unsigned char evil[] = { 0, 1, 0x7f, 0x80, 0xff };
	char *bytes;
	int fd = copy_of(SIZE_MAX, &bytes);

	for (size_t at = 4; at < 1024; at += at < 64 ? 1 : 5) {
		for (size_t i = 0; i < sizeof(evil); i++) {
			cr_assert_eq(pwrite(fd, &evil[i], 1, (off_t)at), 1);
			use_up(dup(fd));
		}
		cr_assert_eq(pwrite(fd, bytes + at, 1, (off_t)at), 1);
	}
	free(bytes);
	close(fd);
}

Test(elf, damaged_section_headers_are_survived)
{
	const uint64_t evil[] = { 0, UINT64_MAX, 1ULL << 63, 0xffffffff, 7 };
	char *bytes;
	int fd = copy_of(SIZE_MAX, &bytes);
	uint64_t shoff;
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	memcpy(&shoff, bytes + 40, sizeof(shoff));
	for (uint64_t at = shoff; at + 8 <= (uint64_t)st.st_size; at += 8) {
		for (size_t i = 0; i < sizeof(evil) / sizeof(evil[0]); i++) {
			cr_assert_eq(pwrite(fd, &evil[i], 8, (off_t)at), 8);
			use_up(dup(fd));
		}
		cr_assert_eq(pwrite(fd, bytes + at, 8, (off_t)at), 8);
	}
	free(bytes);
	close(fd);
}

Test(elf, what_is_no_regular_elf_file_is_refused)
{
	struct elf *elf;
	int pipes[2];

	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	cr_expect_eq(elf_open(&elf, pipes[0]), -ENOEXEC);
	close(pipes[1]);
	cr_expect_eq(elf_open(&elf, open("/", O_RDONLY | O_CLOEXEC)), -ENOEXEC);
	cr_expect_eq(elf_open(&elf, open("/dev/zero", O_RDONLY | O_CLOEXEC)), -ENOEXEC);
	cr_expect_eq(elf_open(&elf, open("/etc/passwd", O_RDONLY | O_CLOEXEC)), -ENOEXEC);
}
