// SPDX-License-Identifier: BSD-2-Clause
/*
 * proc.c: from an address to the mapping, the file, and the file's own
 * address.
 */
#include <errno.h>
#include <stdlib.h>
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

static void empty(struct file *row)
{
	unwind_close(row->unwind);
	elf_close(row->elf);
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
	empty(row);
	return row;
}

static bool is_vdso(const struct mapping *map)
{
	return !map->inode && strcmp(map->path, "[vdso]") == 0;
}

/* No file, but a whole ELF image, and nobody else's: a process may write into its own. */
static int open_vdso(struct proc *proc, const struct mapping *map, struct elf **elf)
{
	size_t size = (size_t)(map->end - map->start);
	unsigned char *image;
	int err;

	if (map->end - map->start > MEMORY_CALL_MAX)
		return -ENOEXEC;
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	err = memory_read(&proc->mem, map->start, image, size);
	if (!err)
		return elf_open_image(elf, image, size);
	free(image);
	return err;
}

static int open_elf(struct proc *proc, const struct mapping *map, struct elf **elf)
{
	int fd;

	if (is_vdso(map))
		return open_vdso(proc, map, elf);
	fd = proc->files->open(proc->files->ctx, proc->pid, map);
	return fd < 0 ? fd : elf_open(elf, fd);
}

static struct file *find_file(struct proc *proc, const struct mapping *map)
{
	struct files *files = proc->files;
	struct file wanted = {
		.inode = is_vdso(map) ? proc->pid : map->inode,
		.device = is_vdso(map) ? UINT32_MAX : map->device,
		.path = hash_add(HASH_START, map->path, strlen(map->path)),
		.used = files->now,
	};
	struct file *row;
	int err;

	for (unsigned int i = 0; i < files->n; i++) {
		row = &files->list[i];
		if (row->inode != wanted.inode || row->device != wanted.device ||
		    row->path != wanted.path)
			continue;
		row->used = files->now;
		return row;
	}
	err = open_elf(proc, map, &wanted.elf);
	if (err)
		wanted.elf = NULL;
	wanted.why = err ? reason(err) : NULL;
	row = new_row(files);
	*row = wanted;
	return row;
}

struct elf *proc_elf(struct proc *proc, const struct mapping *map, const char **why)
{
	const struct file *row = find_file(proc, map);

	*why = row->why;
	return row->elf;
}

/* Tables are large and soon read again: those not used for longest go first. */
static void make_room(struct files *files, const struct file *keep)
{
	for (;;) {
		struct file *oldest = NULL;
		size_t size = 0;

		for (unsigned int i = 0; i < files->n; i++) {
			struct file *row = &files->list[i];

			size += unwind_size(row->unwind);
			if (row->unwind && row != keep && (!oldest || row->used < oldest->used))
				oldest = row;
		}
		if (size <= UNWIND_MAX || !oldest)
			return;
		unwind_close(oldest->unwind);
		oldest->unwind = NULL;
		oldest->unwound = false;
	}
}

struct unwind *proc_unwind(struct proc *proc, uint64_t address, uint64_t *vaddr)
{
	const struct mapping *map = proc_find(proc, address);
	struct file *row;

	if (!map || (!map->inode && !is_vdso(map)))
		return NULL;
	row = find_file(proc, map);
	if (!row->elf || elf_vaddr(row->elf, address - map->start + map->offset, true, vaddr))
		return NULL;
	if (!row->unwound) {
		row->unwound = true;
		if (unwind_open(&row->unwind, row->elf))
			row->unwind = NULL;
		make_room(proc->files, row);
	}
	return row->unwind;
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

bool proc_has_jit(struct proc *proc)
{
	const struct mapping asked = { .path = PERFMAP_PATH };

	if (!proc->jit) {
		proc->jit = calloc(1, sizeof(*proc->jit));
		if (!proc->jit)
			return false;
		perfmap_open(proc->jit, proc->files->open(proc->files->ctx, proc->pid, &asked));
	}
	return proc->jit->fd >= 0;
}

const char *proc_jit(struct proc *proc, uint64_t address)
{
	proc_has_jit(proc);
	return proc->jit ? perfmap_name(proc->jit, address) : NULL;
}

void proc_close(struct proc *proc)
{
	if (proc->jit)
		perfmap_close(proc->jit);
	free(proc->jit);
	pages_close(proc->mem.pages);
	proc->mem.pages = NULL;
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
		empty(&files->list[i]);
	files->n = 0;
}
