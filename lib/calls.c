// SPDX-License-Identifier: BSD-2-Clause
/*
 * calls.c: what kind of waiting a system call is, from its number alone.
 *
 * A table. Calls that may be anything, such as read and write, are "other"
 * as long as the descriptor is not known.
 */
#include "blame.h"

#include <asm/unistd_64.h>
#include "base/syscalls.h"

struct call_row {
	int32_t call;
	const char *class;
};

static const struct call_row rows[] = {
	{ __NR_nanosleep, "sleep" },
	{ __NR_clock_nanosleep, "sleep" },
	{ __NR_pause, "sleep" },
	{ __NR_futex, "lock" },
	{ __NR_flock, "lock" },
	{ __NR_semop, "lock" },
	{ __NR_semtimedop, "lock" },
	{ __NR_pread64, "file" },
	{ __NR_pwrite64, "file" },
	{ __NR_preadv, "file" },
	{ __NR_pwritev, "file" },
	{ __NR_fsync, "file" },
	{ __NR_fdatasync, "file" },
	{ __NR_sync, "file" },
	{ __NR_syncfs, "file" },
	{ __NR_sync_file_range, "file" },
	{ __NR_msync, "file" },
	{ __NR_open, "file" },
	{ __NR_openat, "file" },
	{ __NR_openat2, "file" },
	{ __NR_stat, "file" },
	{ __NR_lstat, "file" },
	{ __NR_fstat, "file" },
	{ __NR_newfstatat, "file" },
	{ __NR_statx, "file" },
	{ __NR_access, "file" },
	{ __NR_getdents64, "file" },
	{ __NR_rename, "file" },
	{ __NR_renameat, "file" },
	{ __NR_renameat2, "file" },
	{ __NR_unlink, "file" },
	{ __NR_unlinkat, "file" },
	{ __NR_mkdir, "file" },
	{ __NR_rmdir, "file" },
	{ __NR_truncate, "file" },
	{ __NR_ftruncate, "file" },
	{ __NR_fallocate, "file" },
	{ __NR_sendfile, "file" },
	{ __NR_copy_file_range, "file" },
	{ __NR_recvfrom, "network" },
	{ __NR_recvmsg, "network" },
	{ __NR_recvmmsg, "network" },
	{ __NR_sendto, "network" },
	{ __NR_sendmsg, "network" },
	{ __NR_sendmmsg, "network" },
	{ __NR_connect, "network" },
	{ __NR_accept, "network" },
	{ __NR_accept4, "network" },
	{ __NR_poll, "poll" },
	{ __NR_ppoll, "poll" },
	{ __NR_select, "poll" },
	{ __NR_pselect6, "poll" },
	{ __NR_epoll_wait, "poll" },
	{ __NR_epoll_pwait, "poll" },
	{ __NR_epoll_pwait2, "poll" },
	{ __NR_wait4, "process" },
	{ __NR_waitid, "process" },
	{ __NR_vfork, "process" },
};

const char *call_class(int32_t call)
{
	if (call == WIRE_CALL_FAULT)
		return "pagefault";
	if (call == WIRE_CALL_GIL)
		return "gil";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].call == call)
			return rows[i].class;
	return "other";
}

const char *call_name(int32_t call)
{
	const char *name;

	if (call == WIRE_CALL_FAULT)
		return "pagefault";
	if (call == WIRE_CALL_OTHERS)
		return "others";
	if (call == WIRE_CALL_GIL)
		return "futex";
	name = syscall_name(call);
	return name ? name : "syscall";
}
