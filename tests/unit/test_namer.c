// SPDX-License-Identifier: BSD-2-Clause
/*
 * A live namer: what it answers, what it may, and how it is replaced.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include "greenwatch.h"
#include "name/frames.h"
#include "target.h"

#ifdef __SANITIZE_ADDRESS__
#define SMALL_KB (24 * 1024) /* what was freed is kept for a while */
#else
#define SMALL_KB (12 * 1024)
#endif

static struct namer_opener opener = { .file = target_file };

static void log_line(void *ctx, const char *line)
{
	snprintf(ctx, 256, "%s", line);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void sleeper(struct target_proc *target)
{
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)"echo READY 0; read x", NULL };

	cr_assert_eq(target_start(target, argv), 0);
}

static struct namer *look_at(struct target_proc *target, struct namer_look *look, char *log)
{
	struct namer *namer;

	sleeper(target);
	cr_assert_eq(namer_open(&namer, &opener, log ? log_line : NULL, log), 0);
	cr_assert_eq(namer_look(namer, (uint32_t)target->pid, target->mem, target->maps, "", look),
		     0);
	return namer;
}

static void stack_of(const struct target_proc *target, struct wire_stack *stack)
{
	memset(stack, 0, sizeof(*stack));
	stack->head.kind = WIRE_SLICE;
	stack->pid = (uint32_t)target->pid;
	stack->regs[WIRE_REG_IP] = target_pc(target);
}

static void check_read(const struct wire_names *names)
{
	struct target_frame f;

	cr_assert_eq(frames_check(names, names->head.size), 0);
	cr_expect_eq(names->n_frames, 1, "%u frames", names->n_frames);
	cr_assert_eq(target_frame(names, 0, &f), 0);
	cr_expect_eq(f.kind, GW_FRAME_NATIVE);
	cr_expect_str_eq(f.name, "read");
	cr_expect_eq(strncmp(f.module, "libc", 4), 0);
	cr_expect_neq(f.offset, 0);
	cr_expect_str_eq(f.nameless, "");
}

static void check_nameless(const struct wire_names *names, const char *why)
{
	struct target_frame f;

	cr_assert_eq(frames_check(names, names->head.size), 0);
	cr_assert_eq(target_frame(names, 0, &f), 0);
	cr_expect_eq(strncmp(f.name, "0x", 2), 0);
	cr_expect_str_eq(f.nameless, why);
}

Test(namer, names_where_a_process_without_an_interpreter_is)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	struct namer *namer = look_at(&target, &look, NULL);

	cr_expect_str_eq(look.runtime, "native");
	cr_expect_not(look.has_layout);
	stack_of(&target, &stack);
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	check_read(names);
	cr_expect_eq(namer_lost(namer), 0);
	namer_close(namer);
	target_stop(&target);
}

Test(namer, an_address_in_no_file_is_shown_as_such)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	struct namer *namer = look_at(&target, &look, NULL);

	stack_of(&target, &stack);
	stack.regs[WIRE_REG_IP] = 0x1000;
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	check_nameless(names, "not in a mapped file");
	namer_close(namer);
	target_stop(&target);
}

Test(namer, a_process_it_was_never_told_of_gives_a_record_with_the_reason)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer *namer;

	sleeper(&target);
	cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
	stack_of(&target, &stack);
	cr_expect_eq(namer_stack(namer, &stack, NULL, &names), -ESRCH);
	check_nameless(names, "process not introduced to the namer");
	cr_expect_eq(namer_lost(namer), 1);
	namer_close(namer);
	target_stop(&target);
}

Test(namer, one_killed_between_requests_is_replaced_and_nothing_is_lost)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	char log[256] = "";
	struct namer *namer = look_at(&target, &look, log);
	int first = namer_pid(namer);
	struct pollfd pfd = { .fd = (int)syscall(SYS_pidfd_open, first, 0), .events = POLLIN };

	kill(first, SIGKILL);
	poll(&pfd, 1, -1);
	close(pfd.fd);
	stack_of(&target, &stack);
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
		check_read(names);
	}
	cr_expect_neq(namer_pid(namer), first);
	cr_expect_neq(namer_pid(namer), 0);
	cr_expect_eq(namer_lost(namer), 0);
	cr_expect_gt(namer_cpu_ns(namer), 0);
	cr_expect_not_null(strstr(log, "started again"));
	namer_close(namer);
	target_stop(&target);
}

Test(namer, a_missed_deadline_costs_its_life_and_the_record_says_so)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	char log[256] = "";
	struct namer *namer = look_at(&target, &look, log);
	int first = namer_pid(namer);
	uint64_t before;

	stack_of(&target, &stack);
	kill(first, SIGSTOP);
	before = now_ms();
	cr_expect_eq(namer_stack(namer, &stack, NULL, &names), -ETIME);
	cr_expect_lt(now_ms() - before, NAMER_DEADLINE_MS + 100);
	check_nameless(names, "the namer missed its deadline");
	cr_expect_eq(kill(first, 0), -1, "the stopped namer is still there");
	cr_expect_not_null(strstr(log, "no answer in time"));
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	check_read(names);
	cr_expect_eq(namer_lost(namer), 1);
	namer_close(namer);
	target_stop(&target);
}

