/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf.h: names of addresses in one ELF file, and addresses of names.
 *
 * Reads 64-bit little-endian files over pread, table by table and only when
 * asked: the file is never mapped (it may shrink under us) and never read
 * whole. Every offset and count is checked against the size of the file; no
 * section is ever decompressed. A symbol covers [value, value + size) and
 * not a byte more: an address between two functions has no name.
 */
#ifndef ELF_H_GW
#define ELF_H_GW

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID 20

struct elf;

/* Takes the descriptor, also when it fails. -ENOEXEC: no ELF file of ours; -EBADMSG: damaged. */
int elf_open(struct elf **out, int fd);
/* The same for an image in memory, from malloc(); takes it, also when it fails. */
int elf_open_image(struct elf **out, unsigned char *image, size_t size);
void elf_close(struct elf *elf);

/* Name of the function at this address of the file's own. 0; -ENOENT with *why, a literal. */
int elf_name(struct elf *elf, uint64_t vaddr, char *name, size_t size, const char **why);

/* Is there a whole table of symbols, not only of those that are exported? */
bool elf_is_full(struct elf *elf);

/* Where the function at this address begins: cheaper than its name. 0 or -ENOENT. */
int elf_start(struct elf *elf, uint64_t vaddr, uint64_t *start);

/* Its unwind tables as an ELF image that has nothing else, at the file's own addresses; the
 * caller frees it. 0; -ENOENT: has none; -E2BIG: too large; -EBADMSG. */
int elf_unwind_image(const struct elf *elf, unsigned char **image, size_t *size);

/* Value of a dynamic symbol, by DT_GNU_HASH alone: works on stripped files. 0 or -ENOENT. */
int elf_dynamic(struct elf *elf, const char *name, uint64_t *value);

/* Values of n (up to 31) variables that a source file, by its base name, keeps to itself: all or
 * nothing. 0; -ENOENT: not in .symtab, or there is none; -EBADMSG. */
int elf_statics(struct elf *elf, const char *file, const char *const *names, unsigned int n,
		uint64_t *values);

/* Address of a section, by name. 0 or -ENOENT. */
int elf_section(struct elf *elf, const char *name, uint64_t *vaddr);

/* The file's own address of an offset in it; exec: in code. 0, or -ENOENT: not loaded. */
int elf_vaddr(const struct elf *elf, uint64_t offset, bool exec, uint64_t *vaddr);

/* The i-th writable segment, in memory: 0 or -ENOENT. */
int elf_data(const struct elf *elf, unsigned int i, uint64_t *vaddr, uint64_t *size);

/* Length of the build id, 0 if there is none. */
size_t elf_build_id(struct elf *elf, unsigned char out[ELF_BUILD_ID]);

#endif
