// SPDX-License-Identifier: BSD-2-Clause
/*
 * ehframe.c: the unwind tables of one ELF file, cut out of it.
 *
 *	file  ... .eh_frame_hdr .eh_frame ...
 *	image ELF header, one PT_GNU_EH_FRAME, .eh_frame_hdr .eh_frame
 *
 * libdw gets this image instead of the file: it would read the whole file,
 * or map it, and a mapped file may shrink under us. What is copied is bounded
 * and lies in one segment of the file. Tables that only sections point to
 * (.debug_frame, files without a PT_GNU_EH_FRAME) are not used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "name/elf.h"
#include "name/elfpriv.h"

#define IMAGE_MAX  (24U << 20)
#define TABLES_AT  (sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr))
#define PCREL_DATA 0x1b /* DW_EH_PE_pcrel | DW_EH_PE_sdata4, the one way linkers write it */

struct tables {
	uint64_t vaddr, offset, size; /* from the lower one to the end of the higher one */
};

/* Where .eh_frame begins, out of .eh_frame_hdr. */
static int frame_address(const struct elf *elf, uint64_t *vaddr)
{
	unsigned char head[8];
	int32_t relative;

	if (elf->eh_frame.p_filesz < sizeof(head) ||
	    elf_read(elf, elf->eh_frame.p_offset, head, sizeof(head)))
		return -EBADMSG;
	if (head[0] != 1 || head[1] != PCREL_DATA)
		return -ENOENT;
	memcpy(&relative, head + 4, sizeof(relative));
	*vaddr = elf->eh_frame.p_vaddr + 4 + (uint64_t)(int64_t)relative;
	return 0;
}

/* Length of a section, which ends before its segment does; 0: not known. */
static uint64_t section_size(const struct elf *elf, uint64_t vaddr)
{
	Elf64_Shdr shdr;

	for (unsigned int i = 0; !elf_section_head(elf, i, &shdr); i++) {
		if (shdr.sh_addr == vaddr && shdr.sh_type != SHT_NOBITS && shdr.sh_size)
			return shdr.sh_size;
	}
	return 0;
}

static int find_tables(const struct elf *elf, struct tables *out)
{
	const Elf64_Phdr *head = &elf->eh_frame;
	uint64_t frames, frames_at, rest, size, end;
	int err;

	if (!head->p_filesz)
		return -ENOENT;
	err = frame_address(elf, &frames);
	if (err)
		return err;
	if (elf_offset(elf, frames, &frames_at, &rest))
		return -EBADMSG;
	size = section_size(elf, frames);
	if (!size || size > rest)
		size = rest;
	*out = frames < head->p_vaddr ? (struct tables){ frames, frames_at, 0 }
				      : (struct tables){ head->p_vaddr, head->p_offset, 0 };
	end = frames + size;
	if (end < head->p_vaddr + head->p_filesz)
		end = head->p_vaddr + head->p_filesz;
	out->size = end - out->vaddr;
	if (out->size > IMAGE_MAX)
		return -E2BIG;
	/* Both in one piece of the file, as every linker writes them. */
	return frames_at - frames == head->p_offset - head->p_vaddr ? 0 : -EBADMSG;
}

static void write_heads(const struct elf *elf, const struct tables *tables, unsigned char *image)
{
	Elf64_Ehdr head = {
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(head),
		.e_ehsize = sizeof(head),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
	};
	Elf64_Phdr phdr = elf->eh_frame;

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = EV_CURRENT;
	phdr.p_offset = TABLES_AT + (phdr.p_vaddr - tables->vaddr);
	phdr.p_paddr = phdr.p_vaddr;
	memcpy(image, &head, sizeof(head));
	memcpy(image + sizeof(head), &phdr, sizeof(phdr));
}

int elf_unwind_image(const struct elf *elf, unsigned char **image, size_t *size)
{
	struct tables tables;
	unsigned char *bytes;
	int err;

	if (elf->head.e_machine != EM_X86_64)
		return -ENOENT;
	err = find_tables(elf, &tables);
	if (err)
		return err;
	bytes = malloc(TABLES_AT + (size_t)tables.size);
	if (!bytes)
		return -ENOMEM;
	err = elf_read(elf, tables.offset, bytes + TABLES_AT, (size_t)tables.size);
	if (err) {
		free(bytes);
		return err;
	}
	write_heads(elf, &tables, bytes);
	*image = bytes;
	*size = TABLES_AT + (size_t)tables.size;
	return 0;
}
