// SPDX-License-Identifier: BSD-2-Clause
/*
 * find.c: processes by name, the eldest of each family.
 *
 * One pass over /proc. A server and its workers have one name: only who has
 * no ancestor of that name is told of. Never finds the caller itself.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "greenwatch.h"
#include "source/argv.h"

#define LINE_MAX_BYTES 4096

struct one {
	uint32_t pid, parent;
	bool named;
};

struct table {
	struct one *items;
	size_t count, room;
};

static ssize_t read_file(uint32_t pid, const char *name, char *text, size_t size)
{
	char path[48];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n;
}

static uint32_t parent_of(uint32_t pid)
{
	char text[1024], *end;

	if (read_file(pid, "stat", text, sizeof(text)) <= 0)
		return 0;
	end = strrchr(text, ')'); /* the name may hold anything */
	return end && strlen(end) > 4 ? (uint32_t)strtoul(end + 4, NULL, 10) : 0;
}

static void comm_of(uint32_t pid, char comm[16])
{
	char text[64];
	ssize_t n = read_file(pid, "comm", text, sizeof(text));

	text[n > 0 ? n - 1 : 0] = '\0';
	snprintf(comm, 16, "%.15s", text);
}

static bool is_named(uint32_t pid, const char *name)
{
	char comm[16], text[LINE_MAX_BYTES];
	ssize_t n = read_file(pid, "cmdline", text, sizeof(text));

	if (n <= 0) /* a kernel thread, or gone */
		return false;
	comm_of(pid, comm);
	return !strcmp(comm, name) || argv_is(text, (size_t)n, name);
}

static int add(struct table *table, uint32_t pid, const char *name)
{
	if (table->count == table->room) {
		size_t room = table->room ? table->room * 2 : 512;
		struct one *bigger = realloc(table->items, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		table->items = bigger;
		table->room = room;
	}
	table->items[table->count++] =
		(struct one){ .pid = pid,
			      .parent = parent_of(pid),
			      .named = pid != (uint32_t)getpid() && is_named(pid, name) };
	return 0;
}

static const struct one *look_up(const struct table *table, uint32_t pid)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->items[i].pid == pid)
			return &table->items[i];
	return NULL;
}

static bool has_named_ancestor(const struct table *table, const struct one *one)
{
	for (int i = 0; i < 64 && one; i++) {
		one = look_up(table, one->parent);
		if (one && one->named)
			return true;
	}
	return false;
}

static void describe(uint32_t pid, struct gw_process *out)
{
	char text[LINE_MAX_BYTES];
	ssize_t n = read_file(pid, "cmdline", text, sizeof(text));
	uint32_t argc = n > 0 ? argv_redact(text, (size_t)n, out->line, sizeof(out->line)) : 0;
	char *at = out->line;

	out->pid = pid;
	comm_of(pid, out->comm);
	if (!argc)
		out->line[0] = '\0';
	while (argc > 1) {
		at += strlen(at);
		*at = ' ';
		argc--;
	}
}

static int read_all(struct table *table, const char *name)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int err = 0;

	if (!proc)
		return -errno;
	while (!err && (entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			err = add(table, (uint32_t)strtoul(entry->d_name, NULL, 10), name);
	closedir(proc);
	return err;
}

int gw_find(const char *name, struct gw_process *out, size_t max)
{
	struct table table = { 0 };
	int err = read_all(&table, name), n = 0;

	for (size_t i = 0; !err && i < table.count; i++) {
		if (!table.items[i].named || has_named_ancestor(&table, &table.items[i]))
			continue;
		if ((size_t)n < max)
			describe(table.items[i].pid, &out[n]);
		n++;
	}
	free(table.items);
	return err ? err : n;
}
