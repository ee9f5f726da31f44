/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h: a target as the namer sees it: memory, mappings, files.
 *
 * ELF files are shared between processes that map the same one, and the
 * least recently used is let go when there are many. A file that could not
 * be opened is remembered with the reason, and not asked for again. The vdso
 * counts as a file, read from the target's memory.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stdint.h>
#include "name/elf.h"
#include "name/maps.h"
#include "name/memory.h"
#include "name/perfmap.h"
#include "name/unwind.h"
#include "bpf/wire.h"

#define FILES_MAX  128
#define UNWIND_MAX (24U << 20) /* bytes of unwind tables of all files together */

struct file {
	uint64_t inode;
	uint32_t device;
	uint64_t path;   /* hash */
	uint64_t used;   /* when last, in requests */
	struct elf *elf; /* NULL: why says the reason */
	const char *why;
	struct unwind *unwind; /* NULL: has none, or not looked for */
	bool unwound;          /* looked for */
};

struct files {
	struct file list[FILES_MAX];
	unsigned int n;
	uint64_t now; /* counts requests */
	/* A readable descriptor of a mapped file, or -errno. */
	int (*open)(void *ctx, uint32_t pid, const struct mapping *map);
	void *ctx;
};

struct runtime;
struct python;
struct poolread;

struct proc {
	uint32_t pid;
	struct memory mem;
	int maps_fd;
	struct maps maps;
	bool fresh; /* maps have been read in this request */
	char cwd[256];
	struct files *files;
	const struct runtime *runtime;
	struct python *python;  /* NULL: no interpreter known */
	struct perfmap *jit;    /* NULL: not looked for yet */
	struct poolread *pools; /* NULL: not looked for yet */
	unsigned int parks;     /* enum namer_parks */
	struct wire_park park;  /* of the stack being named */
	char version[32];
	char why[160]; /* no Python frames */
};

/* Does the process have a perf map? */
bool proc_has_jit(struct proc *proc);

/* Name of compiled code at an address, from the process's perf map; NULL: none. */
const char *proc_jit(struct proc *proc, uint64_t address);

struct elf *proc_elf(struct proc *proc, const struct mapping *map, const char **why);

/* The unwind tables of the file at an address, and the address in that file. NULL: none. */
struct unwind *proc_unwind(struct proc *proc, uint64_t address, uint64_t *vaddr);

/* The mapping at an address; reads the maps again, once per request, if there is none. */
const struct mapping *proc_find(struct proc *proc, uint64_t address);

/* What to add to the file's own addresses to have the process's. 0 or -ENOENT. */
int proc_bias(struct proc *proc, const struct mapping *map, struct elf *elf, uint64_t *bias);

/* A mapped file whose base name contains the word: its first executable mapping, else NULL. */
const struct mapping *proc_mapped(const struct proc *proc, const char *word);

void proc_close(struct proc *proc);
void files_close(struct files *files);

#endif