Test(namer, after_three_strikes_names_of_that_process_are_given_up)
{
	struct target_proc target, other;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	struct namer *namer = look_at(&target, &look, NULL);
	uint64_t before;

	stack_of(&target, &stack);
	for (unsigned int i = 0; i < NAMER_STRIKES; i++) {
		if (i)
			cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
		kill(namer_pid(namer), SIGSTOP);
		cr_expect_eq(namer_stack(namer, &stack, NULL, &names), -ETIME);
	}
	before = now_ms();
	cr_expect_eq(namer_stack(namer, &stack, NULL, &names), -ETIME);
	cr_expect_lt(now_ms() - before, 20);
	check_nameless(names, "given up: the namer failed three times over this process");
	cr_expect_eq(namer_lost(namer), 4);

	sleeper(&other);
	cr_assert_eq(namer_look(namer, (uint32_t)other.pid, other.mem, other.maps, "", &look), 0);
	stack_of(&other, &stack);
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	check_read(names);
	namer_close(namer);
	target_stop(&target);
	target_stop(&other);
}

static void status_line(int pid, const char *key, char *out, size_t size)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	out[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			snprintf(out, size, "%.*s", (int)strcspn(line + strlen(key), "\n"),
				 line + strlen(key));
	}
	if (file)
		fclose(file);
}

Test(namer, has_no_rights_left_and_stays_small)
{
	const char *expected[][2] = {
		{ "CapEff:\t", "0000000000000000" },
		{ "CapPrm:\t", "0000000000000000" },
		{ "CapInh:\t", "0000000000000000" },
		{ "CapAmb:\t", "0000000000000000" },
		{ "NoNewPrivs:\t", "1" },
		{ "Name:\t", "gw-namer" },
	};
	struct target_proc target;
	struct namer_look look;
	struct namer *namer = look_at(&target, &look, NULL);
	int pid = namer_pid(namer);
	char text[256];

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		status_line(pid, expected[i][0], text, sizeof(text));
		cr_expect_str_eq(text, expected[i][1], "%s is %s", expected[i][0], text);
	}
	status_line(pid, "VmHWM:\t", text, sizeof(text));
	cr_expect_lt(strtoul(text, NULL, 10), SMALL_KB, "%s", text);
	if (geteuid() == 0) {
		status_line(pid, "Uid:\t", text, sizeof(text));
		cr_expect_str_eq(text, "65534\t65534\t65534\t65534");
		status_line(pid, "Groups:\t", text, sizeof(text));
		cr_expect_str_eq(text, " ");
	}
	namer_close(namer);
	target_stop(&target);
}

static unsigned int count_fds(int pid)
{
	char path[64], name[96];
	unsigned int n = 0;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	for (int fd = 0; fd < 256; fd++) {
		snprintf(name, sizeof(name), "%s/%d", path, fd);
		n += lstat(name, &st) == 0;
	}
	return n;
}

Test(namer, inherits_no_descriptor_but_its_socket)
{
	struct namer *namer;
	struct target_proc target;
	struct namer_look look;
	int extra[20];

	if (geteuid())
		cr_skip("only root sees the descriptors of a process that is not dumpable");
	for (unsigned int i = 0; i < 20; i++)
		extra[i] = dup(2);
	namer = look_at(&target, &look, NULL);
	/* null three times, the socket, memory, maps, and the files it had to open */
	cr_expect_lt(count_fds(namer_pid(namer)), 10);
	cr_expect_gt(count_fds(namer_pid(namer)), 5);
	for (unsigned int i = 0; i < 20; i++)
		close(extra[i]);
	namer_close(namer);
	target_stop(&target);
}

Test(namer, ignores_the_signals_of_a_terminal)
{
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct namer_look look;
	struct namer *namer = look_at(&target, &look, NULL);
	int pid = namer_pid(namer);

	kill(pid, SIGINT);
	kill(pid, SIGTERM);
	kill(pid, SIGHUP);
	stack_of(&target, &stack);
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	cr_expect_eq(namer_pid(namer), pid);
	namer_close(namer);
	target_stop(&target);
}

static volatile sig_atomic_t children;

static void on_child(int sig)
{
	(void)sig;
	children++;
}

Test(namer, its_end_sends_no_sigchld_and_leaves_no_zombie)
{
	struct namer *namer;
	int pid;

	signal(SIGCHLD, on_child);
	cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
	pid = namer_pid(namer);
	namer_close(namer);
	cr_expect_eq(children, 0);
	cr_expect_eq(kill(pid, 0), -1);
	cr_expect_eq(errno, ESRCH);
}

