// SPDX-License-Identifier: BSD-2-Clause
/*
 * elf.c: headers, dynamic symbols and notes of one ELF file.
 *
 * Own parsing, bounded: libelf reads whole sections and trusts counts. The
 * table of function symbols is in symbols.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "name/elf.h"
#include "name/elfpriv.h"

#define LOADS_MAX   16
#define PHDRS_MAX   128
#define DYNAMIC_MAX 256
#define CHAIN_MAX   4096 /* symbols of one hash bucket */
#define NOTE_MAX    4096

int elf_read(const struct elf *elf, uint64_t offset, void *out, size_t size)
{
	size_t done = 0;

	if (offset > elf->size || size > elf->size - offset)
		return -EBADMSG;
	if (elf->image) {
		memcpy(out, elf->image + offset, size);
		return 0;
	}
	while (done < size) {
		ssize_t n = pread(elf->fd, (char *)out + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EBADMSG;
		done += (size_t)n;
	}
	return 0;
}

int elf_string(const struct elf *elf, uint64_t offset, char *out, size_t size)
{
	size_t room = size - 1;

	if (offset >= elf->size)
		return -EBADMSG;
	if (room > elf->size - offset)
		room = (size_t)(elf->size - offset);
	if (elf_read(elf, offset, out, room))
		return -EBADMSG;
	out[room] = '\0';
	return 0;
}

static int check_header(struct elf *elf)
{
	Elf64_Ehdr *head = &elf->head;

	if (elf_read(elf, 0, head, sizeof(*head)) || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	if (head->e_type != ET_EXEC && head->e_type != ET_DYN)
		return -ENOEXEC;
	if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phnum > PHDRS_MAX)
		return -EBADMSG;
	return 0;
}

static int read_segments(struct elf *elf)
{
	Elf64_Phdr phdr;

	for (unsigned int i = 0; i < elf->head.e_phnum; i++) {
		if (elf->head.e_phoff > elf->size ||
		    elf_read(elf, elf->head.e_phoff + i * sizeof(phdr), &phdr, sizeof(phdr)))
			return -EBADMSG;
		if (phdr.p_vaddr > UINT64_MAX - phdr.p_memsz ||
		    phdr.p_offset > UINT64_MAX - phdr.p_filesz)
			return -EBADMSG;
		if (phdr.p_type == PT_LOAD && elf->n_loads < LOADS_MAX)
			elf->loads[elf->n_loads++] = phdr;
		else if (phdr.p_type == PT_DYNAMIC)
			elf->dynamic = phdr;
		else if (phdr.p_type == PT_GNU_EH_FRAME)
			elf->eh_frame = phdr;
		else if (phdr.p_type == PT_NOTE && !elf->build_id_len)
			elf->build_id_len = elf_note_id(elf, &phdr);
	}
	return elf->n_loads ? 0 : -EBADMSG;
}

static int open_sized(struct elf **out, struct elf *elf)
{
	int err = elf->size ? check_header(elf) : -ENOEXEC;

	if (!err)
		err = read_segments(elf);
	if (err)
		elf_close(elf);
	else
		*out = elf;
	return err;
}

int elf_open(struct elf **out, int fd)
{
	struct elf *elf = calloc(1, sizeof(*elf));
	struct stat st;

	if (!elf) {
		close(fd);
		return -ENOMEM;
	}
	elf->fd = fd;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		elf->size = (uint64_t)st.st_size;
	return open_sized(out, elf);
}

int elf_open_image(struct elf **out, unsigned char *image, size_t size)
{
	struct elf *elf = calloc(1, sizeof(*elf));

	if (!elf) {
		free(image);
		return -ENOMEM;
	}
	elf->fd = -1;
	elf->image = image;
	elf->size = size;
	return open_sized(out, elf);
}

void elf_close(struct elf *elf)
{
	if (!elf)
		return;
	if (elf->fd >= 0)
		close(elf->fd);
	free(elf->image);
	free(elf->symbols);
	free(elf);
}

int elf_vaddr(const struct elf *elf, uint64_t offset, bool exec, uint64_t *vaddr)
{
	for (unsigned int i = 0; i < elf->n_loads; i++) {
		const Elf64_Phdr *load = &elf->loads[i];
		uint64_t slack = load->p_offset & 0xfff; /* mapped from the page's begin on */

		if ((exec && !(load->p_flags & PF_X)) || load->p_vaddr < slack ||
		    load->p_offset < slack || offset < load->p_offset - slack ||
		    offset - (load->p_offset - slack) >= load->p_filesz + slack)
			continue;
		*vaddr = load->p_vaddr - slack + (offset - (load->p_offset - slack));
		return 0;
	}
	return -ENOENT;
}

int elf_data(const struct elf *elf, unsigned int i, uint64_t *vaddr, uint64_t *size)
{
	for (unsigned int at = 0; at < elf->n_loads; at++) {
		if (!(elf->loads[at].p_flags & PF_W) || i--)
			continue;
		*vaddr = elf->loads[at].p_vaddr;
		*size = elf->loads[at].p_memsz;
		return 0;
	}
	return -ENOENT;
}

/* Offset in the file of an address of the file's own, and how much of its segment follows. */
int elf_offset(const struct elf *elf, uint64_t vaddr, uint64_t *offset, uint64_t *rest)
{
	for (unsigned int i = 0; i < elf->n_loads; i++) {
		const Elf64_Phdr *load = &elf->loads[i];

		if (vaddr >= load->p_vaddr && vaddr - load->p_vaddr < load->p_filesz) {
			*offset = load->p_offset + (vaddr - load->p_vaddr);
			*rest = load->p_filesz - (vaddr - load->p_vaddr);
			return 0;
		}
	}
	return -ENOENT;
}

/* Where the tables of the dynamic section begin in the file; all three or nothing. */
static int dynamic_tables(const struct elf *elf, uint64_t *hash, uint64_t *symbols,
			  uint64_t *strings)
{
	Elf64_Dyn dyn;
	uint64_t h = 0, sy = 0, st = 0, rest;

	for (unsigned int i = 0; i < DYNAMIC_MAX; i++) {
		if ((i + 1) * sizeof(dyn) > elf->dynamic.p_filesz ||
		    elf_read(elf, elf->dynamic.p_offset + i * sizeof(dyn), &dyn, sizeof(dyn)) ||
		    dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_GNU_HASH)
			h = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_SYMTAB)
			sy = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_STRTAB)
			st = dyn.d_un.d_ptr;
	}
	if (!h || !sy || !st || elf_offset(elf, h, hash, &rest) ||
	    elf_offset(elf, sy, symbols, &rest) || elf_offset(elf, st, strings, &rest))
		return -ENOENT;
	return 0;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static int symbol_is(const struct elf *elf, uint64_t symbols, uint64_t strings, uint32_t index,
		     const char *name, uint64_t *value)
{
	char text[128];
	Elf64_Sym sym;

	if (elf_read(elf, symbols + index * sizeof(sym), &sym, sizeof(sym)) ||
	    sym.st_shndx == SHN_UNDEF ||
	    elf_string(elf, strings + sym.st_name, text, sizeof(text)) || strcmp(text, name))
		return -ENOENT;
	*value = sym.st_value;
	return 0;
}

