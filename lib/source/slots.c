// SPDX-License-Identifier: BSD-2-Clause
/*
 * slots.c: see slots.h.
 */
#include "source/slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t bytes_of(const struct slot_map *map, uint32_t n)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (map->size * n + page - 1) & ~(page - 1);
}

static int map_one(struct slot_map *map, int fd, size_t value, uint32_t n)
{
	void *at;

	map->size = (value + 7) & ~7UL;
	at = mmap(NULL, bytes_of(map, n), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	map->at = at;
	return 0;
}

/* A child (the namer, started anew) must not be able to write what the kernel side trusts. libbpf
 * keeps the addresses of the ring to itself, so they are read back from the kernel. */
int slots_keep_from_children(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[512];

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "anon_inode:bpf") && sscanf(line, "%lx-%lx", &start, &end) == 2)
			madvise((void *)start, end - start, MADV_DONTFORK);
	fclose(maps);
	return 0;
}

int slots_open(struct slots *slots, int loops, int aims, uint32_t n)
{
	int err = map_one(&slots->loops, loops, sizeof(struct wire_loop), n);

	slots->n = n;
	return err ? err : map_one(&slots->aims, aims, sizeof(struct wire_aim), n);
}

void slots_close(struct slots *slots)
{
	struct slot_map *maps[] = { &slots->loops, &slots->aims };

	for (size_t i = 0; i < 2; i++)
		if (maps[i]->at)
			munmap(maps[i]->at, bytes_of(maps[i], slots->n));
	memset(slots, 0, sizeof(*slots));
}

const struct wire_loop *slots_peek(const struct slots *slots, uint32_t slot)
{
	return (const struct wire_loop *)(slots->loops.at + slot * slots->loops.size);
}

uint32_t slots_seq(const struct slots *slots, uint32_t slot)
{
	return __atomic_load_n(&slots_peek(slots, slot)->seq, __ATOMIC_ACQUIRE);
}

bool slots_loop(const struct slots *slots, uint32_t slot, struct wire_loop *out)
{
	const struct wire_loop *loop = slots_peek(slots, slot);

	for (int tries = 0; tries < 100; tries++) {
		uint32_t seq = slots_seq(slots, slot);

		memcpy(out, loop, sizeof(*out));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && slots_seq(slots, slot) == seq)
			return true;
	}
	return false;
}

struct wire_aim *slots_aim(const struct slots *slots, uint32_t slot)
{
	return (struct wire_aim *)(slots->aims.at + slot * slots->aims.size);
}

void slots_forget_longest(const struct slots *slots, uint32_t slot)
{
	struct wire_loop *loop = (struct wire_loop *)(slots->loops.at + slot * slots->loops.size);

	__atomic_store_n(&loop->lag_max_ns, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&loop->delay_max_ns, 0, __ATOMIC_RELAXED);
}

void slots_clear(struct slots *slots, uint32_t slot)
{
	memset(slots->aims.at + slot * slots->aims.size, 0, slots->aims.size);
	memset(slots->loops.at + slot * slots->loops.size, 0, slots->loops.size);
}
