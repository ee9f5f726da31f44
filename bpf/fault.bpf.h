/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * fault.bpf.h: what a page fault sleeps for: an address, and the file mapped there.
 *
 * The kernel keeps both in a struct vm_fault, a variable of the fault handler
 * near the bottom of the thread's kernel stack. It is looked for there as the
 * thread goes to sleep and told by what it must say of itself: so there is no
 * hook on page faults, and those that do not sleep cost nothing. A fault that
 * waits for the lock of the memory map has none yet.
 */
#ifndef FAULT_BPF_H
#define FAULT_BPF_H

#include "fd.bpf.h"

#define FAULT_WORDS 256 /* of the kernel stack; it lies some 60 from the bottom */
#define KERNEL_HALF (1ULL << 63)
#define PAGE_SHIFT  12

/* Where it was found last: the same in every fault of a kernel. */
__u32 fault_word __weak = 0;

struct fault_search {
	__u64 bottom;
	struct mm_struct *mm;
	struct vm_area_struct *vma; /* NULL: not found */
	__u64 address;
};

static long fault_step(__u32 i, struct fault_search *search)
{
	struct vm_fault *fault = (void *)search->bottom - 8 * (__u64)(i + 1);
	struct vm_area_struct *vma = BPF_CORE_READ(fault, vma);
	__u64 address, start;

	if ((__u64)vma < KERNEL_HALF || BPF_CORE_READ(vma, vm_mm) != search->mm)
		return 0;
	address = BPF_CORE_READ(fault, address);
	start = BPF_CORE_READ(vma, vm_start);
	if (address < start || address >= BPF_CORE_READ(vma, vm_end) ||
	    BPF_CORE_READ(fault, pgoff) !=
		    ((address - start) >> PAGE_SHIFT) + BPF_CORE_READ(vma, vm_pgoff))
		return 0;
	search->vma = vma;
	search->address = address;
	fault_word = i;
	return 1;
}

/* The registers of user space lie at the bottom of the kernel stack. */
static __noinline void fault_take(struct wire_stack *s, struct task_struct *task)
{
	volatile __u64 *number = &s->args[1]; /* of a pointer the verifier knows too much */
	struct fault_search search = { .mm = task->mm };
	struct vm_area_struct *vma;
	struct file *file;

	*number = (__u64)bpf_task_pt_regs(task);
	search.bottom = *number;
	s->args[1] = s->args[2] = 0;
	if (!search.mm)
		return;
	if (!fault_step(fault_word, &search))
		walk_each(FAULT_WORDS, fault_step, &search);
	vma = search.vma;
	if (!vma)
		return;
	s->args[0] = search.address;
	__builtin_memset(&s->fd, 0, sizeof(s->fd));
	s->fd.fd = WIRE_FD_MAPPED;
	file = BPF_CORE_READ(vma, vm_file);
	if (file)
		fd_file(&s->fd, file);
}

#endif
