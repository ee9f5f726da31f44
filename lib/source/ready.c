// SPDX-License-Identifier: BSD-2-Clause
/*
 * ready.c: is a server ready? It is when one of its processes listens.
 *
 * Read out of /proc: the listening sockets of the process's own network, and
 * whether one of its descriptors is one of them. Bounded in processes, lines
 * and descriptors; parses nothing that a process could have written.
 */
#include "source/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAMILY_MAX  256 /* processes */
#define SOCKETS_MAX 1024
#define LINES_MAX   20000
#define FDS_MAX     4096
#define TCP_LISTEN  0x0a
#define ACCEPTS     0x10000 /* of the flags of a Unix socket */

struct listening {
	uint64_t inodes[SOCKETS_MAX];
	uint32_t count;
};

/* Listening sockets come first in the kernel's table: the first other one ends it. */
static bool take_inet(struct listening *out, const char *line)
{
	unsigned long long inode;
	unsigned int state;

	if (sscanf(line, " %*u: %*s %*s %x %*s %*s %*s %*u %*u %llu", &state, &inode) != 2)
		return true; /* the heading */
	if (state != TCP_LISTEN || out->count == SOCKETS_MAX)
		return false;
	out->inodes[out->count++] = inode;
	return true;
}

static bool take_unix(struct listening *out, const char *line)
{
	unsigned long long inode;
	unsigned int flags;

	if (sscanf(line, "%*x: %*x %*x %x %*x %*x %llu", &flags, &inode) != 2)
		return true;
	if (flags & ACCEPTS && out->count < SOCKETS_MAX)
		out->inodes[out->count++] = inode;
	return out->count < SOCKETS_MAX;
}

static const struct {
	const char *file;
	bool (*take)(struct listening *out, const char *line);
} tables[] = {
	{ "net/tcp", take_inet },
	{ "net/tcp6", take_inet },
	{ "net/unix", take_unix },
};

static void read_table(int dir, size_t i, struct listening *out)
{
	int fd = openat(dir, tables[i].file, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char line[512];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int n = 0; n < LINES_MAX && fgets(line, sizeof(line), file); n++)
		if (!tables[i].take(out, line))
			break;
	fclose(file);
}

static bool is_listening(const struct listening *all, int fds, const char *name)
{
	unsigned long long inode;
	char link[64];
	ssize_t n = readlinkat(fds, name, link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	if (sscanf(link, "socket:[%llu]", &inode) != 1)
		return false;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->inodes[i] == inode)
			return true;
	return false;
}

static bool has_one(int dir, const struct listening *all)
{
	int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *fds = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool found = false;

	if (!fds) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (int n = 0; !found && n < FDS_MAX && (entry = readdir(fds)); n++)
		found = is_listening(all, dirfd(fds), entry->d_name);
	closedir(fds);
	return found;
}

/* Its children go to the end of family[]. */
static bool listens(uint32_t pid, struct listening *all, uint32_t *family, uint32_t *n)
{
	struct keeper_proc proc = { .pid = pid };
	char path[32];
	bool found;

	snprintf(path, sizeof(path), "/proc/%u", pid);
	proc.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc.dir < 0)
		return false;
	all->count = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		read_table(proc.dir, i, all);
	found = all->count && has_one(proc.dir, all);
	if (!found)
		*n += keeper_children(&proc, family + *n, FAMILY_MAX - *n);
	close(proc.dir);
	return found;
}

bool ready_listens(const struct procs *procs)
{
	struct listening *all = malloc(sizeof(*all));
	uint32_t family[FAMILY_MAX], n = 0;
	bool found = false;

	for (uint32_t i = 0; i < procs->count && n < FAMILY_MAX; i++)
		if (procs->items[i]->asked)
			family[n++] = procs->items[i]->keeper.pid;
	for (uint32_t i = 0; all && !found && i < n; i++)
		found = listens(family[i], all, family, &n);
	free(all);
	return found;
}
