/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind.h: from the registers of a function to those of its caller, by the
 * unwind tables of its file. The one door to elfutils (libdw).
 *
 * Knows one file and its own addresses, no process: memory is read through
 * the caller. A register that the tables say nothing of, or that lies in
 * memory that cannot be read, is unknown from there on, and never guessed.
 * Looks for no debug information, opens nothing, asks no server.
 */
#ifndef UNWIND_H
#define UNWIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "name/elf.h"

#define UNWIND_REGS 17 /* in DWARF's order: bpf/wire.h */
#define UNWIND_FP   6
#define UNWIND_SP   7
#define UNWIND_PC   16

struct unwind;

struct unwind_state {
	uint64_t regs[UNWIND_REGS];
	uint32_t known; /* bit of each register that is */
};

/* A word of the target's memory. 0 or -errno. */
struct unwind_reader {
	int (*word)(void *ctx, uint64_t address, uint64_t *out);
	void *ctx;
};

/* 0; -ENOENT: the file has no unwind tables; other -errno. */
int unwind_open(struct unwind **out, struct elf *elf);
size_t unwind_size(const struct unwind *unwind); /* bytes kept; NULL: 0 */
void unwind_close(struct unwind *unwind);

/* One frame outwards. vaddr: the address in the function, of the file's own. signal: the caller
 * was interrupted, its address is no return address. 0; -ENODATA: this frame is the outermost;
 * -ENOENT: no table covers the address; -EFAULT: the stack could not be read; -EBADMSG. */
int unwind_step(struct unwind *unwind, uint64_t vaddr, const struct unwind_reader *reader,
		struct unwind_state *state, bool *signal);

#endif
