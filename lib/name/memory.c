// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory.c: pread on /proc/PID/mem, with a budget.
 *
 * Such a read may block for ever behind a FUSE server: that is why the pages
 * are looked at first, and why this runs in the namer, which can be killed.
 * Never process_vm_readv: it waits for a userfaultfd too, which this does not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "name/memory.h"

#define USER_END 0x0000800000000000ULL /* 47 bits; nothing of a process lies above */
#define PAGE     4096
#define PAGES    8192 /* kept; a power of two */

struct memory_cache {
	uint64_t page[PAGES]; /* address; 0: free */
	int16_t got[PAGES];   /* bytes of it, or -errno */
	unsigned char bytes[PAGES][PAGE];
};

void memory_budget(struct memory *mem, size_t bytes, unsigned int reads)
{
	mem->bytes = bytes;
	mem->reads = reads;
	pages_forget(mem->pages);
}

void memory_copy(struct memory *mem, uint64_t address, const void *bytes, size_t n)
{
	mem->copy.at = address;
	mem->copy.bytes = bytes;
	mem->copy.n = n;
}

/* Bytes taken from the copy; 0: the address is not in it. */
static size_t read_copy(const struct memory *mem, uint64_t address, void *out, size_t size)
{
	uint64_t skip = address - mem->copy.at;
	size_t n;

	if (address < mem->copy.at || skip >= mem->copy.n)
		return 0;
	n = mem->copy.n - (size_t)skip;
	if (n > size)
		n = size;
	memcpy(out, (const char *)mem->copy.bytes + skip, n);
	return n;
}

int memory_cache_begin(struct memory *mem)
{
	memory_cache_end(mem);
	mem->cache = calloc(1, sizeof(*mem->cache));
	return mem->cache ? 0 : -ENOMEM;
}

void memory_cache_end(struct memory *mem)
{
	free(mem->cache);
	mem->cache = NULL;
}

void memory_cache_drop(struct memory *mem)
{
	if (mem->cache)
		memset(mem->cache->page, 0, sizeof(mem->cache->page));
}

static int read_live(struct memory *mem, uint64_t address, void *out, size_t size)
{
	ssize_t n;

	if (mem->gone)
		return -ESRCH;
	if (!size || size > MEMORY_CALL_MAX)
		return -EINVAL;
	if (address < 4096 || address >= USER_END - size)
		return -EFAULT;
	if (!mem->reads || mem->bytes < size)
		return -EDQUOT;
	mem->reads--;
	size = pages_readable(mem->pages, address, size);
	if (!size)
		return -EFAULT;
	mem->bytes -= size;
	do {
		n = pread(mem->fd, out, size, (off_t)address);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EIO ? -EFAULT : -errno;
	if (!n) {
		mem->gone = true;
		return -ESRCH;
	}
	return (int)n;
}

/* The page at an address that is a multiple of it: bytes there are, or -errno. */
static int read_page(struct memory *mem, uint64_t address, const unsigned char **out)
{
	struct memory_cache *cache = mem->cache;
	size_t i = address / PAGE % PAGES;

	if (cache->page[i] != address) {
		int n = read_live(mem, address, cache->bytes[i], PAGE);

		if (n == -ESRCH || n == -EDQUOT)
			return n;
		cache->page[i] = address;
		cache->got[i] = (int16_t)n;
	}
	*out = cache->bytes[i];
	return cache->got[i];
}

static int read_kept(struct memory *mem, uint64_t address, unsigned char *out, size_t size)
{
	size_t done = 0;

	if (!size || size > MEMORY_CALL_MAX)
		return -EINVAL;
	if (address < PAGE || address >= USER_END - size - PAGE)
		return -EFAULT;
	while (done < size) {
		uint64_t at = address + done;
		size_t skip = at % PAGE, part = PAGE - skip;
		const unsigned char *page;
		int n = read_page(mem, at - skip, &page);

		if (n < 0 || (size_t)n <= skip)
			return done ? (int)done : n < 0 ? n : -EFAULT;
		if (part > (size_t)n - skip)
			part = (size_t)n - skip;
		if (part > size - done)
			part = size - done;
		memcpy(out + done, page + skip, part);
		done += part;
	}
	return (int)done;
}

static int read_uncopied(struct memory *mem, uint64_t address, void *out, size_t size)
{
	return mem->cache ? read_kept(mem, address, out, size) : read_live(mem, address, out, size);
}

int memory_read_some(struct memory *mem, uint64_t address, void *out, size_t size)
{
	size_t n = read_copy(mem, address, out, size);

	return n ? (int)n : read_uncopied(mem, address, out, size);
}

int memory_read(struct memory *mem, uint64_t address, void *out, size_t size)
{
	size_t copied = read_copy(mem, address, out, size);
	int n;

	if (copied)
		return copied == size ? 0 : -ENODATA;
	n = read_uncopied(mem, address, out, size);
	if (n < 0)
		return n;
	return (size_t)n == size ? 0 : -EFAULT;
}

int memory_word(struct memory *mem, uint64_t address, uint64_t *out)
{
	return memory_read(mem, address, out, sizeof(*out));
}