Test(namer, dies_with_its_parent)
{
	int pipes[2], pid = 0, child;
	struct pollfd pfd = { .events = POLLIN };

	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		struct namer *namer;

		if (namer_open(&namer, &opener, NULL, NULL))
			_exit(1);
		pid = namer_pid(namer);
		if (write(pipes[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		pause();
	}
	cr_assert_eq(read(pipes[0], &pid, sizeof(pid)), (ssize_t)sizeof(pid));
	pfd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	cr_assert_geq(pfd.fd, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_expect_eq(poll(&pfd, 1, 2000), 1);
	close(pfd.fd);
}

Test(namer, opens_files_below_a_directory_that_it_may_not_enter)
{
	char directory[] = "/tmp/gw-namer-XXXXXX", program[64], command[160];
	char *argv[] = { program, (char *)"-c", (char *)"echo READY 0; read x", NULL };
	struct target_proc target;
	struct wire_stack stack;
	const struct wire_names *names;
	struct target_frame f;
	struct namer_look look;
	struct namer *namer;

	if (geteuid())
		cr_skip("needs root: the namer gives up its user only then");
	cr_assert_not_null(mkdtemp(directory));
	chmod(directory, 0700);
	snprintf(program, sizeof(program), "%s/shell", directory);
	snprintf(command, sizeof(command), "cp /bin/sh %s && chmod 0755 %s", program, program);
	cr_assert_eq(system(command), 0);
	cr_assert_eq(target_start(&target, argv), 0);
	cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
	cr_assert_eq(namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, "", &look),
		     0);
	stack_of(&target, &stack);
	snprintf(command, sizeof(command), "grep shell /proc/%d/maps | grep r-xp | cut -d- -f1",
		 target.pid);
	{
		FILE *pipe = popen(command, "re");
		unsigned long long start = 0;

		cr_assert_eq(fscanf(pipe, "%llx", &start), 1);
		pclose(pipe);
		stack.regs[WIRE_REG_IP] = start + 64;
	}
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	cr_assert_eq(target_frame(names, 0, &f), 0);
	cr_expect_str_eq(f.module, "shell");
	cr_expect_null(strstr(f.nameless, "not readable"), "%s", f.nameless);
	cr_expect_null(strstr(f.nameless, "could not be opened"), "%s", f.nameless);
	/* One that it may not read is named by module and offset, with the reason. */
	chmod(program, 0700);
	namer_close(namer);
	cr_assert_eq(namer_open(&namer, &opener, NULL, NULL), 0);
	cr_assert_eq(namer_look(namer, (uint32_t)target.pid, target.mem, target.maps, "", &look),
		     0);
	cr_assert_eq(namer_stack(namer, &stack, NULL, &names), 0);
	cr_assert_eq(target_frame(names, 0, &f), 0);
	cr_expect_str_eq(f.nameless, "file not readable for others");
	cr_expect_eq(strncmp(f.name, "shell+0x", 8), 0);
	namer_close(namer);
	target_stop(&target);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	cr_assert_eq(system(command), 0);
}

Test(frames, an_answer_is_checked_to_the_last_byte)
{
	_Alignas(8) unsigned char bytes[1024];
	struct frame_text text = {
		.kind = GW_FRAME_PYTHON, .app = 1, .line = 7, .name = "f", .file = "a.py"
	};
	struct wire_names names;
	struct frames frames;

	frames_begin(&frames, bytes, sizeof(bytes));
	frames_add(&frames, &text);
	frames_add(&frames, &text);
	frames_end(&frames, 5);
	cr_assert_eq(frames_check(bytes, frames.used), 0);
	for (size_t n = 0; n < frames.used; n++)
		cr_expect_eq(frames_check(bytes, n), -EBADMSG);
	memcpy(&names, bytes, sizeof(names));
	names.n_frames = 3;
	memcpy(bytes, &names, sizeof(names));
	cr_expect_eq(frames_check(bytes, frames.used), -EBADMSG);
	names.n_frames = UINT32_MAX;
	memcpy(bytes, &names, sizeof(names));
	cr_expect_eq(frames_check(bytes, frames.used), -EBADMSG);
}

Test(frames, what_does_not_fit_is_cut_with_a_marker)
{
	_Alignas(8) unsigned char bytes[1216];
	char name[400];
	struct frame_text text = { .kind = GW_FRAME_PYTHON, .name = name };
	struct target_frame f;
	struct frames frames;

	memset(name, 'x', sizeof(name));
	memcpy(name + 255, "\303\274", 3);
	frames_begin(&frames, bytes, sizeof(bytes));
	for (unsigned int i = 0; i < 10; i++)
		frames_add(&frames, &text);
	frames_end(&frames, 0);
	cr_assert_eq(frames_check(bytes, frames.used), 0);
	cr_assert_eq(target_frame((const void *)bytes, 0, &f), 0);
	cr_expect_eq(strlen(f.name), 255, "not within the character");
	cr_assert_eq(target_frame((const void *)bytes, 2, &f), 0);
	cr_expect_eq(f.kind, GW_FRAME_MARKER);
	cr_expect_eq(target_frame((const void *)bytes, 3, &f), -1);
}
