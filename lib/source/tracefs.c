// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracefs.c: tracepoint numbers and perf events by plain system calls.
 *
 * tracefs is mounted for ourselves alone, detached from every namespace, so
 * that nothing on the machine changes and it need not be mounted.
 */
#include "source/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A tracefs of our own, in no namespace; its descriptor or -errno. */
int tracefs_open(void)
{
	int fs = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC), dir;

	if (fs < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		dir = -errno;
	else if ((dir = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0)) < 0)
		dir = -errno;
	close(fs);
	return dir;
}

int tracefs_entry_id(int tracefs, const char *call)
{
	char path[96], text[16] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "events/syscalls/sys_enter_%s/id", call);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoi(text) : -ENODATA;
}

int perf_open(uint32_t type, uint64_t config, uint64_t period, int tid, int cpu)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = config,
		.sample_period = period,
	};
	int fd = syscall(SYS_perf_event_open, &attr, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}
