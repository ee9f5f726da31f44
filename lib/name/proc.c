// SPDX-License-Identifier: BSD-2-Clause
/*
 * proc.c: from an address to the mapping, the file, and the file's own
 * address.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/hash.h"
#include "name/proc.h"

static const char *reason(int err)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return "file not readable for others";
	case ENOENT:
	case ESTALE:
	case ESRCH:
		return "file is gone";
	case ENOEXEC:
		return "not an ELF file";
	case EBADMSG:
		return "damaged ELF file";
	default:
		return "file could not be opened";
	}
}

/* A free row, or that of the file not used for longest. */
static struct file *new_row(struct files *files)
{
	struct file *row = &files->list[0];

	if (files->n < FILES_MAX)
		return &files->list[files->n++];
	for (unsigned int i = 1; i < files->n; i++) {
		if (files->list[i].used < row->used)
			row = &files->list[i];
	}
	elf_close(row->elf);
	return row;
}

struct elf *proc_elf(struct proc *proc, const struct mapping *map, const char **why)
{
	struct files *files = proc->files;
	uint64_t path = hash_add(HASH_START, map->path, strlen(map->path));
	struct elf *elf = NULL;
	struct file *row;
	int fd, err;

	for (unsigned int i = 0; i < files->n; i++) {
		row = &files->list[i];
		if (row->inode != map->inode || row->device != map->device || row->path != path)
			continue;
		row->used = files->now;
		*why = row->why;
		return row->elf;
	}
	fd = files->open(files->ctx, proc->pid, map);
	err = fd < 0 ? fd : elf_open(&elf, fd);
	row = new_row(files);
	*row = (struct file){
		.inode = map->inode,
		.device = map->device,
		.path = path,
		.used = files->now,
		.elf = err ? NULL : elf,
		.why = err ? reason(err) : NULL,
	};
	*why = row->why;
	return row->elf;
}

const struct mapping *proc_find(struct proc *proc, uint64_t address)
{
	const struct mapping *map = maps_find(&proc->maps, address);

	if (map || proc->fresh)
		return map;
	proc->fresh = true;
	if (maps_read(&proc->maps, proc->maps_fd))
		return NULL;
	return maps_find(&proc->maps, address);
}

int proc_bias(struct proc *proc, const struct mapping *map, struct elf *elf, uint64_t *bias)
{
	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *other = &proc->maps.list[i];
		uint64_t vaddr;

		if (!other->exec || other->inode != map->inode || other->device != map->device ||
		    strcmp(other->path, map->path) || elf_vaddr(elf, other->offset, true, &vaddr))
			continue;
		*bias = other->start - vaddr;
		return 0;
	}
	return -ENOENT;
}

const struct mapping *proc_mapped(const struct proc *proc, const char *word)
{
	for (size_t i = 0; i < proc->maps.n; i++) {
		const struct mapping *map = &proc->maps.list[i];

		if (map->exec && map->inode && strstr(maps_base(map), word))
			return map;
	}
	return NULL;
}

void proc_close(struct proc *proc)
{
	maps_free(&proc->maps);
	if (proc->mem.fd >= 0)
		close(proc->mem.fd);
	if (proc->maps_fd >= 0)
		close(proc->maps_fd);
	proc->mem.fd = proc->maps_fd = -1;
}

void files_close(struct files *files)
{
	for (unsigned int i = 0; i < files->n; i++)
		elf_close(files->list[i].elf);
	files->n = 0;
}
