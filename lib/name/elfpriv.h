/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elfpriv.h: what elf.c and symbols.c share, and nobody else includes.
 */
#ifndef ELFPRIV_H
#define ELFPRIV_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include "name/elf.h"

/* A function, 12 bytes instead of 24: a large file has a quarter of a million. */
struct elf_symbol {
	uint32_t start; /* from the lowest address on */
	uint32_t size;
	uint32_t name; /* offset in its string table; the top bit says in which */
};

struct elf {
	int fd;
	unsigned char *image; /* instead of a file */
	uint64_t size;
	Elf64_Ehdr head;
	Elf64_Phdr loads[16];
	unsigned int n_loads;
	Elf64_Phdr dynamic, eh_frame;
	unsigned char build_id[ELF_BUILD_ID];
	size_t build_id_len;

	bool read;                  /* the symbol tables have been looked at */
	bool full;                  /* there is a .symtab: what it does not name has no name */
	bool any;                   /* there is a symbol table at all */
	struct elf_symbol *symbols; /* by start, larger first */
	size_t n_symbols, room;
	uint64_t base;
	struct {
		uint64_t offset, size;
	} strings[2];
};

int elf_read(const struct elf *elf, uint64_t offset, void *out, size_t size);
int elf_string(const struct elf *elf, uint64_t offset, char *out, size_t size);
int elf_offset(const struct elf *elf, uint64_t vaddr, uint64_t *offset, uint64_t *rest);
int elf_section_head(const struct elf *elf, unsigned int i, Elf64_Shdr *out);
size_t elf_note_id(struct elf *elf, const Elf64_Phdr *phdr);

#endif
