// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer.c: kinds, addresses and file systems by number. See peer.h.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <asm/unistd_64.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "blame.h"
#include "tables.h"

/* linux/magic.h has not all of them: these are of fs/ in the kernel's tree. */
#define MAGIC_NFS  0x6969
#define MAGIC_FUSE 0x65735546
#define MAGIC_XFS  0x58465342
#define MAGIC_ZFS  0x2fc12fc1
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_CEPH 0x00c36400

#define MAJOR_TTY 4
#define MAJOR_AUX 5
#define MAJOR_PTS 136 /* to 143 */

struct magic_row {
	uint64_t magic;
	const char *name;
};

static const struct magic_row file_systems[] = {
	{ EXT4_SUPER_MAGIC, "ext4" },
	{ MAGIC_XFS, "xfs" },
	{ BTRFS_SUPER_MAGIC, "btrfs" },
	{ TMPFS_MAGIC, "tmpfs" },
	{ OVERLAYFS_SUPER_MAGIC, "overlay" },
	{ MAGIC_NFS, "nfs" },
	{ MAGIC_FUSE, "fuse" },
	{ MAGIC_CIFS, "cifs" },
	{ MAGIC_SMB2, "cifs" },
	{ MAGIC_CEPH, "ceph" },
	{ MAGIC_ZFS, "zfs" },
	{ PROC_SUPER_MAGIC, "proc" },
	{ SYSFS_MAGIC, "sysfs" },
	{ CGROUP2_SUPER_MAGIC, "cgroup2" },
	{ DEVPTS_SUPER_MAGIC, "devpts" },
	{ SQUASHFS_MAGIC, "squashfs" },
	{ F2FS_SUPER_MAGIC, "f2fs" },
	{ RAMFS_MAGIC, "ramfs" },
	{ HUGETLBFS_MAGIC, "hugetlbfs" },
};

/* Descriptors without a file go by the name the kernel gives them. */
struct name_row {
	const char *name, *kind;
};

static const struct name_row nameless[] = {
	{ "[eventpoll]", "epoll" }, { "[eventfd]", "eventfd" },       { "[timerfd]", "timerfd" },
	{ "inotify", "inotify" },   { "[timerfd_clock]", "timerfd" },
};

static const char *file_system(uint64_t magic)
{
	for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++)
		if (file_systems[i].magic == magic)
			return file_systems[i].name;
	return NULL;
}

static const char *socket_kind(const struct wire_fd *fd)
{
	if (fd->family == AF_UNIX)
		return "unix";
	if (fd->family != AF_INET && fd->family != AF_INET6)
		return "other";
	return fd->protocol == IPPROTO_TCP ? "tcp" : fd->protocol == IPPROTO_UDP ? "udp" : "other";
}

static bool is_tty(const struct wire_fd *fd)
{
	uint32_t major = fd->dev >> 20;

	return fd->magic == DEVPTS_SUPER_MAGIC || major == MAJOR_TTY || major == MAJOR_AUX ||
	       !strncmp(fd->name, "tty", 3);
}

static const char *kind_of(const struct wire_fd *fd)
{
	switch (fd->mode & S_IFMT) {
	case S_IFSOCK:
		return socket_kind(fd);
	case S_IFIFO:
		return fd->magic == PIPEFS_MAGIC ? "pipe" : "fifo";
	case S_IFCHR:
		return is_tty(fd) ? "tty" : "other";
	case S_IFBLK:
		return "block";
	case S_IFREG:
	case S_IFDIR:
		return "file";
	}
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++)
		if (!strncmp(fd->name, nameless[i].name, sizeof(fd->name)))
			return nameless[i].kind;
	return "other";
}

static void address(const struct wire_fd *fd, const uint8_t *bytes, uint16_t port, char *text)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	char ip[INET6_ADDRSTRLEN] = "";
	bool v4 = fd->family == AF_INET;

	if (!v4 && !memcmp(bytes, mapped, sizeof(mapped))) {
		v4 = true;
		bytes += sizeof(mapped);
	}
	inet_ntop(v4 ? AF_INET : AF_INET6, bytes, ip, sizeof(ip));
	snprintf(text, PEER_ADDRESS, v4 ? "%s:%u" : "[%s]:%u", ip, port);
}

static const char *interned(struct gw_report *report, const char *text)
{
	return text[0] ? tables_string(report, text) : NULL;
}

