// SPDX-License-Identifier: BSD-2-Clause
/*
 * symbols.c: the function symbols of one ELF file, sorted by address.
 *
 * .symtab and .dynsym together, read once in pieces, when the first address
 * of the file is to be named. Names stay in the file until they are needed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "name/elf.h"
#include "name/elfpriv.h"

#define SECTIONS_MAX 4096
#define SYMBOLS_MAX  400000
#define PIECE        512 /* symbols read at a time */
#define BACK_MAX     64  /* symbols that begin before an address and may cover it */
#define ALIASES_MAX  8
#define SECOND       0x80000000U

int elf_section_head(const struct elf *elf, unsigned int i, Elf64_Shdr *out)
{
	if (elf->head.e_shentsize != sizeof(*out) || i >= elf->head.e_shnum || i >= SECTIONS_MAX ||
	    elf->head.e_shoff > elf->size)
		return -ENOENT;
	return elf_read(elf, elf->head.e_shoff + i * sizeof(*out), out, sizeof(*out));
}

int elf_section(struct elf *elf, const char *name, uint64_t *vaddr)
{
	Elf64_Shdr strings, shdr;
	char text[64];

	if (elf_section_head(elf, elf->head.e_shstrndx, &strings))
		return -ENOENT;
	for (unsigned int i = 0; !elf_section_head(elf, i, &shdr); i++) {
		if (strings.sh_offset < elf->size &&
		    !elf_string(elf, strings.sh_offset + shdr.sh_name, text, sizeof(text)) &&
		    strcmp(text, name) == 0) {
			*vaddr = shdr.sh_addr;
			return 0;
		}
	}
	return -ENOENT;
}

static int add_symbol(struct elf *elf, const Elf64_Sym *sym, unsigned int table)
{
	unsigned int type = ELF64_ST_TYPE(sym->st_info);

	if ((type != STT_FUNC && type != STT_GNU_IFUNC) || sym->st_shndx == SHN_UNDEF ||
	    !sym->st_size || sym->st_name >= SECOND || sym->st_value < elf->base ||
	    sym->st_value - elf->base > UINT32_MAX || sym->st_size > UINT32_MAX)
		return 0;
	if (elf->n_symbols == elf->room) {
		size_t room = elf->room ? elf->room * 2 : 1024;
		struct elf_symbol *list;

		if (room > SYMBOLS_MAX * 2)
			return -E2BIG;
		list = realloc(elf->symbols, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		elf->symbols = list;
		elf->room = room;
	}
	elf->symbols[elf->n_symbols++] = (struct elf_symbol){
		.start = (uint32_t)(sym->st_value - elf->base),
		.size = (uint32_t)sym->st_size,
		.name = sym->st_name | (table ? SECOND : 0),
	};
	return 0;
}

static void add_table(struct elf *elf, const Elf64_Shdr *shdr, unsigned int table)
{
	Elf64_Sym piece[PIECE];
	Elf64_Shdr strings;
	uint64_t n, at = 0;

	if (shdr->sh_entsize != sizeof(Elf64_Sym) || shdr->sh_offset > elf->size ||
	    shdr->sh_size > elf->size - shdr->sh_offset ||
	    elf_section_head(elf, shdr->sh_link, &strings) || strings.sh_offset > elf->size ||
	    strings.sh_size > elf->size - strings.sh_offset)
		return;
	elf->strings[table].offset = strings.sh_offset;
	elf->strings[table].size = strings.sh_size;
	elf->any = true;
	if (table == 0)
		elf->full = true;
	n = shdr->sh_size / sizeof(Elf64_Sym);
	while (at < n && at < SYMBOLS_MAX) {
		size_t some = n - at < PIECE ? (size_t)(n - at) : PIECE;

		if (elf_read(elf, shdr->sh_offset + at * sizeof(Elf64_Sym), piece,
			     some * sizeof(Elf64_Sym)))
			return;
		for (size_t i = 0; i < some; i++) {
			if (add_symbol(elf, &piece[i], table))
				return;
		}
		at += some;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct elf_symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void read_tables(struct elf *elf)
{
	Elf64_Shdr shdr;

	elf->read = true;
	elf->base = UINT64_MAX;
	for (unsigned int i = 0; i < elf->n_loads; i++) {
		if (elf->loads[i].p_vaddr < elf->base)
			elf->base = elf->loads[i].p_vaddr;
	}
	for (unsigned int i = 0; !elf_section_head(elf, i, &shdr); i++) {
		if (shdr.sh_type == SHT_SYMTAB && !elf->strings[0].size)
			add_table(elf, &shdr, 0);
		else if (shdr.sh_type == SHT_DYNSYM && !elf->strings[1].size)
			add_table(elf, &shdr, 1);
	}
	if (elf->n_symbols)
		qsort(elf->symbols, elf->n_symbols, sizeof(*elf->symbols), by_start);
}

/* The nearest symbol that covers the address; a short look back finds enclosing ones. */
static const struct elf_symbol *covering(const struct elf *elf, uint32_t at)
{
	size_t low = 0, high = elf->n_symbols;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (elf->symbols[middle].start <= at)
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t back = 0; low && back < BACK_MAX; back++) {
		const struct elf_symbol *sym = &elf->symbols[--low];

		if (at - sym->start < sym->size)
			return sym;
	}
	return NULL;
}

static int symbol_text(const struct elf *elf, const struct elf_symbol *sym, char *name, size_t size)
{
	unsigned int table = sym->name & SECOND ? 1 : 0;
	uint64_t at = sym->name & ~SECOND;

	if (at >= elf->strings[table].size ||
	    elf_string(elf, elf->strings[table].offset + at, name, size) || !*name)
		return -EBADMSG;
	return 0;
}

/* One function, several names: read, __read. The one with the fewest underscores in front. */
static int best_alias(const struct elf *elf, const struct elf_symbol *sym, char *name, size_t size)
{
	char other[256];
	int err = symbol_text(elf, sym, name, size);

	for (unsigned int i = 0; !err && i < ALIASES_MAX && sym > elf->symbols; i++) {
		if (sym[-1].start != sym->start || sym[-1].size != sym->size)
			break;
		sym--;
		if (!symbol_text(elf, sym, other, sizeof(other)) && strlen(other) < size &&
		    strspn(other, "_") < strspn(name, "_"))
			memcpy(name, other, strlen(other) + 1);
	}
	return err;
}

static const struct elf_symbol *at_address(struct elf *elf, uint64_t vaddr)
{
	if (!elf->read)
		read_tables(elf);
	if (vaddr < elf->base || vaddr - elf->base > UINT32_MAX)
		return NULL;
	return covering(elf, (uint32_t)(vaddr - elf->base));
}

int elf_start(struct elf *elf, uint64_t vaddr, uint64_t *start)
{
	const struct elf_symbol *sym = at_address(elf, vaddr);

	if (!sym)
		return -ENOENT;
	*start = elf->base + sym->start;
	return 0;
}

bool elf_is_full(struct elf *elf)
{
	at_address(elf, 0);
	return elf->full;
}

int elf_name(struct elf *elf, uint64_t vaddr, char *name, size_t size, const char **why)
{
	const struct elf_symbol *sym = at_address(elf, vaddr);

	if (!sym) {
		*why = !elf->any   ? "no symbol table"
		       : elf->full ? "no symbol covers this address"
				   : "static function, stripped";
		return -ENOENT;
	}
	if (best_alias(elf, sym, name, size)) {
		*why = "damaged symbol table";
		return -ENOENT;
	}
	return 0;
}
