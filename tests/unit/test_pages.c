// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which pages of a process, here our own, are read and which never.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "name/pages.h"

#define PAGE 4096UL

struct scene {
	struct maps maps;
	struct pages *pages;
	volatile char *memory; /* four pages, none of them there yet */
	uint64_t at;
};

static void begin(struct scene *scene)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	void *memory =
		mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*scene = (struct scene){ .memory = memory, .at = (uint64_t)(uintptr_t)memory };
	cr_assert_neq(memory, MAP_FAILED);
	cr_assert_geq(fd, 0);
	cr_assert_eq(madvise(memory, 4 * PAGE, MADV_NOHUGEPAGE), 0);
	cr_assert_eq(pages_open(&scene->pages, fd, &scene->maps), 0);
}

static void end(struct scene *scene)
{
	pages_close(scene->pages);
	maps_free(&scene->maps);
}

/* As if the memory were a file on that device. */
static void map_file(struct scene *scene, const char *device)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "%lx-%lx rw-p 00000000 %s 77 /a\n",
			 (unsigned long)scene->at, (unsigned long)(scene->at + 4 * PAGE), device);

	cr_assert_eq(maps_parse(&scene->maps, line, (size_t)n), 0);
}

Test(pages, what_is_there_is_read_up_to_the_first_page_that_is_not)
{
	struct scene scene;

	begin(&scene);
	scene.memory[0] = scene.memory[PAGE] = 1;
	cr_expect_eq(pages_readable(scene.pages, scene.at + 8, 100), 100);
	cr_expect_eq(pages_readable(scene.pages, scene.at + PAGE - 8, 4 * 8), 32);
	cr_expect_eq(pages_readable(scene.pages, scene.at + 8, 3 * PAGE), 2 * PAGE - 8);
	cr_expect_eq(pages_readable(scene.pages, scene.at + 2 * PAGE, 8), 0);
	end(&scene);
}

Test(pages, a_page_that_came_since_the_last_look_is_read)
{
	struct scene scene;

	begin(&scene);
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 0);
	scene.memory[0] = 1;
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 8);
	end(&scene);
}

Test(pages, a_page_that_went_is_known_in_the_next_request)
{
	struct scene scene;

	begin(&scene);
	scene.memory[0] = 1;
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 8);
	cr_assert_eq(madvise((void *)(uintptr_t)scene.at, PAGE, MADV_DONTNEED), 0);
	pages_forget(scene.pages);
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 0);
	end(&scene);
}

Test(pages, a_page_that_is_not_there_is_read_from_a_disk_alone)
{
	struct scene scene;

	begin(&scene);
	map_file(&scene, "00:2f");
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 0);
	maps_free(&scene.maps);
	map_file(&scene, "08:01");
	cr_expect_eq(pages_readable(scene.pages, scene.at, 8), 8);
	cr_expect_eq(pages_readable(scene.pages, scene.at, 4 * PAGE), 4 * PAGE);
	end(&scene);
}

Test(pages, more_windows_than_are_kept_are_looked_at_again)
{
	struct scene scene;
	size_t size = 64UL << 20;
	volatile char *far;

	begin(&scene);
	far = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)(uintptr_t)far, MAP_FAILED);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < size; i += 1UL << 20) {
			far[i] = 1;
			cr_expect_eq(pages_readable(scene.pages, (uint64_t)(uintptr_t)(far + i), 8),
				     8);
		}
	}
	end(&scene);
}

Test(pages, all_is_read_where_the_pages_are_not_known)
{
	cr_expect_eq(pages_readable(NULL, 0x1000, 99), 99);
	pages_forget(NULL);
	pages_close(NULL);
}
