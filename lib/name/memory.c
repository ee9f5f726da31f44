// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory.c: pread on /proc/PID/mem, with a budget.
 *
 * Such a read may block for ever behind a FUSE server: that is why the pages
 * are looked at first, and why this runs in the namer, which can be killed.
 * Never process_vm_readv: it waits for a userfaultfd too, which this does not.
 */
#include <errno.h>
#include <unistd.h>
#include "name/memory.h"

#define USER_END 0x0000800000000000ULL /* 47 bits; nothing of a process lies above */

void memory_budget(struct memory *mem, size_t bytes, unsigned int reads)
{
	mem->bytes = bytes;
	mem->reads = reads;
	pages_forget(mem->pages);
}

int memory_read_some(struct memory *mem, uint64_t address, void *out, size_t size)
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

int memory_read(struct memory *mem, uint64_t address, void *out, size_t size)
{
	int n = memory_read_some(mem, address, out, size);

	if (n < 0)
		return n;
	return (size_t)n == size ? 0 : -EFAULT;
}

int memory_word(struct memory *mem, uint64_t address, uint64_t *out)
{
	return memory_read(mem, address, out, sizeof(*out));
}
