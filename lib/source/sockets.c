// SPDX-License-Identifier: BSD-2-Clause
/*
 * sockets.c: what a descriptor of a process leads to, by the kernel's tables
 * in /proc/PID/net. Bounded: a host may have a million sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "source/inspect.h"

#define LINES_MAX 200000

static uint64_t socket_inode(const struct keeper_proc *proc, int fd)
{
	char name[32], link[64];
	unsigned long long inode;
	ssize_t n;

	snprintf(name, sizeof(name), "fd/%d", fd);
	n = readlinkat(proc->dir, name, link, sizeof(link) - 1);
	if (n <= 0)
		return 0;
	link[n] = '\0';
	return sscanf(link, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

/* "0100007F:1538", words in the host's order; of IPv6 four of them. */
static void end_text(const char *hex, char *out, size_t size)
{
	const char *colon = strchr(hex, ':');
	uint32_t words[4] = { 0 };
	bool six = colon && colon - hex == 32;
	char host[INET6_ADDRSTRLEN] = "?";
	unsigned int port = 0;

	if (!colon || sscanf(colon + 1, "%x", &port) != 1) {
		snprintf(out, size, "?");
		return;
	}
	for (int i = 0; i < (six ? 4 : 1); i++)
		if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
			return;
	inet_ntop(six ? AF_INET6 : AF_INET, words, host, sizeof(host));
	snprintf(out, size, six ? "[%s]:%u" : "%s:%u", host, port);
}

static bool inet_line(const char *line, const char *kind, uint64_t wanted, char *out, size_t size)
{
	char here[80], there[80], local[64] = "", remote[64] = "";
	unsigned long long inode;
	unsigned int state;

	if (sscanf(line, " %*u: %79s %79s %x %*s %*s %*s %*u %*u %llu", here, there, &state,
		   &inode) != 4 ||
	    inode != wanted)
		return false;
	end_text(here, local, sizeof(local));
	end_text(there, remote, sizeof(remote));
	if (state == 10)
		snprintf(out, size, "%s, listens at %s", kind, local);
	else
		snprintf(out, size, "%s %s -> %s", kind, local, remote);
	return true;
}

static bool unix_line(const char *line, const char *kind, uint64_t wanted, char *out, size_t size)
{
	unsigned long long inode;
	char path[110] = "";
	int n = sscanf(line, "%*x: %*x %*x %*x %*x %*x %llu %109[^\n]", &inode, path);

	if (n < 1 || inode != wanted)
		return false;
	snprintf(out, size, n > 1 ? "%s %s" : "%s", kind, path);
	return true;
}

static const struct {
	const char *file, *kind;
	bool (*line)(const char *line, const char *kind, uint64_t wanted, char *out, size_t size);
} tables[] = {
	{ "net/tcp", "tcp", inet_line },   { "net/tcp6", "tcp", inet_line },
	{ "net/unix", "unix", unix_line }, { "net/udp", "udp", inet_line },
	{ "net/udp6", "udp", inet_line },
};

static bool search(const struct keeper_proc *proc, size_t i, uint64_t inode, char *out, size_t size)
{
	int fd = openat(proc->dir, tables[i].file, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	bool found = false;
	char line[512];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (int n = 0; !found && n < LINES_MAX && fgets(line, sizeof(line), file); n++)
		found = tables[i].line(line, tables[i].kind, inode, out, size);
	fclose(file);
	return found;
}

int sockets_describe(const struct keeper_proc *proc, int fd, char *out, size_t size)
{
	uint64_t inode = socket_inode(proc, fd);

	out[0] = '\0';
	if (!inode)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (search(proc, i, inode, out, size))
			return 0;
	return 0;
}