static void fill_addresses(struct gw_report *report, const struct wire_fd *fd, struct gw_peer *peer)
{
	char text[PEER_ADDRESS];

	if (fd->family != AF_INET && fd->family != AF_INET6)
		return;
	address(fd, fd->local, fd->local_port, text);
	peer->local = interned(report, text);
	if (!fd->remote_port)
		return;
	address(fd, fd->remote, fd->remote_port, text);
	peer->remote = interned(report, text);
}

static void fill(struct gw_report *report, const struct wire_fd *fd, struct gw_peer *peer)
{
	char name[sizeof(fd->name) + 1] = "";

	peer->kind = kind_of(fd);
	peer->fd = fd->fd;
	peer->blocking_mode = !(fd->flags & O_NONBLOCK);
	fill_addresses(report, fd, peer);
	memcpy(name, fd->name, sizeof(fd->name));
	if (!strcmp(peer->kind, "file") || !strcmp(peer->kind, "fifo") ||
	    !strcmp(peer->kind, "tty") || !strcmp(peer->kind, "unix") ||
	    !strcmp(peer->kind, "block")) {
		peer->path = interned(report, name);
		peer->fstype = fd->family ? NULL : file_system(fd->magic);
	}
}

static bool fill_futex(const struct wire_stack *stack, struct gw_peer *peer)
{
	if (stack->call != __NR_futex)
		return false;
	peer->fd = -1;
	peer->kind = stack->args[1] & FUTEX_PRIVATE_FLAG ? "futex-private" : "futex-shared";
	return true;
}

/* What a page fault wanted: a file, or memory of no file, which is read in from swap. */
static void fill_mapped(struct gw_report *report, const struct wire_fd *fd, const char *path,
			struct gw_peer *peer)
{
	if (fd->mode)
		fill(report, fd, peer);
	else
		peer->kind = "memory";
	if (path[0])
		peer->path = interned(report, path);
	peer->fd = -1;
	peer->blocking_mode = false;
}

const struct gw_peer *peer_of(struct gw_report *report, const struct wire_stack *stack,
			      const char *path)
{
	struct gw_peer peer = { .fd = -1 };

	if (stack->fd.fd == WIRE_FD_MAPPED)
		fill_mapped(report, &stack->fd, path, &peer);
	else if (!fill_futex(stack, &peer)) {
		if (stack->fd.fd < 0)
			return NULL;
		fill(report, &stack->fd, &peer);
	}
	return tables_peer(report, &peer);
}

/* Polls and selects of nothing are sleeps. */
static bool waits_for_nothing(const struct wire_stack *stack)
{
	switch (stack->call) {
	case __NR_poll:
	case __NR_ppoll:
		return !stack->args[1];
	case __NR_select:
	case __NR_pselect6:
		return !stack->args[0];
	default:
		return false;
	}
}

const char *peer_class(const struct wire_stack *stack, const struct gw_peer *peer)
{
	const char *class = call_class(stack->call);

	if (waits_for_nothing(stack))
		return "sleep";
	if (strcmp(class, "other") || !peer)
		return class;
	if (!strcmp(peer->kind, "tcp") || !strcmp(peer->kind, "udp") || !strcmp(peer->kind, "unix"))
		return "network";
	return strcmp(peer->kind, "file") && strcmp(peer->kind, "block") ? class : "file";
}

/* Of a long path the end, which tells more. */
static const char *path_text(const struct gw_peer *peer, char *text, size_t size)
{
	size_t len = strlen(peer->path);

	if (len < size)
		return peer->path;
	snprintf(text, size, "...%s", peer->path + len - (size - 4));
	return text;
}

void peer_text(const struct gw_peer *peer, char *text, size_t size)
{
	char cut[65];

	text[0] = '\0';
	if (!peer)
		return;
	if (peer->remote)
		snprintf(text, size, "%s %s", peer->kind, peer->remote);
	else if (peer->path && peer->fstype)
		snprintf(text, size, "%s %s (%s)", peer->kind, path_text(peer, cut, sizeof(cut)),
			 peer->fstype);
	else if (peer->path)
		snprintf(text, size, "%s %s", peer->kind, path_text(peer, cut, sizeof(cut)));
	else if (!strcmp(peer->kind, "memory"))
		snprintf(text, size, "memory of no file (swapped out, or none free)");
	else if (!strcmp(peer->kind, "futex-shared"))
		snprintf(text, size, "a futex in shared memory");
	else if (strcmp(peer->kind, "futex-private") && strcmp(peer->kind, "other"))
		snprintf(text, size, "%s %d", peer->kind, peer->fd);
}
