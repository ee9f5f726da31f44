// SPDX-License-Identifier: BSD-2-Clause
/*
 * The keeper on children of this test, and the names of system calls.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>
#include "base/syscalls.h"
#include "name/maps.h"
#include "source/keeper.h"
#include "target.h"

static void start(struct target_proc *target, struct keeper_proc *proc)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo READY 0; read x",
			 (char *)"--token=secret", NULL };

	cr_assert_eq(target_start(target, argv), 0);
	cr_assert_neq(target_pc(target), 0);
	cr_assert_eq(keeper_open(proc, (uint32_t)target->pid), 0);
}

Test(keeper, gathers_the_facts_and_no_secret)
{
	struct target_proc target;
	struct keeper_proc proc;

	start(&target, &proc);
	cr_expect_eq(proc.parent, (uint32_t)getpid());
	cr_expect_str_eq(proc.comm, "sh");
	cr_expect_eq(proc.argc, 4);
	cr_expect_eq(memcmp(proc.argv, "/bin/sh\0-c\0*\0--token=*\0", 24), 0);
	cr_expect_neq(proc.exe[0], '\0');
	cr_expect_neq(proc.cwd[0], '\0');
	cr_expect_geq(proc.mem, 0);
	cr_expect_geq(proc.maps, 0);
	keeper_close(&proc);
	keeper_close(&proc);
	cr_expect_eq(proc.mem, -1);
	target_stop(&target);
}

Test(keeper, says_what_the_main_thread_sleeps_in)
{
	struct target_proc target;
	struct keeper_proc proc;
	char line[128];

	start(&target, &proc);
	cr_expect_eq(keeper_describe(&proc, line, sizeof(line)), 0);
	cr_expect_str_eq(line, "main thread sleeps in read");
	kill(target.pid, SIGSTOP);
	while (waitpid(target.pid, NULL, WUNTRACED | WNOHANG) == 0)
		usleep(1000);
	cr_expect_eq(keeper_describe(&proc, line, sizeof(line)), 0);
	cr_expect_str_eq(line, "main thread is stopped");
	target_stop(&target);
	cr_expect_eq(keeper_describe(&proc, line, sizeof(line)), -ESRCH);
	keeper_close(&proc);
}

Test(keeper, counts_the_other_threads)
{
	char *argv[] = {
		(char *)"/usr/bin/python3", (char *)"-c",
		(char *)"import os, threading, time\n"
			"for i in range(3):\n"
			"    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
			"os.write(1, b'READY 0\\n'); os.read(0, 1)",
		NULL
	};
	struct target_proc target;
	struct keeper_proc proc;
	char line[128];

	if (access(argv[0], X_OK))
		cr_skip("no python3");
	cr_assert_eq(target_start(&target, argv), 0);
	cr_assert_neq(target_pc(&target), 0);
	cr_assert_eq(keeper_open(&proc, (uint32_t)target.pid), 0);
	cr_expect_eq(keeper_describe(&proc, line, sizeof(line)), 0);
	cr_expect_str_eq(line, "main thread sleeps in read; 3 other threads");
	keeper_close(&proc);
	target_stop(&target);
}

Test(keeper, knows_a_thread_by_its_number_and_name)
{
	struct target_proc target;
	struct keeper_proc proc;
	char comm[16];
	uint32_t tid = 0;

	start(&target, &proc);
	cr_expect_eq(keeper_thread(&proc, proc.pid, &tid, comm), 0);
	cr_expect_eq(tid, proc.pid);
	cr_expect_str_eq(comm, "sh");
	cr_expect_eq(keeper_thread(&proc, (uint32_t)getpid(), &tid, comm), -ESRCH);
	cr_expect_eq(keeper_thread(&proc, 0, &tid, comm), -ESRCH);
	keeper_close(&proc);
	target_stop(&target);
}

Test(keeper, a_process_that_is_not_there_is_esrch)
{
	struct target_proc target;
	struct keeper_proc proc;

	cr_expect_eq(keeper_open(&proc, 0), -ESRCH);
	cr_expect_eq(keeper_open(&proc, UINT32_MAX), -ESRCH);
	cr_expect_eq(keeper_open(&proc, 4194305), -ESRCH);
	start(&target, &proc);
	keeper_close(&proc);
	target_stop(&target);
	cr_expect_eq(keeper_open(&proc, (uint32_t)target.pid), -ESRCH);
	cr_expect_eq(proc.pidfd, -1);
}

/* The way without map_files is that of a keeper without CAP_CHECKPOINT_RESTORE. */
Test(keeper, opens_mapped_files_for_others_to_read)
{
	struct target_proc target;
	struct keeper_proc proc;
	struct maps maps = { 0 };
	struct stat st;
	unsigned int opened = 0;

	start(&target, &proc);
	cr_assert_eq(maps_read(&maps, proc.maps), 0);
	for (size_t i = 0; i < maps.n; i++) {
		const struct mapping *map = &maps.list[i];
		int fd;

		if (!map->inode)
			continue;
		fd = keeper_file(&proc, map->start, map->end, map->path);
		cr_assert_geq(fd, 0, "%s: %s", map->path, strerror(-fd));
		cr_assert_eq(fstat(fd, &st), 0);
		cr_expect_eq(st.st_ino, map->inode);
		cr_expect_eq(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
		close(fd);
		opened++;
	}
	cr_expect_gt(opened, 3);
	cr_expect_lt(keeper_file(&proc, 0x1000, 0x2000, "/etc/passwd"), 0);
	cr_expect_lt(keeper_file(&proc, maps.list[0].start, maps.list[0].end - 1, "/etc/passwd"),
		     0);
	maps_free(&maps);
	keeper_close(&proc);
	target_stop(&target);
}

Test(keeper, knows_the_cost_of_a_process_of_ours)
{
	uint64_t cpu = 0, rss = 0;
	char line[128];

	cr_assert_eq(keeper_cost(0, &cpu, &rss), 0);
	cr_expect_gt(cpu, 0);
	cr_expect_gt(rss, 100 * 1024);
	cr_expect_lt(keeper_cost(4194305, &cpu, &rss), 0);
	keeper_missing(line, sizeof(line));
	if (geteuid() == 0)
		cr_expect_str_eq(line, "");
	else
		cr_expect_str_eq(line, "CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE");
}

Test(syscalls, are_known_by_number)
{
	cr_expect_str_eq(syscall_name(0), "read");
	cr_expect_str_eq(syscall_name(230), "clock_nanosleep");
	cr_expect_str_eq(syscall_name(441), "epoll_pwait2");
	cr_expect_str_eq(syscall_name(462), "mseal");
	cr_expect_null(syscall_name(-1));
	cr_expect_null(syscall_name(400));
	cr_expect_null(syscall_name(100000));
}