int elf_dynamic(struct elf *elf, const char *name, uint64_t *value)
{
	struct {
		uint32_t buckets, first, bloom_words, shift;
	} head;
	uint32_t wanted = gnu_hash(name), index, hash;
	uint64_t table, symbols, strings, buckets, chains;

	if (dynamic_tables(elf, &table, &symbols, &strings) ||
	    elf_read(elf, table, &head, sizeof(head)) || !head.buckets)
		return -ENOENT;
	buckets = table + sizeof(head) + (uint64_t)head.bloom_words * 8;
	chains = buckets + (uint64_t)head.buckets * 4;
	if (elf_read(elf, buckets + (uint64_t)(wanted % head.buckets) * 4, &index, sizeof(index)) ||
	    index < head.first)
		return -ENOENT;
	for (unsigned int i = 0; i < CHAIN_MAX && index < UINT32_MAX; i++, index++) {
		if (elf_read(elf, chains + (uint64_t)(index - head.first) * 4, &hash, sizeof(hash)))
			return -ENOENT;
		if ((hash | 1) == (wanted | 1) &&
		    !symbol_is(elf, symbols, strings, index, name, value))
			return 0;
		if (hash & 1)
			break;
	}
	return -ENOENT;
}

size_t elf_note_id(struct elf *elf, const Elf64_Phdr *phdr)
{
	unsigned char notes[NOTE_MAX];
	size_t len = phdr->p_filesz < NOTE_MAX ? (size_t)phdr->p_filesz : NOTE_MAX, at = 0;
	Elf64_Nhdr note;

	if (elf_read(elf, phdr->p_offset, notes, len))
		return 0;
	while (at + sizeof(note) <= len) {
		size_t name, data;

		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
		data = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > len - at || data > len - at - name)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(notes + at, "GNU", 4) && note.n_descsz &&
		    note.n_descsz <= ELF_BUILD_ID) {
			memcpy(elf->build_id, notes + at + name, note.n_descsz);
			return note.n_descsz;
		}
		at += name + data;
	}
	return 0;
}

size_t elf_build_id(struct elf *elf, unsigned char out[ELF_BUILD_ID])
{
	memcpy(out, elf->build_id, ELF_BUILD_ID);
	return elf->build_id_len;
}
