// SPDX-License-Identifier: BSD-2-Clause
/*
 * statics.c: addresses of variables that one source file keeps to itself.
 *
 * They are in .symtab alone, behind the symbol of their file; the same name
 * in another file is another variable. Read once in pieces, nothing kept.
 */
#include <errno.h>
#include <string.h>
#include "name/elf.h"
#include "name/elfpriv.h"

#define SYMBOLS_MAX 1000000
#define PIECE       512 /* symbols read at a time */
#define NAME_SIZE   64

struct search {
	const struct elf *elf;
	uint64_t strings;
	const char *file;
	const char *const *names;
	uint64_t *values;
	unsigned int n, found;
	bool inside; /* the symbols are those of the file */
};

static bool named(const struct search *search, const Elf64_Sym *sym, const char *name)
{
	char text[NAME_SIZE];

	return !elf_string(search->elf, search->strings + sym->st_name, text, sizeof(text)) &&
	       !strcmp(text, name);
}

/* Another file of that name may come before it: only one that has all of them is it. */
static void take(struct search *search, const Elf64_Sym *sym)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	if (type == STT_FILE) {
		search->inside = named(search, sym, search->file);
		search->found = 0;
	}
	if (!search->inside || type != STT_OBJECT || sym->st_shndx == SHN_UNDEF)
		return;
	for (unsigned int i = 0; i < search->n; i++) {
		if (search->found >> i & 1 || !named(search, sym, search->names[i]))
			continue;
		search->values[i] = sym->st_value;
		search->found |= 1U << i;
	}
}

static int look_through(struct search *search, const Elf64_Shdr *table)
{
	uint64_t n = table->sh_size / sizeof(Elf64_Sym);
	Elf64_Sym piece[PIECE];

	for (uint64_t at = 0; at < n && at < SYMBOLS_MAX; at += PIECE) {
		size_t some = n - at < PIECE ? (size_t)(n - at) : PIECE;

		if (elf_read(search->elf, table->sh_offset + at * sizeof(Elf64_Sym), piece,
			     some * sizeof(Elf64_Sym)))
			return -EBADMSG;
		for (size_t i = 0; i < some; i++) {
			take(search, &piece[i]);
			if (search->found == (1U << search->n) - 1)
				return 0;
		}
	}
	return -ENOENT;
}

int elf_statics(struct elf *elf, const char *file, const char *const *names, unsigned int n,
		uint64_t *values)
{
	struct search search = {
		.elf = elf, .file = file, .names = names, .n = n, .values = values
	};
	Elf64_Shdr table, strings;

	for (unsigned int i = 0; !elf_section_head(elf, i, &table); i++) {
		if (table.sh_type != SHT_SYMTAB)
			continue;
		if (table.sh_entsize != sizeof(Elf64_Sym) || table.sh_offset > elf->size ||
		    table.sh_size > elf->size - table.sh_offset ||
		    elf_section_head(elf, table.sh_link, &strings) || strings.sh_offset > elf->size)
			return -EBADMSG;
		search.strings = strings.sh_offset;
		return look_through(&search, &table);
	}
	return -ENOENT;
}
